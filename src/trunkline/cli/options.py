"""Options that are settings: made from the table in `trunkline.settings`."""

import os
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar

import click

from trunkline import settings
from trunkline.errors import InvalidSetting
from trunkline.settings import Settings


Command = TypeVar("Command", bound=Callable[..., Any])


def setting_options(*names: str) -> Callable[[Command], Command]:
    """Give a command these settings as options; all that are options if none named."""

    def decorate(command: Command) -> Command:
        for setting in reversed(fields(Settings)):
            wanted = setting.name in names if names else setting.metadata["option"]
            if wanted:
                command = click.option(
                    settings.option(setting.name),
                    setting.name,
                    metavar="VALUE",
                    help=f"{setting.metadata['doc']} [default: {setting.default}; "
                    f"{settings.variable(setting.name)}]",
                )(command)
        return command

    return decorate


def read_settings(options: dict[str, Any]) -> Settings:
    """Return the settings of the environment and these options, or end with 1."""
    try:
        return settings.read(os.environ, options)
    except InvalidSetting as error:
        raise click.ClickException(str(error)) from None
