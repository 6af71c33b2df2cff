"""What `race` refuses before anything is sent, and the exit code it makes of a verdict."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest
from scipy import stats

from dragstrip.cli.main import main
from dragstrip.cli.requirement import judge
from dragstrip.config import presets
from dragstrip.config.config import Config, RulesConfig
from dragstrip.errors import DragstripError, UsageError
from dragstrip.race import prechecks
from dragstrip.run.plan import PlannedOperation
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.analysis.verdict import Requirement
    from dragstrip.run.model import Verdict


def verdict_of(medians_ms: tuple[float, float], **how: Any) -> Verdict:
    plan = plan_of()
    return conclude(plan, record(plan, medians_ms, **how))[1]


VERDICTS = {
    "adopt": verdict_of((20.0, 10.0)),
    "worse": verdict_of((10.0, 20.0)),
    "inconclusive": verdict_of((20.0, 18.0), noise=0.5),
    "invalid": verdict_of((20.0, 10.0), samples=10),
    "missed": verdict_of((5000.0, 1000.0)),
    "open": verdict_of((5000.0, 230.0), noise=0.1),
}


def exit_code(word: str, requirement: Requirement | None) -> tuple[int, str]:
    assert VERDICTS[word].verdict == {"missed": "better", "open": "better"}.get(word, word)
    try:
        judge(VERDICTS[word], requirement, RulesConfig())
    except DragstripError as error:
        return error.exit_code, f"{error.message} {error.fix}"
    return 0, ""


@pytest.mark.parametrize(
    ("word", "requirement", "code"),
    [
        ("adopt", None, 0),
        ("adopt", "adopt", 0),
        ("adopt", "not-worse", 0),
        ("adopt", "equivalent", 1),
        ("adopt", "slo", 0),
        ("worse", "slo", 0),
        ("missed", "slo", 1),
        ("open", "slo", 4),
        ("invalid", "slo", 3),
        ("worse", None, 0),
        ("worse", "not-worse", 1),
        ("inconclusive", None, 0),
        ("inconclusive", "better", 4),
        ("invalid", None, 3),
        ("invalid", "not-worse", 3),
    ],
)
def test_exit_codes(word: str, requirement: Requirement | None, code: int) -> None:
    assert exit_code(word, requirement)[0] == code


def test_an_open_requirement_says_how_many_pairs_would_settle_it() -> None:
    verdict = VERDICTS["inconclusive"]
    assert verdict.pairs_needed
    assert f"--pairs {verdict.pairs_needed}" in exit_code("inconclusive", "better")[1]


def test_an_invalid_run_says_what_to_do() -> None:
    said = exit_code("invalid", None)[1]
    assert "raise --rate" in said
    assert "requests in the smallest slice: 10, must be at least 59" in said


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """Listen where every target and backend is configured to be."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.chdir(tmp_path)
        for name in ("CONVEX_URL", "CONVEX_SITE_URL", "SUPABASE_URL", "NEXT_URL"):
            monkeypatch.setenv(name, url)
        for name in ("CRM_API_KEY", "CONVEX_ADMIN_KEY", "SUPABASE_SERVICE_ROLE_KEY"):
            monkeypatch.setenv(name, "a-secret")
        yield server


