"""File systems that lack a call: a race is stored all the same."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from dragstrip import atomic_file
from dragstrip.errors import StorageError
from dragstrip.ledger import reader
from dragstrip.ledger.rows import Outcome
from dragstrip.ledger.segment import BYTES
from dragstrip.ledger.writer import Ledger
from dragstrip.run import folder as run_folder

if TYPE_CHECKING:
    from pathlib import Path


def refuse(monkeypatch: pytest.MonkeyPatch, call: str, code: int) -> None:
    def refused(*_: Any, **__: Any) -> NoReturn:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refused)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_symbolic_links_the_latest_run_is_the_newest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse(monkeypatch, "symlink", code)
    for name in ("20260101T000000Z-0001", "20260101T000001Z-0002", "20260101T000002Z-0003"):
        (tmp_path / name).mkdir()
    for name in ("20260101T000000Z-0001", "20260101T000001Z-0002"):
        (tmp_path / name / run_folder.RUN_FILE).write_text("{}")
    made = run_folder.create(tmp_path)
    assert made.path.is_dir()
    assert run_folder.find("latest", tmp_path).path.name == "20260101T000001Z-0002"
    (made.path / run_folder.RUN_FILE).write_text("{}")
    assert run_folder.find("latest", tmp_path).path == made.path


def test_a_full_disk_is_no_lack_of_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "symlink", errno.ENOSPC)
    with pytest.raises(StorageError, match="cannot make a run's folder"):
        run_folder.create(tmp_path)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_fallocate_the_ledger_fills_its_blocks_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse(monkeypatch, "posix_fallocate", code)
    ledger = Ledger(tmp_path, 0)
    row = ledger.begin(1, 2, 0, 0, 0, 0, 3, 0)
    ledger.end(row, 4, 5, Outcome.OK)
    (file,) = tmp_path.glob("0-00000.rows")
    assert file.stat().st_blocks * 512 >= BYTES
    ledger.close()
    (segment,) = reader.segments(tmp_path)
    assert segment.rows["outcome"].tolist() == [Outcome.OK]


def test_without_fsync_a_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "fsync", errno.EINVAL)
    atomic_file.write(tmp_path / "file", "whole", durable=True)
    assert (tmp_path / "file").read_text() == "whole"


def test_a_disk_that_fails_is_no_lack_of_fsync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(monkeypatch, "fsync", errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        atomic_file.write(tmp_path / "file", "whole", durable=True)
    assert not list(tmp_path.iterdir())
