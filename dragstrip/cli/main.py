"""The `dragstrip` command: finds the subcommand, maps errors to one line and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import click
from click.shell_completion import shell_complete

from dragstrip import shell_variables
from dragstrip.cli import completion, crash, output
from dragstrip.cli.options import examples
from dragstrip.errors import UNFORESEEN_CODE, DragstripError, Leave, StorageError
from dragstrip.redact import redact
from dragstrip.version import VERSION

_COMMANDS = {
    "lab": "dragstrip.cli.lab:lab",
    "seed": "dragstrip.cli.seed:seed",
    "verify": "dragstrip.cli.verify:verify",
    "race": "dragstrip.cli.race:race",
    "capacity": "dragstrip.cli.capacity:capacity",
    "soak": "dragstrip.cli.soak:soak",
    "worker": "dragstrip.cli.worker:worker",
    "watch": "dragstrip.cli.watch:watch",
    "report": "dragstrip.cli.report:report",
    "calibrate": "dragstrip.cli.calibrate:calibrate",
    "compare": "dragstrip.cli.compare:compare",
    "history": "dragstrip.cli.history:history",
    "init": "dragstrip.cli.init:init",
    "schema": "dragstrip.cli.schema:schema",
    "ledger": "dragstrip.cli.ledger:ledger",
}


class _LazyGroup(click.Group):
    """Loads a subcommand's module when it is called: no command waits for another's imports."""

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

    def invoke(self, ctx: click.Context) -> object:
        """Run the subcommand; click must not judge the errors that it does not expect."""
        try:
            return super().invoke(ctx)
        except (EOFError, OSError) as error:
            if isinstance(error, FileNotFoundError) and not _has_working_directory():
                raise StorageError(
                    "the working directory was removed", fix="change to a folder that exists"
                ) from None
            raise crash.UnforeseenError(error) from error


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples("dragstrip race --quick", "dragstrip report latest"),
)
@click.version_option(VERSION)
@click.option(
    "--install-completion",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=completion.install,
    help="Install tab completion for the shell in use.",
)
def cli() -> None:
    """Compare two backends under load, on identical data, with a verdict that holds."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the code that errors.py documents."""
    output.prepare()
    shell_variables.shut_out_of_this_command()
    if instruction := os.environ.get(completion.VARIABLE):
        sys.exit(shell_complete(cli, {}, completion.NAME, completion.VARIABLE, instruction))
    try:
        code = _run(argv)
    except SystemExit as ended:
        code = _code_of(ended)
    sys.exit(output.exit_code(code))


def seed_main() -> None:
    """Run `dragstrip seed` under its short name."""
    main(["seed", *sys.argv[1:]])


def _run(argv: list[str] | None) -> int:
    try:
        code = cli.main(args=argv, prog_name="dragstrip", standalone_mode=False)
    except DragstripError as error:
        error.leave()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return 130
    except crash.UnforeseenError as carried:
        return crash.report(carried.error, _command(argv))
    except Exception as error:  # noqa: BLE001
        return crash.report(error, _command(argv))
    return code if isinstance(code, int) else 0


def _code_of(ended: SystemExit) -> int:
    """Return the code to end with; a scenario that ends the program has come to no verdict."""
    code = ended.code
    if isinstance(ended, Leave) and isinstance(code, int):
        return code
    if code is None or isinstance(code, int):
        code = f"a scenario or a library ended this command by sys.exit({code or 0})"
    sys.stderr.write(f"error: {redact(str(code))}\n")
    return UNFORESEEN_CODE


def _has_working_directory() -> bool:
    try:
        Path.cwd()
    except FileNotFoundError:
        return False
    return True


def _command(argv: list[str] | None) -> str:
    arguments = sys.argv[1:] if argv is None else argv
    return next((one for one in arguments if one in _COMMANDS), "none")
