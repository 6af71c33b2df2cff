"""What `--require` asks of a run, and the error that says what the run falls short of."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from dragstrip.analysis.gates import fix_of, is_safety
from dragstrip.analysis.verdict import Requirement, meets
from dragstrip.errors import InvalidRun, RequirementNotMet, Undecided, UnsafeTarget

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.cli.options import F
    from dragstrip.config.config import RulesConfig
    from dragstrip.run.model import Gate, Verdict


def requirement(words: str) -> Callable[[F], F]:
    """Return `--require`, with these words in the help."""
    return click.option("--require", type=click.Choice(get_args(Requirement)), help=words)


def judge(verdict: Verdict, require: Requirement | None, rules: RulesConfig) -> None:
    """Return when the run is valid and meets what is required. Raises DragstripError."""
    if verdict.verdict == "unsafe":
        raise UnsafeTarget(f"unsafe: {verdict.reason}", fix=_fix(verdict, is_safety))
    if verdict.verdict == "invalid":
        raise InvalidRun(f"invalid: {verdict.reason}", fix=_fix(verdict, lambda _: True))
    met = meets(verdict, require, rules) if require else True
    if met is None and require == "slo":
        raise Undecided(
            f"--require slo: {verdict.challenger} may keep slo_ms = {rules.slo_ms:g} or miss it",
            fix="more pairs or longer slices narrow its interval",
        )
    if met is None:
        needed = verdict.pairs_needed
        raise Undecided(
            f"--require {require}: the run is inconclusive",
            fix=f"run with --pairs {needed}" if needed else "no number of pairs settles it",
        )
    if not met:
        found = f"the verdict is {verdict.verdict}"
        if require == "slo":
            found = f"{verdict.challenger} misses slo_ms = {rules.slo_ms:g}"
        raise RequirementNotMet(f"--require {require} is not met: {found}")


def _fix(verdict: Verdict, among: Callable[[Gate], bool]) -> str | None:
    return fix_of(next(gate for gate in verdict.gates if not gate.passed and among(gate)))
