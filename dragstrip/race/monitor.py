"""A race under way: followed while Locust runs it, concluded from whatever was recorded."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from dragstrip.analysis.aggregate import summarise, with_distributions
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.errors import DragstripError, StorageError
from dragstrip.live.follow import Follower
from dragstrip.race import locust_process
from dragstrip.race.looks import Looks
from dragstrip.run import live_stats
from dragstrip.scenario import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import FaultRecord, Run, Verdict, Writes
    from dragstrip.run.plan import Plan


class Stored(NamedTuple):
    """A run's folder with its plan in it, and a run.json that says it was interrupted."""

    plan: Plan
    folder: RunFolder
    run: Run


class RaceProgress(Protocol):
    """Hears how the race goes on."""

    def say(self, line: str) -> None:
        """Report a step in words."""

    def watch(self, state: State, metric: Metric) -> None:
        """Report how the race stands, several times a second."""


@dataclass(frozen=True, slots=True)
class Result:
    """A stored run with its verdict; `interrupted` by the user or a signal."""

    folder: RunFolder
    run: Run
    verdict: Verdict
    unfinished: str


class RaceMonitor:
    """What is known of a race while Locust runs it.

    Once the race is over, `review` says what was found wrong with the targets, `writes` what they
    stored, and `remarks` what else the reports should say. `faults` ends those that are under way,
    and says what became of each. `is_stopped` says whether the race is to end early.
    """

    def __init__(
        self,
        stored: Stored,
        progress: RaceProgress,
        *,
        review: Callable[[], list[Finding] | None] | None = None,
        remarks: Callable[[], list[str]] | None = None,
        writes: Callable[[], dict[str, Writes]] | None = None,
        faults: Callable[[], list[FaultRecord]] = list,
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._folder = stored.folder
        self._progress = progress
        self._review = review
        self._remarks = remarks
        self._writes = writes
        self._faults = faults
        self._is_stopped = is_stopped
        plan, facts = stored.plan, stored.run
        self._facts = facts
        self._metric: Metric = facts.config["rules"]["metric"]
        self._follower = Follower.of(self._folder.path, plan, facts)
        self._looks = Looks(plan, facts, self._folder.path, self._progress.say)

    def tick(self) -> None:
        """Report how the race stands. Raises KeyboardInterrupt where it is to end early."""
        if self._is_stopped():
            raise KeyboardInterrupt
        state = self._follower.look()
        self._progress.watch(state, self._metric)
        self._looks.take(state)

    def conclude(self, *, finished: bool, stopped: bool = False) -> Result:
        """Store the run and its verdict, by what was recorded; `stopped` by somebody's wish."""
        # Before anything is asked of the services: they are all there again.
        past = {
            "ended": datetime.now(UTC),
            "faults": self._faults(),
            "looks": self._looks.made,
        }
        facts = self._facts.model_copy(update=past)
        if finished and self._review:
            self._progress.say("race: checking that the targets are still the same")
            facts = facts.model_copy(update=self._reviewed(self._review))
        if self._remarks:
            facts = facts.model_copy(update={"remarks": self._remarks()})
        with _ends_ignored():
            live_stats.remove(self._folder.path)
            run, verdict = conclude(self._folder, facts, interrupted=not finished)
            self._folder.write_run(run)
            self._folder.write_verdict(verdict)
        why = "" if finished else self._why_unfinished(stopped=stopped)
        return Result(self._folder, run, verdict, why)

    def _reviewed(self, review: Callable[[], list[Finding] | None]) -> dict[str, Any]:
        try:
            found: dict[str, Any] = _data_after(review())
            return found | {"writes": self._writes()} if self._writes else found
        except DragstripError as error:
            # A target that is gone by now must not take along what was measured.
            return _data_after(
                [Finding(f"nothing could be checked after the race: {error.message}")]
            )

    def _why_unfinished(self, *, stopped: bool) -> str:
        return "interrupted" if stopped else locust_process.why_unfinished(self._folder)


def conclude(folder: RunFolder, facts: Run, *, interrupted: bool) -> tuple[Run, Verdict]:
    """Compute a run and its verdict from what was recorded in its folder.

    Raises StorageError where a file is damaged, or of another run.
    """
    rules = RulesConfig.model_validate(facts.config["rules"])
    plan = folder.read_plan()
    if [target.name for target in plan.targets] != [facts.baseline, facts.challenger]:
        raise StorageError(f"{folder.plan_file} and run.json name different targets")
    if facts.looks and facts.looks[-1].ends:
        plan = plan.ended_after(facts.looks[-1].pairs)
    summary = summarise(
        plan,
        folder.read_slices(),
        rules.metric,
        operation=rules.operation,
        outages=rules.outages,
        interrupted=interrupted,
        finish=folder.read_finish(),
        data_after=facts.data_after,
        writes=facts.writes,
    )
    summary = with_distributions(summary, plan, folder.read_slices())
    run = facts.model_copy(
        update={
            "interrupted": interrupted,
            "targets": summary.totals,
            "slices": summary.slices,
            "outages": summary.outages,
            "load": summary.load,
            "gates": summary.gates,
        }
    )
    return run, judge(run, rules)


def _data_after(findings: list[Finding] | None) -> dict[str, str | None]:
    if findings is None:
        return {}
    if not findings:
        return {"data_after": "same", "data_difference": None}
    words = "; ".join(finding.message for finding in findings)
    return {"data_after": "changed", "data_difference": words}


@contextmanager
def _ends_ignored() -> Iterator[None]:
    """Ignore requests to end for the moment in which a run is stored: a whole race stays whole."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
