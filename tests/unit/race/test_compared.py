"""A run claims no more of its data than was compared."""

from __future__ import annotations

import pytest

from dragstrip.report import text
from dragstrip.report.html import glossary
from dragstrip.run.model import ScenarioFacts
from scenarios.crm.seeded import facts_of
from seeding.dataset.dataset import GENERATOR, Dataset
from seeding.dataset.sampling import count_ranges, sampled_ranges
from seeding.verify import DataProof
from tests.support.runs import conclude, plan_of, record


@pytest.mark.parametrize(
    ("contacts", "compared", "ranges", "said", "proof"),
    [
        (1_000, 8, 8, "1,000 contacts of seed 42; ", "the digests of all ranges of"),
        (
            1_000_000,
            200,
            7_813,
            "1,000,000 contacts of seed 42 (200 of 7,813 ranges of contacts were compared); ",
            "the digests of 200 of 7,813 ranges of",
        ),
    ],
)
def test_a_run_says_how_much_was_compared(
    contacts: int, compared: int, ranges: int, said: str, proof: str
) -> None:
    dataset = Dataset(42, contacts)
    assert (len(sampled_ranges(dataset)), count_ranges(dataset)) == (compared, ranges)
    facts = facts_of(
        DataProof(
            {
                "seed": 42,
                "contacts": contacts,
                "digest": "d" * 64,
                "generator": GENERATOR,
                "state": "complete",
            },
            ["Convex", "Supabase"],
            compared,
            ranges,
        )
    )
    assert facts.answers == "right"
    assert (facts.values["compared"], facts.values["ranges"]) == (compared, ranges)
    plan = plan_of(pairs=6)
    run, _ = conclude(plan, record(plan, samples=60))
    scenario = ScenarioFacts(name="lookup", keys=contacts, facts=facts)
    shown = run.model_copy(update={"scenario": scenario})
    assert text.data(shown).startswith(f"Data: {said}digest of the data dddddddddddd…, ")
    assert text.data(shown).endswith("the same before the race and after it.")
    assert proof in glossary.proof(shown)