@pytest.mark.parametrize(
    ("toml", "arguments", "words"),
    [
        ("", "--rate -1", "race.rate"),
        ("", "--rate nan", "race.rate"),
        ("", "--rate inf", "race.rate"),
        ("", "--pairs 5", "race.pairs = 5 is fewer than the 6 that a verdict needs"),
        ("", "--pairs 0", "race.pairs"),
        ("", "--slice 5", "warmup must be shorter than slice"),
        ("", "--quick --slice 1", "warmup must be shorter than slice"),
        ("", "--quick --rate 10", "rules.metric = p95 needs 59"),
        ("rules.metric = 'p99'", "--quick --rate 50", "rules.metric = p99 needs 299"),
        ("", "--processes 33", "--processes 33 exceeds race.connections (32)"),
        ("", "--quick --preset thorough", "--quick and --preset thorough exclude each other"),
        ("", "--preset long", "--preset"),
        ("", "--web --metrics-port 9646", "--web and race.metrics_port exclude each other"),
        (
            "",
            "--web --web-host 0.0.0.0 --web-port 47113",
            "anyone who reaches the page can see it",
        ),
        ("", "--web --web-host 192.0.2.1", "--web-host, --web-port 192.0.2.1:8089"),
        ("race.timeout = 2\nrace.connect_timeout = 3", "", "connect_timeout (3) must not exceed"),
        ("race.timeout = 2\nrace.first_byte_timeout = 3", "", "first_byte_timeout (3) must not"),
        (
            "targets.convex = {kind = 'convex-http', ca_file = 'gone.pem'}",
            "",
            "targets.convex.ca_file: cannot read gone.pem",
        ),
        ("race.challenger = 'nobody'", "", "race.challenger"),
        ("race.ratee = 5", "", "race.ratee: unknown field; did you mean rate?"),
    ],
)
def test_bad_input_is_one_error_with_a_fix_and_nothing_is_sent(
    backend: socket.socket,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    toml: str,
    arguments: str,
    words: str,
) -> None:
    (tmp_path / "dragstrip.toml").write_text(toml)
    with pytest.raises(SystemExit) as exited:
        main(["race", *arguments.split()])
    said = capsys.readouterr()
    assert exited.value.code == 2
    assert words in said.err
    assert "fix:" in said.err or "Try" in said.err
    assert said.out == ""
    assert not (tmp_path / "runs").exists()
    with pytest.raises(BlockingIOError):
        backend.accept()


ONE = (PlannedOperation(name="lookup"),)


def configure(metric: str = "p95", **race: Any) -> Config:
    return Config.model_validate({"race": race, "rules": {"metric": metric}})


def require(config: Config, **how: Any) -> None:
    given: dict[str, Any] = {"processes": 1, "operations": ONE} | how
    prechecks.require(config, **given)


def refusal(config: Config, **how: Any) -> UsageError:
    with pytest.raises(UsageError) as caught:
        require(config, **how)
    return caught.value


def test_every_reason_is_named_at_once() -> None:
    refused = refusal(configure(pairs=2, rate=1, connections=2), processes=3)
    for words in ("race.pairs", "race.rate", "--processes"):
        assert words in refused.message
    assert refused.fix is not None
    assert refused.fix.count(";") == 2


@pytest.mark.parametrize("metric", ["p50", "p95", "p99"])
@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_the_rate_and_the_slice_that_are_named_suffice(metric: str, arrivals: str) -> None:
    race = {"pairs": 20, "slice": 5.5, "warmup": 1.0, "rate": 1.0, "arrivals": arrivals}
    fix = str(refusal(configure(metric, **race)).fix).split()
    rate, length = float(fix[fix.index("--rate") + 1].strip(",")), float(fix[-1])
    for better in ({"rate": rate}, {"slice": length}):
        require(configure(metric, **race | better))
    assert "race.rate" in refusal(configure(metric, **race | {"rate": rate * 0.7})).message


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_of_several_operations_the_one_that_decides_must_have_enough(arrivals: str) -> None:
    race: dict[str, Any] = {
        "pairs": 20,
        "slice": 5.5,
        "warmup": 1.0,
        "rate": 40.0,
        "arrivals": arrivals,
    }
    require(configure(**race))
    config = Config.model_validate({"race": race, "rules": {"operation": "message"}})
    refused = refusal(config, operations=OPERATIONS)
    assert "gives about 45 message requests a slice" in refused.message
    fix = str(refused.fix).split()
    rate, length = float(fix[fix.index("--rate") + 1].strip(",")), float(fix[-1])
    for better in ({"rate": rate}, {"slice": length}):
        changed = config.race.model_copy(update=better)
        require(config.model_copy(update={"race": changed}), operations=OPERATIONS)


