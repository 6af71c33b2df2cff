"""`from dragstrip import race, load_run` reads its input as the command line does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dragstrip import load_run, race
from dragstrip.errors import BackendError, ConfigError, StorageError
from tests.support.stored import store

if TYPE_CHECKING:
    from pathlib import Path

ADDRESSES = ("http://no-such-host.invalid/{id}", "http://no-other-host.invalid/{id}")


@pytest.mark.parametrize("scenario", [None, "endpoint"])
def test_what_the_file_adds_to_two_addresses_leaves_them_whole(
    tmp_path: Path, scenario: str | None
) -> None:
    (tmp_path / "ids.csv").write_text("id\n1\n2\n")
    (tmp_path / "dragstrip.toml").write_text(f'[scenario]\ndata = "{tmp_path / "ids.csv"}"\n')
    # Of addresses whose paths were lost, nothing would say what is asked.
    with pytest.raises(BackendError, match=re.escape("no-such-host.invalid is unreachable")):
        race(*ADDRESSES, scenario=scenario, config=tmp_path / "dragstrip.toml", runs=tmp_path)


def test_a_section_that_is_no_table_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "dragstrip.toml").write_text("scenario = 3\n")
    with pytest.raises(ConfigError, match="scenario must be a table, and is 3"):
        race(*ADDRESSES, config=tmp_path / "dragstrip.toml", runs=tmp_path)


def test_a_run_without_rows_says_so(tmp_path: Path) -> None:
    folder = store(tmp_path / "run")
    with pytest.raises(StorageError, match="holds no rows"):
        load_run(folder.path).ledger()
