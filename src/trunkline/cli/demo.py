"""`trunkline demo`: the main job, shown on this machine."""

import asyncio
import sys

import click

from trunkline.errors import TrunklineError


# What a shell expects of a program that Ctrl-C, or another signal, ended early.
_INTERRUPTED = 130
_TERMINATED = 143


@click.command()
@click.option("--once", is_flag=True, help="Stop when every event has arrived.")
def demo(*, once: bool) -> None:
    """Show calls and Voice SDK posts become signed events, on this machine.

    Starts a server and a receiver of its own on free ports. Ends with 0 only if every
    event arrived and verified.
    """
    try:
        # Here, not above: the other commands work without the extra.
        from trunkline.demo import screen, tour  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "twilio":
            raise
        raise click.ClickException(
            "The demo needs Twilio's Python client: pip install 'trunkline[demo]', "
            "or run `make demo`, which installs it."
        ) from None
    try:
        complete = asyncio.run(tour.run(screen.console(), once=once))
    except TrunklineError as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except asyncio.CancelledError:
        sys.exit(_TERMINATED)
    sys.exit(0 if complete else 1)
