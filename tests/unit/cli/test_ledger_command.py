"""`dragstrip ledger`: the summary with its exit code, and the exports."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest

from dragstrip.cli.main import main
from dragstrip.ledger import reader
from dragstrip.ledger.rows import Flag, Outcome
from dragstrip.run.plan import LEDGER_FOLDER, SLICES_FILE
from tests.support.recorded import record_run

if TYPE_CHECKING:
    from pathlib import Path

    from dragstrip.run.folder import RunFolder

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Told(NamedTuple):
    returncode: int
    stdout: str
    stderr: str


Ledger = Callable[..., Told]


@pytest.fixture
def ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ledger:
    """Runs the command in this process, as the shell would in the test's folder."""

    def run(*arguments: str) -> Told:
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as left:
            main(["ledger", *arguments])
        assert isinstance(left.value.code, int)
        return Told(left.value.code, *capsys.readouterr())

    return run


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return record_run(tmp_path / "run", lookups=200, hung=2, operations=2)


def test_the_summary_counts_again(folder: RunFolder, ledger: Ledger) -> None:
    told = ledger("run")
    assert told.returncode == 0, told.stderr
    assert "1600 rows in 2 segments, 0.1 MiB" in told.stdout
    assert "worker 1: 800 rows" in told.stdout
    assert "in_flight" in told.stdout
    assert "recounted: 32 tallies, equal to slices.jsonl and finish.json" in told.stdout


def test_a_difference_is_named_and_exits_with_1(
    folder: RunFolder, ledger: Ledger, tmp_path: Path
) -> None:
    file = folder.path / SLICES_FILE
    file.write_text(file.read_text().replace('"verified": ', '"verified": 1'))
    told = ledger("run")
    assert told.returncode == 1
    assert "figures differ" in told.stdout
    assert "slice 0, worker 0, " in told.stdout


def test_dropped_rows_cannot_be_counted_again(ledger: Ledger, tmp_path: Path) -> None:
    record_run(tmp_path / "run", policy="drop")
    told = ledger("run")
    assert told.returncode == 2
    assert 'race.ledger was "drop"' in told.stderr


def test_parts_that_workers_keep_are_asked_for(folder: RunFolder, ledger: Ledger) -> None:
    for file in (folder.path / LEDGER_FOLDER).glob("1-*"):
        file.unlink()
    told = ledger("run")
    assert told.returncode == 2
    assert "recounted: 16 tallies of those that are here" in told.stdout
    assert "differ" not in told.stdout
    assert f"the parts of worker 1 are not in {folder.path / LEDGER_FOLDER}" in told.stderr
    assert "copy 1-* there from runs/run/ledger/" in told.stderr


def test_a_flipped_bit_is_noticed(folder: RunFolder, ledger: Ledger) -> None:
    file = folder.path / LEDGER_FOLDER / "0-00000.rows"
    data = bytearray(file.read_bytes())
    data[64 * 20 + 8] ^= 1
    file.write_bytes(data)
    for arguments in ((), ("--format", "csv")):
        told = ledger("run", *arguments)
        assert told.returncode == 2
        assert "0-00000.rows is damaged: its rows are not those that were written" in told.stderr


@pytest.mark.parametrize("arguments", [(), ("--format", "csv")])
def test_a_row_cut_off_is_said(
    folder: RunFolder, ledger: Ledger, arguments: tuple[str, ...]
) -> None:
    file = folder.path / LEDGER_FOLDER / "0-00000.rows"
    data = bytearray(file.read_bytes())
    # As a process leaves it that is killed: nothing says how many rows there are.
    data[56:64] = bytes(8)
    file.write_bytes(data[:-10])
    told = ledger("run", *arguments)
    assert "is cut off and left out" in told.stdout + told.stderr.replace("its last row", "")
    assert told.returncode == (0 if arguments else 1)


