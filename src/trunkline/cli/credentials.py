"""`trunkline credentials`: what clients sign in with."""

import json
from typing import Any

import click

from trunkline import settings as all_settings
from trunkline.cli.options import read_settings, setting_options
from trunkline.database import DATABASE_FILE
from trunkline.errors import DataFolderUnusable
from trunkline.storage.accounts import read_first


@click.command()
@setting_options("data_dir")
@click.option(
    "--format",
    "form",
    type=click.Choice(["env", "json"]),
    default="env",
    show_default=True,
    help="Lines for a shell to read, or a JSON object.",
)
def credentials(form: str, **options: Any) -> None:
    """Print the credentials of the first account.

    Whoever has them can do everything; they are printed, never logged.
    """
    data_dir = read_settings(options).data_dir
    try:
        account, key = read_first(data_dir / DATABASE_FILE)
    except DataFolderUnusable as error:
        raise click.ClickException(str(error)) from None
    values = {"account_sid": account.sid, "auth_token": account.auth_token}
    if key is not None:
        values |= {"api_key_sid": key.sid, "api_key_secret": key.secret}
    if form == "json":
        click.echo(json.dumps(values, indent=2))
        return
    for name, value in values.items():
        click.echo(f"{all_settings.variable(name)}={value}")
