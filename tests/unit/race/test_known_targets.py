"""Races that must come out in a known way: by their servers' own clocks, not by a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from dragstrip.ledger.rows import Flag, Outcome
from tests.support.races import DATASET, judged_anyhow
from tests.support.served import beside
from tests.unit.race.conftest import ADDED_S, FAILS_ONE_IN, PAIRS

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from tests.support.served import Served
    from tests.unit.race.conftest import KnownOutcomes


def served(known: KnownOutcomes, target: int) -> list[Served]:
    """Return what the proxy noted, or the server of what did not come by the proxy."""
    if target == 1:
        return known.delayed.served_by_proxy.served
    return [one for one in known.delayed.server.served if one.path.startswith("/api/")]


def served_p50_ms(known: KnownOutcomes, target: int) -> list[float]:
    """Return each slice's p50 by the server's clock, over the rows that count."""
    rows = known.delayed.raced.rows(target)
    asked_ns, answered_ns = beside(rows, served(known, target), DATASET.phone)
    counted = rows["flags"] & Flag.COUNTED != 0
    return [
        nearest_rank((answered_ns - asked_ns)[counted & (rows["slice"] == slice_)], 0.5) / 1e6
        for slice_ in np.unique(rows["slice"][counted])
    ]


def nearest_rank(values: Rows, q: float) -> float:
    return float(np.sort(values)[int(np.ceil(q * len(values))) - 1])


def test_one_server_under_two_names_is_neither_better_nor_worse(known: KnownOutcomes) -> None:
    assert known.alike.raced.verdict.verdict in {"equivalent", "inconclusive", "invalid"}
    _, verdict = judged_anyhow(known.alike.raced.folder)
    assert verdict.verdict in {"equivalent", "inconclusive"}
    assert verdict.pairs == PAIRS


@pytest.mark.parametrize("target", [0, 1])
def test_no_lookup_is_said_to_be_quicker_than_its_server_was(
    known: KnownOutcomes, target: int
) -> None:
    rows = known.delayed.raced.rows(target)
    asked_ns, answered_ns = beside(rows, served(known, target), DATASET.phone)
    assert (rows["outcome"] == Outcome.OK).all()
    assert (rows["scheduled_ns"] <= rows["sent_ns"]).all()
    # Each row spans an answer of the server's own: none began or ended without it.
    assert asked_ns.all()
    assert (rows["sent_ns"] <= asked_ns).all()
    assert (answered_ns <= rows["done_ns"]).all()
    if target == 1:
        assert (answered_ns - asked_ns).min() >= ADDED_S * 1e9


def test_a_known_delay_comes_out_as_the_ratio_that_the_servers_kept(known: KnownOutcomes) -> None:
    old, new = (np.array(served_p50_ms(known, target)) for target in (0, 1))
    truth = float(np.exp(np.mean(np.log(new) - np.log(old))))
    # The delays are large beside what a busy machine adds to both, at the median.
    _, verdict = judged_anyhow(known.delayed.raced.folder, metric="p50")
    assert truth > 1.5
    assert verdict.verdict == "worse"
    assert verdict.low is not None
    assert verdict.high is not None
    assert verdict.low < truth < verdict.high


@pytest.mark.parametrize("metric", ["p50", "p95", "p99"])
def test_a_target_that_fails_fast_now_and_then_never_wins(
    known: KnownOutcomes, metric: str
) -> None:
    raced = known.failing.raced
    assert raced.verdict.verdict in {"worse", "invalid"}
    run, verdict = judged_anyhow(raced.folder, metric=metric)
    assert verdict.verdict == "worse"

    old, new = run.targets["old"], run.targets["new"]
    # Without its failures it would win by far.
    assert new.p50_ms is not None
    assert old.p50_ms is not None
    assert new.p50_ms < old.p50_ms / 3
    assert new.failed == {"http_503": new.requests - new.verified}
    failed = known.failing.server.lookups[FAILS_ONE_IN - 1 :: FAILS_ONE_IN]
    assert (raced.rows(1)["outcome"] == Outcome.HTTP_STATUS).sum() == len(failed)


def test_failures_rank_as_slower_than_every_answer(known: KnownOutcomes) -> None:
    for part in known.failing.raced.run.slices:
        share = 1 - part.verified / part.requests
        assert (part.p99_ms is None) == (share > 0.01)
        assert part.p50_ms is not None
    assert known.failing.raced.run.targets["new"].p99_ms is None