def test_csv_has_every_row_as_recorded(folder: RunFolder, ledger: Ledger) -> None:
    told = ledger("run", "--format", "csv")
    assert told.returncode == 0, told.stderr
    lines = list(csv.DictReader(io.StringIO(told.stdout)))
    assert len(lines) == 1600
    expected = [
        (segment, segment.first_row + number, row)
        for segment in reader.segments(folder.path / LEDGER_FOLDER)
        for number, row in enumerate(segment.rows)
    ]
    for line, (segment, number, row) in zip(lines, expected, strict=True):
        outcome = Outcome(row["outcome"])
        has_ended = outcome is not Outcome.IN_FLIGHT
        assert (line["worker"], line["row"]) == (str(segment.worker), str(number))
        assert line["target"] == ("old", "new")[row["target"]]
        assert line["operation"] == ("lookup", "message")[row["operation"]]
        assert line["outcome"] == outcome.name.lower()
        assert line["counted"] == str(int(bool(row["flags"] & Flag.COUNTED)))
        for name in ("slice", "key", "connection", "scheduled_ns", "sent_ns"):
            assert line[name] == str(row[name])
        for name in ("done_ns", "bytes", "status", "opened", "reconnected", "first_byte_us"):
            assert line[name] == (str(row[name]) if has_ended else "")
        is_known = has_ended and row["query_us"] != -1
        assert line["query_us"] == (str(row["query_us"]) if is_known else "")
        scheduled_ns = int(row["scheduled_ns"]) - segment.monotonic_ns + segment.wall_ns
        assert line["scheduled"].endswith(f"{scheduled_ns % 10**9:09}Z")
        assert datetime.fromisoformat(line["scheduled"]) == EPOCH + timedelta(
            microseconds=scheduled_ns // 1000
        )
        assert bool(line["done"]) == has_ended


def test_parquet_holds_the_same_as_csv(folder: RunFolder, ledger: Ledger, tmp_path: Path) -> None:
    from pyarrow import parquet

    chosen = ("--target", "new", "--slice", "1")
    to_file = ("--format", "parquet", "--output", "rows.parquet")
    told = ledger("run", *to_file, *chosen)
    assert told.returncode == 0, told.stderr
    told = ledger("run", "--format", "csv", "--output", "x.csv", *chosen)
    assert told.returncode == 0, told.stderr
    table = parquet.read_table(tmp_path / "rows.parquet")
    with (tmp_path / "x.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert 0 < len(lines) < 400
    assert {line["target"] for line in lines} == {"new"}
    assert {line["slice"] for line in lines} == {"1"}
    assert table.column_names == list(lines[0])
    for name in table.column_names:
        texts = [line[name] for line in lines]
        assert [_as_csv(value) for value in _values(table[name])] == texts, name
    assert not list(tmp_path.glob("*.new"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["absent"], "cannot read"),
        (["run", "--target", "new"], "add --format"),
        (["run", "--format", "csv", "--target", "other"], "name one of old, new"),
        (["run", "--format", "csv", "--slice", "4"], "from 0 to 3"),
        (["run", "--format", "csv", "--output", "no/such/folder.csv"], "--output"),
        (["run", "--format", "parquet"], "--output"),
    ],
)
def test_bad_usage_exits_with_2(
    folder: RunFolder, ledger: Ledger, arguments: list[str], expected: str
) -> None:
    told = ledger(*arguments)
    assert told.returncode == 2, told.stderr
    assert expected in told.stderr
    assert "Traceback" not in told.stderr


def test_without_pyarrow_the_error_says_what_to_install(
    folder: RunFolder, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    arguments = ("run", "--format", "parquet", "--output", "rows.parquet")
    told = ledger(*arguments)
    assert told.returncode == 2
    assert "pip install pyarrow" in told.stderr
    assert not (tmp_path / "rows.parquet").exists()


def test_a_reader_that_stops_early_is_no_error(folder: RunFolder, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "dragstrip", "ledger", "run", "--format", "csv"]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("worker,row,target,")
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 0


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_without_rows_there_is_nothing_to_export(ledger: Ledger, tmp_path: Path, form: str) -> None:
    record_run(tmp_path / "run", policy="drop")
    told = ledger("run", "--format", form, "--output", "rows")
    assert told.returncode == 2
    assert "holds no rows" in told.stderr
    assert not (tmp_path / "rows").exists()


def _values(column: Any) -> list[Any]:
    # Python's own datetimes end at the microsecond; numpy's do not.
    is_time = str(column.type).startswith("timestamp")
    return list(column.to_numpy()) if is_time else column.to_pylist()


def _as_csv(value: Any) -> str:
    if value is None or (isinstance(value, np.datetime64) and np.isnat(value)):
        return ""
    if isinstance(value, bool):
        return str(int(value))
    return f"{value}Z" if isinstance(value, np.datetime64) else str(value)
