"""An interval that says nothing is printed nowhere: too few pairs, or ends far apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragstrip.analysis import numbers
from dragstrip.report import junit, markdown, terminal, text
from dragstrip.report.html import render
from tests.support.html_page import Page
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, plan_of, record

if TYPE_CHECKING:
    from dragstrip.run.model import Run, Verdict

POSITIVE = st.floats(1e-9, 1e9)


@given(POSITIVE, POSITIVE, st.integers(0, 9))
def test_an_interval_is_printed_from_three_pairs_on_and_below_a_factor_of_100(
    low: float, factor: float, pairs: int
) -> None:
    said = numbers.ratios(low, low * factor, pairs)
    is_said = pairs >= 3 and low * factor / low < 100
    assert (said == f"{low:.3f} to {low * factor:.3f}") == is_said
    assert numbers.ratio_within(low, low, low * factor, pairs).endswith(f"({said})") == is_said


def test_ends_at_the_edge_of_all_numbers_are_not_divided() -> None:
    for low, high in ((0.0, 1.0), (1.0, float("inf")), (0.0, 0.0)):
        assert numbers.ratios(low, high) == numbers.TOO_WIDE


def early() -> tuple[Run, Verdict]:
    plan = plan_of(pairs=2, operations=OPERATIONS)
    return conclude(plan, record(plan))


def vague() -> tuple[Run, Verdict]:
    plan = plan_of(pairs=3, operations=OPERATIONS)
    return conclude(plan, record(plan, noise=4.0))


@pytest.mark.parametrize(
    ("made", "why"), [(early, numbers.TOO_FEW), (vague, numbers.TOO_WIDE)], ids=["early", "vague"]
)
def test_no_report_prints_an_interval_that_says_nothing(made: object, why: str) -> None:
    run, verdict = made()  # type: ignore[operator]
    assert verdict.low is not None
    assert verdict.high is not None
    page = render.render(run, verdict)
    reports = {
        "terminal": terminal.text(run, verdict, verbose=True),
        "short": terminal.text(run, verdict),
        "markdown": markdown.render(run, verdict),
        "junit": junit.render(run, verdict),
        "html": Page(page).root.text,
    }
    ends = {numbers.ratio(verdict.high), str(verdict.high), str(verdict.low)}
    for name, report in reports.items():
        found = [end for end in ends if end in report]
        assert not found, (name, found)
        assert name == "html" or why in " ".join(report.split()), name
    assert text.interval(verdict) is None
    assert 'id="figure-gauge"' not in page
