"""Load profiles: their texts, their integrated rates and the inverses of these."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.config import config as configuration
from dragstrip.config.config import RaceConfig
from dragstrip.config.load_profile import profile_of
from dragstrip.errors import ConfigError

_RATE = st.floats(0.1, 1000).map(lambda rate: f"{rate:.2f}")
_TIME = st.floats(1, 500).map(lambda seconds: f"{seconds:.2f}")


@st.composite
def _texts(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(["steps", "ramp", "spike", "sine"]))
    low, high = draw(_RATE), draw(_RATE)
    period = draw(st.one_of(st.none(), _TIME))
    end = f"/{period}" if period else ""
    if kind == "spike":
        length_s = float(period or 30)
        at_s = draw(st.floats(0, 0.9)) * length_s
        return f"spike:{low},{high}@{at_s:.4f}+{0.09 * length_s:.4f}{end}"
    if kind == "steps":
        more = draw(st.lists(_RATE, max_size=4))
        return f"steps:{','.join([low, high, *more])}{end}"
    return f"{kind}:{low}..{high}{end}"


@given(_texts(), st.floats(0, 3000))
def test_the_inverse_undoes_the_integrated_rate(text: str, time_s: float) -> None:
    profile = profile_of(text, 30.0, None)
    requests = profile.requests_by(np.array([time_s]))
    again = profile.requests_by(profile.times_of(requests))
    assert again[0] == pytest.approx(requests[0], rel=1e-9, abs=1e-6)


@given(_texts(), st.lists(st.floats(0, 2000), min_size=2, max_size=50))
def test_the_integrated_rate_rises_no_faster_than_the_highest_rate(
    text: str, times: list[float]
) -> None:
    profile, times_s = profile_of(text, 30.0, None), np.sort(times)
    risen = np.diff(profile.requests_by(times_s))
    assert (risen >= -1e-6).all()
    assert (risen <= profile.highest_per_s * np.diff(times_s) + 1e-6).all()
    assert profile.requests_by(10 * profile.period_s) == pytest.approx(10 * profile.per_period)


@given(_texts(), st.floats(0.01, 1000), st.floats(0, 200))
def test_a_search_scales_all_rates_alike(text: str, mean_per_s: float, time_s: float) -> None:
    written, scaled = (profile_of(text, 30.0, None, mean) for mean in (None, mean_per_s))
    assert scaled.mean_per_s == pytest.approx(mean_per_s)
    assert scaled.period_s == written.period_s
    times = mean_per_s / written.mean_per_s
    assert scaled.highest_per_s == pytest.approx(times * written.highest_per_s)
    assert scaled.requests_by(time_s) == pytest.approx(times * written.requests_by(time_s))


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ("ramp:10..100", {0: 0, 15: 487.5, 30: 1650, 60: 3300}),
        ("steps:50,100,200/30s", {5: 250, 10: 500, 15: 1000, 20: 1500, 30: 3500}),
        ("spike:50,500@10s+2s", {10: 500, 12: 1500, 30: 2400}),
        ("sine:20..200/1m", {15: 15 * 110 - 90 * 60 / (2 * np.pi), 30: 3300, 60: 6600}),
    ],
)
def test_as_many_requests_are_due_as_the_area_below_the_rate(
    text: str, by: dict[float, float]
) -> None:
    profile = profile_of(text, 30.0, None)
    found = profile.requests_by(np.array(list(by), np.float64))
    assert found == pytest.approx(list(by.values()), rel=1e-4)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ({"kind": "ramp", "rates": [10, 100]}, "ramp:10..100"),
        ({"kind": "steps", "rates": [1, 2, 3], "period": "10m"}, "steps:1,2,3/10m"),
        (
            {"kind": "spike", "rates": [50, 500], "at": "10s", "length": 2, "period": 60},
            "spike:50,500@10s+2/60",
        ),
    ],
)
def test_a_table_says_the_same_as_a_text(table: dict[str, object], text: str) -> None:
    from_table, from_text = (
        RaceConfig.model_validate({"profile": each, "slice": 60}) for each in (table, text)
    )
    assert from_table == from_text
    assert from_table.profile == text


def test_one_rate_is_what_rate_and_arrivals_say() -> None:
    race = RaceConfig.model_validate({"profile": "constant:70"})
    assert race == RaceConfig(rate=70, arrivals="constant")
    assert RaceConfig.model_validate({"profile": "poisson", "rate": 7}).rate == 7


def test_a_stored_race_needs_no_log(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("0.25\n1\n2.5\n")
    race = RaceConfig.model_validate({"profile": f"replay:{log}*2"})
    log.unlink()
    again = RaceConfig.model_validate_json(race.model_dump_json())
    assert again == race
    assert again.shape is not None
    assert again.shape.times_of(np.arange(3.0)).tolist() == [0, 0.375, 1.125]
    # A search plays it faster.
    twice = again.model_copy(update={"rate": 2 * again.rate}).shape
    assert twice is not None
    assert twice.times_of(np.arange(3.0)).tolist() == [0, 0.1875, 0.5625]


@pytest.mark.parametrize(
    ("profile", "words"),
    [
        ("ramp:10", r"race\.profile: must be constant\[:RATE\], poisson"),
        ("ramp:", "must be constant"),
        ("wave:1..2", "must be constant"),
        ("steps:0,0", "must have a rate above 0"),
        ("ramp:1..2000000", "none above 1,000,000"),
        ("sine:1..2/0s", "a period above 0 s"),
        ("spike:1,2@1s+0s", "longer than 0 s"),
        ("spike:1,2@29s+2s", "its spike ends at 31 s, after its period of 30 s"),
        ("replay:nowhere.log", "cannot read nowhere.log"),
        ("replay:nowhere.log*0", "a speed above 0"),
        ({"kind": "ramp", "slope": 2}, "the unknown field slope"),
        (7, "must be constant"),
    ],
)
def test_what_is_no_profile_is_refused(profile: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        configuration.load({}, None, document={"race": {"profile": profile}})
