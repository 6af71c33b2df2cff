"""A race under way: followed while Locust runs it, concluded from whatever was recorded."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from dragstrip.analysis.aggregate import summarise, with_distributions
from dragstrip.analysis.operations import rules_operation
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from dragstrip.errors import DragstripError
from dragstrip.live import web_exchange
from dragstrip.live.follow import Follower
from dragstrip.live.progress import Clock
from dragstrip.live.web_tables import tables
from dragstrip.race import locust_process
from dragstrip.run import live_stats
from dragstrip.run.ipc import STOP_PRESSED, read_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State
    from dragstrip.live.web_exchange import WebUi
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Run, Verdict
    from dragstrip.run.plan import Plan
    from seeding.progress import Reporter

_SHOWN_EVERY_S = 1.0
"""What the web UI shows: it asks every two seconds, and this machine has lookups to time."""


class Progress(Protocol):
    """Hears how the race goes on."""

    def seeding(self) -> AbstractContextManager[Reporter]:
        """Return a reporter for the time of seeding."""

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


@dataclass(frozen=True, slots=True)
class Desk:
    """A race that is started from Locust's web UI.

    `replan` makes the plan and the facts for what the start form asks for, and stores both; it
    raises DragstripError. `tell` is called with the result, while the web UI still shows the race.
    """

    ui: WebUi
    replan: Callable[[dict[str, str]], tuple[Plan, Run]]
    tell: Callable[[Result], None]


class Performance:
    """What is known of a race while Locust runs it. With a desk, it starts when the form says.

    `is_planned` says whether that has happened; `result` is there when the race is over.
    """

    def __init__(
        self,
        plan: Plan,
        folder: RunFolder,
        facts: Run,
        progress: Progress,
        *,
        recheck: Callable[[], str | None] | None = None,
        desk: Desk | None = None,
    ) -> None:
        self.result: Result | None = None
        self._folder = folder
        self._progress = progress
        self._recheck = recheck
        self._desk = desk
        self.is_planned = desk is None
        self._shown_s = -_SHOWN_EVERY_S
        self._take(plan, facts)

    def _take(self, plan: Plan, facts: Run) -> None:
        self._plan, self._facts = plan, facts
        self._metric: Metric = facts.config["rules"]["metric"]
        operation = rules_operation(facts.config)
        self._follower = Follower(self._folder.path, plan, self._metric, operation)
        self._clock = Clock(plan)

    @property
    def web(self) -> locust_process.Web | None:
        """What Locust needs to know of the web UI."""
        if self._desk is None:
            return None
        return locust_process.Web(self._desk.ui, self._is_over, self._linger)

    def tick(self) -> None:
        """Report how the race stands, and see to the web UI."""
        if self._desk and not self.is_planned:
            self._answer(self._desk)
            return
        state = self._follower.look()
        self._progress.watch(state, self._metric)
        if self._desk and time.monotonic() >= self._shown_s + _SHOWN_EVERY_S:
            self._shown_s = time.monotonic()
            self._show(state)

    def conclude(self, *, finished: bool, stopped: bool = False) -> Result:
        """Store the run and its verdict, by what was recorded; `stopped` by somebody's wish."""
        facts = self._facts.model_copy(update={"ended": datetime.now(UTC)})
        if finished and self._recheck:
            self._progress.say("race: checking that both backends still hold the same data")
            facts = facts.model_copy(update=_data_after(self._recheck()))
        with _interrupts_ignored():
            live_stats.remove(self._folder.path)
            run, verdict = conclude(self._folder, facts, interrupted=not finished)
            self._folder.write_run(run)
            self._folder.write_verdict(verdict)
        why = "" if finished else self._why_unfinished(stopped=stopped)
        self.result = Result(self._folder, run, verdict, why)
        return self.result

    def _why_unfinished(self, *, stopped: bool) -> str:
        return "interrupted" if stopped else locust_process.why_unfinished(self._folder)

    def _answer(self, desk: Desk) -> None:
        asked = web_exchange.take_wish(self._folder.path)
        if asked is None:
            return
        try:
            self._take(*desk.replan(asked))
        except DragstripError as error:
            problem = f"{error.message}. {error.fix.capitalize()}." if error.fix else error.message
            web_exchange.answer(self._folder.path, problem)
            return
        self.is_planned = True
        web_exchange.answer(self._folder.path, None)

    def _is_over(self) -> bool:
        if not self.is_planned:
            return False
        if read_stop(self._folder.path):
            return True
        # It is there with slices missing where every worker was lost, just before that is said.
        is_finished = self._folder.read_finish() is not None
        return is_finished and self._folder.count_slices() == len(self._plan.slices)

    def _linger(self, finished: bool) -> None:
        assert self._desk is not None  # noqa: S101
        stop = read_stop(self._folder.path)
        result = self.conclude(
            finished=finished, stopped=stop is not None and stop.reason == STOP_PRESSED
        )
        self._show(self._follower.look(), result)
        self._desk.tell(result)
        web_exchange.end(self._folder.path)
        if stop:
            self._progress.say(f"race: {stop.reason}")
        self._progress.say(f"web UI: {self._desk.ui.url} shows the race until Ctrl-C")

    def _show(self, state: State, result: Result | None = None) -> None:
        self._clock.see(state)
        stop, verdict = read_stop(self._folder.path), result.verdict if result else None
        why = stop.reason if stop else ""
        web_exchange.show(self._folder.path, tables(self._facts, state, self._clock, verdict, why))


def conclude(folder: RunFolder, facts: Run, *, interrupted: bool) -> tuple[Run, Verdict]:
    """Compute a run and its verdict from what was recorded in its folder."""
    rules = RulesConfig.model_validate(facts.config["rules"])
    plan = folder.read_plan()
    summary = summarise(
        plan,
        folder.read_slices(),
        rules.metric,
        operation=rules.operation,
        interrupted=interrupted,
        finish=folder.read_finish(),
        data_after=facts.data_after,
    )
    summary = with_distributions(summary, plan, folder.read_slices())
    run = facts.model_copy(
        update={
            "interrupted": interrupted,
            "targets": summary.totals,
            "slices": summary.slices,
            "gates": summary.gates,
        }
    )
    return run, judge(run, rules)


def _data_after(difference: str | None) -> dict[str, str | None]:
    state = "same" if difference is None else "changed"
    return {"data_after": state, "data_difference": difference}


@contextmanager
def _interrupts_ignored() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
