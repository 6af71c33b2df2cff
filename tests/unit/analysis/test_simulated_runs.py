"""The simulator of races, and a small run of what benchmarks/inference.py measures."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import inference, verdicts
from benchmarks.simulated_runs import SimulatedScenario, simulate, stored_run
from benchmarks.verdicts import Results, SimulationPlan
from dragstrip.analysis.paired_values import by_pair
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import RulesConfig
from tests.support.schema_validator import validator

if TYPE_CHECKING:
    from pathlib import Path


def test_the_same_seed_gives_the_same_races_and_the_ratio_is_exact() -> None:
    one = simulate(verdicts.HARD, experiments=3, pairs=4, seed=5)
    two = simulate(verdicts.HARD, experiments=3, pairs=4, seed=5, ratio=2.0)
    for metric in ("p50", "p95", "p99"):
        assert two.log_ratios(metric) == pytest.approx(one.log_ratios(metric) + math.log(2))


def test_quantiles_are_those_of_the_latencies() -> None:
    made = simulate(SimulatedScenario("any"), experiments=2, pairs=3, seed=1, keep_latencies=True)
    assert made.latencies is not None
    expected = np.quantile(made.latencies, 0.95, axis=3, method="inverted_cdf")
    assert made.quantiles["p95"] == pytest.approx(expected, abs=1e-6)


def test_state_lasts_as_long_as_it_is_told_to() -> None:
    scenario = SimulatedScenario("state alone", memory=0.1, state=1, noise=0, requests=200)
    made = simulate(scenario, experiments=200, pairs=2, seed=1, keep_latencies=True)
    assert made.latencies is not None
    state = made.latencies[:, 0, 0] - math.log(20)
    assert (state[:, :-20] * state[:, 20:]).mean() == pytest.approx(math.exp(-1), abs=0.05)
    assert state.std() == pytest.approx(1, abs=0.05)


def test_a_simulated_run_is_a_run() -> None:
    made = simulate(SimulatedScenario("any"), experiments=1, pairs=6, seed=1)
    run = stored_run(made, 0, RulesConfig())
    assert next(validator("run").iter_errors(json.loads(run.model_dump_json())), None) is None
    old, new = by_pair(run, "p95")
    assert np.log(new) - np.log(old) == pytest.approx(made.log_ratios()[0])
    swapped = stored_run(made, 0, RulesConfig(), swapped=True)
    assert by_pair(swapped, "p95") == (new, old)
    assert judge(run, RulesConfig()).pairs == 6


def test_a_small_run_keeps_its_bounds_and_pooled_requests_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small = replace(verdicts.HARD, requests=100)
    monkeypatch.setattr(verdicts, "HARD", small)
    monkeypatch.setattr(verdicts, "BOUNDED", (small,))
    # 95 % less three standard errors of 300.
    monkeypatch.setattr(verdicts, "LEAST_COVERAGE", 0.912)
    monkeypatch.setattr(verdicts, "BOOTSTRAPPED", 20)
    monkeypatch.setattr(verdicts, "FLIP_RUNS", 12)
    results = Results()
    monkeypatch.setattr(verdicts, "BINNED", 5)
    for part in (verdicts.coverage, verdicts.flips, verdicts.resolution):
        for _ in part(SimulationPlan(7, 300), results):
            pass
    assert [bound for bound in results.bounds if not bound.passed] == []
    hard = [row for row in results.tables["coverage"] if row["scenario"] == small.name]
    assert len(hard) == 3
    assert all(row["pooled"] < 0.7 for row in hard)


@pytest.mark.parametrize(("figure", "code"), [(0.94, 0), (0.936, 0), (0.93, 1)])
def test_a_broken_bound_is_said_stored_and_exited_with(
    figure: float,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    results = Results()
    results.add("coverage", {"scenario": "one", "interval": 0.93})
    results.bound("coverage, one", figure, low=0.936)
    monkeypatch.setattr(inference, "measure", lambda *_: results)
    stored = tmp_path / "inference.json"
    assert inference.main(["--json", str(stored)]) == code
    assert ("BROKEN  coverage, one" in capsys.readouterr().err) == bool(code)
    document = json.loads(stored.read_text())
    assert document["figures"]["coverage"] == results.tables["coverage"]
    bound = document["bounds"][0]
    assert (bound["passed"], bound["must_be"], bound["bound"]) == (not code, "at least", 0.936)


def test_time_that_is_up_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(verdicts, "PARTS", (verdicts.mirror,))
    monkeypatch.setattr(inference, "measure", lambda plan, _: verdicts.measure(plan, limit_s=0))
    assert inference.main([]) == 1
    assert "mirror was not done after 0 s" in capsys.readouterr().err


def test_quick_keeps_to_the_scenario_that_asks_the_most() -> None:
    assert SimulationPlan(1, 100, quick=True).scenarios == (verdicts.HARD,)
    assert verdicts.HARD in verdicts.BOUNDED
    assert set(SimulationPlan(1, 100).scenarios) > set(verdicts.BOUNDED)
