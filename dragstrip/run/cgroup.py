"""What the container around this process lets it use, by cgroup v2.

A container sees its own group as the root. A limit of a parent group is not seen.
"""

from __future__ import annotations

from pathlib import Path

ROOT = Path("/sys/fs/cgroup")


def cpu_quota(group: Path = ROOT) -> float | None:
    """Return the cores that the container may use; None where nothing limits it."""
    try:
        quota, period = (group / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def throttled_s(group: Path = ROOT) -> float | None:
    """Return how long the limit has held the container's processes up; None where there is none."""
    if cpu_quota(group) is None:
        return None
    try:
        lines = (group / "cpu.stat").read_text().splitlines()
        figures = dict(line.split() for line in lines)
        return int(figures["throttled_usec"]) / 1e6
    except (OSError, ValueError, KeyError):
        return None
