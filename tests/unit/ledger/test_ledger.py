"""Writing and reading a ledger in one process."""

from __future__ import annotations

import gzip
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragstrip.errors import StorageError
from dragstrip.ledger import reader
from dragstrip.ledger.layout import ROW
from dragstrip.ledger.rows import SEGMENT_ROWS, Flag, Outcome
from dragstrip.ledger.segment import compress
from dragstrip.ledger.writer import Ledger, Policy

if TYPE_CHECKING:
    from dragstrip.ledger.segment import OpenSegment


def write(folder: Path, count: int, worker: int = 3, policy: Policy = "keep") -> Ledger:
    ledger = Ledger(folder, worker, policy)
    for n in range(count):
        row = ledger.begin(n, 2**40 + n, n, 1, Flag.COUNTED | Flag.NO_CONNECTION, 7, n + 1, 200)
        ledger.end(row, n + 1, n + 2, Outcome.HTTP_STATUS, 503, 665, 9, 12, 34, 2, 1)
    return ledger


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    write(tmp_path, 5).close()
    (segment,) = reader.segments(tmp_path)

    assert (segment.worker, segment.first_row, len(segment.rows)) == (3, 0, 5)
    assert {name: segment.rows[4][name].item() for name in ROW.names or ()} == {
        "scheduled_ns": 4,
        "key": 2**40 + 4,
        "slice": 4,
        "target": 1,
        "flags": 3,
        "connection": 7,
        "sent_ns": 5,
        "done_ns": 6,
        "first_byte_us": 9,
        "query_us": 12,
        "total_us": 34,
        "bytes": 665,
        "status": 503,
        "opened": 2,
        "reconnected": 1,
        "operation": 200,
        "padding": b"\0\0",
        "outcome": Outcome.HTTP_STATUS,
    }


def test_rows_of_the_previous_version_are_of_operation_0(tmp_path: Path) -> None:
    write(tmp_path, 3).close()
    path = tmp_path / "3-00000.rows"
    data = bytearray(path.read_bytes())
    data[8], data[56:64] = 2, bytes(8)
    for n in range(3):
        data[64 * (n + 1) + 59 : 64 * (n + 1) + 61] = b"\0\0"  # its padding
    path.write_bytes(data)
    (segment,) = reader.segments(tmp_path)
    assert segment.rows["operation"].tolist() == [0, 0, 0]
    assert segment.rows["reconnected"].tolist() == [0, 0, 0]
    assert segment.rows["status"].tolist() == [503, 503, 503]
    assert segment.rows["scheduled_ns"].tolist() == [0, 1, 2]


def test_a_row_is_there_before_it_is_sent(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, 0)
    ledger.begin(5, 6, 7, 0, 0, 0, 8, 1)
    (segment,) = reader.segments(tmp_path)
    assert segment.rows["outcome"].tolist() == [Outcome.IN_FLIGHT]
    assert segment.rows["operation"].tolist() == [1]
    ledger.close()


def test_rows_cross_segments_and_each_is_harvested_once(tmp_path: Path) -> None:
    ledger = write(tmp_path, SEGMENT_ROWS + 10)
    hung = ledger.begin(-1, 0, 0, 0, 0, 0, 0)
    assert sum(len(rows) for rows in ledger.harvest()) == SEGMENT_ROWS + 10
    assert sum(len(rows) for rows in ledger.harvest()) == 0
    ledger.end(hung, 1, 2, Outcome.OK)
    assert [rows["scheduled_ns"].tolist() for rows in ledger.harvest()] == [[-1]]
    ledger.close()
    stored = [due for one in reader.segments(tmp_path) for due in one.rows["scheduled_ns"].tolist()]
    assert stored == [*range(SEGMENT_ROWS + 10), -1]


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path, 1).close()
    with pytest.raises(StorageError, match="File exists"):
        Ledger(tmp_path, 3)


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "3-00000.rows"
    path.write_bytes(b"something else entirely, and long enough for a header of ours.......")
    with pytest.raises(StorageError, match="not part of a ledger"):
        reader.read(path)
    path.unlink()
    write(tmp_path, 1).close()
    data = bytearray(path.read_bytes())
    data[8] = 9
    path.write_bytes(data)
    with pytest.raises(StorageError, match="version 9"):
        reader.read(path)
    with pytest.raises(StorageError, match="cannot read"):
        reader.read(tmp_path / "0-00000.rows")


@st.composite
def some_steps(draw: st.DrawFn) -> list[tuple[str, int]]:
    step = st.tuples(st.sampled_from(["begin", "begin", "end", "harvest"]), st.integers(0, 30_000))
    return draw(st.lists(step, max_size=14))