def test_arrivals_that_chance_may_make_too_few_are_refused() -> None:
    expected = 59 + 20
    race: dict[str, Any] = {"slice": 2.0, "warmup": 1.0, "rate": expected, "pairs": 6}
    risk = 1 - stats.poisson.sf(58, expected) ** 6
    assert 0.01 < risk < 0.05
    require(configure(**race))
    # The same risk a pair, but many more of them.
    assert "needs 59" in refusal(configure(**race | {"pairs": 100})).message


def test_a_closed_model_has_no_rate_to_judge() -> None:
    require(configure(rate=0), ceiling_per_s=1.0)


def test_a_rate_beyond_the_calibrated_ceiling_is_refused() -> None:
    config = configure(rate=9000)
    require(config)
    require(config, processes=2, ceiling_per_s=5000.0)
    refused = refusal(config, ceiling_per_s=5000.0)
    assert "race.rate = 9000 is beyond" in refused.message
    assert "--rate 5000" in str(refused.fix)


@pytest.mark.parametrize(
    ("race", "words", "fix"),
    [
        ({"profile": "sine:1..200/600s"}, "in its quietest 25 counted seconds", "longer --slice"),
        ({"profile": "ramp:10..90/1h"}, "lasts 3600 s, and 20 pairs of 30 s", "--pairs 120"),
        ({"profile": "spike:50,6000@9+2"}, "up to 6000 a second, is beyond", "lower rates"),
    ],
)
def test_a_profile_that_gives_no_verdict_is_refused(
    race: dict[str, Any], words: str, fix: str
) -> None:
    # Each slice plays all of it, however its parts differ.
    require(configure(profile="steps:1,200"), ceiling_per_s=5000.0)
    refused = refusal(configure(**race), ceiling_per_s=5000.0)
    assert words in refused.message
    assert fix in str(refused.fix)


@pytest.mark.parametrize("profile", ["ramp:10..90", "poisson:70"])
def test_a_rate_beside_a_profile_is_refused(profile: str) -> None:
    with pytest.raises(UsageError, match="--rate and the profile"):
        presets.load({}, None, "quick", {"rate": 50, "profile": profile})
    assert presets.load({}, None, "quick", {"profile": profile}).race.rate in {50, 70}


def test_flags_win_over_presets_and_presets_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "dragstrip.toml"
    path.write_text("[race]\npairs = 11\nslice = 12\nwarmup = 3\nmiss = 0.5\n")

    def race(preset: presets.Preset | None, **given: Any) -> tuple[float, ...]:
        found = presets.load({}, path, preset, given).race
        return (found.pairs, found.slice, found.warmup, found.rate, found.miss)

    assert race(None) == (11, 12, 3, 50, 0.5)
    assert race("quick") == (6, 5, 1, presets.QUICK_RATE, 0.5)
    assert race("quick", pairs=8, rate=None) == (8, 5, 1, presets.QUICK_RATE, 0.5)
    assert race("quick", rate=70) == (6, 5, 1, 70, 0.5)
    assert race("standard") == (20, 30, 5, 50, 0.5)
    assert race("thorough", slice=90) == (40, 90, 10, 50, 0.5)
    path.write_text("[race]\nrate = 40\n")
    assert race("quick")[3] == 40


def test_the_standard_preset_is_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert presets.load({}, None, "standard", {}).race == Config().race


@pytest.mark.parametrize(("preset", "minutes"), [("quick", 1), ("standard", 20), ("thorough", 80)])
def test_presets_take_as_long_as_they_say_and_can_settle_a_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: presets.Preset, minutes: float
) -> None:
    monkeypatch.chdir(tmp_path)
    config = presets.load({}, None, preset, {})
    assert config.race.pairs * 2 * config.race.slice / 60 == minutes
    require(config)
