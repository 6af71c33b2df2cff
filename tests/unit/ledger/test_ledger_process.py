"""What is left of a ledger when its process is killed, or finds the disk full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from dragstrip.ledger import reader
from dragstrip.ledger.rows import SEGMENT_ROWS, Outcome, Rows

ROOT = Path(__file__).parents[3]


def started(folder: Path, how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.ledger_process", str(folder), how],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def stored(folder: Path) -> Rows:
    """Return every row of a folder, and check that the segments follow each other."""
    segments = list(reader.segments(folder))
    starts = np.cumsum([0, *(len(segment.rows) for segment in segments)])
    assert [segment.first_row for segment in segments] == starts[:-1].tolist()
    return np.concatenate([segment.rows for segment in segments])


def assert_whole(rows: Rows) -> None:
    """Check that rows are in the order they were begun, and all there is of each."""
    number = np.arange(len(rows))
    assert (rows["scheduled_ns"] == number).all()
    assert (rows["key"] == -number).all()
    in_flight = rows["outcome"] == Outcome.IN_FLIGHT
    assert (rows["outcome"][~in_flight] == Outcome.OK).all()
    assert in_flight.sum() <= 9
    ended, number = rows[~in_flight], number[~in_flight]
    for name in ("bytes", "first_byte_us", "query_us", "total_us"):
        assert (ended[name] == number).all()
    assert (ended["done_ns"] == number + 2).all()


def test_every_row_of_a_killed_process_reads_back(tmp_path: Path) -> None:
    process = started(tmp_path, "for-ever")
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.communicate()
    rows = stored(tmp_path)
    assert len(rows) > SEGMENT_ROWS
    assert_whole(rows)


def test_a_full_disk_ends_the_process_and_keeps_the_rows(tmp_path: Path) -> None:
    process = started(tmp_path, "no-room")
    _, told = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "cannot write the ledger" in told
    assert "File too large" in told
    rows = stored(tmp_path)
    # The lack of room shows while there still is some in the segment at hand.
    assert SEGMENT_ROWS // 4 <= len(rows) < SEGMENT_ROWS
    assert_whole(rows)
    assert [path.name for path in tmp_path.iterdir()] == ["3-00000.rows"]
