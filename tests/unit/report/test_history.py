"""`dragstrip history`: which runs it lists, what it draws, what it marks and what it skips."""

from __future__ import annotations

import json
import os
import shutil
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dragstrip.analysis.history import History, Moment, Skipped, history
from dragstrip.analysis.slo import slice_interval, typical
from dragstrip.analysis.stored_searches import CAPACITY_FILE
from dragstrip.cli.main import main
from dragstrip.report.capacity import rate
from dragstrip.report.history import VALUE, Axis, bar, interval_of, render
from dragstrip.run.folder import RunFolder
from tests.support.html_page import Page
from tests.support.runs import STARTED, conclude, plan_of, record
from tests.support.schema_validator import validator
from tests.unit.analysis.test_capacity import searched
from tests.unit.report.test_reports import SNAPSHOTS

if TYPE_CHECKING:
    from dragstrip.run.model import Run, Verdict

MEDIANS_MS = (20.0, 22.0, 15.0, 31.0, 20.5)


def made(day: int, median_ms: float, **how: Any) -> tuple[Run, Verdict]:
    plan = plan_of()
    run, verdict = conclude(plan, record(plan, (median_ms, 10.0), seed=day, **how), lab=day == 1)
    update: dict[str, Any] = {
        "id": f"2025010{day}T030405Z-000{day}",
        "started": STARTED + timedelta(days=day),
    }
    if day == 2:
        facts = run.scenario.facts
        other = facts.model_copy(update={"values": facts.values | {"contacts": 7}})
        update["scenario"] = run.scenario.model_copy(update={"facts": other})
        update["machine"] = run.machine.model_copy(update={"cpus": 64})
    return run.model_copy(update=update), verdict


@cache
def stored() -> list[tuple[Run, Verdict]]:
    runs = [made(day, median_ms) for day, median_ms in enumerate(MEDIANS_MS, start=1)]
    return [*runs, made(6, 20.0, samples=20)]


def shown(found: History, *, width: int = 100, verbose: bool = True) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as captured:
        console.print(render(found, verbose=verbose))
    return captured.get()


def write_all(out: Path) -> None:
    for run, verdict in stored():
        folder = RunFolder(out / run.id)
        folder.path.mkdir(parents=True)
        folder.write_run(run)
        folder.write_verdict(verdict)


def test_the_page_has_every_verdict_and_links_what_is_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "runs", tmp_path / "pages" / "all runs.html"
    write_all(out)
    file.parent.mkdir()
    beside = stored()[2][0].id
    (out / beside / "report.html").write_text("")
    (out / "notes").mkdir()
    with pytest.raises(SystemExit, match="0"):
        main(["history", "--html", str(file), "--out", str(out)])
    assert capsys.readouterr().out == f"history: {file}\n"
    page = Page(file.read_text())
    table = page.table("runs-table")[1:]
    newest_first = list(reversed(stored()))
    assert [row[0].text.removesuffix(" *") for row in table] == [one.id for one, _ in newest_first]
    for row, (run, verdict) in zip(table, newest_first, strict=True):
        assert row[2].text.split()[0] == verdict.verdict.upper()
        assert ("(lab)" in row[2].text) == run.lab
    links = [one.attributes["href"] for one in page.root.by_id("runs-table").all("a")]  # type: ignore[union-attr]
    assert links == [f"../runs/{beside}/report.html"]
    valid = [(run, verdict) for run, verdict in stored() if verdict.compares]
    assert [[cell.value for cell in row[1:]] for row in page.data_tables["ratios"][1:]] == [
        [verdict.ratio, verdict.low, verdict.high] for _, verdict in valid
    ]
    assert [row[1].text for row in page.data_tables["values"][1:]] == [
        *["old"] * len(valid),
        *["new"] * len(valid),
    ]
    assert "Skipped notes: it holds no run.json" in page.root.text
    assert page.policy["default-src"] == ["'none'"]


