import os
import stat
from pathlib import Path

import pytest

from dragstrip import atomic_file


def test_a_writer_replaces_the_whole_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    atomic_file.write(file, "long before")
    atomic_file.write_json(file, {"a": 1}, durable=True)
    assert atomic_file.read_json(file) == {"a": 1}
    assert list(tmp_path.iterdir()) == [file]


def test_a_failed_writer_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    atomic_file.write(file, "before")

    def fail() -> None:
        with atomic_file.filling(file) as fresh:
            fresh.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        fail()
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_private_file_is_its_owners_even_after_a_killed_writer(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    leftover = tmp_path / "secrets.json.new"
    leftover.write_text("half")
    leftover.chmod(0o644)
    atomic_file.write(file, b"{}", private=True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_and_a_pipe_stay_what_they_are(tmp_path: Path) -> None:
    file, link, pipe = (tmp_path / name for name in ("rows.csv", "link", "pipe"))
    file.write_text("before")
    link.symlink_to(file.name)
    atomic_file.write(link, "after")
    assert link.is_symlink()
    assert file.read_text() == "after"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
    atomic_file.write(pipe, "rows", durable=True)
    assert pipe.is_fifo()
    assert os.read(reader, 10) == b"rows"
    os.close(reader)
    assert {one.name for one in tmp_path.iterdir()} == {"rows.csv", "link", "pipe"}


def test_what_cannot_be_read_is_none_and_removal_takes_the_leftover(tmp_path: Path) -> None:
    file = tmp_path / "live.json"
    assert atomic_file.read_json(file) is None
    file.write_text("{")
    assert atomic_file.read_json(file) is None
    (tmp_path / "live.json.new").write_text("{")
    atomic_file.remove(file)
    assert not list(tmp_path.iterdir())
