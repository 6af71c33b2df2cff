"""Stored files that hold sound JSON of another form: one error line, exit code 2, no traceback."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.stored import store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.calls import Call

SHAPES = ("[]", "{}", "3", '"text"', "null", "true", "[{}]", '{"a": 1}', "", "[" * 9000, "\x00")

COMMANDS = (
    ("report", "run"),
    ("report", "run", "--format", "html", "--require", "adopt"),
    ("ledger", "run"),
    ("ledger", "run", "--format", "csv"),
    ("compare", "run", "other"),
    ("history",),
)
READ_BY = {
    "run.json": {"report", "compare", "history"},
    "plan.json": {"report", "ledger"},
    "slices.jsonl": {"report", "ledger"},
    "finish.json": {"report", "ledger"},
}
"""Which commands read a file; a history leaves out what it cannot read, and says so."""

WRONG: tuple[Any, ...] = (None, True, -1, 3.5, 10**30, "text", [], {}, [None], {"0": None}, "2025-01-02T03:04:05")


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


def refused(call: Call, command: tuple[str, ...], what: str) -> None:
    """Check that a command reports a damaged file, in one line that names it."""
    done = call(*command)
    assert done.code == 2, (what, command, done)
    assert done.err.startswith("error: "), (what, done.err)
    assert "Traceback" not in done.err


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
    before = file.read_bytes()
    lines = before.splitlines(keepends=True) if name == "slices.jsonl" else [before]
    document = json.loads(lines[0])
    commands = [one for one in COMMANDS if one[0] in READ_BY[name] and "csv" not in one]
    tried = 0
    for at in paths(document):
        for value in (..., *WRONG):
            text = json.dumps(spoilt(document, at, value)).encode()
            file.write_bytes(b"".join([text + b"\n", *lines[1:]]))
            for command in commands:
                done = call(*command)
                assert done.code in {0, 1, 2, 3, 4}, (at, value, command, done)
                tried += 1
    assert tried > 100
