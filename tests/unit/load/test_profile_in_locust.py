"""Plain Locust by a load profile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support import locust_runs
from tests.support.races import DATASET, homes, sections, toml
from tests.support.stand_in import API_KEY, StandIn

if TYPE_CHECKING:
    from pathlib import Path


def test_plain_locust_replays_a_log_over_its_users(tmp_path: Path) -> None:
    # The users are there before the second request, and each has time for its next one.
    at_s = [0, *(3 + 0.4 * n for n in range(7)), 60]
    (tmp_path / "access.log").write_text("".join(f"{1000 + one:.1f}\n" for one in at_s))
    with StandIn(DATASET).serving() as server:
        configuration = sections(server.url, server.url, connections=4)
        del configuration["targets"]["old"]
        (tmp_path / "dragstrip.toml").write_text(toml(configuration))
        done = locust_runs.run(
            tmp_path,
            {"CRM_API_KEY": API_KEY, **homes(tmp_path)},
            *("--headless", "-u", "4", "-r", "4", "-t", "8s"),
            *("--load-profile", "replay:access.log"),
        )
        assert done.returncode == 0, done.stderr
        assert len(server.lookups) == 8


def test_a_profile_that_is_none_ends_locust_before_anything_is_sent(tmp_path: Path) -> None:
    done = locust_runs.run(tmp_path, homes(tmp_path), "--headless", "--load-profile", "ramp:1")
    assert done.returncode == 2
    assert "race.profile: must be constant" in done.stderr
