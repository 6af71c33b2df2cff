"""Do both backends hold everything, once, when `seed` was killed on the way?

    python -m benchmarks.killed_seed [--contacts N] [--draw N] [--json PATH] [--quick]

On a lab of its own: seeds both backends, with `kill -9` of the whole process group when a part of
the contacts drawn at random is in Supabase, again with Ctrl-C when a part is in Convex, and a third
time to the end. A contact that is there and right is not to be written again: its row in PostgreSQL
keeps its xmin, its document in Convex its time of creation. Then both are verified in full; in each
in turn one message of one contact drawn at random is altered, found by `verify --full`, and mended.

`--draw` repeats the draws of another run. 100,000 contacts take some minutes. Exit code 1 when
anything is not as it must be.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

from benchmarks import form, seeding_lab
from benchmarks.form import Bound
from benchmarks.seeding_lab import KINDS, TABLES
from seeding.dataset.dataset import Dataset
from seeding.stores import open_stores

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

    from benchmarks.seeding_lab import SeedingLab

    Versions = dict[str, dict[int, str]]

_LIMIT_S = 3600


class Wrong(Exception):
    """Something is not as it must be."""


class Proof:
    """One run of it."""

    def __init__(self, lab: SeedingLab, contacts: int, draw: random.Random) -> None:
        self._lab = lab
        self._contacts = contacts
        self._dataset = Dataset(42, contacts)
        self._draw = draw
        self.figures: dict[str, Any] = {}

    def run(self) -> None:
        """Do all of it; raises Wrong."""
        self._kill("kill -9", signal.SIGKILL, "Supabase", self._draw.uniform(0.1, 0.7))
        self._kill("Ctrl-C", signal.SIGINT, "Convex", self._draw.uniform(0.3, 0.8))
        before = self._versions()
        done, took_s = self._succeed("seed")
        after = self._versions()
        kept = {
            name: sum(after[name].get(index) == version for index, version in before[name].items())
            for name in KINDS
        }
        self.figures["then seeded"] = {"took_s": took_s}
        for one in json.loads(done)["stores"]:
            name = one["store"]
            self.figures["then seeded"][name] = {
                "written": one["written"],
                "unchanged": one["unchanged"],
                "kept_their_version": kept[name],
            }
            _require(one["written"] + one["unchanged"] == self._contacts, f"{name}: {one}")
            # More may be right than was there: Convex finishes an import that was under way.
            anew = len(before[name]) - kept[name]
            _require(anew <= one["written"], f"{name}: {anew} were written anew, {one}")
        self._require_all_rows_once()
        _, took_s = self._succeed("verify", "--full")
        self.figures["verified in full"] = {
            "took_s": took_s,
            "contacts_per_s": self._contacts / took_s,
        }
        for name in KINDS:
            self._alter_and_find(name)

    def _kill(self, words: str, number: signal.Signals, store: str, share: float) -> None:
        """Seed until a share of the contacts is in a store, and a moment longer; then kill it."""
        moment_s = self._draw.uniform(0, 1)
        began = time.monotonic()
        with self._started("seed") as command:
            _wait_for(command, store, share * self._contacts)
            time.sleep(moment_s)
            _require(command.poll() is None, "seeding was done before it was killed")
            os.killpg(command.pid, number)
            _, err = command.communicate(timeout=_LIMIT_S)
        self.figures[words] = {
            "after_s": time.monotonic() - began,
            "drawn_share_of": store,
            "drawn_share": share,
            "exit_code": command.returncode,
            "contacts_there": {name: len(found) for name, found in self._versions().items()},
        }
        expected = 130 if number == signal.SIGINT else -number
        _require(command.returncode == expected, f"exit code {command.returncode}: {err}")

    def _versions(self) -> Versions:
        """Return what another writing of a contact's row changes, by its index."""
        with self._lab.postgres() as connection:
            postgres = dict(
                connection.execute(
                    "select seed_index, xmin::text from contacts where seed_index is not null"
                ).fetchall()
            )
        with self._lab.convex() as (database, number):
            convex = {
                int(document["seed_index"]): repr(document["_creationTime"])
                for (text,) in database.execute(
                    f"select json from d{number['contacts']}"  # noqa: S608
                )
                for document in (json.loads(text),)
            }
        return {"Convex": convex, "Supabase": postgres}

    def _require_all_rows_once(self) -> None:
        expected = dict.fromkeys(TABLES, 0)
        for context in self._dataset.contexts(0, self._contacts):
            expected["contacts"] += 1
            expected["conversations"] += context["conversation"] is not None
            expected["messages"] += len(context["messages"])
            expected["contact_notes"] += len(context["notes"])
        self.figures["rows"] = sum(expected.values())
        for name in KINDS:
            found = self._lab.count_rows(name)
            _require(found == expected, f"{name} holds {found}, not {expected}")

    def _alter_and_find(self, name: str) -> None:
        """Alter one message's text in a store, where nothing else changes, and let it be found."""
        index = self._draw.randrange(self._contacts)
        while not self._dataset.context(index)["messages"]:
            index = (index + 1) % self._contacts
        context = self._dataset.context(index)
        at = self._draw.randrange(len(context["messages"]))
        message = context["messages"][at]
        message["content"] = "altered"
        if name == "Convex":
            with open_stores(self._lab.config(self._contacts, name)) as (store,):
                store.write(store.encode([context]))
        else:
            with self._lab.postgres() as connection:
                connection.execute(
                    "update messages set content = 'altered' where id = %s", (message["id"],)
                )
        with self._started("verify", "--full") as command:
            began = time.monotonic()
            _, err = command.communicate(timeout=_LIMIT_S)
            took_s = time.monotonic() - began
        said = json.loads(err.splitlines()[-1])["message"]
        expected = f'messages[{at}].content is "altered"'
        _require(command.returncode == 1, f"exit code {command.returncode}: {said}")
        _require(said.startswith(f"{name}: contact {index} (") and expected in said, said)
        self.figures[f"altered in {name}"] = {"found": said, "took_s": took_s}
        done, _ = self._succeed("seed")
        written = {one["store"]: one["written"] for one in json.loads(done)["stores"]}
        _require(written == {**dict.fromkeys(KINDS, 0), name: 1}, f"{written} were mended")

    def _succeed(self, *arguments: str) -> tuple[str, float]:
        began = time.monotonic()
        with self._started(*arguments) as command:
            out, err = command.communicate(timeout=_LIMIT_S)
        _require(command.returncode == 0, err)
        return out, time.monotonic() - began

    @contextlib.contextmanager
    def _started(self, *arguments: str) -> Any:
        contacts = ("--contacts", str(self._contacts))
        command = self._lab.start(*arguments, *contacts, "--processes", "2", "--json")
        try:
            yield command
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(command.pid, signal.SIGKILL)
            command.communicate()


