"""Data files read back row by row, whatever stands in them, and in little memory."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragstrip.errors import ConfigError
from scenarios.http.data_file import DataFile
from tests.support.locust_runs import ROOT

if TYPE_CHECKING:
    from pathlib import Path

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ANYWHERE = settings(
    max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    width = draw(st.integers(1, 4))
    row = st.lists(TEXT, min_size=width, max_size=width)
    return draw(st.lists(row, min_size=1, max_size=8))


def columns_of(table: list[list[str]]) -> list[str]:
    return [f"column {number}" for number in range(len(table[0]))]


@ANYWHERE
@given(table=tables(), tabs=st.booleans(), bom=st.booleans(), end=st.sampled_from(["\r\n", "\n"]))
def test_what_csv_writer_writes_reads_back(
    tmp_path: Path, table: list[list[str]], tabs: bool, bom: bool, end: str
) -> None:
    text = io.StringIO()
    writer = csv.writer(
        text,
        delimiter="\t" if tabs else ",",
        lineterminator=end,
        # Python's writer leaves a carriage return unquoted where it ends no line.
        quoting=csv.QUOTE_MINIMAL if end == "\r\n" else csv.QUOTE_ALL,
    )
    writer.writerow(columns_of(table))
    writer.writerows(table)
    path = tmp_path / ("rows.tsv" if tabs else "rows.csv")
    path.write_bytes(text.getvalue().encode("utf-8-sig" if bom else "utf-8"))
    data = DataFile(path)
    data.require_rows(frozenset(columns_of(table)))
    read = [list(data.row(key).values()) for key in range(len(data))]
    data.close()
    assert read == table


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


@ANYWHERE
@given(values=st.lists(JSON_VALUES, min_size=1, max_size=6), blanks=st.booleans())
def test_json_lines_read_back_with_their_types(
    tmp_path: Path, values: list[Any], blanks: bool
) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [json.dumps({"value": value}, ensure_ascii=False) for value in values]
    path.write_text(("\n\n" if blanks else "\n").join(lines), encoding="utf-8", newline="")
    data = DataFile(path)
    data.require_rows(frozenset(["value"]))
    read = [data.row(key)["value"] for key in range(len(data))]
    data.close()
    assert read == values


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.csv", b"", "rows.csv: it is empty"),
        ("rows.csv", b"\n\r\n", "rows.csv: it is empty"),
        ("rows.csv", b"id,name\r\n", "it has a header and no rows"),
        ("rows.csv", b"id,name\n1,a\n2\n", "rows.csv, line 3: 1 field, and the header names 2"),
        ("rows.csv", b'id,name\n1,"a\nb"\n\n2,x,y\n', "rows.csv, line 5: 3 fields"),
        ("rows.csv", b'id,name\n1,5" disk\n2,6" disk\n', "a quote stands inside a field"),
        ("rows.csv", b'id\n1\n"2\n', "rows.csv, line 3: unexpected end of data"),
        ("rows.csv", b"id,id\n1,2\n", 'line 1: the column name "id"'),
        ("rows.csv", b"id,\n1,2\n", "line 1: a column without a name"),
        ("rows.csv", b"id\n\xff\n", "not UTF-8 text"),
        ("rows.jsonl", b'{"id": 1}\n\n[2]\n', "rows.jsonl, line 3: not a JSON object"),
        ("rows.jsonl", b'{"id": 1}\n{"name": 2}\n', "rows.jsonl, line 2: no field id"),
        ("rows.xlsx", b"PK", "is named neither .csv, .tsv nor .jsonl"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refused:
        DataFile(path).require_rows(frozenset(["id"]))
    assert words in refused.value.message
    assert refused.value.message.startswith("scenario.data: ")
    assert refused.value.fix


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"scenario\.data: cannot read .*gone\.csv"):
        DataFile(tmp_path / "gone.csv")


def test_a_value_that_fits_no_header_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(b'id\nfine\n"a\r\nx-evil: 1"\n')
    with pytest.raises(ConfigError, match="line 3: column id goes into a header"):
        DataFile(path).require_rows(frozenset(["id"]), in_headers=frozenset(["id"]))


MEASURE = """
import random, resource, sys
from pathlib import Path
from scenarios.http.data_file import DataFile

def kib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

data = DataFile(Path(sys.argv[1]))
draw = random.Random(7)
keys = [draw.randrange(len(data)) for _ in range(10_000)]
wrong = [key for key in keys if data.row(key)["id"] != f"item-{key:09d}"]
print(len(data), len(wrong), kib())
"""


def peak(path: Path) -> tuple[int, int, int]:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    rows, wrong, kib = map(int, done.stdout.split())
    return rows, wrong, kib


def test_a_million_rows_take_a_small_part_of_their_size(tmp_path: Path) -> None:
    filler = "x" * 80
    paths = {count: tmp_path / f"{count}.csv" for count in (10_000, 1_000_000)}
    for count, path in paths.items():
        with path.open("w") as file:
            file.write("id,text\n")
            file.writelines(f'item-{number:09d},"{filler}"\n' for number in range(count))
    few, many = (peak(path) for path in paths.values())
    assert (few[:2], many[:2]) == ((10_000, 0), (1_000_000, 0))
    assert many[2] - few[2] < paths[1_000_000].stat().st_size / 1024 / 2
