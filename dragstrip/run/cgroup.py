"""What the container around this process lets it use, by cgroup v2, or v1 where a host has that.

A container sees its own group as the root. A limit of a parent group is not seen.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_V1 = "cpu"
"""Below the root, the controller's own hierarchy."""


def cpu_quota(root: Path = ROOT) -> float | None:
    """Return the cores that the container may use; None where nothing limits it."""
    try:
        quota, period = _limit(root)
        return None if quota in {"max", "-1"} else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def throttled_s(root: Path = ROOT) -> float | None:
    """Return how long the limit has held the container's processes up; None where there is none."""
    if cpu_quota(root) is None:
        return None
    try:
        if (root / _V1).is_dir():
            return _figure(root / _V1, "throttled_time") / 1e9
        return _figure(root, "throttled_usec") / 1e6
    except (OSError, ValueError, KeyError):
        return None


def _limit(root: Path) -> list[str]:
    """Return the quota and the period that it is of, in µs."""
    if (root / _V1).is_dir():
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        return [(root / _V1 / name).read_text().strip() for name in names]
    return (root / "cpu.max").read_text().split()


def _figure(group: Path, name: str) -> int:
    lines = (group / "cpu.stat").read_text().splitlines()
    return int(dict(line.split() for line in lines)[name])
