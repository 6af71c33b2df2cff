"""The conditions of validity by name: what each judges in words, its unit, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from dragstrip.run.model import Gate


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition. A figure must be at least, or at most, its bound."""

    words: str
    fix: str
    side: Literal["least", "most"] = "most"
    unit: Literal["", "%", "ms"] = ""


CONDITIONS: dict[str, Condition] = {
    "complete_pairs": Condition(
        "pairs of slices run to their end", "let the race run to its end", "least"
    ),
    "voided_pairs": Condition(
        "pairs voided, by a worker's death or the like",
        "see void in slices.jsonl and locust.log, then race again",
    ),
    "lost_workers": Condition(
        "generator processes lost on the way", "see locust.log, then race again"
    ),
    "lost_rows": Condition(
        "lookups that final counts do not bear out",
        "race again; if it stays, report it with the run's folder",
    ),
    "changed_data": Condition(
        "backends changed while the race ran",
        "let nothing else write to the backends while a race runs; what was seeded, "
        "`dragstrip seed` mends",
    ),
    "verified": Condition(
        "verified lookups of each target", "look at the failures by reason", "least"
    ),
    "wrong_answers": Condition(
        "answers that were not what the data says",
        "run `dragstrip verify`; it names the first difference",
    ),
    "samples_per_slice": Condition(
        "lookups in the smallest slice",
        "raise --rate or --slice, or choose a lower quantile in rules.metric",
        "least",
    ),
    "achieved_rate": Condition(
        "lookups sent before their slice was over",
        "lower --rate, or raise race.users when the targets could answer more",
        "least",
        "%",
    ),
    "no_slot": Condition(
        "lookups due while every connection was busy", "raise race.users, or lower --rate", unit="%"
    ),
    "reconnects": Condition(
        "lookups that had to open a connection anew",
        "let the targets keep connections open longer than a slice, or lower race.users",
        unit="%",
    ),
    "send_lag_p99_ms": Condition(
        "lateness of the generator itself, p99",
        "leave this machine to the race, lower --rate, or use --processes",
        unit="ms",
    ),
    "loop_lag_ms": Condition(
        "lateness of its event loop, p99",
        "leave this machine to the race, lower --rate, or use --processes",
        unit="ms",
    ),
    "generator_cpu": Condition(
        "of a core used by its busiest process", "lower --rate, or use --processes", unit="%"
    ),
    "clock_step_ms": Condition(
        "step of the wall clock during a slice",
        "set the clock before the race, and keep the machine from being suspended",
        unit="ms",
    ),
}


def words_of(name: str) -> str:
    """Return what a gate judges."""
    known = CONDITIONS.get(name)
    return known.words if known else name


def fix_of(name: str) -> str | None:
    """Return what mends a failed gate."""
    known = CONDITIONS.get(name)
    return known.fix if known else None


def figure_of(gate: Gate) -> str:
    """Return the figure with its unit."""
    return _with_unit(gate.name, gate.figure)


def bound_of(gate: Gate) -> str:
    """Return the bound in words, with its unit."""
    known = CONDITIONS.get(gate.name)
    side = known.side if known else "most"
    return f"at {side} {_with_unit(gate.name, gate.bound)}"


def number(value: float) -> str:
    """Return a figure as short as it can be."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.3g}"


def _with_unit(name: str, value: float) -> str:
    known = CONDITIONS.get(name)
    unit = known.unit if known else ""
    if unit == "%":
        return f"{number(value * 100)} %"
    return f"{number(value)} {unit}".rstrip()
