"""What the benchmarks of seeding let other processes do, with few contacts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from benchmarks.generation import SEED
from seeding.dataset.dataset import Dataset


def said_by(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"benchmarks.{module}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_the_digest_is_that_of_the_dataset() -> None:
    said = said_by("generation", "--digest", "10100")
    assert said["digest"] == Dataset(SEED, 10_100).digest()
    assert list(said["rss_bytes"]) == ["10000", "10100"]


def test_stores_that_keep_nothing_are_seeded_with_everything() -> None:
    few = said_by("swallowing", "300")
    assert 2**20 < few["rss_bytes"] < 2**30
