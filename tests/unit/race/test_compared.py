"""A run claims no more of its data than was compared."""

from __future__ import annotations

import pytest

from dragstrip.race import race
from dragstrip.report import text
from seeding.dataset.dataset import GENERATOR
from tests.support.runs import conclude, plan_of, record


@pytest.mark.parametrize(
    ("contacts", "compared", "ranges", "said"),
    [
        (1_000, 8, 8, "after it."),
        (1_000_000, 200, 7_813, "after it (200 of 7,813 ranges of contacts were compared)."),
    ],
)
def test_a_run_says_how_much_was_compared(
    contacts: int, compared: int, ranges: int, said: str
) -> None:
    facts = race._dataset_facts(
        {
            "seed": 42,
            "contacts": contacts,
            "digest": "d" * 64,
            "generator": GENERATOR,
            "state": "complete",
        }
    )
    assert facts.kind == "seeded"
    assert (facts.compared, facts.ranges) == (compared, ranges)
    plan = plan_of(pairs=6)
    run, _ = conclude(plan, record(plan, samples=60))
    assert text.data(run.model_copy(update={"dataset": facts})).endswith(said)
