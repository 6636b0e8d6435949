"""Regions and edges, literally from the SDK."""

import pytest

from trunkline.capture.sdk.regions import edge_of, region_of, short


@pytest.mark.parametrize(
    ("raw", "code", "edge"),
    [
        ("US_EAST_VIRGINIA", "us1", "ashburn"),
        ("US_WEST_OREGON", "us2", "umatilla"),
        ("EU_IRELAND", "ie1", "dublin"),
        ("EU_FRANKFURT", "de1", "frankfurt"),
        ("ASIAPAC_SINGAPORE", "sg1", "singapore"),
        ("ASIAPAC_SYDNEY", "au1", "sydney"),
        ("ASIAPAC_TOKYO", "jp1", "tokyo"),
        ("SOUTH_AMERICA_SAO_PAULO", "br1", "sao-paulo"),
    ],
)
def test_raw_regions_have_a_code_and_an_edge(raw: str, code: str, edge: str) -> None:
    assert (short(raw), edge_of(code), region_of(edge)) == (code, edge, code)


@pytest.mark.parametrize(
    ("code", "edge", "back"),
    [
        ("gll", "roaming", "gll"),
        ("us1-ix", "ashburn-ix", "us1-ix"),
        ("us2-ix", "san-jose-ix", "us2-ix"),
        ("ie1-ix", "london-ix", "ie1-ix"),
        ("de1-ix", "frankfurt-ix", "de1-ix"),
        ("sg1-ix", "singapore-ix", "sg1-ix"),
        ("au1-ix", "sydney-ix", "au1-ix"),
        ("jp1-ix", "tokyo-ix", "jp1-ix"),
        ("us1-tnx", "ashburn-ix", "us1-ix"),
        ("us2-tnx", "ashburn-ix", "us1-ix"),
        ("ie1-tnx", "london-ix", "ie1-ix"),
        ("sg1-tnx", "singapore-ix", "sg1-ix"),
    ],
)
def test_further_codes_have_an_edge(code: str, edge: str, back: str) -> None:
    assert (edge_of(code), region_of(edge)) == (edge, back)


def test_what_the_table_lacks_is_copied() -> None:
    assert short("MARS_BASE") == "MARS_BASE"
    assert region_of("olympus") == "olympus"
    assert edge_of("mars1") == ""
