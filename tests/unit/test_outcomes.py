from pathlib import Path

import pytest

from dragstrip import outcomes
from dragstrip.errors import StorageError
from dragstrip.outcomes import Flag, Outcome, OutcomeWriter


def write(path: Path, count: int, worker: int = 3) -> OutcomeWriter:
    writer = OutcomeWriter(path, worker)
    for n in range(count):
        writer.append(
            due_ns=n,
            sent_ns=n + 1,
            done_ns=n + 2,
            key=2**40 + n,
            slice_index=n,
            target=1,
            outcome=Outcome.HTTP_STATUS,
            flags=Flag.COUNTED | Flag.NO_SLOT,
            status=503,
            size=665,
            query_us=12,
            total_us=34,
        )
    return writer


def test_rows_come_back_as_written(tmp_path: Path) -> None:
    write(tmp_path / "3.bin", 5).close()
    file = outcomes.read(tmp_path / "3.bin")

    assert file.worker == 3
    assert len(file.rows) == 5
    last = {name: file.rows[4][name].item() for name in outcomes.ROW.names or () if name != "pad"}
    last.pop("padding")
    assert last == {
        "due_ns": 4,
        "sent_ns": 5,
        "done_ns": 6,
        "key": 2**40 + 4,
        "slice": 4,
        "query_us": 12,
        "total_us": 34,
        "bytes": 665,
        "target": 1,
        "status": 503,
        "outcome": Outcome.HTTP_STATUS,
        "flags": 3,
    }


def test_rows_are_there_while_the_writer_is_still_open(tmp_path: Path) -> None:
    writer = write(tmp_path / "3.bin", 2)
    assert len(outcomes.read(tmp_path / "3.bin").rows) == 2
    writer.close()


def test_a_row_that_a_crash_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "3.bin"
    write(path, 3).close()
    path.write_bytes(path.read_bytes()[:-1])
    assert len(outcomes.read(path).rows) == 2


def test_a_run_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path / "3.bin", 1).close()
    with pytest.raises(FileExistsError):
        OutcomeWriter(tmp_path / "3.bin", 3)


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "3.bin"
    path.write_bytes(b"something else entirely, and long enough for a header of ours.......")
    with pytest.raises(StorageError, match="not an outcomes file"):
        outcomes.read(path)
    path.unlink()
    write(path, 1).close()
    data = bytearray(path.read_bytes())
    data[8] = 2
    path.write_bytes(data)
    with pytest.raises(StorageError, match="version 2"):
        outcomes.read(path)
    with pytest.raises(StorageError, match="cannot read"):
        outcomes.read(tmp_path / "nothing.bin")


def test_the_documented_layout_is_the_layout() -> None:
    page = (Path(__file__).parents[2] / "docs" / "run-format.md").read_text()
    for name in outcomes.ROW.names or ():
        offset = outcomes.ROW.fields[name][1]  # type: ignore[index]
        assert f"| {offset} | `{name}` |" in page
    for outcome in Outcome:
        assert f"| {outcome.value} | `{outcome.name.lower()}` |" in page
    assert str(outcomes.ROW.itemsize) in page
