"""Every figure of the HTML report, computed again from the ledger by the pages that describe it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from dragstrip.cli import main
from tests.support.html_page import Page
from tests.support.recomputed import QUANTILES, Recomputed, quantile_ms
from tests.unit.race.test_recomputed_figures import (
    compared,
    figures,
    gates,
    is_unknown,
    others,
    refused,
    sentences,
)

if TYPE_CHECKING:
    from tests.support.html_page import PageCell
    from tests.support.races import Raced
    from tests.support.recomputed import Part
    from tests.unit.race.conftest import KnownOutcomes

RACES = ["alike", "delayed", "failing"]

Values = list[list[float | None]]
Rows = np.ndarray[Any, Any]


@pytest.fixture(params=RACES)
def raced(request: pytest.FixtureRequest, known: KnownOutcomes) -> Raced:
    found: Raced = getattr(known, request.param).raced
    return found


@pytest.fixture
def race(raced: Raced) -> Recomputed:
    return Recomputed(raced.folder.path)


@pytest.fixture
def page(raced: Raced, capsys: pytest.CaptureFixture[str]) -> Page:
    with pytest.raises(SystemExit, match="0"):
        main.main(["report", str(raced.folder.path), "--format", "html"])
    made = capsys.readouterr().out
    assert made == (raced.folder.path / "report.html").read_text()
    return Page(made)


def test_tables_and_sentences_are_what_the_ledger_says(
    page: Page, race: Recomputed, raced: Raced
) -> None:
    assert cells(page.table("figures-table")) == figures(race)
    found = {row[1].text: texts([row[0], *row[2:]]) for row in page.table("gates-table")[1:]}
    assert found == gates(race)
    if page.root.by_id("others-table"):
        assert cells(page.table("others-table")) == others(race, raced)
    there = [one for one in ("headline", "summary-gauge", "remarks") if page.root.by_id(one)]
    rest = " ".join([*map(page.text_of, there), page.text_of("conditions")])
    if page.root.by_id("rule"):
        rest = rest.replace(page.text_of("rule"), "")
    for sentence in refused(race):
        assert sentence in page.root.text
    for sentence in sentences(race, raced):
        assert sentence in rest, rest
        rest = rest.replace(sentence, "", 1)
    assert not any(letter.isdigit() for letter in rest), rest


def test_the_verdict_in_plain_words_has_the_figures_of_the_interval(
    page: Page, race: Recomputed
) -> None:
    said = page.text_of("verdict")
    found = compared(race).get(race.metric)
    if "! Invalid" in said or found is None:
        assert page.root.by_id("figure-gauge") is None
        return
    if is_unknown(found):
        assert "not known within a factor of 100" in said
        assert page.root.by_id("figure-gauge") is None
        return
    ends = tuple(math.exp(one) for one in (found.mean, found.low, found.high))
    assert f"new answers 95 of 100 requests within {ends[0]:.2f} times the time" in said
    assert "(95 % interval {:.2f} to {:.2f})".format(*ends[1:]) in said
    assert values(page, "gauge") == [[pytest.approx(one) for one in ends]]


def test_distributions_are_those_of_the_ledger_and_their_bands_those_of_the_description(
    page: Page, race: Recomputed
) -> None:
    slices = [
        [(part.requests, bins_of(part)) for part in parts_of(race, target)] for target in (0, 1)
    ]
    for name in ("within", "slowest"):
        for share, *of_both in values(page, name):
            assert share is not None
            for target, total in enumerate(race.totals):
                ms, low, high = of_both[3 * target : 3 * target + 3]
                assert ms == total.response_ms(share)
                if name == "slowest":
                    assert (low, high) == band(total, slices[target], share)


def band(
    total: Part, slices: list[tuple[int, Rows]], share: float
) -> tuple[float | None, float | None]:
    """Return the band of docs/statistics.md."""
    rank = max(math.ceil(share * total.requests), 1)
    ordered = np.sort(responses(total))
    bound = ordered[rank - 1] if rank <= len(ordered) else ordered[-1]
    most = number_of_bin(int(bound))
    within = [int(np.searchsorted(bins, most, "right")) for _, bins in slices]
    p = sum(within) / total.requests
    count = len(slices)
    scatter = sum((n - p * due) ** 2 for n, (due, _) in zip(within, slices, strict=True))
    by_slices = scatter * count / (count - 1) / total.requests**2
    by_chance = p * (1 - p) / total.requests
    effect = max(by_slices / by_chance, 1) if by_chance else 1
    few = (stats.norm.ppf(0.975) / stats.t.ppf(0.975, count - 1)) ** 2
    n = max(math.floor(total.requests / effect * few), 1)
    low, high = (float(stats.binom.ppf(tail, n, share)) for tail in (0.025, 0.975))
    return (
        total.response_ms(low / n) if low else None,
        total.response_ms((high + 1) / n) if high < n else None,
    )


def responses(part: Part) -> Rows:
    return np.asarray(part.right["done_ns"] - part.right["scheduled_ns"], np.int64)


def bins_of(part: Part) -> Rows:
    return np.sort([number_of_bin(one) for one in responses(part).tolist()])


def number_of_bin(duration_ns: int) -> int:
    shift = max(duration_ns.bit_length() - 12, 0)
    return (shift << 11) + (duration_ns >> shift)


def test_slices_and_pairs_are_those_of_the_ledger(page: Page, race: Recomputed) -> None:
    slices = sorted(race.used, key=lambda one: one["index"])
    parts = [part_of(race, slice_) for slice_ in slices]
    assert values(page, "response") == [
        [None, *(one.response_ms(q) for q in QUANTILES.values())] for one in parts
    ]
    assert values(page, "throughput") == [
        [None, one.offered_per_s, one.achieved_per_s, one.requests, one.verified] for one in parts
    ]
    workers = [race.reports[slice_["index"]]["workers"] for slice_ in slices]
    assert values(page, "generator") == [
        [
            None,
            quantile_ms(part.send_delay_ns, 0.99),
            max(one["loop_lag_p99_ms"] for one in of_slice),
            max(one["cpu_s"] / one["wall_s"] for one in of_slice),
            part.no_connection,
        ]
        for part, of_slice in zip(parts, workers, strict=True)
    ]
    if page.root.by_id("data-pairs"):
        old, new = race.pairwise(lambda one: one.response_ms(QUANTILES[race.metric]))
        there = np.isfinite(old) & np.isfinite(new)
        assert [row[1:] for row in values(page, "pairs")] == [
            [a, b, b / a] for a, b in zip(old[there].tolist(), new[there].tolist(), strict=True)
        ]


def test_parts_and_failures_are_those_of_the_ledger(page: Page, race: Recomputed) -> None:
    for row, part in zip(values(page, "split"), race.totals, strict=True):
        right = part.right
        service = (right["done_ns"] - right["sent_ns"]).mean() / 1e6
        response = responses(part).mean() / 1e6
        total, query = (float(right[f"{name}_us"].mean()) / 1e3 for name in ("total", "query"))
        if total > service:
            # A server that claims more than there was is not believed.
            total, query = 0.0, 0.0
        expected = [response - service, service - total, total - query, query, response]
        found = [0.0 if one is None else one for one in row[1:]]
        # Each mean is within 0.025 %, and so a difference within that of the whole.
        assert found == pytest.approx(expected, abs=6e-4 * response)
    reasons = sorted({reason for part in race.totals for reason in part.reasons})
    if reasons:
        assert values(page, "failures") == [
            [None, *(part.reasons[reason] for part in race.totals)] for reason in reasons
        ]
    else:
        assert page.root.by_id("data-failures") is None


def parts_of(race: Recomputed, target: int) -> list[Part]:
    return [part_of(race, slice_) for slice_ in race.used if slice_["target"] == target]


def part_of(race: Recomputed, slice_: dict[str, Any]) -> Part:
    return race.slices[slice_["index"]]


def cells(table: list[list[PageCell]]) -> dict[str, tuple[str, ...]]:
    return {row[0].text: texts(row[1:]) for row in table[1:]}


def texts(row: list[PageCell]) -> tuple[str, ...]:
    return tuple(cell.text for cell in row)


def values(page: Page, chart: str) -> Values:
    return [[cell.value for cell in row] for row in page.data_tables[chart][1:]]
