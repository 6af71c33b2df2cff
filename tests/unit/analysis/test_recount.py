"""The recount agrees with what was reported, and finds whatever was changed on either side."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.recount import recount
from dragstrip.ledger.layout import HEADER, ROW, ROW_BYTES, SEAL_OFFSET
from dragstrip.ledger.rows import SEGMENT_ROWS, Outcome
from dragstrip.run.plan import FINISH_FILE, LEDGER_FOLDER, SLICES_FILE
from tests.support.recorded import record_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dragstrip.ledger.writer import Policy
    from dragstrip.run.folder import RunFolder


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return record_run(tmp_path / "run", hung=3)


def test_an_untouched_run_is_proved_by_its_ledger(folder: RunFolder) -> None:
    found = recount(folder)
    assert found.holds
    assert found.is_finished
    assert found.differences == []
    assert found.tallies == 2 * 4 * 2
    assert found.rows == {0: 1200, 1: 1200}
    assert sum(found.outcomes["old"].values()) + sum(found.outcomes["new"].values()) == 2400
    in_flight = [outcomes["in_flight"] for outcomes in found.outcomes.values()]
    assert sum(in_flight) == 3 * 8
    assert not found.unreported


def test_slices_may_lie_in_any_segment(tmp_path: Path) -> None:
    # Each segment but the last is full, and one slice lies across two.
    found = recount(record_run(tmp_path / "run", workers=1, lookups=SEGMENT_ROWS // 3))
    assert found.segments == 2
    assert found.holds


@pytest.mark.parametrize("policy", ["compress", "drop"])
def test_policies(tmp_path: Path, policy: Policy) -> None:
    found = recount(record_run(tmp_path / "run", policy=policy))
    if policy == "compress":
        assert found.holds
        assert found.rows == {0: 1200, 1: 1200}
    else:
        assert found.is_dropped
        assert not found.holds
        assert found.segments == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outcome", Outcome.WRONG_ANSWER),
        ("done_ns", 5),
        ("sent_ns", 2**60),
        ("flags", 0),
        ("target", 0),
        ("slice", 3),
        ("query_us", 7),
        ("opened", 9),
        ("reconnected", 9),
        ("bytes", 2**31),
    ],
)
def test_a_changed_row_shows(folder: RunFolder, name: str, value: int) -> None:
    change_row(folder, 290, name, value)
    found = recount(folder)
    assert not found.holds
    assert all(one.startswith(("slice ", "worker 0, ")) for one in found.differences)


def test_a_missing_segment_shows(folder: RunFolder) -> None:
    (folder.path / LEDGER_FOLDER / "1-00000.rows").unlink()
    found = recount(folder)
    assert (found.holds, found.missing, found.differences) == (False, [1], [])


def test_a_changed_report_shows(folder: RunFolder) -> None:
    def add_one(tally: dict[str, Any]) -> None:
        tally["verified"] += 1

    change_reports(folder, add_one)
    found = recount(folder)
    (difference,) = found.differences
    assert difference.startswith("slice 0, worker 0, ")
    assert ": verified: " in difference


def test_a_changed_total_shows(folder: RunFolder) -> None:
    file = folder.path / FINISH_FILE
    finish = json.loads(file.read_text())
    finish["workers"]["1"]["tallies"]["0"]["0"]["failed"]["http_503"] += 1
    file.write_text(json.dumps(finish))
    (difference,) = recount(folder).differences
    assert difference.startswith("worker 1, old: failed: ")


def test_a_race_cut_short_is_compared_as_far_as_it_came(folder: RunFolder) -> None:
    (folder.path / FINISH_FILE).unlink()
    file = folder.path / SLICES_FILE
    lines = file.read_text().splitlines()
    file.write_text("\n".join(lines[:3]) + "\n" + lines[3][:100])
    found = recount(folder)
    assert found.holds
    assert not found.is_finished
    assert found.unreported == {0: 300, 1: 300}


def test_a_lost_workers_rows_are_no_contradiction(folder: RunFolder) -> None:
    def forget(report: dict[str, Any]) -> None:
        report["workers"] = report["workers"][:1]

    file = folder.path / SLICES_FILE
    reports = [json.loads(line) for line in file.read_text().splitlines()]
    forget(reports[-1])
    file.write_text("".join(json.dumps(one) + "\n" for one in reports))
    finish = json.loads((folder.path / FINISH_FILE).read_text())
    del finish["workers"]["1"]
    (folder.path / FINISH_FILE).write_text(json.dumps(finish | {"lost_workers": [1]}))
    found = recount(folder)
    assert found.holds
    assert found.unreported == {1: 300}


def change_row(folder: RunFolder, row: int, name: str, value: int) -> None:
    file = folder.path / LEDGER_FOLDER / "0-00000.rows"
    data = bytearray(file.read_bytes())
    assert ROW.fields is not None
    kind, offset = ROW.fields[name][:2]
    place = HEADER.size + row * ROW_BYTES + offset
    data[place : place + kind.itemsize] = int(value).to_bytes(kind.itemsize, "little")
    data[SEAL_OFFSET : HEADER.size] = bytes(HEADER.size - SEAL_OFFSET)
    file.write_bytes(data)


def change_reports(folder: RunFolder, change: Callable[[dict[str, Any]], None]) -> None:
    file = folder.path / SLICES_FILE
    lines = file.read_text().splitlines()
    report = json.loads(lines[0])
    change(report["workers"][0]["tallies"]["0"]["0"])
    file.write_text("\n".join([json.dumps(report), *lines[1:]]) + "\n")
