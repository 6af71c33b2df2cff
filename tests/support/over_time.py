"""Pairs of recorded runs for comparisons over time."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.support.runs import STARTED, conclude, plan_of, record

if TYPE_CHECKING:
    from dragstrip.run.model import Run

OLDER, NEWER = "20250102T030405Z-aaaa", "20250103T030405Z-bbbb"


def run_of(median_ms: float, *, name: str = OLDER, pairs: int = 8, **how: Any) -> Run:
    """Return a run in which both targets have this median, a day later when it is NEWER."""
    plan = plan_of(pairs=pairs)
    how = {"seed": 1 if name == OLDER else 2} | how
    run = conclude(plan, record(plan, (median_ms, median_ms), **how))[0]
    started = STARTED + timedelta(days=name == NEWER)
    return run.model_copy(update={"id": name, "started": started})


def two(older_ms: float, newer_ms: float, **how: Any) -> tuple[Run, Run]:
    return run_of(older_ms, **how), run_of(newer_ms, name=NEWER, **how)
