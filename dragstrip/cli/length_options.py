"""How long a race is: `--for` and `--stop-when-decided`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from dragstrip.cli.options import option_group
from dragstrip.config.config import with_fields
from dragstrip.errors import UsageError

if TYPE_CHECKING:
    from dragstrip.config.config import Config

_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smh])")
_SECONDS = {"s": 1, "m": 60, "h": 3600}

length_options = option_group(
    click.option(
        "--for",
        "for_",
        metavar="TIME",
        help="As many pairs as there is time for, such as 90s, 40m or 24h.",
    ),
    click.option(
        "--stop-when-decided",
        is_flag=True,
        help="End where more pairs would not change the verdict: at one of five looks, or with "
        "--for at any second pair.",
    ),
)


def with_length(
    config: Config, for_: str | None, *, pairs: int | None, stop_when_decided: bool
) -> Config:
    """Return the configuration with what these options say. Raises UsageError and ConfigError."""
    fields = {"stop_when_decided": "true"} if stop_when_decided else {}
    if for_ is not None:
        if pairs is not None:
            raise UsageError("--for and --pairs exclude each other", fix="give one of them")
        fields |= {"pairs": str(_pairs(for_, config.race.slice)), "looks": "any"}
    return with_fields(config, {"race": fields}) if fields else config


def _pairs(text: str, slice_s: float) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise UsageError(f"--for {text}: not a time", fix="give a time such as 90s, 40m or 24h")
    pairs = int(float(found[1]) * _SECONDS[found[2]] / (2 * slice_s))
    if not pairs:
        raise UsageError(
            f"--for {text}: a pair takes {2 * slice_s:g} s",
            fix="give more time, or a shorter --slice",
        )
    return pairs
