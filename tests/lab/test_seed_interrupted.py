"""`seed` that is killed, that loses its backends or its network, on both ways into each backend.

A valve before each backend stops the flow in the middle of what is sent, however quick the machine
is, and stays shut until what was to happen there has happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest

from seeding import seed as seeding
from seeding.dataset.dataset import Dataset
from seeding.dataset.digest import contact_digest
from tests.lab.lab_homes import wait_until
from tests.lab.seeding_backends import SLOW_PATHS, ids_of, right_contacts
from tests.support.valve import Valve

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from tests.lab.seeding_backends import Backends, Rows

CONTACTS = 1100
CONTEXTS = list(Dataset(42, CONTACTS).contexts(0, CONTACTS))
DIGESTS = [contact_digest(context) for context in CONTEXTS]

WAYS = pytest.mark.parametrize(
    "way", [SLOW_PATHS, {}], ids=["mutations and PostgREST", "import and COPY"]
)
NAMES = ("Convex", "Supabase")
LAST = "contact_notes"
"""The table that is written last of those that hold a contact's rows."""

_STEP = 40_000
"""Bytes, of a million and more that a backend is sent; less than the last page has."""

_PATIENCE_S = 150


class Valves:
    """A valve before each backend, and the variables that lead a command through them."""

    def __init__(self, backends: Backends, way: dict[str, str], stack: contextlib.ExitStack):
        environment = {**backends.environment, **way}
        variables = {
            "Convex": "CONVEX_URL",
            "Supabase": "SUPABASE_DB_URL" if environment.get("SUPABASE_DB_URL") else "SUPABASE_URL",
        }
        self.by_name: dict[str, Valve] = {}
        self.environ = dict(way)
        for name, variable in variables.items():
            port = urlsplit(environment[variable]).port
            assert port is not None
            valve = stack.enter_context(Valve(port))
            self.by_name[name] = valve
            self.environ[variable] = environment[variable].replace(f":{port}", f":{valve.port}")

    def open(self) -> None:
        for valve in self.by_name.values():
            valve.open()

    def hold_after(self, count: int) -> None:
        for valve in self.by_name.values():
            valve.hold_after(count)

    def wait_until_held(self, process: subprocess.Popen[str]) -> None:
        """Wait until a valve holds something back that the command has sent.

        Not until all do: a backend may lack less by now than its valve lets through.
        """
        held = [valve.held for valve in self.by_name.values()]
        wait_until(
            lambda: any(one.is_set() for one in held) or process.poll() is not None, _PATIENCE_S
        )
        assert process.poll() is None, process.communicate()

    def cut(self) -> None:
        for valve in self.by_name.values():
            valve.cut()

    def mend(self) -> None:
        for valve in self.by_name.values():
            valve.mend()


@pytest.fixture
def empty(backends: Backends) -> Backends:
    seeding.reset(backends.config(CONTACTS))
    return backends


@contextlib.contextmanager
def held_seed(
    backends: Backends, valves: Valves, *, until_some: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Seed until a valve holds something back, and `until_some` until each store has got some."""
    valves.hold_after(random.randrange(_STEP))
    before = {name: backends.row_count(name, LAST) for name in NAMES}
    arguments = ("seed", "--contacts", str(CONTACTS), "--json", "--processes", "2")
    process = backends.start(*arguments, **valves.environ)
    try:
        valves.wait_until_held(process)
        while until_some and any(backends.row_count(name, LAST) == before[name] for name in NAMES):
            assert process.poll() is None, process.communicate()
            # What one store is held back by may be what the command's other part waits for.
            for valve in valves.by_name.values():
                if valve.held.wait(0.05):
                    valve.hold_after(_STEP)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def kept(backends: Backends) -> dict[str, Rows]:
    """Return the rows of all contacts that are in each store as they should be."""
    found: dict[str, Rows] = {}
    for name in NAMES:
        # In this order: what a backend was still doing for a killed command may come to its end.
        right = right_contacts(backends, name, DIGESTS)
        rows = backends.rows(name)
        found[name] = {one: rows[one] for index in right for one in ids_of(CONTEXTS[index])}
    return found


def left_of_group(number: int) -> list[str]:
    """Name the processes that a command has left."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == number and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"process {process.pid} {process.name()}")
    return found


def assert_still_there(backends: Backends, before: dict[str, Rows]) -> None:
    for name, rows in before.items():
        now = backends.rows(name)
        assert {one: now.get(one) for one in rows} == rows


def assert_all_there_once(backends: Backends, of_others: dict[str, Rows]) -> None:
    seeded = {one for context in CONTEXTS for one in ids_of(context)}
    for name in NAMES:
        rows = backends.rows(name)
        assert rows.keys() == seeded | of_others[name].keys()
        assert rows.items() >= of_others[name].items()
        assert backends.row_count(name) == len(rows)
    backends.run("verify", "--contacts", str(CONTACTS), "--full")


@WAYS
def test_killed_twice_it_continues_from_what_is_there(empty: Backends, way: dict[str, str]) -> None:
    of_others = {name: empty.rows(name) for name in NAMES}
    with contextlib.ExitStack() as stack:
        valves = Valves(empty, way, stack)
        with held_seed(empty, valves, until_some=True) as process:
            process.kill()
            process.communicate(timeout=_PATIENCE_S)
            wait_until(lambda: not left_of_group(process.pid))
        valves.cut()
        first = kept(empty)
        _, err = empty.run("verify", "--contacts", str(CONTACTS), code=2)
        assert "half seeded" in err

        valves.mend()
        with held_seed(empty, valves) as process:
            os.killpg(process.pid, signal.SIGINT)
            out, err = process.communicate(timeout=_PATIENCE_S)
            assert process.returncode == 130
            wait_until(lambda: not left_of_group(process.pid))
            empty.assert_no_secret(out + err, {})
            assert [json.loads(line)["event"] for line in err.splitlines()][-1] == "error"
        assert_still_there(empty, first)
        second = kept(empty)

    done = empty.seed(CONTACTS, **way)
    assert sum(done[name]["written"] for name in NAMES) > 0
    for name in NAMES:
        assert done[name]["unchanged"] > 0
        assert done[name]["written"] + done[name]["unchanged"] == CONTACTS
    assert_still_there(empty, second)
    assert_all_there_once(empty, of_others)


@WAYS
def test_it_outlives_a_network_that_drops_and_backends_that_restart(
    empty: Backends, way: dict[str, str]
) -> None:
    of_others = {name: empty.rows(name) for name in NAMES}
    with contextlib.ExitStack() as stack:
        valves = Valves(empty, way, stack)
        with held_seed(empty, valves, until_some=True) as process:
            before = kept(empty)
            valves.cut()
            valves.hold_after(_STEP)
            valves.mend()
            valves.wait_until_held(process)
            for name in NAMES:
                empty.restart(name)
            valves.open()
            out, err = process.communicate(timeout=_PATIENCE_S)
            assert process.returncode == 0, out + err
            empty.assert_no_secret(out + err, {})
    assert_still_there(empty, before)
    assert_all_there_once(empty, of_others)
