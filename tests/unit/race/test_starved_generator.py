"""A generator that cannot do what was asked of it: the run says so, and names no winner."""

from __future__ import annotations

import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from dragstrip.ledger.rows import Outcome
from tests.lab.lab_homes import wait_until
from tests.support import clock_steps, planned
from tests.support.races import DATASET, Raced, racing, sections
from tests.support.stand_in import StandIn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STOPPED_S = 0.3


@dataclass(frozen=True)
class Starved:
    stopped: Raced
    users: Raced
    stepped: Raced


@pytest.fixture(scope="module")
def starved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starved]:
    place = tmp_path_factory.mktemp("starved")
    with ExitStack() as stack:
        old, new = (stack.enter_context(StandIn(DATASET).serving()) for _ in range(2))
        slow = stack.enter_context(StandIn(DATASET, delay_s=lambda _: 0.1).serving())

        def start(name: str, new: str, modules: Path | None = None, **settings: float) -> Raced:
            configuration = sections(old.url, new, slice=1.0, **settings)
            return stack.enter_context(racing(place / name, configuration, modules=modules))

        stopped = start("stopped", new.url)
        users = start("users", slow.url, connections=4, pairs=1, timeout=1)
        stepped = start("stepped", new.url, clock_steps.modules_in(place / "clock"))
        wait_until(lambda: stopped.under_way(slices=1))
        hold_up(stopped)
        yield Starved(stopped.wait(), users.wait(), stepped.wait())


def hold_up(raced: Raced) -> None:
    """Stop the generator for a while, again and again until a slice has gone by."""
    (locust,) = raced.locusts()
    first = raced.slices_done()
    while raced.process.poll() is None and raced.slices_done() < first + 2:
        locust.send_signal(signal.SIGSTOP)
        time.sleep(STOPPED_S)
        locust.send_signal(signal.SIGCONT)
        time.sleep(STOPPED_S)


def assert_proves_nothing(raced: Raced, *gates: str) -> None:
    """Check that a run is invalid for one of these gates at least, and shows no comparison."""
    assert raced.code == 3, raced.output + raced.errors
    assert raced.verdict.verdict == "invalid"
    assert raced.failed_gates & set(gates), raced.output
    assert raced.verdict.ratio is None
    assert raced.verdict.secondary == {}
    assert raced.output.startswith("INVALID: this run proves nothing")
    assert "interval" not in raced.output
    assert "Traceback" not in raced.errors
    assert "fix:" in raced.errors


def test_a_generator_that_was_held_up_makes_the_run_invalid(starved: Starved) -> None:
    assert_proves_nothing(starved.stopped, "send_delay_p99_ms", "loop_lag_ms")
    # Whatever came due meanwhile was sent late, and its wait is in its response time.
    rows = starved.stopped.rows()
    late = rows[rows["sent_ns"] - rows["scheduled_ns"] > 0.5 * STOPPED_S * 1e9]
    assert len(late) > 10
    assert ((late["done_ns"] - late["scheduled_ns"]) > 0.5 * STOPPED_S * 1e9).all()
    worst = max(
        worker["loop_lag_max_ms"]
        for report in starved.stopped.folder.read_slices()
        for worker in report["workers"]
    )
    assert worst > 0.5 * STOPPED_S * 1e3


def test_too_few_connections_make_the_run_invalid(starved: Starved) -> None:
    assert_proves_nothing(starved.users, "no_connection")
    new = starved.users.run.targets["new"]
    assert new.no_connection > new.requests / 2
    # What no connection was ever free for is a failed lookup like any other, and none is left out.
    rows, plan = starved.users.rows(1), starved.users.folder.read_plan()
    assert new.failed["unsent"] > 0
    assert Outcome.OK in rows["outcome"]
    slice_ = next(one for one in plan.slices if one.target == 1)
    assert (rows["slice"] == slice_.index).sum() == len(planned.of_slice(plan, slice_))


def test_more_than_the_machine_can_do_makes_the_run_invalid(tmp_path: Path) -> None:
    with StandIn(DATASET).serving() as server:
        much = sections(
            server.url, server.url, rate=20_000, slice=0.4, pairs=1, timeout=0.5, connections=64
        )
        with racing(tmp_path, much) as raced:
            raced.wait()
    assert_proves_nothing(raced, "achieved_rate")
    # What could not be sent is in the ledger all the same.
    assert raced.gate("achieved_rate") < 0.95
    assert len(raced.rows(0)) > 5000


def test_a_wall_clock_that_steps_changes_no_time_and_makes_the_run_invalid(
    starved: Starved,
) -> None:
    assert_proves_nothing(starved.stepped, "clock_step_ms")
    assert starved.stepped.gate("clock_step_ms") >= 0.99e3 * clock_steps.STEP_S
    rows = starved.stepped.rows()
    assert (rows["scheduled_ns"] <= rows["sent_ns"]).all()
    assert (rows["sent_ns"] < rows["done_ns"]).all()
    assert ((rows["done_ns"] - rows["scheduled_ns"]) < 60e9).all()
    # The hours that the clock has lost are in no slice's rate or quantile.
    for part in starved.stepped.run.slices:
        assert part.offered_per_s == pytest.approx(150, rel=0.5)
