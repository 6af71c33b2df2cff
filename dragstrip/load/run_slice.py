"""One process's share of a slice, from its first request to its last answer."""

from __future__ import annotations

import gc
from time import monotonic_ns
from typing import TYPE_CHECKING

import gevent

from dragstrip.ledger.rows import Outcome
from dragstrip.load import arrivals
from dragstrip.load.health import HealthMonitor
from dragstrip.load.schedule import Closed, Open, Schedule, Span, WithRepeats
from dragstrip.load.timer import NEVER_NS

if TYPE_CHECKING:
    from dragstrip.ledger.writer import Ledger
    from dragstrip.load.asked_keys import AskedKeys
    from dragstrip.load.context import Work
    from dragstrip.load.dispatcher import Dispatcher
    from dragstrip.load.objective import Watch
    from dragstrip.run.plan import Plan, PlannedSlice
    from dragstrip.run.slice_report import OfSearch, WorkerReport

_LEAD_NS = 20_000_000
_DRAIN_POLL_S = 0.01
_ROWS_AT_ONCE = 1000
_FULLY_CLEARED_EVERY = 32
"""In slices: it takes as long as the whole program is large."""


def run_slice(plan: Plan, slice_: PlannedSlice, work: Work, position: int, of: int) -> WorkerReport:
    """Run this process's share of a slice, wait for its answers, and report how it went.

    The share is every `of`-th arrival from `position`, or of numbered ones those of every `of`-th
    key; in the closed model, what the process's own connections can do.
    """
    _clear_memory(slice_.index)
    plan = plan.during(slice_)
    dispatchers = list(work.dispatchers.values())
    # A clock that steps between two slices steps in the race all the same.
    health = HealthMonitor(before=work.clocks)
    asked = work.asked_keys(plan)
    asked.begin(slice_.index)
    start_ns = monotonic_ns() + _LEAD_NS
    end_ns = start_ns + round(plan.race.slice * 1e9)
    work.counts.begin(slice_.index, start_ns, end_ns, slice_.target, plan.stretches)
    for number, dispatcher in enumerate(dispatchers):
        is_active = number == slice_.target
        settled_ns = start_ns + round(plan.race.warmup * 1e9) if is_active else NEVER_NS
        span = Span(slice_.index, start_ns, settled_ns, end_ns)
        if is_active and work.over:
            work.over.begin(span)
        schedule = _schedule(plan, slice_, span, asked, number, work.worker, position, of)
        if work.sends_again:
            schedule = WithRepeats(schedule, dispatcher.pending, slice_.index)
        dispatcher.load(schedule)
    watch = _wait(plan, slice_, work, end_ns)
    end_ns = min(monotonic_ns(), end_ns)
    for dispatcher in dispatchers:
        dispatcher.stop()
    seen = health.stop()
    work.clocks = health.last
    if work.over:
        _cut_off(
            dispatchers, work, end_ns, 0 if watch and watch.is_cut else work.over.slo_ms / 1000
        )
    _drain(dispatchers, work, plan.race.timeout)
    work.collector.collect()
    work.collector.tidy()
    return {
        "worker": work.worker,
        "start_ns": start_ns,
        "end_ns": end_ns,
        **seen,
        "reached": work.counts.reach.encode(),
        "tallies": work.counts.encode(),
        "sent": work.counts.sent,
        **_against_objective(work, watch),
    }


def _against_objective(work: Work, watch: Watch | None) -> OfSearch:
    if not (work.over and watch):
        return {}
    return {"over": work.over.encode(), "cut": watch.is_cut, "grew": watch.grew}


def _wait(plan: Plan, slice_: PlannedSlice, work: Work, end_ns: int) -> Watch | None:
    """Wait for the slice's end, or for what ends a search's slice early."""
    if work.over:
        watch = work.over.watch(plan, slice_, work)
        watch.wait(end_ns)
        return watch
    gevent.sleep((end_ns - monotonic_ns()) / 1e9)
    return None


def _schedule(
    plan: Plan,
    slice_: PlannedSlice,
    span: Span,
    asked: AskedKeys,
    target: int,
    worker: int,
    position: int,
    of: int,
) -> Schedule:
    if target == slice_.target and plan.race.closed_model:
        keys = arrivals.closed_keys(plan, slice_, worker)
        operations = arrivals.closed_operations(plan, slice_, worker)
        return Closed(asked.flagged(zip(keys, operations, strict=True), target), span)
    blocks = asked.marked(arrivals.blocks_of(plan, slice_, target), target)
    part = arrivals.owned if plan.numbered else arrivals.shares
    return Open(part(blocks, position, of), span)


def _cut_off(dispatchers: list[Dispatcher], work: Work, end_ns: int, patience_s: float) -> None:
    """Send nothing more of what cannot keep the objective: an overloaded target is to recover."""
    _wait_until_at_rest(dispatchers, patience_s)
    for target, dispatcher in enumerate(dispatchers):
        _give_up(dispatcher, work.ledger, target, end_ns)


def _drain(dispatchers: list[Dispatcher], work: Work, timeout_s: float) -> None:
    # Slow answers must be waited for, or the slower side would look faster.
    _wait_until_at_rest(dispatchers, timeout_s)
    for target, dispatcher in enumerate(dispatchers):
        _give_up(dispatcher, work.ledger, target)
    _wait_until_at_rest(dispatchers, timeout_s + 1)


def _give_up(dispatcher: Dispatcher, ledger: Ledger, target: int, end_ns: int = NEVER_NS) -> None:
    for count, (scheduled_ns, key, slice_index, flags, operation) in enumerate(
        dispatcher.abandon()
    ):
        if scheduled_ns > end_ns:
            return
        now_ns = monotonic_ns()
        row = ledger.begin(scheduled_ns, key, slice_index, target, flags, 0, now_ns, operation)
        ledger.end(row, now_ns, now_ns, Outcome.UNSENT)
        if count % _ROWS_AT_ONCE == 0:
            gevent.sleep(0)


def _wait_until_at_rest(dispatchers: list[Dispatcher], limit_s: float) -> None:
    deadline_ns = monotonic_ns() + round(limit_s * 1e9)
    while monotonic_ns() < deadline_ns and not all(
        dispatcher.at_rest for dispatcher in dispatchers
    ):
        gevent.sleep(_DRAIN_POLL_S)


def _clear_memory(index: int) -> None:
    # A full collection in the middle of a slice would stop the loop for 40 ms. What is there now is
    # left out of those until the next one that looks at everything.
    if index % _FULLY_CLEARED_EVERY == 0:
        gc.unfreeze()
    gc.collect()
    gc.freeze()
