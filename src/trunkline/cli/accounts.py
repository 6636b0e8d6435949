"""`trunkline accounts` and `trunkline keys`: who may use the server."""

import json
from pathlib import Path
from typing import Any

import click

from trunkline.api.accounts import ACCOUNTS, KEYS
from trunkline.cli.options import read_settings, setting_options
from trunkline.cli.own_api import ask


_form = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Lines for people, or JSON.",
)
_name = click.option("--name", metavar="TEXT", help="What people call it.")
_account = click.option(
    "--account", metavar="SID", help="The account; the first one if not given."
)

_PAGE_SIZE = 1000


@click.group()
def accounts() -> None:
    """Make, list, suspend and resume accounts, while the server runs or not."""


@click.group()
def keys() -> None:
    """Make, list and revoke API keys, while the server runs or not."""


@accounts.command("create")
@_name
@_form
@setting_options("data_dir")
def create_account(name: str | None, form: str, **options: Any) -> None:
    """Make an account. Its auth token is printed now and never again."""
    _show(ask(_folder(options), "POST", ACCOUNTS, {"FriendlyName": name}), form)


@accounts.command("list")
@_form
@setting_options("data_dir")
def list_accounts(form: str, **options: Any) -> None:
    """List the accounts, oldest first."""
    _show_all(_folder(options), ACCOUNTS, "accounts", {}, form)


@accounts.command("suspend")
@click.argument("sid")
@_form
@setting_options("data_dir")
def suspend_account(sid: str, form: str, **options: Any) -> None:
    """Suspend an account: it is refused everywhere, and keeps what it is owed."""
    path = f"{ACCOUNTS}/{sid}"
    _show(ask(_folder(options), "POST", path, {"Status": "suspended"}), form)


@accounts.command("resume")
@click.argument("sid")
@_form
@setting_options("data_dir")
def resume_account(sid: str, form: str, **options: Any) -> None:
    """Resume a suspended account."""
    path = f"{ACCOUNTS}/{sid}"
    _show(ask(_folder(options), "POST", path, {"Status": "active"}), form)


@keys.command("create")
@_account
@_name
@_form
@setting_options("data_dir")
def create_key(
    account: str | None, name: str | None, form: str, **options: Any
) -> None:
    """Make an API key. Its secret is printed now and never again."""
    fields = {"AccountSid": account, "FriendlyName": name}
    _show(ask(_folder(options), "POST", KEYS, fields), form)


@keys.command("list")
@_account
@_form
@setting_options("data_dir")
def list_keys(account: str | None, form: str, **options: Any) -> None:
    """List the API keys of an account, oldest first."""
    _show_all(_folder(options), KEYS, "keys", {"AccountSid": account}, form)


@keys.command("revoke")
@click.argument("sid")
@setting_options("data_dir")
def revoke_key(sid: str, **options: Any) -> None:
    """Revoke an API key: it, and tokens signed with it, are refused from now on."""
    ask(_folder(options), "DELETE", f"{KEYS}/{sid}", {})


def _folder(options: dict[str, Any]) -> Path:
    return read_settings(options).data_dir


def _show(row: dict[str, Any], form: str) -> None:
    if form == "json":
        click.echo(json.dumps(row, indent=2))
        return
    for name, value in row.items():
        click.echo(f"{name}: {value}")


def _show_all(
    folder: Path, path: str, key: str, fields: dict[str, str | None], form: str
) -> None:
    rows: list[dict[str, Any]] = []
    more = True
    while more:
        page = {"PageSize": str(_PAGE_SIZE), "Page": str(len(rows) // _PAGE_SIZE)}
        body = ask(folder, "GET", path, {**fields, **page})
        rows += body[key]
        more = body["meta"]["next_page_url"] is not None
    if form == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo("  ".join(str(value) or "-" for value in row.values()))
