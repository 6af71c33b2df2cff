"""The `dragstrip` command: finds the subcommand, maps errors to one line and an exit code."""

from __future__ import annotations

import importlib
import sys

import click

from dragstrip.errors import DragstripError
from dragstrip.version import VERSION

_COMMANDS = {
    "lab": "dragstrip.cli.lab:lab",
    "seed": "dragstrip.cli.seed:seed",
    "verify": "dragstrip.cli.verify:verify",
    "race": "dragstrip.cli.race:race",
    "worker": "dragstrip.cli.worker:worker",
    "report": "dragstrip.cli.report:report",
    "calibrate": "dragstrip.cli.calibrate:calibrate",
    "compare": "dragstrip.cli.compare:compare",
    "history": "dragstrip.cli.history:history",
    "schema": "dragstrip.cli.schema:schema",
    "ledger": "dragstrip.cli.ledger:ledger",
}


class _LazyGroup(click.Group):
    """Loads a subcommand's module only when it is called, so that `--help` stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101
        return command


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(VERSION)
def cli() -> None:
    """Compare two backends under load, on identical data, with a verdict that holds."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the code that errors.py documents."""
    try:
        code = cli.main(args=argv, prog_name="dragstrip", standalone_mode=False)
    except DragstripError as error:
        error.leave()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def seed_main() -> None:
    """Run `dragstrip seed` under its short name."""
    main(["seed", *sys.argv[1:]])
