"""What the gates judge a run by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dragstrip.analysis.refused_workers import RefusedWorker
    from dragstrip.config.config import Metric
    from dragstrip.run.model import DataAfter, Figures, Outage, TargetTotals, Writes
    from dragstrip.run.plan import Answers


@dataclass(frozen=True, slots=True)
class Witness:
    """What was recorded beside the counts, each the worst of all processes."""

    wrong_answers: int = 0
    own_limits: Mapping[str, int] = field(default_factory=dict)
    """Requests that failed by a limit of the machine that makes the load, by reason."""
    send_delay_p99_ms: float = 0.0
    loop_lag_ms: float = 0.0
    cpu: float = 0.0
    clock_step_ms: float = 0.0
    throttled: float | None = None
    """The share of a slice that a container's limit held a process up; None without a limit."""
    lost_workers: int = 0
    lost_rows: int | None = None
    """None where it cannot be told, because the run was cut short."""
    refused_workers: Sequence[RefusedWorker] | None = None
    """None where there is but one worker."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """How many pairs were planned, ran to their end, and had to be left out even so."""

    planned: int
    complete: int
    voided: int = 0


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that validity depends on."""

    metric: Metric
    pairs: Pairs
    interrupted: bool
    closed_model: bool
    answers: Answers
    totals: dict[str, TargetTotals]
    decisive_slices: Sequence[Figures]
    decisive_totals: Sequence[Figures]
    """Of the operation that the rule looks at: every slice, and both targets."""
    witness: Witness = field(default_factory=Witness)
    data_after: DataAfter = "unchecked"
    writes: Mapping[str, Writes] = field(default_factory=dict)
    outages: Sequence[Outage] | None = None
    """Those that may not be; None where nothing was noted of when a target answered."""

    def worst(self, of: Callable[[TargetTotals], float]) -> float:
        """Return the higher of both targets' values."""
        return max(map(of, self.totals.values()))

    def least(self, of: Callable[[TargetTotals], float]) -> float:
        """Return the lower of both targets' values."""
        return min(map(of, self.totals.values()))
