"""When a slice that missed the objective says something of the generator alone."""

from __future__ import annotations

import pytest

from dragstrip.analysis.capacity_slice import explains
from dragstrip.run.model import Generator


@pytest.mark.parametrize(
    ("cpu", "lag_ms", "quantile_ms", "void"),
    [
        (0.3, 5, 510, False),  # it was on time
        (0.3, 60, 510, True),  # without its lateness, the target was in time
        (0.3, 60, 900, False),  # the target was late by itself
        (0.3, 60, None, False),  # lateness makes no failures
        (0.95, 5, 900, True),  # a generator without time to spare proves nothing
    ],
)
def test_lateness_voids_what_it_can_explain(
    cpu: float, lag_ms: float, quantile_ms: float | None, void: bool
) -> None:
    generator = Generator(cpu=cpu, loop_lag_p99_ms=lag_ms, send_delay_p99_ms=1.0, no_connection=0)
    assert explains(generator, quantile_ms, slo_ms=500) == void
