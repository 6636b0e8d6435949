"""`trunkline serve`: the server."""

import asyncio
from typing import Any

import click
import uvloop

from trunkline import logs, server
from trunkline.cli.options import read_settings, setting_options
from trunkline.errors import TrunklineError


@click.command()
@setting_options()
def serve(**options: Any) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Every setting is also an environment variable; docs/reference/settings.md lists
    them all.
    """
    settings = read_settings(options)
    logs.configure(settings.log_level, settings.log_format)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.run(settings))
    except TrunklineError as error:
        raise click.ClickException(str(error)) from None
