"""A calibration, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table
from rich.text import Text

from dragstrip.analysis import numbers
from dragstrip.analysis.aa_test import TOLERATED, races_needed
from dragstrip.report import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from dragstrip.analysis.aa_test import EqualTargets
    from dragstrip.analysis.calibration import Calibration, Ceiling, SameTarget
    from dragstrip.config.config import Metric

BUSY_SERVER = 0.8
"""Of a core: above, the server may be what was measured."""


def render(made: Calibration, *, verbose: bool = False) -> RenderableType:
    """Return what was found; it fits 80 columns, and unless `verbose` 24 lines."""
    parts: list[RenderableType] = []
    if made.same and made.same.lab:
        parts.append(Text(text.LAB_BANNER, style="yellow"))
    parts += map(Text, _ceiling(made.ceiling))
    if made.same:
        parts += [Text(), _table(made.same, verbose=verbose), Text()]
        parts += map(Text, _conclusions(made.same, verbose=verbose))
    if verbose:
        parts.append(Text(_conditions(made), style="dim"))
    return Group(*parts)


def _ceiling(found: Ceiling) -> Iterator[str]:
    yield (
        f"One process sends {found.rate_per_s:,.0f} requests a second on time (open model, every "
        f"gate held, twice); {found.closed_per_s:,.0f}/s when nothing is due (closed model, "
        f"{found.users} connections). Where every answer is new, about {found.new_per_s:,.0f}/s."
    )
    if found.server_cpu > BUSY_SERVER:
        yield (
            f"The instant server used {numbers.percent(found.server_cpu)} of a core: the generator "
            "may be faster than this."
        )


def _table(found: SameTarget, *, verbose: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(Text(f"{found.target} against itself"))
    for metric in found.found:
        table.add_column(Text(metric), justify="right")
    for row in zip(*(_column(one) for one in found.found.values()), strict=True):
        if verbose or row[0][0].startswith(_IN_SHORT):
            table.add_row(Text(row[0][0]), *(Text(cell) for _, cell in row))
    return table


_IN_SHORT = ("told apart", "smallest", "ratio", "noise")


def _column(one: EqualTargets) -> list[tuple[str, str]]:
    alarms = f"{one.alarms} of {one.stretches}"
    return [
        (f"told apart (races of {one.pairs} pairs)", alarms),
        ("  95 % limits of that share", f"{one.alarm_low:.0%} to {one.alarm_high:.0%}"),
        ("typical half-width of the interval", numbers.percent(one.half_width)),
        ("smallest detectable change", numbers.percent(one.minimum_detectable_effect)),
        (f"ratio over all {one.runs} runs", numbers.ratio(one.ratio)),
        ("  95 % interval", numbers.ratios(one.low, one.high)),
        ("noise floor", numbers.percent(one.noise_floor)),
        ("between runs (standard deviation)", numbers.percent(one.between_runs)),
    ]


def _conclusions(found: SameTarget, *, verbose: bool) -> Iterator[str]:
    for metric, one in found.found.items():
        if verbose or one.standing == "too often":
            yield _conclusion(metric, one)
    if found.invalid:
        failed = ", ".join(sorted({name for gates in found.invalid for name in gates}))
        yield f"{len(found.invalid)} runs were invalid and left out; they failed {failed}."


def _conclusion(metric: Metric, one: EqualTargets) -> str:
    if one.standing == "too often":
        return (
            f"{metric}: equal targets were told apart in more than 5 % of races. Intervals on this "
            "machine are too short: a difference that one race finds may be none."
        )
    if one.standing == "no more often than promised":
        return f"{metric}: equal targets are told apart in at most {TOLERATED:.0%} of races."
    return (
        f"{metric}: nothing speaks against the promised 5 %, and so few races rule out no more "
        f"than {one.alarm_high:.0%}. To show {TOLERATED:.0%} takes {races_needed()} races without "
        "a false alarm, or more with some."
    )


def _conditions(made: Calibration) -> str:
    machine, same = made.machine, made.same
    where = (
        f"{machine.processor}, {machine.cpus} cores, {machine.memory_bytes / 2**30:.0f} GiB, "
        f"{machine.system}; dragstrip {made.versions.dragstrip}"
    )
    if same is None:
        return where
    return (
        f"{where}; {len(same.runs)} runs of {same.slice:g} s slices ({same.warmup:g} s of each not "
        f"counted) at {same.rate:g}/s"
    )
