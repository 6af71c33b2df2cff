"""The HTML report of every kind of run: what it says, what it draws, and that it needs no network.

`UPDATE_SNAPSHOTS=1 pytest tests/unit/report` writes the stored pages anew; read the difference.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.gates import fix_of, words_of
from dragstrip.config.config import Config
from dragstrip.errors import StorageError
from dragstrip.report import terminal, writes
from dragstrip.report import text as words
from dragstrip.report.html import assets, ratio_scale, render, setup, staleness
from dragstrip.run.model import Run, Verdict
from tests.support.html_page import Page, shortened
from tests.support.recorded import OPERATIONS
from tests.support.runs import conclude, fail, plan_of, record
from tests.unit.report.test_reports import examples

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dragstrip.ledger.rows import Rows
    from dragstrip.run.plan import PlannedSlice

SNAPSHOTS = Path(__file__).parent / "snapshots"
EXAMPLES = list(examples())
NASTY = "</script><script>alert(1)</script>\u2028'\"&<!--{{7*7}}"
WINNERS = ("Adopt", "ADOPT", "Better", "BETTER", "Worse", "WORSE", "Equivalent", "EQUIVALENT")


@cache
def rendered(name: str) -> str:
    return render.render(*examples()[name])


@cache
def page(name: str) -> Page:
    return Page(rendered(name))


@pytest.mark.parametrize("name", ["adopt", "lab", "hostile"])
def test_the_page_looks_as_it_did(name: str) -> None:
    made = shortened(rendered(name))
    stored = SNAPSHOTS / f"{name}.html"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        stored.write_text(made)
    assert made == stored.read_text()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_has_every_section_and_table(name: str) -> None:
    run, verdict = examples()[name]
    own = page(name)
    sections = [one.attributes["id"] for one in own.root.all("section")]
    pictures = ["pictures"] * (name != "empty")
    written = ["writes"] * bool(run.writes)
    first = ["verdict", "gates", "figures", *written, *pictures]
    assert sections == [*first, "setup", "repeat", "glossary"]
    if written:
        assert rows(own, "writes-table") == plain_rows(writes.rows(run))
    assert rows(own, "gates-table") == plain_rows(words.gate_rows(verdict.gates))
    assert rows(own, "figures-table") == plain_rows(words.rows(run))
    assert ("others-table" in own.ids) == bool(verdict.secondary)
    if verdict.secondary:
        assert rows(own, "others-table") == plain_rows(words.secondary_rows(verdict))
    titles = [one.all("h3")[0].text for one in own.root.all("figure")]
    gauge = ratio_scale.charts(run, verdict)
    charts = (*gauge, *staleness.charts(run), *render.pictures(run, verdict))
    assert titles == [plain(one.title) for one in charts]
    fixes = [one.text for one in own.root.all("ul") if one.attributes.get("class") == "fixes"]
    failed = [gate for gate in verdict.gates if not gate.passed]
    assert len(fixes) == bool(failed)
    for gate in failed:
        assert plain(f"{words_of(gate)}: {fix_of(gate)}") in fixes[0]


def rows(own: Page, table: str) -> list[list[str]]:
    return [[cell.text for cell in row] for row in own.table(table)[1:]]


def plain_rows(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[plain(cell) for cell in row] for row in cells]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_names_no_other_place(name: str) -> None:
    own = page(name)
    for one in own.root.all("a", "link", "script", "img", "iframe", "form", "object", "use"):
        for attribute in ("href", "src", "action", "data"):
            place = one.attributes.get(attribute, "#")
            assert place.startswith(("#", "data:")), place
    assert "url(" not in assets.text_of("report.css")
    assert own.policy["default-src"] == ["'none'"]
    assert all(one.startswith("'sha256-") for one in own.policy["script-src"])
    assert len(own.policy["script-src"]) == 2
    assert own.policy["base-uri"] == own.policy["form-action"] == ["'none'"]
    assert len(rendered(name).encode()) < 1_500_000


@pytest.mark.parametrize("name", EXAMPLES)
def test_headings_landmarks_and_labels_are_in_order(name: str) -> None:
    root = page(name).root
    levels = [int(one.tag[1]) for one in root.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert [len(root.all(one)) for one in ("header", "main", "footer", "nav")] == [1, 1, 1, 1]
    assert max(page(name).ids.values()) == 1
    for one in root.all("div", "section", "figure", "table", "ul"):
        for attribute in ("aria-labelledby", "aria-describedby"):
            if attribute in one.attributes:
                assert root.by_id(one.attributes[attribute]), one.attributes
    for figure in root.all("figure"):
        assert figure.all("h3")
        assert len(figure.all("table")) == 1
        assert next(one for one in figure.all("p") if "summary" in one.attributes["class"]).text


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_says_what_the_terminal_says(name: str) -> None:
    run, verdict = examples()[name]
    said = page(name).root.text
    for sentence in (
        words.headline(run, verdict),
        words.comparison(run, verdict) or "",
        words.conditions(run),
        *words.banners(run),
    ):
        assert " ".join(sentence.split()) in said
    for word in re.findall(r"[\w.]+", terminal.text(run, verdict, 200, verbose=True)):
        assert word in said, word


@pytest.mark.parametrize("name", ["invalid", "changed", "empty"])
def test_an_invalid_run_names_no_winner_and_marks_its_pictures(name: str) -> None:
    own = page(name)
    assert not any(word in own.root.text for word in WINNERS)
    assert own.text_of("verdict").startswith("! Invalid Nothing can be learned")
    drawn = {one["id"] for one in own.data["charts"]}
    assert not drawn & {"gauge", "pairs"}
    figures = own.root.all("figure")
    assert len(figures) == len(drawn) == (0 if name == "empty" else 6)
    for figure in figures:
        assert "Invalid run: this picture proves nothing." in figure.text
    assert "How to fix it" in own.root.text


def test_a_valid_run_has_every_picture() -> None:
    assert [one["id"] for one in page("failing").data["charts"]] == [
        *("gauge", "within", "slowest", "pairs", "response", "throughput", "split", "failures"),
        "generator",
    ]
    assert "failures" not in page("adopt").data_tables


@pytest.mark.parametrize("name", ["lab", "invalid"])
def test_a_lab_run_says_so_before_all_else(name: str) -> None:
    main = page(name).root.all("header")[0]
    assert main.text.startswith(f"Lab run {words.LAB_BANNER}")


def test_a_closed_model_is_labelled_and_shows_no_rate_that_was_due() -> None:
    own = page("closed")
    assert own.root.all("header")[0].text.startswith(f"Closed model {words.CLOSED_BANNER}")
    assert "due per second" not in own.root.by_id("figure-throughput").all("ul")[0].text  # type: ignore[union-attr]


def renamed(run: Run, verdict: Verdict) -> tuple[Run, Verdict]:
    """Put NASTY wherever a stored file could hold a word that others chose."""

    def everywhere(value: Any) -> Any:
        if isinstance(value, dict):
            return {changed(key): everywhere(part) for key, part in value.items()}
        if isinstance(value, list):
            return [everywhere(part) for part in value]
        return changed(value) if isinstance(value, str) else value

    def changed(text: str) -> str:
        return {
            "old": f"{NASTY}1",
            "new": f"{NASTY}2",
            "http_503": f"{NASTY}3",
            "A CPU": NASTY,
            "Linux 6.1": NASTY,
            "http://127.0.0.1:1": NASTY,
            run.id: NASTY,
            run.scenario.facts.digest: NASTY,
        }.get(text, text)

    made = (everywhere(json.loads(form.model_dump_json())) for form in (run, verdict))
    return Run.model_validate(next(made)), Verdict.model_validate(next(made))


def test_a_hostile_word_is_text_wherever_it_stands() -> None:
    made = render.render(*renamed(*examples()["failing"]))
    own = Page(made)
    assert len(own.root.all("script")) == 3
    assert made.lower().count("</script") == 3
    assert "\u2028" not in own.root.by_id("data").raw  # type: ignore[union-attr]
    said = own.root.text
    readable = " ".join(NASTY.split())
    assert said.count(readable) > 20
    assert "49" not in own.text_of("commands")
    stop = own.data["charts"][1]["stops"][0]
    assert [name for name, _ in stop["values"]] == [f"{NASTY}1", f"{NASTY}2"]
    told = own.root.by_id("title-gauge")
    assert told
    assert readable in told.text


@pytest.mark.parametrize("name", EXAMPLES)
def test_its_configuration_file_configures_the_same_race(name: str) -> None:
    run = examples()[name][0]
    made = tomllib.loads(setup.configuration_file(run))
    if name == "hostile":
        # No configuration takes such names; a run's file may hold them.
        assert set(made["targets"]) == {run.baseline, run.challenger}
        return
    config = Config.model_validate(made)
    assert config.model_dump(mode="json", exclude={"environment"}) == run.config
    commands = page(name).text_of("commands")
    assert f"dragstrip race --config dragstrip.toml --seed {run.seed}" in commands
    shown = {row[0].text: row[1].text for row in own_tables(page(name))}
    assert shown["race.pairs"] == str(run.config["race"]["pairs"])
    assert shown["rules.equivalent"] == "0.8 to 1.25"
    assert page(name).text_of("digest") == run.scenario.facts.digest


def own_tables(own: Page) -> Iterator[list[Any]]:
    for table in own.root.all("table"):
        if table.attributes.get("class") == "pairs":
            yield from (row.all("th", "td") for row in table.all("tr"))


def test_an_installation_without_the_library_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(assets, "LIBRARY", "none.js")
    with pytest.raises(StorageError, match="which the installation builds, is missing") as raised:
        render.render(*examples()["adopt"])
    assert "install dragstrip again" in str(raised.value.fix)
    assert raised.value.exit_code == 2


def test_every_row_of_a_picture_is_what_the_run_holds() -> None:
    run, verdict = examples()["failing"]
    tables = page("failing").data_tables
    sides = (run.targets["old"], run.targets["new"])
    for name in ("within", "slowest"):
        assert values(tables[name]) == [
            [pair[0].share, *(end for one in pair for end in (one.ms, one.low_ms, one.high_ms))]
            for pair in zip(*(side.distribution for side in sides), strict=True)
        ]
    assert values(tables["gauge"]) == [[verdict.ratio, verdict.low, verdict.high]]
    pairs = [
        {part.target: part.p95_ms for part in run.slices if part.pair == number}
        for number in range(len(run.slices) // 2)
    ]
    assert values(tables["pairs"]) == [
        [number + 1, one["old"], one["new"], one["new"] / one["old"]]  # type: ignore[operator]
        for number, one in enumerate(pairs)
    ]
    parts = sorted(run.slices, key=lambda one: one.index)
    assert values(tables["response"]) == [
        [None, one.p50_ms, one.p95_ms, one.p99_ms] for one in parts
    ]
    assert values(tables["throughput"]) == [
        [None, one.offered_per_s, one.achieved_per_s, one.requests, one.verified] for one in parts
    ]
    fared = [one.generator for one in parts]
    assert values(tables["generator"]) == [
        [None, one.send_delay_p99_ms, one.loop_lag_p99_ms, one.cpu, one.no_connection]
        for one in fared
        if one
    ]
    splits = [side.split for side in sides]
    assert [row[1:5] for row in values(tables["split"])] == [
        [one.wait_ms, one.network_ms, one.handler_ms, one.data_ms] for one in splits if one
    ]
    assert values(tables["failures"]) == [[None, 0, 8], [None, 0, 24]]


def test_each_of_several_operations_has_its_own_pictures() -> None:
    def some_messages_fail(_: PlannedSlice, rows: Rows) -> None:
        fail(rows, slice(1, 40, 2))

    plan = plan_of(operations=OPERATIONS)
    run, verdict = conclude(plan, record(plan, spoil=some_messages_fail))
    made = {one.id: one for one in render.pictures(run, verdict)}
    for number, name in enumerate(("lookup", "message"), 1):
        own = made[f"slowest-{number}"]
        assert own.title == f"{name}: {made['slowest'].title}"
        old, new = (run.targets[one].operations[name].distribution for one in ("old", "new"))
        assert [(row[1].value, row[4].value) for row in own.table.rows] == [
            (a.ms, b.ms) for a, b in zip(old, new, strict=True)
        ]
    assert "failures-1" not in made
    assert [row[1].value for row in made["failures-2"].table.rows] == [20 * len(run.slices) // 2]


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_a_cell_says_is_its_value(name: str) -> None:
    for table in page(name).data_tables.values():
        for row in table[1:]:
            for cell in row[1:]:
                said = re.fullmatch(r"([-+\d.,]+)( ms|/s|\xa0%| %)?", cell.text)
                assert bool(said) == (cell.value is not None), cell
                if said and cell.value is not None:
                    shown = float(said[1].replace(",", ""))
                    shown /= 100 if cell.text.endswith("%") else 1
                    assert shown == pytest.approx(cell.value, rel=6e-3, abs=6e-3), cell


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_cursor_tells_what_the_table_says(name: str) -> None:
    tables = page(name).data_tables
    for chart in page(name).data["charts"]:
        if chart["id"].partition("-")[0] in {"gauge", "slowest", "within"}:
            continue
        rows = tables[chart["id"]][1:]
        assert len(chart["stops"]) == len(rows)
        for stop, row in zip(chart["stops"], rows, strict=True):
            cells = {plain(cell.text) for cell in row}
            assert all(plain(told) in cells for _, told in stop["values"]), stop


def plain(text: str) -> str:
    return " ".join(text.split())


def values(table: list[list[Any]]) -> list[list[float | None]]:
    return [[cell.value for cell in row] for row in table[1:]]


def test_parts_that_some_answers_do_not_report_stay_with_the_rest() -> None:
    def without(slice_: PlannedSlice, rows: Rows) -> None:
        rows["query_us"][:5] = -1
        if slice_.target == 1:
            rows["total_us"][0] = -1

    plan = plan_of()
    run, verdict = conclude(plan, record(plan, spoil=without))
    old, new = (run.targets[name].split for name in ("old", "new"))
    assert old
    assert new
    assert (old.data_ms, new.data_ms) == (None, None)
    assert old.handler_ms == pytest.approx(0.9, rel=1e-3)
    assert new.handler_ms is None
    rows = values(Page(render.render(run, verdict)).data_tables["split"])
    assert rows[1][3:5] == [None, None]
    for row, target in zip(rows, run.targets.values(), strict=True):
        assert row[5] == pytest.approx(sum(part or 0 for part in row[1:5]))
        assert row[5] is not None
        assert target.p50_ms is not None
        assert row[5] > target.p50_ms


def test_nothing_is_drawn_of_a_target_that_never_answered() -> None:
    def never(slice_: PlannedSlice, rows: Rows) -> None:
        if slice_.target == 1:
            fail(rows, slice(None))

    plan = plan_of()
    run, verdict = conclude(plan, record(plan, spoil=never))
    own = Page(render.render(run, verdict))
    assert run.targets["new"].split is None
    assert all(row[4] is None for row in values(own.data_tables["within"]))
    assert "it does not exist, as too many failed" in own.text_of("summary-slowest")
