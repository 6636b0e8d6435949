"""What the demo shows: coloured and aligned on a terminal, plain text in a pipe."""

import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from trunkline.demo.arrivals import PREFIX, Arrival
from trunkline.demo.tally import Tally
from trunkline.events.catalogue import EVENT_TYPES, SDK_EVENT_TYPE, Status


# Wide enough for an event's line and for a type's whole name; used in pipes and files.
WIDTH = 110

_INDENT = 3
_TYPE_WIDTH = 38
_SID_WIDTH = 9
_DETAIL_WIDTH = 34
_LEAST_DETAIL = 12
_LATENCY_WIDTH = 8


def console() -> Console:
    """Return a console on standard output."""
    return Console(
        width=None if sys.stdout.isatty() else WIDTH, highlight=False, emoji=False
    )


class Screen:
    """Writes to one console, a step or an event at a time."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0
        room = console.width - WIDTH + _DETAIL_WIDTH
        # A narrow terminal has no room for details; the verdict must be seen.
        self._detail_width = min(room, _DETAIL_WIDTH) if room >= _LEAST_DETAIL else 0

    def header(self) -> None:
        """Say what is going to happen."""
        text = (
            "Calls and Voice SDK posts go in, signed CloudEvents come out. The server is "
            "a real one on this machine; its clients, and the check of each signature, "
            "are Twilio's own, unmodified."
        )
        width = min(WIDTH, self._console.width)
        self._console.print(
            Panel(text, title="[bold]Trunkline demo", box=box.ROUNDED, width=width)
        )

    def step(self, title: str) -> None:
        """Begin the next numbered step."""
        self._steps += 1
        self._console.print()
        self._console.print(f"[bold blue]{self._steps}[/]  [bold]{title}[/]")

    def note(self, name: str, value: str) -> None:
        """Add a line to the step."""
        # Never folded: addresses and commands are there to be copied.
        self._console.print(
            Text.assemble("   ", (f"{name:<16}", "dim"), value), soft_wrap=True
        )

    def call(self, sid: str, to: str, outcome: str) -> None:
        """Show a call that the demo makes."""
        self._console.print(
            Text.assemble("   ", (f"{'call':<16}", "dim"), _short_sid(sid))
            .append(f"  {to}", "bold")
            .append(f"  {outcome}")
        )

    def headings(self) -> None:
        """Name the columns of the events that follow."""
        line = self._line(
            "event type", "call", "what happened", "latency", "twilio says"
        )
        self._console.print(Text(line, "dim underline"), no_wrap=True, crop=True)

    def event(self, arrival: Arrival) -> None:
        """Show an event in one line."""
        verdict = "signature ok" if arrival.verified else "bad signature"
        line = Text(
            self._line(
                _short_type(arrival.type),
                _short_sid(arrival.call_sid),
                arrival.detail,
                _milliseconds(arrival.latency_ms),
                verdict,
            )
        )
        line.stylize(_style(arrival.type), 0, _INDENT + _TYPE_WIDTH)
        line.stylize("green" if arrival.verified else "bold red", -len(verdict))
        self._console.print(line, no_wrap=True, overflow="crop", crop=True)

    def _line(
        self, type_: str, call: str, detail: str, latency: str, verdict: str
    ) -> str:
        return (
            f"{'':{_INDENT}}{_column(type_, _TYPE_WIDTH)} {_column(call, _SID_WIDTH)} "
            f"{_column(detail, self._detail_width)}{latency:>{_LATENCY_WIDTH}}"
            f"  {verdict}"
        )

    def summary(self, tally: Tally) -> None:
        """Show the table of all types, and the verdict."""
        whole = self._console.width >= WIDTH
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=not whole)
        table.add_column("Event type", no_wrap=True)
        for heading in ("Owed", "Arrived", "Verified", "Median", "Max"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in tally.rows():
            good = row.owed == row.arrived == row.verified
            table.add_row(
                Text(row.type if whole else _short_type(row.type), _style(row.type)),
                str(row.owed),
                Text(str(row.arrived), "green" if good else "bold red"),
                Text(str(row.verified), "green" if good else "bold red"),
                _milliseconds(row.median_ms),
                _milliseconds(row.max_ms),
            )
        self._console.print(table)
        came, verified, owed = tally.callbacks
        self.note("callbacks", f"{came} of {owed} arrived, {verified} verified")
        self.note(
            "latency", "from an event's own time to its arrival here; on calls it"
        )
        self.note("", "holds the status callback, on SDK posts the wait for a call SID")

    def verdict(self, events: int, wrong: Sequence[str]) -> None:
        """Say whether all is well, or what is missing."""
        self._console.print()
        if not wrong:
            self._console.print(
                f"[bold green]All {events} events of all {len(EVENT_TYPES)} types "
                "arrived, every signature ok.[/]"
            )
            return
        self._console.print("[bold red]Not everything arrived and verified:[/]")
        for sentence in wrong:
            self._console.print(Text(f"   {sentence}"), soft_wrap=True)

    def commands(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        """Show what to try next: names, and commands or addresses to copy."""
        self._console.print()
        self._console.print(f"[bold]{title}[/]")
        for name, value in lines:
            self.note(name, value)


def _short_type(type_: str) -> str:
    return type_.removeprefix(PREFIX)


def _short_sid(sid: str) -> str:
    return f"{sid[:2]}…{sid[-6:]}"


def _column(text: str, width: int) -> str:
    """Fit untrusted text into a column: control characters out, the rest cut."""
    if width == 0:
        return ""
    shown = "".join(letter for letter in text if letter.isprintable())
    return f"{shown:<{width}}" if len(shown) <= width else f"{shown[: width - 1]}…"


def _style(type_: str) -> str:
    if type_ == SDK_EVENT_TYPE:
        return "magenta"
    row = EVENT_TYPES.get(type_)
    return "dim" if row is not None and row.status is Status.DEPRECATED else "cyan"


def _milliseconds(value: int | None) -> str:
    return "-" if value is None else f"{value} ms"
