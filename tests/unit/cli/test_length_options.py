"""`--for` and `--stop-when-decided`: what they make of a configuration, and what they refuse."""

from __future__ import annotations

import pytest

from dragstrip.cli.length_options import with_length
from dragstrip.config.config import Config
from dragstrip.errors import ConfigError, UsageError

CONFIG = Config.model_validate({"race": {"slice": 5, "warmup": 1, "pairs": 6}})


@pytest.mark.parametrize(("time", "pairs"), [("90s", 9), ("2.5m", 15), ("24h", 8640)])
def test_a_time_gives_as_many_pairs_as_fit(time: str, pairs: int) -> None:
    race = with_length(CONFIG, time, pairs=None, stop_when_decided=True).race
    assert (race.pairs, race.looks, race.stop_when_decided) == (pairs, "any", True)
    assert with_length(CONFIG, time, pairs=None, stop_when_decided=False).race.pairs == pairs


def test_fields_that_nobody_has_set_stay_unset() -> None:
    race = with_length(CONFIG, "5m", pairs=None, stop_when_decided=False).race
    assert "miss" not in race.model_fields_set
    assert with_length(CONFIG, None, pairs=7, stop_when_decided=False) is CONFIG


def test_what_is_refused_names_the_flag_and_the_fix() -> None:
    for time in ("", "10", "1d", "-5m", "inf", "9s"):
        with pytest.raises(UsageError, match=f"--for {time}") as refused:
            with_length(CONFIG, time, pairs=None, stop_when_decided=False)
        assert refused.value.fix
    with pytest.raises(UsageError, match="--for and --pairs exclude each other"):
        with_length(CONFIG, "5m", pairs=10, stop_when_decided=False)
    with pytest.raises(ConfigError, match="stop_when_decided needs 8 pairs or more"):
        with_length(CONFIG, None, pairs=None, stop_when_decided=True)
    with pytest.raises(ConfigError, match="pairs"):
        with_length(CONFIG, "99999h", pairs=None, stop_when_decided=False)
