"""Races that may end early: when they are looked at, what a look says, and when one ends."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import t

from benchmarks.looked_at import looked_at
from benchmarks.simulated_runs import simulate, stored_run
from benchmarks.verdicts import HARD, QUIET
from dragstrip.analysis.looks import interval_of, level, looks_of
from dragstrip.analysis.paired_values import by_pair
from dragstrip.analysis.stopping import is_decided, is_in_one_region
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RaceConfig, RulesConfig
from dragstrip.report import text
from dragstrip.run.model import Gate, MadeLook, Run
from dragstrip.stats.proportion import clopper_pearson

RULES = RulesConfig()


def race(pairs: int, looks: Any = 5) -> RaceConfig:
    return RaceConfig(pairs=pairs, stop_when_decided=True, looks=looks)


def run_of(ratio: float, pairs: int, *, of: int, scatter: Any = QUIET, looks: Any = 5) -> Run:
    """Return a simulated run of so many of the planned pairs, looked at as it went on."""
    run = stored_run(simulate(scatter, experiments=1, pairs=pairs, seed=11, ratio=ratio), 0, RULES)
    planned = {"pairs": of, "stop_when_decided": True, "looks": looks}
    config = {**run.config, "race": run.config["race"] | planned}
    return run.model_copy(update={"config": config})


def test_looks_are_spread_over_the_pairs_and_none_comes_before_a_verdict_may() -> None:
    assert race(20).look_pairs == (8, 12, 16, 20)
    assert race(40).look_pairs == (8, 16, 24, 32, 40)
    assert race(41, 3).look_pairs == (14, 28, 41)
    assert race(8).look_pairs == (6, 8)
    assert race(11, "any").look_pairs == (6, 8, 10, 11)
    with pytest.raises(ValidationError, match="stop_when_decided needs 8 pairs or more"):
        race(6)
    with pytest.raises(ValidationError):
        race(20, 2)


@given(st.integers(8, 400), st.sampled_from([3, 4, 5, "any"]))
def test_each_look_is_stricter_than_a_single_one(pairs: int, looks: Any) -> None:
    planned = race(pairs, looks)
    assert list(planned.look_pairs) == sorted(set(planned.look_pairs))
    for look in planned.look_pairs:
        assert 0.95 <= level(planned, look)(look) <= 1
    assert level(None, pairs)(pairs) == 0.95


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.3, 0.6, True),
        (0.3, 0.7, False),
        (0.7, 0.78, True),
        (0.7, 0.99, False),
        (0.85, 1.2, True),
        (1.1, 1.3, False),
        (1.3, 9.0, True),
    ],
)
def test_a_race_is_decided_where_all_ratios_of_the_interval_mean_the_same(
    low: float, high: float, expected: bool
) -> None:
    assert is_in_one_region(low, high, RULES) is expected


@pytest.mark.parametrize(("ratio", "word"), [(0.5, "adopt"), (1.0, "equivalent"), (2.0, "worse")])
def test_a_clear_race_is_decided_early(ratio: float, word: str) -> None:
    run = run_of(ratio, 8, of=20)
    assert is_decided(run, RULES)
    assert judge(run, RULES).verdict == word


def test_what_the_interval_does_not_decide_goes_on() -> None:
    run = run_of(0.5, 8, of=20)
    broken = Gate(name="wrong_answers", passed=False, figure=1, bound=0)
    assert not is_decided(run.model_copy(update={"gates": [broken]}), RULES)
    assert judge(run.model_copy(update={"gates": [broken]}), RULES).looks == []
    # Near the objective: more pairs would tell whether it is kept.
    near = run.targets["new"].p95_ms
    assert near is not None
    assert not is_decided(run, RULES.model_copy(update={"slo_ms": near}))
    failing = run.targets["new"].model_copy(
        update={"verified": 7_000, "requests": 8_000, "error_rate": 0.125}
    )
    failed = run.model_copy(update={"targets": {**run.targets, "new": failing}})
    assert judge(failed, RULES).verdict == "worse"
    assert not is_decided(failed, RULES)
    assert not is_decided(run_of(0.667, 16, of=20), RULES)


def test_the_report_names_the_looks_but_not_hundreds_of_them() -> None:
    made = [MadeLook(pairs=pairs, ends=pairs == 14) for pairs in range(6, 15, 2)]
    run = run_of(0.5, 14, of=40, looks="any").model_copy(update={"looks": made})
    said = text.remarks(run, judge(run, RULES))[0]
    assert "after 6, 8, 10, 12, 14 of 40 pairs, and decided then, which saved 26 pairs" in said
    assert "up to 40 pairs of" in text.conditions(run)
    more = [MadeLook(pairs=pairs, ends=False) for pairs in range(6, 40, 2)]
    whole = run.model_copy(update={"looks": more})
    assert (
        "after 6, 8, …, 38 of 40 pairs, and never decided then"
        in text.remarks(whole, judge(whole, RULES))[0]
    )


def test_the_last_look_is_the_verdict_and_earlier_ones_are_those_of_the_first_pairs() -> None:
    run = run_of(0.8, 16, of=20, scatter=HARD)
    verdict = judge(run, RULES)
    assert [look.pairs for look in verdict.looks] == [8, 12, 16]
    last = verdict.looks[-1]
    assert (last.ratio, last.low, last.high) == (verdict.ratio, verdict.low, verdict.high)
    shorter = run.model_copy(update={"slices": [one for one in run.slices if one.pair < 12]})
    assert looks_of(shorter, "p95") == verdict.looks[:2]
    once = {**run.config, "race": run.config["race"] | {"stop_when_decided": False}}
    usual = judge(run.model_copy(update={"config": once}), RULES)
    assert usual.looks == []
    assert usual.low is not None
    assert last.low < usual.low


@pytest.mark.parametrize("looks", [5, "any"])
def test_every_interval_of_a_race_that_ended_early_has_the_confidence_of_its_look(
    looks: Any,
) -> None:
    run = run_of(0.8, 12, of=20, scatter=HARD, looks=looks)
    once = {**run.config, "race": run.config["race"] | {"stop_when_decided": False}}
    verdict, usual = judge(run, RULES), judge(run.model_copy(update={"config": once}), RULES)
    for name, one in verdict.secondary.items():
        assert one.low <= usual.secondary[name].low
        assert one.high >= usual.secondary[name].high
        assert one.p >= usual.secondary[name].p
        # The p-value and the interval say the same of "no change".
        assert (one.p < 0.05) == (not one.low <= (one.kind == "ratio") <= one.high)
    old, new = by_pair(run, "p50")
    compared = interval_of(np.log(new) - np.log(old), race(20, looks))[0]
    p50 = verdict.secondary["p50"]
    assert (p50.low, p50.high) == pytest.approx((compared.low, compared.high))
    assert p50.low < usual.secondary["p50"].low
    confidence = level(race(20, looks), 12)(12)
    for name, target in verdict.targets.items():
        limits = (target.error_rate_low, target.error_rate_high)
        assert limits == clopper_pearson(0, run.targets[name].requests, confidence)


@pytest.mark.parametrize("pairs", [8, 10, 20, 40])
@pytest.mark.parametrize("looks", [3, 5, "any"])
def test_five_percent_of_races_of_independent_pairs_are_wrong_at_any_look(
    pairs: int, looks: Any
) -> None:
    values = np.random.default_rng(4).standard_normal((50_000, pairs))
    wrong = np.zeros(len(values), np.bool_)
    for look in race(pairs, looks).look_pairs:
        mean, error = values[:, :look].mean(axis=1), values[:, :look].std(axis=1, ddof=1)
        reach = t.ppf((1 + level(race(pairs, looks), look)(look)) / 2, look - 1)
        wrong |= np.abs(mean) > reach * error / math.sqrt(look)
    # Three standard errors.
    assert wrong.mean() <= 0.053
    assert looks == "any" or wrong.mean() > 0.04


@pytest.mark.parametrize(("pairs", "looks", "experiments"), [(10, 5, 400), (40, "any", 60)])
def test_equal_targets_are_seldom_told_apart_however_often_one_looks(
    pairs: int, looks: Any, experiments: int
) -> None:
    simulated = simulate(HARD, experiments=experiments, pairs=pairs, seed=5)
    metrics = [simulated.log_ratios(metric) for metric in ("p95", "p50", "p99")]
    found = [
        looked_at(one, race(pairs, looks), 1.0, others)
        for one, *others in zip(*metrics, strict=True)
    ]
    # 5 % and three standard errors; so it is of the metrics that did not end the race.
    most = experiments * (0.05 + 3 * math.sqrt(0.05 * 0.95 / experiments))
    assert sum(not one.every_holds for one in found) <= most
    for metric in range(2):
        assert sum(not one.others[metric] for one in found) <= most
    apart = simulate(HARD, experiments=20, pairs=pairs, seed=5, ratio=0.4).log_ratios()
    assert np.mean([looked_at(one, race(pairs, looks), 0.4).pairs for one in apart]) < pairs
