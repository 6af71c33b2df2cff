"""Numbers of one's own: targets are compared with each other, and no number is left anywhere."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest

from dragstrip.analysis.recount import recount
from dragstrip.cli import main
from scenarios.crm import compare_targets
from tests.support import locust_runs
from tests.support.own_data import FOREIGN, PHONES, keys_file, without_dataset
from tests.support.races import DATASET, OF_THE_MACHINE, Raced, command_line, racing, toml
from tests.support.stand_in import API_KEY, StandIn, response, saying
from tests.unit.race.test_workers import wait_until, worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

CHANGED = 3
"""The contact that changes in the middle of a race."""


class KeysFileRace:
    """A race over a keys file, its servers, and the command lines of all its processes."""

    def __init__(self, raced: Raced, servers: Sequence[StandIn]) -> None:
        self.raced = raced
        self.servers = servers
        self.command_lines: set[str] = set()

    def look(self) -> None:
        self.command_lines |= {" ".join(command_line(one)) for one in self.raced.processes()}
        self.command_lines.add(" ".join(map(str, self.raced.process.args)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, KeysFileRace]]:
    place = tmp_path_factory.mktemp("own")
    with ExitStack() as stack:

        def start(name: str, *flags: str, pairs: int = 2) -> KeysFileRace:
            servers = [stack.enter_context(StandIn(DATASET).serving()) for _ in range(2)]
            folder = place / name
            folder.mkdir()
            keys = keys_file(folder)
            document = without_dataset(*servers, pairs=pairs)
            raced = racing(folder, document, "--keys-file", str(keys), *flags)
            return KeysFileRace(stack.enter_context(raced), servers)

        port = locust_runs.free_port()
        # What is raced in one process is raced on the lab, too.
        found = {
            "alike": start("alike", "--processes", "2"),
            # Slices enough that some are left on a busy machine when the data changes.
            "changing": start("changing", "--workers", "1", "--bind", f"127.0.0.1:{port}", pairs=6),
        }
        helper = stack.enter_context(worker(place / "worker", int(port)))
        changing = found["changing"]
        wait_until(lambda: changing.raced.under_way(slices=1))
        for server in changing.servers:
            other = dict(DATASET.answer(CHANGED)) | {"notes": ["called again"]}
            server.deeds[CHANGED] = saying(response(other))
        for one in found.values():
            while one.raced.process.poll() is None:
                for watched in found.values():
                    watched.look()
                with suppress(subprocess.TimeoutExpired):
                    one.raced.process.wait(0.2)
            one.raced.wait()
        assert helper.wait()[0] == 0
        yield found


def test_targets_that_answer_alike_give_a_valid_run(races: dict[str, KeysFileRace]) -> None:
    raced = races["alike"].raced
    assert raced.code in {0, 3}, raced.errors
    assert raced.failed_gates <= OF_THE_MACHINE | {"samples_per_slice"}
    for target in raced.run.targets.values():
        assert target.verified == target.requests > 0
    keys = set(raced.rows()["key"].tolist())
    assert len(PHONES) / 2 < len(keys)
    assert keys <= set(range(len(PHONES)))
    assert recount(raced.folder).holds


def test_the_run_says_which_data_it_was(
    races: dict[str, KeysFileRace], capsys: pytest.CaptureFixture[str]
) -> None:
    raced = races["alike"].raced
    run = json.loads((raced.folder.path / "run.json").read_text())
    path = raced.place / "keys.csv"
    sha256, found = hashlib.sha256(path.read_bytes()).hexdigest(), len(PHONES) - FOREIGN
    assert run["schema_version"] == 3
    assert (run["scenario"]["name"], run["scenario"]["keys"]) == ("lookup", len(PHONES))
    facts = run["scenario"]["facts"]
    assert (facts["answers"], facts["digest"]) == ("alike", sha256)
    assert facts["values"] == {"keys": len(PHONES), "found": found}
    assert run["config"]["dataset"] == {"keys_file": str(path), "workspace_id": None}
    assert run["config"]["race"]["miss"] == 0
    assert raced.verdict.answers == "alike"
    sentence = (
        f"Data: {len(PHONES)} phone numbers from a keys file, {found} of them known; answers "
        f"compared with each other, not proven right; SHA-256 of the keys file {sha256[:12]}…, "
        "the same before the race and after it."
    )
    with pytest.raises(SystemExit, match="0"):
        main.main(["report", str(raced.folder.path), "--verbose"])
    assert sentence in " ".join(capsys.readouterr().out.split())
    with pytest.raises(SystemExit, match="0"):
        main.main(["report", str(raced.folder.path), "--format", "markdown"])
    plain = re.sub(r"\\(.)", r"\1", capsys.readouterr().out)
    assert sentence in plain


@pytest.mark.parametrize("name", ["alike", "changing"])
def test_no_number_and_no_answer_is_stored_shown_or_listed(
    races: dict[str, KeysFileRace], name: str
) -> None:
    staged = races[name]
    files = [file for file in staged.raced.folder.path.rglob("*") if file.is_file()]
    assert {"run.json", "plan.json", "locust.log"} <= {file.name for file in files}
    texts = {str(file): file.read_bytes() for file in files}
    texts["shown"] = (staged.raced.output + staged.raced.errors).encode()
    texts["listed"] = "\n".join(staged.command_lines).encode()
    assert b"dragstrip.load" in texts["listed"]
    for where, text in texts.items():
        for secret in secrets_of(range(0, DATASET.contacts, 7)):
            assert secret.encode() not in text, where


def secrets_of(indices: Sequence[int]) -> Iterator[str]:
    """Yield what must not be left of some contacts: numbers, names, notes, messages."""
    for index in (*indices, CHANGED):
        yield DATASET.phone(index)
        yield DATASET.phone(index)[2:]
        answer = DATASET.answer(index)
        assert answer["contact"]
        yield from (one for one in (answer["contact"]["name"],) if one and len(one) > 6)
        yield from (note for note in answer["notes"] if len(note) > 9)
    yield from PHONES


def test_a_worker_elsewhere_keeps_no_number(races: dict[str, KeysFileRace]) -> None:
    place = races["changing"].raced.place.parent / "worker"
    files = [file for file in place.rglob("*") if file.is_file()]
    assert files
    for file in files:
        for phone in PHONES:
            assert phone.encode() not in file.read_bytes()


def test_data_that_changes_meanwhile_makes_the_run_invalid(races: dict[str, KeysFileRace]) -> None:
    raced = races["changing"].raced
    assert raced.code == 3
    assert {"wrong_answers", "changed_data"} <= raced.failed_gates
    assert raced.run.data_after == "changed"
    line = 3 + CHANGED
    difference = f"keys.csv, line {line}: old and new answered otherwise than before"
    assert raced.run.data_difference
    assert raced.run.data_difference.startswith(difference)
    for words in (difference, "live data may change", "from what both targets gave"):
        assert words in raced.verdict.reason


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRM_API_KEY", API_KEY)
    monkeypatch.setenv("DRAGSTRIP_LAB_HOME", str(tmp_path / "lab"))
    keys_file(tmp_path)
    return tmp_path


def configure(folder: Path, old: StandIn, new: StandIn, **changes: Any) -> None:
    sound = {"pairs": 6, "slice": 1.0, "warmup": 0.2, "rate": 2000}
    document = without_dataset(old, new, **sound) | changes
    (folder / "dragstrip.toml").write_text(toml(document))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str]:
    """Return exit code and error of a command."""
    with pytest.raises(SystemExit) as exit_:
        main.main(list(arguments))
    said = capsys.readouterr()
    assert said.err.count("error: ") == 1, said
    assert "Traceback" not in said.err
    return exit_.value.code, said.err


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "value": ({"notes": ["another secret note"]}, "notes[0] differs between old and new"),
    "absent": ({"notes": []}, "notes[0] is a string from old and nothing from new"),
    "null": ({"last_interaction": None}, "last_interaction is an integer from old and null from"),
    "form": ({"last_interaction": 1.5}, "not of the contract's form: last_interaction: "),
    "more": ({"phone": "secret"}, "not of the contract's form: phone: extra"),
    "unknown": ({"found": False}, "not of the contract's form: contact: "),
}


@pytest.mark.parametrize("what", list(WRONG))
@pytest.mark.parametrize("command", ["race", "verify"])
def test_a_field_that_differs_is_found_by_line_and_name(
    folder: Path, capsys: pytest.CaptureFixture[str], what: str, command: str
) -> None:
    changed, words = WRONG[what]
    answers = ((n, DATASET.answer(n)) for n in range(20, DATASET.contacts))
    index = next(n for n, one in answers if one["notes"] and one["last_interaction"])
    with StandIn(DATASET).serving() as old, StandIn(DATASET).serving() as new:
        new.deeds[index] = saying(response(dict(DATASET.answer(index)) | changed))
        configure(folder, old, new)
        code, error = refusal(capsys, command, "--keys-file", "keys.csv")
        # A line before it is asked for once; nothing is timed.
        assert max(len(old.lookups), len(new.lookups)) <= index + 4 * compare_targets.AT_ONCE
    is_difference = what in {"value", "absent", "null"}
    assert code == (1 if command == "verify" and is_difference else 2)
    assert f"keys.csv, line {3 + index}: " in error
    assert words in error
    assert "secret" not in error.replace("phone: extra", "")
    assert not any(phone in error for phone in PHONES)
    assert not (folder / "runs").exists()


def test_verify_says_what_it_proves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StandIn(DATASET).serving() as old, StandIn(DATASET).serving() as new:
        configure(folder, old, new)
        for flags in ([], ["--json"]):
            with pytest.raises(SystemExit, match="0"):
                main.main(["verify", "--keys-file", "keys.csv", *flags])
        assert max(old.connections, new.connections) <= 2 * compare_targets.AT_ONCE
    words, _, document = capsys.readouterr().out.partition("{")
    assert "equal, not proven right" in words
    proof = json.loads("{" + document)
    assert (proof["keys"], proof["found"]) == (len(PHONES), len(PHONES) - FOREIGN)
    assert proof["kind"] == "keys-file"


def test_verify_fails_as_json_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StandIn(DATASET).serving() as old, StandIn(DATASET).serving() as new:
        new.deeds[1] = saying(response(DATASET.answer(2)))
        configure(folder, old, new)
        with pytest.raises(SystemExit) as exit_:
            main.main(["verify", "--keys-file", "keys.csv", "--json"])
    said = capsys.readouterr()
    event = json.loads(said.err)
    assert (exit_.value.code, said.out, event["event"]) == (1, "", "error")
    assert event["message"].startswith("keys.csv, line 4: contact.")


REFUSED = {
    "seed": (["seed"], {}, "dataset.keys_file"),
    "reset": (["seed", "--reset"], {}, "dataset.keys_file"),
    "miss": (["race", "--miss", "0.1"], {}, "race.miss = 0.1: "),
    "contacts": (["verify", "--contacts", "5"], {}, "contacts is of seeded data"),
    "sample": (["verify", "--sample", "5"], {}, "--sample"),
    "workspace": (["verify", "--workspace-id", "x"], {}, "workspace_id"),
    "wrong key": (["race"], {"CRM_API_KEY": "wrong"}, "refused CRM_API_KEY"),
}


@pytest.mark.parametrize("what", list(REFUSED))
def test_what_does_not_go_with_a_keys_file_is_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    arguments, variables, words = REFUSED[what]
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with StandIn(DATASET).serving() as server:
        configure(folder, server, server, dataset={"keys_file": "keys.csv"})
        code, error = refusal(capsys, *arguments)
        assert server.lookups == []
    assert code == 2
    assert words in error
    assert "fix: " in error


def test_locust_by_itself_refuses(folder: Path) -> None:
    with StandIn(DATASET).serving() as server:
        configure(folder, server, server, dataset={"keys_file": "keys.csv"})
        variables = {"CRM_API_KEY": API_KEY, "DRAGSTRIP_CONFIG": str(folder / "dragstrip.toml")}
        done = locust_runs.run(folder, variables, "--headless", "-u", "1", "-t", "1")
        assert server.connections == 0
    assert done.returncode == 2
    assert re.search("error: dataset.keys_file", done.stderr)
