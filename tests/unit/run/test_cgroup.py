from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.run.cgroup import cpu_quota, throttled_s

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "cores"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("100000 100000", 1), ("damaged", None)],
)
def test_the_quota_of_a_container(tmp_path: Path, text: str, cores: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert cpu_quota(tmp_path) == cores


@pytest.mark.parametrize(("quota", "cores", "seconds"), [("-1", None, None), ("50000", 0.5, 0.25)])
def test_a_host_with_groups_of_version_1(
    tmp_path: Path, quota: str, cores: float | None, seconds: float | None
) -> None:
    group = tmp_path / "cpu"
    group.mkdir()
    (group / "cpu.cfs_quota_us").write_text(f"{quota}\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    stat = "nr_periods 9\nnr_throttled 3\nthrottled_time 250000000\n"
    (group / "cpu.stat").write_text(stat)
    assert (cpu_quota(tmp_path), throttled_s(tmp_path)) == (cores, seconds)


def test_a_machine_without_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) is None
    assert throttled_s(tmp_path) is None


@pytest.mark.parametrize(
    ("quota", "stat", "seconds"),
    [
        ("50000 100000\n", "usage_usec 9\nnr_throttled 3\nthrottled_usec 250000\n", 0.25),
        ("50000 100000\n", "usage_usec 9\n", None),
        ("max 100000\n", "nr_throttled 0\nthrottled_usec 0\n", None),
    ],
)
def test_how_long_the_limit_held_the_container_up(
    tmp_path: Path, quota: str, stat: str, seconds: float | None
) -> None:
    (tmp_path / "cpu.max").write_text(quota)
    (tmp_path / "cpu.stat").write_text(stat)
    assert throttled_s(tmp_path) == seconds
