"""What a search's slices come to, said in the words of the reports."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from rich.console import Console

from dragstrip.analysis.capacity import MOST_VOID, Bounds, conclude
from dragstrip.report import capacity as words
from dragstrip.report.html import capacity as html
from tests.support.html_page import Page
from tests.support.runs import conclude as raced
from tests.support.runs import plan_of, record
from tests.support.schema_validator import validator
from tests.unit.capacity.test_script import BOUNDS, play, slice_of

if TYPE_CHECKING:
    from dragstrip.analysis.capacity_model import Capacity, CapacitySlice
    from dragstrip.capacity.script import Ask

PLAN = plan_of()
NAMES = [one.name for one in PLAN.targets]


def searched(old: float, new: float, bounds: Bounds = BOUNDS, **changes: bool) -> Capacity:
    """Search cliffs at these rates; `void` makes every broken slice the generator's fault."""
    void = changes.pop("void", False)

    def answer(ask: Ask) -> CapacitySlice:
        kept = ask.load.rate <= (old, new)[ask.target]
        made = slice_of(ask, kept=float(kept), void=void and not kept)
        return made.model_copy(update={"target": NAMES[ask.target]})

    facts, _ = raced(PLAN, record(PLAN))
    return conclude(
        PLAN, facts, play(answer), bounds, [], interrupted=changes.get("interrupted", False)
    )


@pytest.mark.parametrize(
    ("old", "new", "word"), [(100, 220, "more"), (220, 100, "less"), (150, 150, "inconclusive")]
)
def test_the_verdict_follows_the_interval_of_the_ratio(old: float, new: float, word: str) -> None:
    found = searched(old, new)
    assert found.verdict == word
    assert found.low is not None
    assert found.high is not None
    assert found.low <= new / old <= found.high
    for one, truth in zip(found.targets.values(), (old, new), strict=True):
        assert one.low is not None
        assert one.high is not None
        assert one.low <= truth <= one.high
        assert one.limited_by == "objective"


def test_a_target_that_never_breaks_bounds_the_ratio_from_below() -> None:
    found = searched(100, math.inf)
    one = found.targets[NAMES[1]]
    assert one.low == pytest.approx(1000)
    assert (one.capacity_per_s, one.high) == (None, None)
    assert one.limited_by == "not-reached"
    assert (found.verdict, found.ratio, found.high) == ("more", None, None)
    assert "at least" in words.headline(found)
    assert "never broke up to 1,000/s" in " ".join(words.sentences(found))


def test_a_target_that_breaks_at_once_bounds_it_from_above() -> None:
    found = searched(100, 1)
    one = found.targets[NAMES[1]]
    assert one.high == pytest.approx(20)
    assert (one.capacity_per_s, one.low) == (None, 0)
    assert found.verdict == "less"
    assert "at most" in words.headline(found)
    assert "breaks at the lowest rate, 20/s" in " ".join(words.sentences(found))


@pytest.mark.parametrize(
    "found",
    [
        searched(100, math.inf, BOUNDS._replace(is_generators=True)),
        searched(100, 200, void=True),
        searched(100, 200, interrupted=True),
    ],
)
def test_what_the_generator_limits_or_is_cut_short_has_no_winner(found: Capacity) -> None:
    assert found.verdict == "invalid"
    assert (found.ratio, found.low, found.high) == (None, None, None)
    assert words.headline(found).startswith("INVALID")
    assert words.fix_of(found)


def test_void_slices_are_played_again_and_not_for_ever() -> None:
    found = searched(100, 200, void=True)
    for name in NAMES:
        void = [one for one in found.slices if one.target == name and one.outcome == "void"]
        assert len(void) == MOST_VOID + 1


def test_every_report_says_what_was_found(capsys: pytest.CaptureFixture[str]) -> None:
    found = searched(100, 220)
    page = Page(html.render(found))
    assert page.text_of("verdict-title").endswith(words.headline(found))
    assert len(page.table("data-response")) - 1 == sum(
        one.phase == "search" for one in found.slices
    )
    case = ElementTree.fromstring(words.junit(found)).find(f".//testcase[@name='{NAMES[0]}']")
    assert case is not None
    assert case.findtext("system-out") == words.sentences(found)[0]
    assert words.markdown(found).count(f"| {NAMES[1]} |") == len(
        {one.rate_per_s for one in found.slices if one.target == NAMES[1] and one.phase == "search"}
    )
    Console(width=80).print(words.render(found))
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) < 24
    assert all(len(line) <= 80 for line in shown)
    validator("capacity").validate(json.loads(found.model_dump_json()))
