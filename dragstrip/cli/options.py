"""Options that several commands share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import click

from dragstrip.config.config import Metric

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., object]")


class Number(click.FloatRange):
    """A number within bounds; not a number is none."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number, or fail."""
        number = float(super().convert(value, param, ctx))
        if math.isnan(number):
            self.fail(f"{value!r} is not a number", param, ctx)
        return number


def option_group(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Return one decorator for several options, which the help lists in this order."""

    def decorate(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


config_file = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Configuration file; by default ./dragstrip.toml if it exists.",
)


def folder_option(words: str) -> Callable[[F], F]:
    """Return `--out`, with these words in the help."""
    return click.option(
        "--out",
        type=click.Path(path_type=Path, file_okay=False),
        default=Path("runs"),
        show_default=True,
        help=words,
    )


runs_folder = folder_option("Folder of the stored runs.")

load_profile = click.option(
    "--profile",
    metavar="PROFILE",
    help="How the load varies, such as ramp:10..100, sine:20..200/10m or replay:access.log*10; "
    "see docs/load-profiles.md.",
)

own_data = option_group(
    click.option(
        "--keys-file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Phone numbers of your own, for targets that must not be seeded; "
        "see docs/own-data.md.",
    ),
    click.option(
        "--workspace-id",
        metavar="UUID",
        help="The workspace of the numbers for which the keys file names none.",
    ),
)

dataset = option_group(
    click.option(
        "--contacts", type=int, metavar="N", help="How many contacts; overrides dataset.contacts."
    ),
    click.option(
        "--seed",
        "seed_number",
        type=int,
        metavar="N",
        help="Which contacts; overrides dataset.seed.",
    ),
)

generators = click.option(
    "--processes",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="How many processes make contacts; 1 is this one.",
)

as_json = click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print the result as JSON, and progress as one JSON object a line on standard error.",
)


def output_format(*names: str) -> Callable[[F], F]:
    """Return `--format`; the first name is the default."""
    return click.option(
        "--format", "form", type=click.Choice(names), default=names[0], show_default=True
    )


def metric(words: str) -> Callable[[F], F]:
    """Return `--metric`, with these words in the help."""
    return click.option("--metric", type=click.Choice(get_args(Metric)), help=words)


verbose = click.option(
    "-v", "--verbose", is_flag=True, help="Print everything, not only what fits on a screen."
)


def examples(*commands: str) -> str:
    """Return the end of a command's help: commands to start from."""
    head = "Examples:" if len(commands) > 1 else "Example:"
    return "\n".join(("\b", head, *(f"  {command}" for command in commands)))
