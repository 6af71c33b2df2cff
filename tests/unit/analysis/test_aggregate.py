"""A long race with many processes is summed up a slice at a time."""

from __future__ import annotations

import tracemalloc
from copy import deepcopy
from typing import TYPE_CHECKING

import pytest

from dragstrip.analysis.aggregate import summarise, tally_of
from dragstrip.ledger.tally import Tally
from tests.support.runs import plan_of, record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.run.slice_report import SliceReport


def by_many(pairs: int, workers: int) -> Iterator[SliceReport]:
    """Yield a race's slices as so many processes would report them, each made when asked for."""
    one, two = record(plan_of(1), samples=60)
    for slice_ in plan_of(pairs).slices:
        report = deepcopy(one if slice_.index % 2 == 0 else two)
        forms = next(iter(report["workers"][0]["tallies"].values()))
        shares = [{**report["workers"][0], "worker": number} for number in range(workers)]
        for share in shares:
            share["tallies"] = {str(slice_.target): forms}
        yield {**report, "index": slice_.index, "workers": shares}  # type: ignore[typeddict-item]


def peak_bytes(pairs: int, workers: int) -> int:
    tracemalloc.start()
    try:
        found = summarise(plan_of(pairs), by_many(pairs, workers), "p95", interrupted=False)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.totals["old"].requests == 60 * pairs * workers
    return peak


def test_memory_grows_neither_with_slices_nor_with_processes() -> None:
    small = peak_bytes(4, 2)
    # A decoded histogram is 0.5 MiB, and a tally has six: kept, these would take 600 MiB.
    assert peak_bytes(20, 5) < small + 2 * 2**20


@pytest.mark.parametrize("workers", [1, 3])
def test_a_slice_is_the_sum_of_its_processes(workers: int) -> None:
    report = next(by_many(1, workers))
    target = int(next(iter(report["workers"][0]["tallies"])))
    expected = Tally()
    for worker in report["workers"]:
        expected.merge(Tally.decode(worker["tallies"][str(target)]["0"]))
    assert tally_of(report, target) == expected
