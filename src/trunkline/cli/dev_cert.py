"""`trunkline dev-cert`: TLS for local work, without a public authority."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from trunkline.clock import SystemClock


HOSTS = ("localhost", "127.0.0.1", "::1")


@click.command(name="dev-cert")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default=True,
    help="Folder for ca.pem, cert.pem and key.pem.",
)
@click.option(
    "--host",
    "hosts",
    multiple=True,
    default=HOSTS,
    show_default=True,
    help="Name or address that the certificate is for; may be repeated.",
)
@click.option("--force", is_flag=True, help="Replace files that are there.")
def dev_cert(folder: Path, hosts: tuple[str, ...], *, force: bool) -> None:
    """Make a certificate for local work, and the authority to be trusted for it.

    The authority signs this one certificate only: its key is not kept.
    """
    try:
        # Here, not above: the other commands work without the extra.
        from trunkline.cli import certificates  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "cryptography":
            raise
        raise click.ClickException(
            "This command needs the cryptography package: "
            "pip install 'trunkline[dev-cert]'."
        ) from None
    try:
        now = datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)
        made = certificates.make(hosts, now)
    except ValueError as error:
        raise click.ClickException(f"--host: {error}") from None
    files = {
        folder / "ca.pem": made.authority,
        folder / "cert.pem": made.certificate,
        folder / "key.pem": made.key,
    }
    _write(files, force=force)
    _, certificate, key = files
    click.echo(f"Have clients trust {folder / 'ca.pem'}, then:")
    click.echo(f"trunkline serve --tls-cert {certificate} --tls-key {key}")


def _write(files: dict[Path, bytes], *, force: bool) -> None:
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise click.ClickException(
            f"{', '.join(there)}: there already; --force replaces."
        )
    try:
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            # The key is for the server's own user, from its first byte on.
            mode = 0o600 if path.name == "key.pem" else 0o644
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(path, flags, mode), "wb") as file:
                file.write(content)
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}.") from None
