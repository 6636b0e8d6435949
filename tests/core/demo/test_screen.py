"""What the demo shows, in a pipe."""

import io

from rich.console import Console

from trunkline.demo.arrivals import Arrival
from trunkline.demo.screen import WIDTH, Screen
from trunkline.demo.tally import Tally


def shown(*arrivals: Arrival) -> str:
    file = io.StringIO()
    screen = Screen(Console(file=file, width=WIDTH, highlight=False, emoji=False))
    for arrival in arrivals:
        screen.event(arrival)
    return file.getvalue()


def arrival(*, detail: str = "ringing", verified: bool = True) -> Arrival:
    return Arrival(
        id="VW1",
        type="com.twilio.voice.webhook.status-callback.call.completed",
        call_sid="CA00000000000000000000000000abcdef",
        detail=detail,
        time_ms=1_000,
        received_ms=1_034,
        verified=verified,
    )


def test_an_event_is_one_line_that_fits() -> None:
    line = shown(arrival(detail="ice-candidate/selected-ice-candidate-pair"))

    assert line.count("\n") == 1
    assert len(line.rstrip("\n")) <= WIDTH
    assert line.split() == [
        "webhook.status-callback.call.completed",
        "CA…abcdef",
        "ice-candidate/selected-ice-candid…",
        "34",
        "ms",
        "signature",
        "ok",
    ]


def test_a_wrong_signature_is_plain_to_see() -> None:
    assert "bad signature" in shown(arrival(verified=False))
    assert "signature ok" not in shown(arrival(verified=False))


def test_what_a_client_has_sent_cannot_steer_the_terminal() -> None:
    line = shown(arrival(detail="connection/\x1b[2J\rmuted[bold]"))

    assert "\x1b" not in line
    assert "\r" not in line
    assert "[bold]" in line


def test_the_summary_fits_and_names_every_type() -> None:
    file = io.StringIO()
    screen = Screen(Console(file=file, width=WIDTH, highlight=False, emoji=False))

    screen.summary(Tally())

    lines = file.getvalue().splitlines()
    assert sum("com.twilio.voice." in line for line in lines) == 9
    assert max(len(line) for line in lines) <= WIDTH
