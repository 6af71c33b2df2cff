"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

config_file = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; ./dragstrip.toml when it is there.",
)

runs_folder = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder of the stored runs.",
)


keys_file = click.option(
    "--keys-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Phone numbers of your own, for targets that must not be seeded; see docs/own-data.md.",
)

workspace = click.option(
    "--workspace-id",
    metavar="UUID",
    help="The workspace of the numbers for which the keys file names none.",
)

verbose = click.option(
    "-v", "--verbose", is_flag=True, help="Print everything, not only what fits on a screen."
)


def examples(*commands: str) -> str:
    """Return the end of a command's help: commands to start from."""
    head = "Examples:" if len(commands) > 1 else "Example:"
    return "\n".join(("\b", head, *(f"  {command}" for command in commands)))
