"""A race as the live page shows it, from what stands in its folder and nothing else."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dragstrip.analysis import numbers
from dragstrip.analysis.gates import fix_of
from dragstrip.ledger.live_counts import Brief, quantile_ms
from dragstrip.ledger.rows import Outcome
from dragstrip.live import words
from dragstrip.live.follow import Follower
from dragstrip.live.progress import Clock
from dragstrip.report.exporters import page_of
from dragstrip.report.html import failures, narrowing, percentiles, timeline
from dragstrip.report.html.chart import for_browser
from dragstrip.report.html.page import environment
from dragstrip.report.html.vega import THEME
from dragstrip.report.text import banners
from dragstrip.run.folder import VERDICT_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.analysis.ratio import Interval
    from dragstrip.config.config import Metric
    from dragstrip.live.follow import State
    from dragstrip.report.html.chart import Chart
    from dragstrip.run.folder import RunFolder
    from dragstrip.run.model import Gate

Page = dict[str, Any]
"""What goes to the browser as JSON."""

_METRICS: tuple[Metric, ...] = ("p50", "p95", "p99")
_SHARES = (0.50, 0.95, 0.99)


@dataclass(slots=True)
class _Narrowing:
    """The interval after each number of pairs, computed once."""

    looked: int = 1
    found: list[tuple[int, Interval]] = field(default_factory=list)

    def see(self, state: State, metric: Metric) -> None:
        while self.looked < state.pairs_complete:
            self.looked += 1
            one = state.ratio(metric, state.decisive, self.looked)
            if one and numbers.unsaid(one.low, one.high, self.looked) is None:
                self.found.append((self.looked, one))


class RaceView:
    """One race; for one thread at a time. Raises StorageError where its folder cannot be read."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._plan, self._facts = folder.read_plan(), folder.read_run()
        self._metric: Metric = self._facts.config["rules"]["metric"]
        self._follower = Follower.of(folder.path, self._plan, self._facts)
        self._clock = Clock(self._plan)
        self._narrowing = _Narrowing()
        self._first_failures: dict[tuple[int, str], tuple[float, int]] = {}

    def page(self) -> Page:
        """Return everything but the pictures, whose `pictures` says whether there are new ones."""
        state = self._follower.look()
        self._clock.see(state)
        self._narrowing.see(state, self._metric)
        self._note_failures(state)
        return {
            "run": self._plan.run_id,
            "title": " against ".join(reversed(words.names(state))),
            "about": self._about(),
            "banners": banners(self._facts),
            "stage": self._stage(state),
            "is_over": page_of(self._folder).exists(),
            "done": state.slices_done,
            "total": len(self._plan.slices),
            "slices": [one.target for one in self._plan.slices],
            "now": state.slice_.index if state.slice_ else None,
            "news": self._news(state),
            "validity": words.validity(state),
            "lights": [_light(gate) for gate in sorted(state.gates, key=lambda one: one.passed)],
            "lanes": [self._lane(state, number) for number in (0, 1)],
            "failures": list(self._failures(state)),
            "writes": list(_writes(state)),
            "pictures": f"{self._plan.run_id}/{state.slices_done}",
        }

    def pictures(self) -> Page:
        """Return the pictures of the pairs so far, each with its figure as HTML."""
        state = self._follower.look()
        run = self._follower.run_so_far(self._facts, self._folder.read_slices())
        self._narrowing.see(state, self._metric)
        lead: list[Chart] = []
        if not state.broken:
            what = words.metric_of(state, self._metric)
            lead = narrowing.charts(run, what, self._narrowing.found, self._plan.pairs)
        charts = [*percentiles.charts(run), *timeline.charts(run), *failures.charts(run)]
        # Of a race that is not over, a check that fails makes what is drawn worth nothing.
        standing = SimpleNamespace(compares=not state.broken, verdict="invalid")
        return with_figures(lead, charts, standing, is_lab=run.lab)

    def _stage(self, state: State) -> str:
        if page_of(self._folder).exists():
            return "over"
        if (self._folder.path / VERDICT_FILE).exists():
            return "over; the report is being written"
        if not state.slices_done and state.slice_ is None:
            return "getting ready"
        return words.stage(state, self._clock)

    def _about(self) -> str:
        """Return what is asked, and how often."""
        race = self._plan.race
        load = race.profile or ("closed model" if race.closed_model else f"{race.rate:g}/s")
        name = self._plan.scenario.name.rpartition("/")[2]
        return f"{name}, {load} to each target, {race.pairs:,} pairs of {race.slice:g} s slices"

    def _news(self, state: State) -> str:
        """Return what a screen reader is told: it changes with a pair, not with every second."""
        old, new = words.names(state)
        what = f"{words.metric_of(state, self._metric)} {new}/{old}"
        ratio = words.ratio(state, self._metric, state.decisive)
        return (
            f"{what} so far: {ratio}. {state.pairs_complete} of {self._plan.pairs} pairs are over."
        )

    def _lane(self, state: State, number: int) -> Page:
        is_on = state.slice_ is not None and state.slice_.target == number
        name = words.names(state)[number]
        rows = [("rate now", numbers.per_second(self._clock.per_s(number)))]
        quantiles = []
        if is_on:
            now = state.under_way[number][self._decisive(state)]
            estimates = [numbers.milliseconds(quantile_ms(now, share)) for share in _SHARES]
            quantiles.append([_with(state.decisive, "slice under way, about"), *estimates])
        sides = state.by_operation[number]
        for operation, counted in zip(words.operations(state), sides, strict=True):
            exact = [words.quantile_of(state, name, one, operation) for one in _METRICS]
            quantiles.append([_with(operation, "so far"), *exact])
            rows += [
                (_with(operation, "verified requests"), numbers.count(counted["verified"])),
                (_with(operation, "failed requests"), words.failed(counted)),
            ]
        return {
            "side": ("baseline", "challenger")[number],
            "name": name,
            "is_on": is_on,
            "rows": rows,
            "quantiles": quantiles,
        }

    def _decisive(self, state: State) -> int:
        names = words.operations(state)
        return names.index(state.decisive) if state.decisive in names else 0

    def _note_failures(self, state: State) -> None:
        """Keep when each reason was seen first: to the second where this was watching."""
        index = state.slice_.index if state.slice_ else max(0, state.slices_done - 1)
        for number, counted in enumerate(state.counted):
            for reason in counted["failed"]:
                if (number, reason) not in self._first_failures:
                    self._first_failures[number, reason] = self._first(state, number, reason, index)

    def _first(self, state: State, number: int, reason: str, now: int) -> tuple[float, int]:
        name = words.names(state)[number]
        for one in state.slices:
            if one.target == name and reason in one.failed:
                return one.started.timestamp(), one.index
        return time.time(), now

    def _failures(self, state: State) -> Iterator[Page]:
        for (number, reason), (at_s, index) in self._first_failures.items():
            yield {
                "target": words.names(state)[number],
                "reason": reason,
                "count": numbers.count(state.counted[number]["failed"].get(reason, 0)),
                "first_s": at_s,
                "slice": index + 1,
            }


