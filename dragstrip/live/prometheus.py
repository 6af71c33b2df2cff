"""A race as Prometheus metrics: read anew at each scrape."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from dragstrip.ledger.live_counts import BOUNDS_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dragstrip.ledger.live_counts import Brief
    from dragstrip.live.follow import State
    from dragstrip.run.model import Figures, Run
    from dragstrip.run.plan import Plan

_MS = 1000


class RaceCollector(Collector):
    """Serves what `look` returns; `facts` are those that do not change while the race runs."""

    def __init__(self, facts: Run, look: Callable[[], State]) -> None:
        self._facts = facts
        self._look = look
        self._lock = Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric as it is now."""
        with self._lock:
            state = self._look()
        yield from _about(self._facts)
        yield from _requests(state)
        yield from _progress(state)
        yield from _slices(state)
        yield from _gates(state)
        yield from _generator(state)


def _about(facts: Run) -> Iterator[Metric]:
    info = InfoMetricFamily("dragstrip_race", "The race that is running.")
    values = {
        "run": facts.id,
        "baseline": facts.baseline,
        "challenger": facts.challenger,
        "lab": str(facts.lab).lower(),
        "closed_model": str(facts.closed_model).lower(),
        "version": facts.versions.dragstrip,
    }
    info.add_metric([], values)
    yield info


def _requests(state: State) -> Iterator[Metric]:
    labels = _labels(state.plan)
    requests = CounterMetricFamily(
        "dragstrip_lookups",
        "Requests that count for the comparison, by outcome: verified, or the reason of failure.",
        labels=[*labels, "outcome"],
    )
    others = CounterMetricFamily(
        "dragstrip_uncounted_lookups",
        "Requests during the warm-up of a slice, and those that keep the idle target warm.",
        labels=labels,
    )
    times = HistogramMetricFamily(
        "dragstrip_response_time_seconds",
        "From the scheduled time to the answer; of verified requests that count.",
        labels=labels,
    )
    for target, operations in zip(state.plan.targets, state.by_operation, strict=True):
        for operation, counted in zip(state.plan.operations, operations, strict=True):
            place = [target.name, operation.name][: len(labels)]
            outcomes = {"verified": counted["verified"], **counted["failed"]}
            for outcome, count in outcomes.items():
                requests.add_metric([*place, outcome], count)
            others.add_metric(place, counted["uncounted"])
            times.add_metric(place, _buckets(counted), counted["sum_s"])
    yield from (requests, others, times)


def _labels(plan: Plan) -> list[str]:
    """Return what tells samples apart: the target, and the operation where there are several."""
    return ["target", "operation"] if len(plan.operations) > 1 else ["target"]


def _buckets(counted: Brief) -> list[tuple[str, float]]:
    bounds = zip(map(repr, BOUNDS_S), map(float, counted["buckets"]), strict=True)
    return [*bounds, ("+Inf", float(counted["verified"]))]


def _progress(state: State) -> Iterator[Metric]:
    plan, slice_ = state.plan, state.slice_
    for name, words, value in (
        ("slices_planned", "Slices of the race.", len(plan.slices)),
        ("slices_done", "Slices that are over.", state.slices_done),
        ("pairs_planned", "Pairs of slices of the race.", plan.pairs),
        ("pairs_complete", "Pairs of which both slices count.", state.pairs_complete),
        ("pairs_voided", "Pairs that must not be used.", state.pairs_voided),
        (
            "slice",
            "Number of the slice under way, from 0; -1 for none.",
            slice_.index if slice_ else -1,
        ),
        (
            "pair",
            "Number of the pair under way, from 0; -1 for none.",
            slice_.pair if slice_ else -1,
        ),
        ("planned_rate", "Planned arrivals per second; 0: closed model.", plan.race.rate),
    ):
        yield GaugeMetricFamily(f"dragstrip_{name}", words, value=value)
    active = GaugeMetricFamily(
        "dragstrip_active",
        "1 while the slice under way is this target's, else 0.",
        labels=["target"],
    )
    for number, target in enumerate(plan.targets):
        active.add_metric([target.name], int(slice_ is not None and slice_.target == number))
    yield active


def _slices(state: State) -> Iterator[Metric]:
    labels = _labels(state.plan)
    quantiles = GaugeMetricFamily(
        "dragstrip_slice_response_time_seconds",
        "Quantile of a target's last slice, failures ranked slowest; as in run.json.",
        labels=[*labels, "quantile"],
    )
    offered = GaugeMetricFamily(
        "dragstrip_slice_offered_rate",
        "Requests due per second in the target's last slice.",
        labels=labels,
    )
    achieved = GaugeMetricFamily(
        "dragstrip_slice_achieved_rate",
        "Requests sent in time per second in the target's last slice.",
        labels=labels,
    )
    for place, part in _last_slices(state):
        for quantile, value_ms in (
            ("0.5", part.p50_ms),
            ("0.95", part.p95_ms),
            ("0.99", part.p99_ms),
        ):
            if value_ms is not None:
                quantiles.add_metric([*place, quantile], value_ms / _MS)
        offered.add_metric(place, part.offered_per_s)
        achieved.add_metric(place, part.achieved_per_s)
    yield from (quantiles, offered, achieved)


def _last_slices(state: State) -> Iterator[tuple[list[str], Figures]]:
    """Yield the figures of each target's last slice after their labels."""
    for name, part in state.latest.items():
        if not part.operations:
            yield [name], part
        for operation, figures in part.operations.items():
            yield [name, operation], figures


def _gates(state: State) -> Iterator[Metric]:
    """Yield the gates over the slices so far, as if no more had been planned."""
    figure, bound, passed = (
        GaugeMetricFamily(f"dragstrip_gate_{name}", words, labels=["gate"])
        for name, words in (
            ("figure", "Figure of a condition of validity so far; see docs/statistics.md."),
            ("bound", "Bound of that figure."),
            ("passed", "1 if the figure keeps its bound, else 0."),
        )
    )
    for gate in state.gates:
        figure.add_metric([gate.name], gate.figure)
        bound.add_metric([gate.name], gate.bound)
        passed.add_metric([gate.name], int(gate.passed))
    yield from (figure, bound, passed)


def _generator(state: State) -> Iterator[Metric]:
    processes = GaugeMetricFamily(
        "dragstrip_generator_processes", "Processes that make the load.", value=state.processes
    )
    lost = GaugeMetricFamily(
        "dragstrip_generator_lost_processes",
        "Generator processes lost during the race.",
        value=state.lost,
    )
    cpu = GaugeMetricFamily(
        "dragstrip_generator_cpu_ratio",
        "CPU of a generator process in its last slice, as a share of a core.",
        labels=["process"],
    )
    lag = GaugeMetricFamily(
        "dragstrip_generator_loop_lag_seconds",
        "Lateness of a generator process's event loop in its last slice, p99.",
        labels=["process"],
    )
    for worker in state.workers:
        process = str(worker["worker"])
        cpu.add_metric([process], worker["cpu_s"] / worker["wall_s"] if worker["wall_s"] else 0)
        if "loop_lag_p99_ms" in worker:
            lag.add_metric([process], worker["loop_lag_p99_ms"] / _MS)
    yield from (processes, lost, cpu, lag)
