"""A target that turns requests away is named with what that means, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragstrip.ledger.rows import Outcome
from dragstrip.report import markdown, terminal
from dragstrip.report.html import render
from dragstrip.report.refusals import refusals
from tests.support.runs import conclude, fail, plan_of, record

if TYPE_CHECKING:
    from dragstrip.ledger.rows import Rows
    from dragstrip.run.model import Run, Verdict
    from dragstrip.run.plan import PlannedSlice


def turned_away(status: int, share: float, rate: float = 50.0) -> tuple[Run, Verdict]:
    """Return a run whose challenger answers this share of requests with a status."""

    def spoil(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.target == 1:
            fail(rows, slice(0, round(share * len(rows))), status=status)

    plan = plan_of(rate=rate)
    return conclude(plan, record(plan, spoil=spoil))


def test_a_target_that_limits_requests_is_called_limited_and_not_slow() -> None:
    run, verdict = turned_away(429, 0.12)
    taken = 0.88 * run.targets["new"].offered_per_s
    sentence = (
        f"new answered 429 to 12 % of requests: it limits them to about {taken:.1f}/s and is not "
        "slow; raise its limit or lower --rate."
    )
    assert refusals(run) == [sentence]
    for report in (
        terminal.text(run, verdict),
        terminal.text(run, verdict, verbose=True).replace("│", ""),
        " ".join(render.render(run, verdict).split()),
        markdown.render(run, verdict),
    ):
        assert sentence in " ".join(report.split())


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "refuses the credentials"),
        (403, "firewall before it"),
        (502, "the gateway before it got no answer"),
        (503, "overloaded, paused or restarting"),
    ],
)
def test_others_say_whose_they_are(status: int, words: str) -> None:
    (said,) = refusals(turned_away(status, 0.1)[0])
    assert said.startswith(f"new answered {status} to 10 % of requests: ")
    assert words in said


def test_the_closed_model_has_no_rate_to_lower() -> None:
    (said,) = refusals(turned_away(429, 0.1, rate=0)[0])
    assert said.endswith("raise its limit or lower race.connections.")


@pytest.mark.parametrize(("status", "share"), [(429, 0.0), (404, 0.2)])
def test_nothing_is_said_of_what_is_rare_or_no_refusal(status: int, share: float) -> None:
    assert refusals(turned_away(status, share)[0]) == []


def test_a_limit_of_this_machine_is_named_with_its_own_fix() -> None:
    def spoil(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.target == 1:
            fail(rows, slice(0, 2), Outcome.OUT_OF_FILES)

    plan = plan_of()
    run, verdict = conclude(plan, record(plan, spoil=spoil))
    said = " ".join(terminal.text(run, verdict).split())
    count = 2 * len(plan.slices) // 2
    assert f"by a limit of this machine: {count} out_of_files; fix: raise `ulimit -n`, or" in said
    assert "resolv.conf" not in said