@pytest.mark.parametrize("policy", ["keep", "compress", "drop"])
@settings(max_examples=12, deadline=None)
@given(steps=some_steps(), seed=st.integers(0, 2**32))
def test_each_row_is_harvested_once_whatever_the_order(
    policy: Policy, steps: list[tuple[str, int]], seed: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger(folder, 0, policy)
        random = np.random.default_rng(seed)
        in_flight: list[int] = []
        ended: list[int] = []
        harvested: list[int] = []
        for step, amount in [*steps, ("harvest", 0)]:
            if step == "begin":
                at = ledger.begun
                in_flight += [ledger.begin(at + n, 0, 0, 0, 0, 0, 0) for n in range(amount)]
            elif step == "end":
                random.shuffle(in_flight)
                now, in_flight = in_flight[:amount], in_flight[amount:]
                for row in now:
                    ledger.end(row, 1, 2, Outcome.OK)
                ended += now
            else:
                harvested += [
                    due for rows in ledger.harvest() for due in rows["scheduled_ns"].tolist()
                ]
                ledger.upkeep()
                ledger.tidy()
        assert sorted(harvested) == sorted(ended)
        begun = ledger.begun
        ledger.close()

        stored = np.concatenate(
            [[], *(one.rows["scheduled_ns"] for one in reader.segments(folder))]
        )
        names = {path.suffix for path in folder.iterdir()}
        if policy == "drop":
            assert set(in_flight) <= set(stored.tolist())
            assert bool(in_flight) == bool(names)
        else:
            assert stored.tolist() == list(range(begun))
            assert names == ({".rows"} if policy == "keep" else {".gz"})


def test_a_segment_made_ready_at_the_last_moment_is_not_lost(tmp_path: Path) -> None:
    class Overtaken(Ledger):
        def _new_segment(self) -> OpenSegment:
            if self.begun and self._spare is None:
                self._spare = super()._new_segment()  # as another thread does
            return super()._new_segment()

    ledger = Overtaken(tmp_path, 3)
    for n in range(2 * SEGMENT_ROWS + 1):
        ledger.end(ledger.begin(n, n, 0, 0, 0, 0, n), n, n, Outcome.OK)
    ledger.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "3-00000.rows",
        "3-00001.rows",
        "3-00002.rows",
    ]


def test_a_segment_whose_packing_was_cut_short_is_read_once(tmp_path: Path) -> None:
    write(tmp_path, 5).close()
    plain = tmp_path / "3-00000.rows"
    rows = plain.read_bytes()
    (tmp_path / "3-00000.rows.gz.new").write_bytes(gzip.compress(rows)[:50])
    (tmp_path / "3-1.spare").write_bytes(bytes(len(rows)))
    assert [len(one.rows) for one in reader.segments(tmp_path)] == [5]
    assert compress(plain)
    plain.write_bytes(rows)  # as if it was killed before it could remove this one
    assert [len(one.rows) for one in reader.segments(tmp_path)] == [5]


def test_without_room_to_pack_it_a_segment_stays(tmp_path: Path) -> None:
    write(tmp_path, 5).close()
    plain = tmp_path / "3-00000.rows"
    (tmp_path / "3-00000.rows.gz").mkdir()  # nothing can be put in its place
    assert not compress(plain)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == [plain.name]


def test_a_damaged_packed_segment_is_told(tmp_path: Path) -> None:
    write(tmp_path, 500).close()
    plain = tmp_path / "3-00000.rows"
    assert compress(plain)
    packed = tmp_path / "3-00000.rows.gz"
    data = packed.read_bytes()
    for damaged in (data[:-20], data[:100] + b"\xff" * 20 + data[120:], b"no gzip"):
        packed.write_bytes(damaged)
        with pytest.raises(StorageError, match="cannot read"):
            reader.read(packed)


def test_the_version_before_is_read(tmp_path: Path) -> None:
    write(tmp_path, 5).close()
    (path,) = reader.files(tmp_path)
    data = bytearray(path.read_bytes())
    data[56:64] = bytes(8)
    for version, is_read in ((1, False), (2, True), (3, True), (4, False)):
        data[8:10] = version.to_bytes(2, "little")
        path.write_bytes(data)
        if is_read:
            assert len(reader.read(path).rows) == 5
        else:
            with pytest.raises(StorageError, match=f"has version {version}"):
                reader.read(path)


@pytest.mark.parametrize("policy", ["keep", "compress"])
def test_any_flipped_bit_of_a_closed_segment_is_noticed(tmp_path: Path, policy: Policy) -> None:
    write(tmp_path, 100, policy=policy).close()
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    rows = reader.read(path).rows.tobytes()
    for bit in range(0, len(whole) * 8, 509):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        try:
            found = reader.read(path).rows
        except StorageError:
            continue
        # Some bits of a gzip file, such as its time, are of no consequence.
        assert policy == "compress"
        assert found.tobytes() == rows


def test_a_closed_segment_that_was_cut_off_is_noticed(tmp_path: Path) -> None:
    write(tmp_path, 100).close()
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[: -3 * 64])
    with pytest.raises(StorageError, match="not those that were written"):
        reader.read(path)
