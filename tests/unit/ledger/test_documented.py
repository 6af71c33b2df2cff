"""The layout that docs/ and readers in other languages go by is the layout that is written."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dragstrip.ledger.histogram import MOST_NS, Histogram, bins_of
from dragstrip.ledger.layout import (
    BEGUN,
    COLUMNS,
    ENDED,
    ENDED_OFFSET,
    HEADER,
    MAGIC,
    OUTCOME_OFFSET,
    ROW,
    ROW_BYTES,
    VERSION,
    documented,
    offset_of,
)
from dragstrip.ledger.rows import SEGMENT_ROWS, Outcome
from dragstrip.ledger.tally import COUNTS, HISTOGRAMS, Tally
from dragstrip.run.slice_report import FinalCounts, Finish, SliceReport, WorkerReport
from tests.support.recorded import record_run

DOCS = Path(__file__).parents[3] / "docs"
LEDGER = (DOCS / "ledger.md").read_text()
RUN_FORMAT = (DOCS / "run-format.md").read_text()


def test_rows() -> None:
    (table,) = re.findall(
        r"^\| offset \| field .*\n\|[-:|]+\|\n((?:\|.*\n)+)", LEDGER, re.MULTILINE
    )
    assert table.splitlines() == documented()
    assert documented()[-1] == "| 63 | `outcome` | u8 | see below |"
    assert f"rows of {ROW_BYTES} bytes" in LEDGER
    assert f"of {SEGMENT_ROWS:,} rows" in LEDGER
    assert BEGUN.size == ROW_BYTES == OUTCOME_OFFSET + 1
    assert f"from {ENDED_OFFSET} to {ENDED_OFFSET + ENDED.size - 1} are written" in LEDGER


def test_what_is_written_after_the_answer_spares_what_was_written_before() -> None:
    ends = range(ENDED_OFFSET, ENDED_OFFSET + ENDED.size)
    for column in COLUMNS:
        at = range(offset_of(column.name), offset_of(column.name) + column.size)
        assert (column.written in {"both", "end"}) == bool(set(at) & set(ends)), column.name


def test_header() -> None:
    table = re.findall(
        r"^\| (\d+) \| (\w[\w ]*) \| (u16|u32|u64|i64|8 bytes) \|", LEDGER, re.MULTILINE
    )
    codes = {"u16": "H", "u32": "I", "u64": "Q", "i64": "q", "8 bytes": "8s"}
    kinds = "".join(codes[kind] for *_, kind in table)
    assert f"<{kinds[:-2]}16x{kinds[-2:]}" == HEADER.format
    ends = (1, 3, 4, 5, 6, 7, 8, 12, 13)
    offsets = [struct.calcsize("<" + HEADER.format[1:end]) for end in ends]
    assert [int(offset) for offset, *_ in table] == offsets
    assert f"| `{MAGIC.decode()}` |" in LEDGER
    assert f"| 8 | version | u16 | {VERSION} |" in LEDGER
    assert f"| 10 | row size | u16 | {ROW_BYTES} |" in LEDGER


def test_outcomes() -> None:
    listed = re.findall(r"^\| (\d+) \| `(\w+)` \| [^|]+ \|$", LEDGER, re.MULTILINE)
    outcomes = [(str(outcome.value), outcome.name.lower()) for outcome in Outcome]
    assert [one for one in listed if one in outcomes] == outcomes


def test_the_readers_own_dtype(tmp_path: Path) -> None:
    record_run(tmp_path / "run", workers=1, hung=1)
    (code,) = re.findall(r"```python\n(.*?)```", LEDGER, re.DOTALL)
    path = tmp_path / "run" / "ledger" / "0-00000.rows"
    scope: dict[str, Any] = {}
    exec(code.replace("runs/latest/ledger/0-00000.rows", str(path)), scope)
    assert scope["ROW"] == ROW
    assert len(scope["rows"]) == 4 * 300 - 4


def test_tallies_and_reports() -> None:
    for name in (*COUNTS, "failed", "failed_uncounted", "histograms"):
        assert f"| `{name}` |" in RUN_FORMAT
    assert set(Tally().encode()) == {*COUNTS, "failed", "failed_uncounted", "histograms"}
    for form in (SliceReport, WorkerReport, Finish, FinalCounts):
        for name in form.__annotations__:
            assert f"`{name}`" in RUN_FORMAT
    for name in HISTOGRAMS:
        assert f"`{name}`" in RUN_FORMAT


@pytest.mark.parametrize("duration_ns", [0, 1, 4095, 4096, 4097, 8191, 8192, 10**6, MOST_NS])
def test_a_durations_bin(duration_ns: int) -> None:
    halvings = max(duration_ns.bit_length() - 12, 0)
    documented = (halvings << 11) + (duration_ns >> halvings)
    assert bins_of(np.array([duration_ns])).tolist() == [documented]


def test_the_readers_own_histogram() -> None:
    histogram = Histogram()
    histogram.add(np.array([5, 5, 7, 5000, 10**9]))
    (code,) = re.findall(r"```python\n(.*?)```", RUN_FORMAT, re.DOTALL)
    scope: dict[str, Any] = {"text": histogram.encode(), "base64": base64, "zlib": zlib}
    exec(code, scope)
    assert (scope["low_ns"], scope["high_ns"]) == (5, 10**9)
    assert scope["bins"].tolist() == bins_of(np.array([5, 7, 5000, 10**9])).tolist()
    assert scope["counts"].tolist() == [2, 1, 1, 1]
