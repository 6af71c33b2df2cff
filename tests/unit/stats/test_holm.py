"""Holm's adjustment against worked examples and its defining properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.stats.holm import holm

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8).map(
    lambda values: {f"m{number}": p for number, p in enumerate(values)}
)


def test_a_worked_example() -> None:
    # R's p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") is 0.03 0.06 0.06 0.02.
    raw = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    assert holm(raw) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})
    assert list(holm(raw)) == list(raw)


def test_one_metric_needs_no_correction_and_none_is_none() -> None:
    assert holm({"a": 0.04}) == {"a": 0.04}
    assert holm({}) == {}


@given(p_values)
def test_adjusted_is_never_smaller_never_above_one_and_keeps_the_order(
    raw: dict[str, float],
) -> None:
    adjusted = holm(raw)
    assert all(raw[name] <= adjusted[name] <= 1 for name in raw)
    by_raw = sorted(raw, key=lambda name: raw[name])
    assert [adjusted[name] for name in by_raw] == sorted(adjusted.values())


@given(p_values)
def test_it_lies_between_no_correction_and_bonferronis(raw: dict[str, float]) -> None:
    adjusted = holm(raw)
    assert all(adjusted[name] <= min(1, len(raw) * raw[name]) + 1e-15 for name in raw)


@given(p_values, st.floats(0.001, 0.2))
def test_it_rejects_what_the_sequential_procedure_rejects(
    raw: dict[str, float], level: float
) -> None:
    rejected = set()
    for rank, name in enumerate(sorted(raw, key=lambda one: raw[one])):
        if raw[name] * (len(raw) - rank) > level:
            break
        rejected.add(name)
    assert {name for name, p in holm(raw).items() if p <= level} == rejected


def test_the_share_of_experiments_with_any_false_finding_is_kept() -> None:
    raw = np.random.default_rng(8).random((2000, 5))
    raw[:, 3] = raw[:, 2]
    any_found = [min(holm({str(n): p for n, p in enumerate(row)}).values()) <= 0.05 for row in raw]
    # 5 % plus three standard errors of 2,000.
    assert np.mean(any_found) <= 0.065
    assert (raw.min(axis=1) <= 0.05).mean() > 0.15


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(p: float) -> None:
    with pytest.raises(ValueError, match="p99"):
        holm({"p50": 0.5, "p99": p})
