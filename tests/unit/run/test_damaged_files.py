"""Stored files that hold sound JSON of another form: one error line, exit code 2, no traceback."""

from __future__ import annotations

import itertools
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dragstrip import load_run
from dragstrip.errors import StorageError
from dragstrip.ledger.layout import HEADER, ROW, SEAL_OFFSET
from dragstrip.run import live_stats
from tests.support.output_faults import shell
from tests.support.recorded import record_run
from tests.support.stored import store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dragstrip.run.live_stats import Live
    from tests.support.calls import Call

SHAPES = ("[]", "{}", "3", '"text"', "null", "true", "[{}]", '{"a": 1}', "", "[" * 9000, "\x00")

COMMANDS = (
    ("report", "run"),
    ("report", "run", "--format", "html", "--require", "adopt"),
    ("ledger", "run"),
    ("ledger", "run", "--format", "csv"),
    ("compare", "run", "other"),
    ("history", "--verbose"),
)
READ_BY = {
    "run.json": {"report", "compare", "history"},
    "plan.json": {"report", "ledger"},
    "slices.jsonl": {"report", "ledger"},
    "finish.json": {"report", "ledger"},
}
"""Which commands read a file; a history leaves out what it cannot read, and says so."""

WRONG: tuple[Any, ...] = (
    None,
    True,
    -1,
    3.5,
    10**30,
    "text",
    [],
    {},
    [None],
    {"0": None},
    "2025-01-02T03:04:05",
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("whole")
    store(place / "run")
    return place / "run"


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A stored run beside another that is whole, where `call` looks for runs."""
    for name in ("run", "other"):
        shutil.copytree(whole, tmp_path / "runs" / name)
    other = tmp_path / "runs" / "other" / "run.json"
    other.write_text(
        json.dumps(
            json.loads(other.read_text())
            | {
                "id": "20260102T030405Z-abcd",
                "started": "2026-01-02T03:04:05Z",
                "ended": "2026-01-02T03:05:05Z",
            }
        )
    )
    return tmp_path / "runs" / "run"


@pytest.mark.parametrize("name", list(READ_BY))
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape[:10]))
def test_a_file_of_another_form_is_named(run: Path, call: Call, name: str, shape: str) -> None:
    (run / name).write_text(shape)
    is_torn = name == "slices.jsonl" and shape in {"", "[" * 9000, "\x00"}
    for command in COMMANDS:
        done = call(*command)
        if command[0] not in READ_BY[name] or is_torn or command == COMMANDS[3]:
            assert done.code in {0, 1, 2, 3}, (command, done)
        elif command[0] == "history":
            assert (done.code, "run.json" in done.out) == (0, True), done
        else:
            assert done.code == 2, (command, done)
            assert done.err.startswith("error: ")
            assert name in done.err, (command, done.err)
        assert "please report it" not in done.err, (command, done.err)


def paths(document: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of every value, of a list's only the first's."""
    if at:
        yield at
    if isinstance(document, dict):
        for key in document:
            yield from paths(document[key], (*at, key))
    elif isinstance(document, list) and document:
        yield from paths(document[0], (*at, 0))


def spoilt(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with another value there; without it for `...`."""
    copy = json.loads(json.dumps(document))
    part = copy
    for step in at[:-1]:
        part = part[step]
    if value is ...:
        del part[at[-1]]
    else:
        part[at[-1]] = value
    return copy


@pytest.mark.parametrize("name", list(READ_BY))
def test_no_wrong_value_anywhere_is_a_crash(run: Path, call: Call, name: str) -> None:
    file = run / name
    lines = file.read_bytes().splitlines(keepends=True)
    first, rest = (lines[0], lines[1:]) if name == "slices.jsonl" else (b"".join(lines), [])
    document = json.loads(first)
    commands = [one for one in COMMANDS if one[0] in READ_BY[name] and "csv" not in one]
    refused = 0
    # Each place gets another wrong value, and each command sees every kind of value.
    values = itertools.cycle((..., *WRONG))
    for at, command in zip(paths(document), itertools.cycle(commands), strict=False):
        value = next(values)
        text = json.dumps(spoilt(document, at, value)).encode()
        file.write_bytes(b"".join([text + b"\n", *rest]))
        done = call(*command)
        assert done.code in {0, 1, 2, 3, 4}, (at, value, command, done)
        refused += done.code == 2
    assert refused > 5


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("operations", [], "there are no operations"),
        ("config", {"race": {}, "rules": {}, "dataset": 3}, "config.dataset is not a table"),
        ("config", {"race": {"pairs": "x"}, "rules": {}}, "config.race: pairs"),
        ("config", {"race": {}}, "config.rules"),
        ("targets", {}, "no figures of new, old"),
        ("baseline", "another", "no figures of another"),
        ("slices", "first", "must have one slice of each target"),
        ("schema_version", [2], "schema_version"),
        ("started", "2025-01-02T03:04:05", "started"),
    ],
)
def test_parts_of_a_run_that_do_not_fit_are_named(
    run: Path, place: str, value: Any, says: str
) -> None:
    document = json.loads((run / "run.json").read_text())
    document[place] = document[place][:1] if value == "first" else value
    (run / "run.json").write_text(json.dumps(document))
    with pytest.raises(StorageError, match=says):
        load_run(run)


def test_a_slice_that_is_one_too_many_is_named(run: Path) -> None:
    file = run / "slices.jsonl"
    lines = file.read_bytes().splitlines(keepends=True)
    for more in (lines[0], lines[0].replace(b'"index":0', b'"index":99')):
        file.write_bytes(b"".join([*lines, more]))
        with pytest.raises(StorageError, match="is not in the plan"):
            load_run(run)
    file.write_bytes(b"".join([lines[0].replace(b'"started"', b'"begun"'), *lines[1:]]))
    with pytest.raises(StorageError, match=r"slices.jsonl, line 1, is damaged: started"):
        load_run(run)


def test_a_plan_of_another_run_is_named(run: Path) -> None:
    plan = run / "plan.json"
    plan.write_text(plan.read_text().replace('"old"', '"older"'))
    with pytest.raises(StorageError, match="name different targets"):
        load_run(run)


def test_a_damaged_verdict_is_judged_again(run: Path, call: Call) -> None:
    for shape in SHAPES:
        (run / "verdict.json").write_text(shape)
        assert call("report", "run").code == 0


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: repr(shape[:10]))
def test_a_damaged_calibration_is_named(run: Path, call: Call, tmp_path: Path, shape: str) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "calibration.json").write_text(shape)
    done = call("compare", "run", "other", DRAGSTRIP_HOME=str(home))
    assert done.code == 2
    assert "calibration.json" in done.err


@pytest.mark.parametrize("shape", [*SHAPES, '{"slice": 1, "targets": {}}', '{"slice": "x"}'])
def test_live_figures_of_another_form_are_none(tmp_path: Path, shape: str) -> None:
    (tmp_path / "live.json").write_text(shape)
    assert live_stats.read(tmp_path) is None
    live: Live = {"slice": None, "targets": {}, "processes": 1, "lost": 0}
    live_stats.write(tmp_path, live)
    assert live_stats.read(tmp_path) == live


def test_the_command_itself_says_it_in_one_line(tmp_path: Path) -> None:
    folder = store(tmp_path / "runs" / "run")
    (folder.path / "finish.json").write_text("[1]")
    ended = shell(tmp_path, "report", "run")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.splitlines()[0].startswith("error: runs/run/finish.json is damaged: ")


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [("outcome", 200, "an unknown outcome"), ("target", 7, "a row has target 7")],
)
def test_a_row_that_cannot_be_is_named(
    tmp_path: Path, call: Call, column: str, value: int, says: str
) -> None:
    folder = record_run(tmp_path / "runs_run", lookups=30)
    part = min((folder.path / "ledger").iterdir())
    data = bytearray(part.read_bytes())
    rows = np.frombuffer(data, ROW, offset=HEADER.size, count=5)
    rows[column][3] = value
    data[SEAL_OFFSET : HEADER.size] = bytes(HEADER.size - SEAL_OFFSET)
    part.write_bytes(data)
    done = call("ledger", str(folder.path), "--format", "csv")
    assert done.code == 2
    assert says in done.err


def test_a_part_of_a_ledger_under_another_name_is_named(tmp_path: Path, call: Call) -> None:
    folder = record_run(tmp_path / "runs_run", lookups=30)
    part = min((folder.path / "ledger").iterdir())
    part.rename(part.with_name(part.name.replace("0-", "9-", 1)))
    done = call("ledger", str(folder.path))
    assert done.code == 2
    assert "its head belongs to another part" in done.err
