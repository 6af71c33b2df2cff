"""`dragstrip calibrate`: what it refuses, and what it makes of runs of equal targets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis import calibration
from dragstrip.calibrate import calibrate, max_rate
from dragstrip.calibrate.calibrate import CalibrationSettings
from dragstrip.config.config import Config
from dragstrip.errors import DragstripError, InvalidRun, UsageError
from dragstrip.race import prechecks
from tests.support.races import Quiet
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from dragstrip.run.model import Run
    from tests.support.calls import Call

CONFIG = Config.model_validate(
    {
        "targets": {"old": {"kind": "convex-http", "url": "http://127.0.0.1:1"}},
        "race": {"baseline": "old"},
    }
).with_environment({"CRM_API_KEY": "k"})


def test_one_target_is_raced_against_itself_with_enough_lookups_in_every_slice() -> None:
    equal = calibrate._equal(CONFIG, CalibrationSettings())
    first, second = (equal.targets[name] for name in (equal.race.baseline, equal.race.challenger))
    assert first == second == CONFIG.targets["old"]
    assert equal.race.pairs == 6
    assert equal.race.rate * equal.race.counted_s > 90
    assert calibrate._duration_s(equal, CalibrationSettings()) < 5.5 * 60


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (CalibrationSettings(runs=2), "--runs"),
        (CalibrationSettings(pairs=5), "--pairs"),
        (CalibrationSettings(target="none"), "old"),
        (CalibrationSettings(slice_s=0.2), "--slice"),
        (CalibrationSettings(slice_s=float("nan")), "--slice"),
        (CalibrationSettings(runs=500), "fewer --runs"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_way_out(
    settings: CalibrationSettings, says: str
) -> None:
    with pytest.raises(DragstripError) as refused:
        calibrate._equal(CONFIG, settings)
    assert refused.value.exit_code == 2
    assert says in f"{refused.value.message} {refused.value.fix}"


def test_a_missing_key_is_said_before_anything_is_measured(call: Call) -> None:
    done = call("calibrate", NEXT_URL="http://127.0.0.1:1")
    assert done.code == 2
    assert "CRM_API_KEY" in done.err
    assert "ceiling" not in done.err
    assert calibration.read() is None


def of_two_operations(operation: str) -> Config:
    operations = [{"name": "search", "path": "/", "weight": 9}, {"name": "order", "path": "/o"}]
    return Config.model_validate(
        {
            "scenario": {"name": "endpoint", "operations": operations},
            "targets": {"old": {"url": "http://127.0.0.1:1"}},
            "race": {"baseline": "old", "rate": 100},
            "rules": {"operation": operation},
        }
    )


def test_slices_are_long_enough_for_the_operation_that_decides() -> None:
    for operation, share in (("search", 0.9), ("order", 0.1)):
        equal = calibrate._equal(of_two_operations(operation), CalibrationSettings())
        assert equal.race.rate * share * equal.race.counted_s > 90
        prechecks.require(equal, processes=1, operations=calibrate._operations(equal))


def test_an_operation_that_is_not_there_is_said_before_anything_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(max_rate, "seek", lambda *_: pytest.fail("it was measured"))
    with pytest.raises(UsageError, match='the scenario has no operation "chat"'):
        calibrate.calibrate(of_two_operations("chat"), CalibrationSettings(), Quiet())


def equal_runs(count: int, **how: Any) -> list[Run]:
    plan = plan_of(pairs=6, names=("old", "old-again"))
    return [conclude(plan, record(plan, (20.0, 20.0), seed=n, **how))[0] for n in range(count)]


def test_runs_of_equal_targets_become_a_floor_for_every_metric_with_enough_lookups() -> None:
    found = calibrate._conclude(CONFIG, equal_runs(5), [["generator_cpu"]])
    # 200 lookups a slice: the p99 takes 299.
    assert set(found.found) == {"p50", "p95"}
    assert {one.runs for one in found.found.values()} == {5}
    assert (found.target, found.kind, found.lab) == ("old", "convex-http", False)
    assert [len(run.slices_ms["p95"]) for run in found.runs] == [6] * 5
    assert found.invalid == [["generator_cpu"]]


def test_too_few_valid_runs_prove_nothing_and_say_why() -> None:
    with pytest.raises(InvalidRun, match="generator_cpu, no_connection"):
        calibrate._conclude(CONFIG, equal_runs(2), [["no_connection"], ["generator_cpu"]])


def test_of_a_profile_its_mean_is_calibrated() -> None:
    config = Config.model_validate({"race": {"profile": "ramp:10..90"}})
    assert calibrate.without_profile(config).race.profile is None
    assert calibrate.without_profile(config).race.rate == 50