def _wait_for(command: subprocess.Popen[str], store: str, contacts: float) -> None:
    """Wait until a command has told that so many contacts are in place in a store."""
    assert command.stderr is not None  # noqa: S101
    for line in command.stderr:
        told = json.loads(line)
        _require(told["event"] in {"start", "progress", "done"}, line)
        if told["store"] == store and told["contacts"] >= contacts:
            return
    raise Wrong("the command ended before it was killed")


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise Wrong(words)


def main(argv: Sequence[str]) -> int:
    """Prove it, print what was found; return the exit code."""
    parser = form.parser("killed_seed", __doc__)
    parser.add_argument("--contacts", type=int, default=100_000, metavar="N")
    parser.add_argument("--draw", type=int, default=secrets.randbits(32), metavar="N")
    options = parser.parse_args(argv)
    contacts = min(options.contacts, 10_000) if options.quick else options.contacts
    began = time.monotonic()
    # What is started would ignore interrupts, too, where a shell has put this in the background.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with seeding_lab.running() as lab:
        proof = Proof(lab, contacts, random.Random(options.draw))  # noqa: S311
        try:
            proof.run()
        except Wrong as error:
            sys.stderr.write(f"WRONG  {error}\n")
            proof.figures["wrong"] = str(error)
    right = 0 if "wrong" in proof.figures else contacts
    figures = {
        "contacts": contacts,
        "draw": options.draw,
        "took_s": time.monotonic() - began,
        **proof.figures,
    }
    bound = Bound("contacts that are there once and right, in both", right, "at least", contacts)
    return form.conclude("killed_seed", argv, [bound], figures, options.json)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
