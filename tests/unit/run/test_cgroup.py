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
