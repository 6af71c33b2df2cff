"""Searches that find no edge, or end before they are over: what is said, kept, and left behind."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from tests.lab.lab_homes import wait_until
from tests.support.known_capacity import ServerQueue
from tests.support.searches import searching

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.known_capacity import Carrier
    from tests.support.searches import SearchRun

SLOW, FAST = ServerQueue(1000, 1.5), ServerQueue(100, 0.002)
SHORT = ("--slice", "0.6", "--rounds", "6", "--from", "120", "--to", "240")
SLICES = 2


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SearchRun]]:
    """Two searches that are struck once SLICES slices are over, beside one that runs to its end."""
    place: Path = tmp_path_factory.mktemp("ended")
    with ExitStack() as stack:

        def start(name: str, old: Carrier, new: Carrier, *more: str) -> SearchRun:
            run = searching(place / name, (old, new), *SHORT, *more, slo_ms=1000)
            return stack.enter_context(run)

        no_edge = start("no edge", SLOW, FAST, "--profile", "steps:2,3")
        found = {name: start(name, FAST, FAST) for name in ("interrupt", "killed")}
        processes: list[psutil.Process] = []
        for one in found.values():
            wait_until(lambda one=one: one.under_way(SLICES))  # type: ignore[misc]
            processes += psutil.Process(one.process.pid).children(recursive=True)
        found["interrupt"].process.send_signal(signal.SIGINT)
        for process in found["killed"].locusts():
            process.kill()
        for one in found.values():
            one.wait()
        assert not any(process.is_running() for process in processes)
        yield found | {"no edge": no_edge.wait()}


def test_what_breaks_at_once_and_what_never_does_bound_the_ratio(
    ended: dict[str, SearchRun],
) -> None:
    search = ended["no edge"]
    assert search.code == 0, search.said
    slow, fast = search.capacity.targets.values()
    assert (slow.capacity_per_s, slow.low) == (None, 0)
    assert slow.high == pytest.approx(120)
    assert (fast.capacity_per_s, fast.high) == (None, None), search.errors
    assert fast.low == pytest.approx(240)
    assert (slow.limited_by, fast.limited_by) == ("objective", "not-reached")
    assert search.capacity.verdict == "more"
    said = " ".join(search.output.split())
    assert "challenger carries at least 2 times as much." in said
    assert "baseline breaks at the lowest rate, 120/s: beyond, it misses the objective." in said
    assert "challenger never broke up to 240/s." in said


def test_a_slice_plays_the_whole_profile_at_its_rate(ended: dict[str, SearchRun]) -> None:
    search = ended["no edge"]
    rows, late, planned = search.rows(1), 0, 0.0
    for report, one in zip(search.folder.read_slices(), search.capacity.slices, strict=True):
        if (one.target, one.phase) == ("challenger", "search"):
            start_ns = report["workers"][0]["start_ns"]
            since_ns = rows["scheduled_ns"][rows["slice"] == one.index].astype(np.int64) - start_ns
            # Two parts of the requests in the first half, and three in the other.
            late += int((since_ns >= 0.3e9).sum())
            planned += 0.6 * one.rate_per_s * 0.6
    assert planned > 100
    assert late == pytest.approx(planned, rel=0.3)
    said = " ".join(search.output.split())
    assert "arrivals by the profile steps:2,3, of which rates are the mean, decide" in said


@pytest.mark.parametrize(("name", "code"), [("interrupt", 130), ("killed", 3)])
def test_a_search_that_is_struck_keeps_what_it_measured(
    ended: dict[str, SearchRun], name: str, code: int
) -> None:
    search = ended[name]
    assert search.code == code, search.said
    found = search.capacity
    assert found.interrupted
    assert found.verdict == "invalid"
    assert found.reason == "the search was interrupted"
    assert len(found.slices) >= SLICES
    assert "Traceback" not in search.errors


def test_nothing_is_left_in_flight_and_no_more_was_sent_than_said(
    ended: dict[str, SearchRun],
) -> None:
    for search in ended.values():
        wait_until(lambda one=search: not any(server.in_flight for server in one.servers))  # type: ignore[misc]
        most = int(
            search.errors.partition("at most ")[2].partition(" requests")[0].replace(",", "")
        )
        assert all(0 < server.asked <= most for server in search.servers)
