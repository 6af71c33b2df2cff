"""The distribution's quantiles and bands, and the parts of the mean."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.analysis.percentile_bands import SHARES, Scatter
from dragstrip.ledger.tally import Tally
from tests.support.runs import SECOND, conclude, fail, plan_of, record, report_of, rows_of

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from dragstrip.run.model import Quantile
    from dragstrip.run.plan import PlannedSlice

PLAN = plan_of(pairs=6)
TURN = next(slice_ for slice_ in PLAN.slices if slice_.target == 0)
MEDIAN = SHARES.index(0.5)


def distribution(
    slices_ms: list[Any], failed: int = 0, *, confidence: float = 0.95
) -> list[Quantile]:
    """Return what slices with these response times come to; the first `failed` of each fail."""
    reports = []
    total = Tally()
    for times in slices_ms:
        rows = rows_of(TURN, np.asarray(times, float), 4 * SECOND)
        fail(rows, slice(0, failed))
        report = report_of(TURN, rows, 4 * SECOND)
        total.merge_encoded(report["workers"][0]["tallies"]["0"]["0"])
        reports.append(report)
    scatter = Scatter(total, lambda _: confidence)
    for report in reports:
        scatter.see(report, 0)
    return scatter.quantiles()


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.floats(0.01, 10_000), min_size=1, max_size=30), min_size=1, max_size=6),
    st.integers(0, 2),
)
def test_quantiles_rise_and_lie_within_their_bands(slices: list[list[float]], failed: int) -> None:
    found = distribution(slices, failed)
    assert [one.share for one in found] == list(SHARES)
    for name in ("ms", "low_ms", "high_ms"):
        known = [value for one in found if (value := getattr(one, name)) is not None]
        if name == "ms":
            assert all(before <= after for before, after in pairwise(known))
    for one in found:
        if one.ms is not None:
            assert one.low_ms is None or one.low_ms <= one.ms
            assert one.high_ms is None or one.ms <= one.high_ms


def test_few_lookups_bound_no_extreme_quantile() -> None:
    random = np.random.default_rng(1)
    found = distribution([random.lognormal(3, 0.5, 100) for _ in range(8)])
    last, first = found[-1], found[0]
    assert last.share == 0.999
    assert last.ms is not None
    assert (last.high_ms, first.low_ms) == (None, None)
    assert found[MEDIAN].high_ms is not None


def test_the_band_of_an_early_look_is_wider_and_of_one_without_ends_open() -> None:
    slices = [np.random.default_rng(seed).lognormal(3, 0.5, 100) for seed in range(8)]
    usual, early, open_ = (
        distribution(slices, confidence=confidence)[MEDIAN] for confidence in (0.95, 0.99, 1)
    )
    assert early.low_ms is not None
    assert usual.low_ms is not None
    assert early.low_ms < usual.low_ms
    assert (open_.low_ms, open_.high_ms) == (None, None)


def test_one_slice_bounds_nothing() -> None:
    found = distribution([np.linspace(1, 100, 100)])
    assert {(one.low_ms, one.high_ms) for one in found} == {(None, None)}


def test_what_fails_is_slower_than_all_and_has_no_time() -> None:
    found = distribution([np.linspace(1, 100, 100)] * 6, failed=10)
    assert all(one.ms is None for one in found if one.share > 0.9)
    assert all(one.ms is not None for one in found if one.share <= 0.9)


@pytest.mark.parametrize("shared", [0.0, 0.3])
def test_bands_hold_the_truth_as_often_as_they_say(shared: float) -> None:
    """Slices whose level differs by `shared`: pooled bands would hold it far too seldom."""
    random = np.random.default_rng(5)
    at = [SHARES.index(share) for share in (0.5, 0.9, 0.99)]
    truth_ms = np.quantile(
        np.exp(np.hypot(0.5, shared) * random.normal(size=200_000)), [0.5, 0.9, 0.99]
    )
    held = np.zeros(3)
    for _ in range(60):
        levels = np.exp(shared * random.normal(size=10))
        found = distribution([level * random.lognormal(0, 0.5, 120) for level in levels])
        for i, (place, truth) in enumerate(zip(at, truth_ms, strict=True)):
            one = found[place]
            held[i] += (one.low_ms or 0) <= truth <= (one.high_ms or np.inf)
    # Of 60 at 95 %, fewer than 50 about three times in ten thousand.
    assert held.min() >= 50, held


def test_what_no_answer_reports_is_part_of_the_rest() -> None:
    def silent(slice_: PlannedSlice, rows: Rows) -> None:
        rows["query_us"] = rows["total_us"] = -1

    found = conclude(PLAN, record(PLAN, spoil=silent))[0].targets["old"].split
    assert found
    assert (found.handler_ms, found.data_ms) == (None, None)
    assert found.wait_ms == pytest.approx(0.1, rel=1e-2)


def test_a_server_that_claims_more_than_there_was_is_not_believed() -> None:
    def boasting(slice_: PlannedSlice, rows: Rows) -> None:
        rows["total_us"] = 9_000_000
        rows["query_us"] = 100

    found = conclude(PLAN, record(PLAN, spoil=boasting))[0].targets["old"].split
    assert found
    assert (found.handler_ms, found.data_ms) == (None, None)


def test_a_slice_says_how_its_generator_fared() -> None:
    run, _ = conclude(PLAN, record(PLAN))
    fared = run.slices[0].generator
    assert fared
    assert fared.cpu == pytest.approx(0.1)
    assert (fared.loop_lag_p99_ms, fared.no_connection) == (0.5, 0)
    assert fared.send_delay_p99_ms == pytest.approx(0.1, rel=1e-3)