def with_figures(lead: list[Chart], charts: list[Chart], standing: object, *, is_lab: bool) -> Page:
    """Return the pictures, each with its figure as HTML; `standing` is a verdict or as one.

    The page begins with those that `lead`.
    """
    parts = environment().get_template("parts.html.j2").make_module()
    return {
        "theme": THEME,
        "charts": [
            for_browser(one)
            | {
                "html": parts.figure(one, standing, is_lab),  # type: ignore[attr-defined]
                "leads": one in lead,
            }
            for one in [*lead, *charts]
        ],
    }


def _with(operation: str | None, what: str) -> str:
    return f"{operation}, {what}" if operation else what


def _light(gate: Gate) -> Page:
    what, figure, bound = words.gate_row(gate)
    fix = None if gate.passed else fix_of(gate)
    return {"what": what, "figure": figure, "bound": bound, "passed": gate.passed, "fix": fix}


def _writes(state: State) -> Iterator[Page]:
    """Yield what is known of writes so far: what is stored is asked when the race is over."""
    if not any(operation.writes for operation in state.plan.operations):
        return
    operations = enumerate(state.plan.operations)
    for number, operation in sorted(operations, key=lambda one: not one[1].writes):
        sides = [side[number] for side in state.by_operation]
        lines = _WRITTEN if operation.writes else _READ
        for what, figure in lines.items():
            counts = [numbers.count(figure(one)) for one in sides]
            yield {"what": f"{operation.name}, {what}", "sides": counts}


def _sent(one: Brief) -> int:
    rows = one["verified"] + sum(one["failed"].values()) + one["uncounted"]
    return rows - _failed_by(one, Outcome.UNSENT)


def _acknowledged(one: Brief) -> int:
    right = one["verified"] + one["uncounted"] - sum(one["failed_uncounted"].values())
    return right + _failed_by(one, Outcome.WRONG_DUPLICATE)


def _failed_by(one: Brief, outcome: Outcome) -> int:
    reason = outcome.name.lower()
    return one["failed"].get(reason, 0) + one["failed_uncounted"].get(reason, 0)


_WRITTEN: dict[str, Callable[[Brief], int]] = {
    "sent, and sent again": _sent,
    "acknowledged": _acknowledged,
    "not acknowledged": lambda one: _sent(one) - _acknowledged(one),
    "wrongly called new or duplicate": lambda one: _failed_by(one, Outcome.WRONG_DUPLICATE),
}
_READ: dict[str, Callable[[Brief], int]] = {
    "missed an acknowledged write": lambda one: _failed_by(one, Outcome.STALE),
}
"""Of all requests, the warm-up's too: the database holds them as well."""