def test_a_page_that_cannot_be_written_says_which_flag(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_all(tmp_path)
    with pytest.raises(SystemExit, match="2"):
        main(["history", "--html", str(tmp_path / "no" / "x.html"), "--out", str(tmp_path)])
    assert "--html" in capsys.readouterr().err


def test_the_short_form_fits_a_screen_and_counts_what_it_leaves_out() -> None:
    runs = [made(day, 20.0) for day in range(1, 10)]
    many = [
        (run.model_copy(update={"id": f"{run.id}-{again}"}), verdict)
        for again in range(3)
        for run, verdict in runs
    ]
    skipped = [Skipped(name="notes", reason="it is not a folder")]
    found = history(many, "old", "p95", skipped)
    text = shown(found, width=80, verbose=False)
    assert len(text.splitlines()) <= 24 - 1
    assert text.count(VALUE) == 12
    assert all(
        (one.run in text) == (place >= len(many) - 12) for place, one in enumerate(found.runs)
    )
    assert f"{len(many) - 12} older runs" in text
    assert "1 folders skipped" in text


@pytest.mark.parametrize(("name", "width"), [("history", 100), ("history-80", 80)])
def test_it_looks_as_it_did(name: str, width: int) -> None:
    skipped = [Skipped(name="<script>", reason="it holds no run.json")]
    text = shown(history(stored(), "old", "p95", skipped), width=width)
    text = "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.write_text(text, encoding="utf-8")
    assert text == snapshot.read_text(encoding="utf-8")
    assert max(map(len, text.splitlines())) <= width


def test_values_are_the_slices_own_with_the_interval_of_the_objective() -> None:
    run, verdict = made(3, 15.0)
    moment = history([(run, verdict)], "new", "p95").runs[0]
    slices = [one.p95_ms or 0 for one in run.slices if one.target == "new"]
    assert (moment.value_ms, moment.low_ms, moment.high_ms) == typical(slices)
    target = verdict.targets["new"]
    assert (moment.low_ms, moment.high_ms) == (target.low_ms, target.high_ms)
    assert (moment.low_ms, moment.high_ms) == slice_interval(slices)


def test_an_invalid_run_has_no_value_and_is_no_reference() -> None:
    found = history(stored(), "old", "p95")
    assert found.reference == found.runs[-2].run
    last = found.runs[-1]
    assert last.verdict == "invalid"
    assert (last.value_ms, last.ratio) == (None, None)
    assert last.note == "invalid: samples_per_slice"


def test_unlike_runs_are_marked_with_what_differs() -> None:
    found = history(stored(), "old", "p95")
    assert [one.unlike for one in found.runs[:4]] == [
        ["lab"],
        ["contacts", "machine.cpus"],
        [],
        [],
    ]
    text = shown(found)
    assert "20250101T030405Z-0001 *" in text
    assert "it differs in contacts, machine.cpus" in " ".join(text.split())


@pytest.mark.parametrize(
    ("target", "metric", "note"),
    [("else", "p95", "no target else"), ("old", "p99", "too few requests a slice for p99")],
)
def test_what_has_no_value_says_why(target: str, metric: Any, note: str) -> None:
    found = history([made(3, 15.0)], target, metric)
    assert found.runs[0].note == note
    assert found.reference is None
    assert note in shown(found)


@cache
def some() -> Moment:
    return history([made(3, 15.0)], "old", "p95").runs[0]


ends = st.floats(1e-3, 1e6)


@given(st.tuples(ends, ends, ends), st.tuples(ends, ends), st.integers(8, 200))
def test_a_bar_spans_its_interval_on_an_axis_of_ratios(
    three: tuple[float, ...], others: tuple[float, ...], width: int
) -> None:
    low, value, high = sorted(three)
    moment = some().model_copy(update={"low_ms": low, "value_ms": value, "high_ms": high})
    axis = Axis(min([low, *others]), max([high, *others]))
    drawn = bar(interval_of(moment), axis, width)
    assert len(drawn) <= width
    assert drawn.count(VALUE) == 1
    assert len(drawn.lstrip()) == axis.place(high, width) - axis.place(low, width) + 1
    assert axis.place(low, width) <= axis.place(value, width) <= axis.place(high, width)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder of stored runs with much else in it."""
    out = tmp_path / "runs"
    for run, _ in stored():
        (out / run.id).mkdir(parents=True)
        RunFolder(out / run.id).write_run(run)
    newest = out / stored()[-1][0].id
    (out / "latest").symlink_to(newest.name)
    (out / "notes.txt").write_text("mine")
    (out / "empty").mkdir()
    shutil.copytree(newest, out / "copied")
    for name, text in (("cut", '{"id": "x'), ("other", "{}"), ("binary", "\x00\x01")):
        (out / name).mkdir()
        (out / name / "run.json").write_text(text)
    document = json.loads((newest / "run.json").read_text())
    for name, change in (
        ("bare", {"config": {}}),
        ("figureless", {"targets": {}}),
        ("future", {"schema_version": 99}),
    ):
        (out / name).mkdir()
        (out / name / "run.json").write_text(json.dumps(document | {"id": name} | change))
    return out


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int | str | None, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["history", *arguments])
    return (left.value.code, *capsys.readouterr())


def test_the_command_names_and_skips_what_is_no_run(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(capsys, "--out", str(runs), "--json")
    assert code == 0
    found = History.model_validate_json(out)
    assert [one.run for one in found.runs] == [run.id for run, _ in stored()]
    skipped = {one.name: one.reason for one in found.skipped}
    assert skipped.keys() == {
        *("bare", "binary", "copied", "cut", "empty", "figureless", "future", "notes.txt", "other")
    }
    assert skipped["notes.txt"] == "it is not a folder"
    assert skipped["empty"] == "it holds no run.json"
    assert skipped["copied"].startswith("it is a copy of run")
    assert "config.race" in skipped["bare"]
    assert "schema_version" in skipped["future"]
    code, out, _ = call(capsys, "--out", str(runs))
    assert code == 0
    assert f"{len(skipped)} folders skipped; --verbose says more" in out
    code, out, _ = call(capsys, "--out", str(runs), "--verbose")
    assert code == 0
    assert all(f"skipped {name}: " in out for name in skipped)


def test_the_command_looks_at_the_newest_runs_and_at_what_is_asked_for(
    runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = call(
        capsys, "--out", str(runs), "--json", "--last", "3", "--target", "new", "--metric", "p50"
    )
    assert code == 0
    found = History.model_validate_json(out)
    assert (len(found.runs), found.target, found.metric) == (3, "new", "p50")


def test_bad_input_is_one_clear_error(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, words in (
        (("--out", str(runs), "--target", "gone"), "--target: no run has a target gone"),
        (("--out", str(tmp_path / "absent")), "cannot read"),
        (("--out", str(runs / "empty")), "holds no run"),
    ):
        code, out, err = call(capsys, *arguments)
        assert (code, out) == (2, "")
        assert words in err
        assert "fix:" in err


def test_the_documentation_shows_what_it_looks_like() -> None:
    page = Path(__file__).parents[3] / "docs" / "history.md"
    assert (SNAPSHOTS / "history-80.txt").read_text() in page.read_text()


def test_searches_are_drawn_below_the_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "runs"
    found = searched(100, 220)
    for number, changes in enumerate(({}, {"id": "later"})):
        stored_search = found.model_copy(update=changes)
        (out / "capacity" / str(number)).mkdir(parents=True)
        RunFolder(out / "capacity" / str(number)).write_report(
            CAPACITY_FILE, stored_search.model_dump_json()
        )
    with pytest.raises(SystemExit):
        main(["history", "--out", str(out), "--target", "new", "--json"])
    document = json.loads(capsys.readouterr().out)
    validator("history").validate(document)
    assert document["runs"] == []
    assert [one["run"] for one in document["searches"]] == [found.id, "later"]
    for run, _ in stored():
        RunFolder(out / run.id).path.mkdir()
        RunFolder(out / run.id).write_run(run)
    with pytest.raises(SystemExit):
        main(["history", "--out", str(out), "--target", "new"])
    shown_rows = capsys.readouterr().out.splitlines()
    assert len(shown_rows) < 24
    for search in document["searches"]:
        (row,) = (row for row in shown_rows if row.startswith(search["run"]))
        assert VALUE in row
        assert rate(found.targets["new"].capacity_per_s) in row
