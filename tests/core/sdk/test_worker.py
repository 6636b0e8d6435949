"""The service worker that pages get."""

import pytest

from trunkline.capture.sdk import worker
from trunkline.errors import Refused


URL = "https://trunkline.example"


@pytest.mark.parametrize(
    ("query", "mode"),
    [(b"", "tee"), (b"mode=tee", "tee"), (b"x=1&mode=reroute", "reroute")],
)
def test_the_script_knows_where_to_post_and_how(query: bytes, mode: str) -> None:
    script = worker.script(URL, query).decode()

    assert f'const BASE = "{URL}";' in script
    assert f'const MODE = "{mode}";' in script
    assert "$" not in script.replace("$/", "")


def test_without_a_public_url_there_is_no_script() -> None:
    with pytest.raises(Refused, match="public_url") as caught:
        worker.script(None, b"")
    assert caught.value.status == 404


def test_a_mode_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(Refused, match="tee or reroute") as caught:
        worker.script(URL, b"mode=both")
    assert caught.value.status == 400


def test_no_address_can_end_the_text_that_it_stands_in() -> None:
    script = worker.script('https://x"; alert(1); "</script>', b"").decode()

    assert 'BASE = "https://x\\"; alert(1); \\"\\u003c/script>";' in script
