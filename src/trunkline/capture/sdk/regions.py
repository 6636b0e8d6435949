"""Names of regions and edges, as the SDK has them (spec voice-sdk 7)."""

_SHORT = {
    "US_EAST_VIRGINIA": "us1",
    "US_WEST_OREGON": "us2",
    "EU_IRELAND": "ie1",
    "EU_FRANKFURT": "de1",
    "ASIAPAC_SINGAPORE": "sg1",
    "ASIAPAC_SYDNEY": "au1",
    "ASIAPAC_TOKYO": "jp1",
    "SOUTH_AMERICA_SAO_PAULO": "br1",
}

_EDGES = {
    "us1": "ashburn",
    "us2": "umatilla",
    "ie1": "dublin",
    "de1": "frankfurt",
    "sg1": "singapore",
    "au1": "sydney",
    "jp1": "tokyo",
    "br1": "sao-paulo",
    "gll": "roaming",
    "us1-ix": "ashburn-ix",
    "us2-ix": "san-jose-ix",
    "ie1-ix": "london-ix",
    "de1-ix": "frankfurt-ix",
    "sg1-ix": "singapore-ix",
    "au1-ix": "sydney-ix",
    "jp1-ix": "tokyo-ix",
    "us1-tnx": "ashburn-ix",
    "us2-tnx": "ashburn-ix",
    "ie1-tnx": "london-ix",
    "sg1-tnx": "singapore-ix",
}

# An edge of several regions counts as the first of them.
_REGIONS = {edge: region for region, edge in reversed(_EDGES.items())}


def short(region: str) -> str:
    """Return the short code of a raw region, or the region itself."""
    return _SHORT.get(region, region)


def edge_of(region: str) -> str:
    """Return the edge of a short code, `""` where it is not known."""
    return _EDGES.get(region, "")


def region_of(edge: str) -> str:
    """Return the short code of an edge's region, or the edge itself."""
    return _REGIONS.get(edge, edge)
