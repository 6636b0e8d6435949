"""Form bodies."""

import asyncio
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from trunkline.api import forms
from trunkline.api.forms import Form, parse_form, read_body
from trunkline.errors import Refused


TEXT = st.text(st.characters(codec="utf-8"))


@given(st.lists(st.tuples(TEXT, TEXT), max_size=20))
def test_what_a_client_encodes_is_what_is_read(fields: list[tuple[str, str]]) -> None:
    form = parse_form(urlencode(fields).encode())
    for name, _ in fields:
        assert form.all(name) == [value for key, value in fields if key == name]


def test_a_repeated_field_keeps_its_order() -> None:
    form = parse_form(b"Types=a&x=1&Types=b&Types=")
    assert form.all("Types") == ["a", "b", ""]
    assert form.one("Types") == "a"


def test_a_field_that_was_not_sent_is_missing_and_not_empty() -> None:
    form = parse_form(b"empty=&bare")
    assert (form.one("empty"), form.one("bare"), form.one("none")) == ("", "", None)
    assert form.all("none") == []
    with pytest.raises(Refused, match=r"^Missing required parameter none$"):
        form.required("none")


def test_spaces_and_bare_utf_8_are_read() -> None:
    assert parse_form("a+b%20c=é".encode()).one("a b c") == "é"


def test_an_empty_form_has_no_fields() -> None:
    assert Form().one("a") is None
    assert parse_form(b"&&").all("") == []


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form_or_are_refused(body: bytes) -> None:
    try:
        parse_form(body)
    except Refused as error:
        refusal = error
    else:
        return
    assert (refusal.code, refusal.status) == (20001, 400)


async def test_a_body_that_never_ends_is_waited_for_no_longer_than_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forms, "BODY_TIMEOUT_S", 0)

    async def silence() -> MutableMapping[str, Any]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    kind = (b"content-type", b"application/x-www-form-urlencoded")
    request = Request({"type": "http", "method": "POST", "headers": [kind]}, silence)
    with pytest.raises(Refused) as refusal:
        await forms.read_form(request)
    assert (refusal.value.code, refusal.value.status) == (20408, 408)


async def test_a_form_that_is_half_here_when_the_server_stops_may_come_again() -> None:
    waiting = asyncio.Event()

    async def receive() -> Any:
        waiting.set()
        return await asyncio.Event().wait()

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    reading = asyncio.ensure_future(read_body(request))
    await waiting.wait()
    reading.cancel()

    with pytest.raises(Refused) as refused:
        await reading
    assert (refused.value.code, refused.value.status) == (20503, 503)
