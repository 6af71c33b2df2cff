"""What a stored calibration means for a race, a report and a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from dragstrip.analysis import calibration
from dragstrip.analysis.calibration import Calibration, between_runs, consult
from dragstrip.analysis.compare import compare
from dragstrip.analysis.regression import Tolerance
from dragstrip.analysis.verdict import judge
from dragstrip.config.config import Config, RulesConfig
from dragstrip.errors import StorageError
from dragstrip.home import HOME_VARIABLE
from dragstrip.race.setup import bind, sides
from dragstrip.report import calibration as trust
from dragstrip.report import terminal
from dragstrip.run.machine import these_versions, this_machine
from dragstrip.run.model import Calibrated
from tests.support.calibrations import MADE, calibration_of
from tests.support.over_time import two
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.run.model import Run
    from tests.support.calls import Call

CONFIG = Config.model_validate(
    {
        "targets": {
            "old": {"kind": "convex-http", "url": "http://127.0.0.1:1"},
            "new": {"kind": "convex-http", "url": "http://127.0.0.1:2"},
        },
        "race": {"baseline": "old", "challenger": "new"},
    }
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


def asked(config: Config = CONFIG, processes: int = 1, **machine: Any) -> Calibrated | None:
    here = this_machine().model_copy(update=machine)
    return consult(config, sides(*bind(config)), processes, here, these_versions())


def test_what_is_stored_is_read_back(home: Path) -> None:
    made = calibration_of()
    assert calibration.read() is None
    assert asked() is None
    assert calibration.write(made) == home / calibration.FILE
    assert calibration.read() == made


def test_a_race_learns_its_ceiling_and_its_floor(home: Path) -> None:
    made = calibration_of(1234)
    calibration.write(made)
    assert made.same
    assert asked() == Calibrated(
        made=MADE,
        ceiling_per_s=1234,
        noise_floor={"p95": made.same.found["p95"].noise_floor},
        remarks=[],
    )


@pytest.mark.parametrize(
    ("differing", "says"),
    [({"cpus": 999}, "another machine"), ({"system": "Linux 1"}, "another machine")],
)
def test_another_machines_calibration_is_ignored(
    home: Path, differing: dict[str, Any], says: str
) -> None:
    calibration.write(calibration_of())
    known = asked(**differing)
    assert known
    assert known.ceiling_per_s is None
    assert not known.noise_floor
    assert says in known.remarks[0]


def test_another_versions_calibration_is_ignored(home: Path) -> None:
    made = calibration_of()
    versions = made.versions.model_copy(update={"dragstrip": "99.0.0"})
    calibration.write(made.model_copy(update={"versions": versions}))
    known = asked()
    assert known
    assert known.ceiling_per_s is None
    assert "dragstrip 99" in known.remarks[0]


@pytest.mark.parametrize(
    "changed",
    [{"url": "http://127.0.0.1:9"}, {"kind": "next-supabase"}, {"lab": True}],
)
def test_the_floor_of_a_target_that_is_not_raced_says_nothing(
    home: Path, changed: dict[str, Any]
) -> None:
    calibration.write(calibration_of(**changed))
    known = asked()
    assert known
    assert known.ceiling_per_s == 5000
    assert not known.noise_floor
    assert "not raced here" in known.remarks[0]


def test_in_the_lab_ports_may_change(home: Path) -> None:
    calibration.write(calibration_of(lab=True, kind="next-supabase"))
    known = asked(Config())
    assert known
    assert known.noise_floor


def test_many_contacts_at_a_high_rate_are_remarked_on(home: Path) -> None:
    calibration.write(calibration_of())
    document = CONFIG.model_dump(exclude={"environment"})
    document |= {"dataset": {"contacts": 10**6}, "race": document["race"] | {"rate": 3000}}
    config = Config.model_validate(document)
    for processes, remarks in ((1, 1), (2, 0)):
        known = asked(config, processes)
        assert known
        assert len(known.remarks) == remarks


def test_a_file_that_is_no_calibration_is_an_error_with_a_fix(home: Path) -> None:
    home.mkdir()
    (home / calibration.FILE).write_text('{"schema_version": 1}')
    with pytest.raises(StorageError, match=calibration.FILE) as error:
        asked()
    assert "dragstrip calibrate" in (error.value.fix or "")


def test_a_race_beyond_the_ceiling_is_refused(home: Path, tmp_path: Path, call: Call) -> None:
    calibration.write(calibration_of(40))
    done = call(
        *("race", "--quick", "--rate", "90", "--processes", "2"),
        CONVEX_URL="http://127.0.0.1:1",
        CONVEX_SITE_URL="http://127.0.0.1:1",
        NEXT_URL="http://127.0.0.1:1",
        CRM_API_KEY="k",
    )
    assert done.code == 2, done.err
    assert "80 a second with 2 processes" in done.err
    assert "--rate" in done.err
    assert "--processes" in done.err
    assert not (tmp_path / "runs").exists()


def with_floor(run: Run, floor: float) -> Run:
    known = Calibrated(made=MADE, ceiling_per_s=100, noise_floor={"p95": floor}, remarks=["Note."])
    return run.model_copy(update={"calibration": known})


@pytest.mark.parametrize(
    ("medians_ms", "word"),
    [((20.0, 10.0), "adopt"), ((20.0, 15.0), "better"), ((15.0, 20.0), "worse")],
)
def test_nothing_within_the_noise_floor_tells_targets_apart(
    medians_ms: tuple[float, float], word: str
) -> None:
    plan, rules = plan_of(), RulesConfig()
    run, verdict = conclude(plan, record(plan, medians_ms))
    assert verdict.verdict == word
    assert verdict.ratio
    effect = max(verdict.ratio, 1 / verdict.ratio) - 1
    above, below = (
        judge(with_floor(run, floor), rules) for floor in (1.05 * effect, 0.95 * effect)
    )
    assert (above.verdict, above.pairs_needed) == ("inconclusive", None)
    assert "noise floor" in above.reason
    assert below.verdict == word
    # The interval is as it was: the floor changes what is made of it.
    assert (above.low, above.ratio, above.high) == (verdict.low, verdict.ratio, verdict.high)


def test_the_report_says_whether_the_machine_was_calibrated() -> None:
    plan = plan_of()
    run, verdict = conclude(plan, record(plan))
    assert terminal.text(run, verdict, verbose=True).count("dragstrip calibrate") == 1
    known = terminal.text(with_floor(run, 0.05), verdict, verbose=True)
    assert "dragstrip calibrate" not in known
    assert "by up to 5 %" in known
    assert "Note." in known


def on_this_machine(run: Run) -> Run:
    here = {"machine": this_machine(), "versions": these_versions()}
    return run.model_copy(update=here)


def test_a_comparison_allows_for_what_repeated_runs_differ_by() -> None:
    older, newer = map(on_this_machine, two(20.0, 20.0, noise=0.02))
    known = calibration_of(scatter=0.02, url=newer.targets["old"].url)
    found = compare(older, newer, Tolerance(), known=known)
    plain = compare(older, newer, Tolerance())
    assert known.same
    assert found.between_runs == known.same.found["p95"].between_runs > 0
    assert (found.high or 0) > (plain.high or 0)
    assert plain.between_runs is None


@pytest.mark.parametrize("changed", [{"url": "http://127.0.0.1:9"}, {"lab": True}, {"found": {}}])
def test_what_another_target_differs_by_is_of_no_use(changed: dict[str, Any]) -> None:
    newer = on_this_machine(two(20.0, 20.0)[1])
    known = calibration_of(**({"url": newer.targets["old"].url} | changed))
    assert between_runs(newer, "old", "p95", found=known) is None


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (calibration_of(), ["0 of 8", "0% to 37%", "36 races", "noise floor"]),
        (calibration_of(runs=40), ["at most 10%"]),
        (calibration_of(invalid=[["generator_cpu"]]), ["1 runs were invalid", "generator_cpu"]),
        (calibration_of(lab=True), ["stand-ins"]),
        (calibration_of().model_copy(update={"same": None}), ["5,000 requests a second"]),
    ],
)
def test_the_report_says_what_was_found(made: Calibration, says: list[str]) -> None:
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(trust.render(made, verbose=True))
    text = " ".join(captured.get().split())
    assert [word for word in says if word not in text] == []
    with console.capture() as captured:
        console.print(trust.render(made))
    short = captured.get()
    assert len(short.splitlines()) <= 24 - 2
    assert set(short.split()) <= set(text.split())
