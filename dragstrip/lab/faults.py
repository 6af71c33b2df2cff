"""Faults of the lab's services, made on purpose: killed, stopped, or cut off the network."""

from __future__ import annotations

import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import psutil
import psycopg

from dragstrip.errors import LabError, UsageError
from dragstrip.lab import credentials, state
from dragstrip.lab.paths import Home
from dragstrip.lab.processes import Identity
from dragstrip.lab.services import NAMES, LabSettings
from dragstrip.redact import redact

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from dragstrip.lab.state import ServiceState

Kind = Literal["kill", "stop", "cut"]

LASTS_S = 5.0
"""How long a stop or a cut lasts."""

_FORM = re.compile(r"(\w+):([\w-]+)@([0-9]+(?:\.[0-9]+)?)s")
_BACK_S = 60.0
_POLL_S = 0.02
_END_CONNECTIONS = (
    "select pg_terminate_backend(pid) from pg_stat_activity "
    "where datname = 'postgres' and backend_type = 'client backend'"
)


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a service, `at_s` seconds after the race's first slice began."""

    kind: Kind
    service: str
    at_s: float

    def __str__(self) -> str:
        return f"{self.kind}:{self.service}@{self.at_s:g}s"


def parse(text: str) -> Fault:
    """Read `kill:convex@30s`. Raises UsageError."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(
            f"--fault {text}: not of the form KIND:SERVICE@Ts", fix="give kill:convex@30s"
        )
    kind, service, at_s = found.groups()
    if kind not in _DEEDS:
        raise UsageError(f"--fault {text}: there is no fault {kind}", fix="give kill, stop or cut")
    if service not in NAMES:
        raise UsageError(
            f"--fault {text}: the lab has no service {service}", fix="name " + ", ".join(NAMES)
        )
    if kind == "cut" and service != "postgres":
        raise UsageError(
            f"--fault {text}: only postgres is behind a network of its own; convex keeps its data "
            "in its own process",
            fix="give cut:postgres@T, or stop the service",
        )
    return Fault(cast("Kind", kind), service, float(at_s))


def inflict(fault: Fault, ended: Event) -> None:
    """Carry a fault out on the running lab, and return once all that was up is up again.

    A stop or a cut is over early when `ended` is set. Raises LabError.
    """
    place = Home.find(None)
    was_up = [name for name in NAMES if _service(place, name).phase == "up"]
    _DEEDS[fault.kind](place, fault.service, ended)
    # A service may end because of what happened to another one: supabase's driver, now and then.
    for name in was_up:
        now = _wait(place, name, _is_settled)
        if now.phase == "crashed":
            _start_again(place, name, now)


def _kill(place: Home, service: str, ended: Event) -> None:  # noqa: ARG001
    old = _service(place, service)
    for process in _family(old):
        process.signal(signal.SIGKILL)
    # Only then does the supervisor see that there is something to start again.
    _wait(place, service, lambda now: now.phase == "crashed")
    _start_again(place, service, old)


def _start_again(place: Home, service: str, old: ServiceState) -> None:
    known = state.read(place)
    if known is not None:
        known.supervisor.signal(signal.SIGUSR1)
    back = _wait(place, service, lambda now: now.process != old.process and _is_settled(now))
    if back.phase == "crashed":
        raise LabError(f"{service} ended again", fix=f"see {back.log}")


def _is_settled(service: ServiceState) -> bool:
    return service.phase in {"up", "crashed"}


def _stop(place: Home, service: str, ended: Event) -> None:
    family = _family(_service(place, service))
    try:
        for process in family:
            process.signal(signal.SIGSTOP)
        ended.wait(LASTS_S)
    finally:
        for process in family:
            process.signal(signal.SIGCONT)


def _cut(place: Home, service: str, ended: Event) -> None:
    known = state.read(place)
    if known is None:
        raise LabError("the lab is not up")
    settings = LabSettings(place, known.ports, credentials.load(place))
    # Nobody else uses this database, so that these connections outlast the cut.
    address = settings.database_url.removesuffix("/postgres") + "/template1"
    try:
        with (
            psycopg.connect(address, autocommit=True) as cutter,
            psycopg.connect(address) as holder,
            ThreadPoolExecutor(1) as pool,
        ):
            # Never committed: for as long as it holds its lock on the database, a new connection
            # gets no answer. Should this process die, PostgreSQL takes the lock back by itself.
            locking = pool.submit(
                holder.execute, f"alter database {service} rename to {service}_cut"
            )
            while not locking.done():
                cutter.execute(_END_CONNECTIONS)
                time.sleep(_POLL_S)
            locking.result()
            ended.wait(LASTS_S)
            holder.rollback()
    except psycopg.Error as error:
        raise LabError(f"{service} cannot be cut off: {redact(str(error)).strip()}") from None


_DEEDS: dict[str, Callable[[Home, str, Event], None]] = {"kill": _kill, "stop": _stop, "cut": _cut}


def _service(place: Home, name: str) -> ServiceState:
    known = state.read(place)
    found = known.services.get(name) if known and known.supervised else None
    if found is None:
        raise LabError("the lab is not up", fix="run `dragstrip lab up`")
    return found


def _family(service: ServiceState) -> list[Identity]:
    """Return a service's processes, the first one first."""
    if service.process is None or not service.process.alive:
        return []
    try:
        children = psutil.Process(service.process.pid).children(recursive=True)
    except psutil.Error:
        children = []
    found = (Identity.of(child.pid) for child in children)
    return [service.process, *(one for one in found if one)]


def _wait(place: Home, name: str, is_so: Callable[[ServiceState], bool]) -> ServiceState:
    deadline = time.monotonic() + _BACK_S
    while not is_so(now := _service(place, name)):
        if time.monotonic() > deadline:
            raise LabError(f"{name} is {now.phase} after {_BACK_S:.0f} s", fix=f"see {now.log}")
        time.sleep(_POLL_S)
    return now
