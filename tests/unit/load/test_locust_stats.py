"""Locust's statistics are the same whether it logs each lookup or is fed from the ledger."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.load.locust_stats import bucket

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("seed", [1, 2])
def test_statistics_in_bulk_are_those_of_locusts_own_logging(seed: int) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.support.locust_statistics", str(seed)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout
    own, in_bulk, by_events = json.loads(told)
    assert own["total"]["figures"]["num_requests"] == 6000
    assert own["total"]["figures"]["num_failures"] > 100
    assert own["total"]["current"] is not None
    assert in_bulk == own
    assert by_events == own


@given(st.lists(st.integers(0, 10**11) | st.integers(0, 10**5).map(lambda half: half * 500_000)))
def test_times_are_rounded_as_locust_rounds_them(times_ns: list[int]) -> None:
    times_ms = [time / 1e6 for time in times_ns]
    assert bucket(np.array(times_ms, float)).tolist() == [_locust(time) for time in times_ms]


def _locust(time_ms: float) -> int:
    """locust.stats.bucket_response_time of Locust 2.47, which cannot be imported here."""
    if time_ms < 100:
        return round(time_ms)
    if time_ms < 1000:
        return int(round(time_ms, -1))
    if time_ms < 10000:
        return int(round(time_ms, -2))
    return int(round(time_ms, -3))
