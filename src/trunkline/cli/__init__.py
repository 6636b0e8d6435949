"""The command line: thin, over the services."""

import click

from trunkline import __version__
from trunkline.cli.accounts import accounts, keys
from trunkline.cli.credentials import credentials
from trunkline.cli.demo import demo
from trunkline.cli.dev_cert import dev_cert
from trunkline.cli.serve import serve


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="trunkline")
def main() -> None:
    """Open, self-hosted Event Streams for voice."""


main.add_command(serve)
main.add_command(credentials)
main.add_command(accounts)
main.add_command(keys)
main.add_command(demo)
main.add_command(dev_cert)
