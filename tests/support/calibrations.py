"""A calibration of the machine that tests run on, made up."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np

from dragstrip.analysis.aa_test import same
from dragstrip.analysis.calibration import Calibration, Ceiling, SameRun, SameTarget
from dragstrip.run.machine import these_versions, this_machine
from tests.unit.analysis.test_aa_test import runs_of

MADE = datetime(2025, 1, 1, tzinfo=UTC)


def calibration_of(
    ceiling_per_s: float = 5000, *, scatter: float = 0.1, runs: int = 4, **same_target: Any
) -> Calibration:
    """Return the calibration of a target at http://127.0.0.1:1, of which everything may differ."""
    pairs = runs_of(np.random.default_rng(1), runs, scatter=scatter, level=0.03)
    found = same(pairs)
    assert found
    target = SameTarget.model_validate(
        {
            "target": "old",
            "kind": "convex-http",
            "url": "http://127.0.0.1:1",
            "lab": False,
            "rate": 50,
            "slice": 2.25,
            "warmup": 0.25,
            "runs": [
                SameRun(id=str(n), started=MADE, slices_ms={"p95": one})
                for n, one in enumerate(pairs)
            ],
            "invalid": [],
            "found": {"p95": found},
        }
        | same_target
    )
    return Calibration(
        made=MADE,
        machine=this_machine(),
        versions=these_versions(),
        ceiling=Ceiling(
            rate_per_s=ceiling_per_s,
            closed_per_s=2 * ceiling_per_s,
            new_per_s=ceiling_per_s / 2,
            users=32,
            contacts=500,
            server_cpu=0.1,
            attempts=[],
        ),
        same=target,
    )
