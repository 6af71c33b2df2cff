"""What a race hands over to Locust's processes, where they find one another, why one stopped early.

The plan's own variables are in dragstrip.run.plan.
"""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from dragstrip import atomic_file
from dragstrip.errors import UsageError
from dragstrip.redact import redact

if TYPE_CHECKING:
    from pathlib import Path

RUNS_VARIABLE = "DRAGSTRIP_RUNS"
"""Set where a worker gets its plan from the master: the folder of its ledgers."""
WAIT_VARIABLE = "DRAGSTRIP_WORKER_WAIT"
"""How many seconds a master waits for its workers."""
TOKEN_VARIABLE = "DRAGSTRIP_WORKER_TOKEN"  # noqa: S105
"""What a race and its workers know, and nobody else: it binds every message between them."""
PAGES_VARIABLE = "DRAGSTRIP_LOCUST_PAGES"
"""Set to a token where Locust serves its own pages."""
TOKEN_HEADER = "X-Dragstrip-Token"  # noqa: S105
HANDOFF_VARIABLE = "DRAGSTRIP_HANDOFF_FD"
"""The end of a pipe from which a scenario's handoff is read: it stands in no file."""

STOP_FILE = "stopped.json"
DEFAULT_PORT = 5557
"""Locust's own."""

EXIT_USAGE = 2
EXIT_UNFINISHED = 3


class ListenAddress(NamedTuple):
    """Where a master listens, or is found."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers that are started elsewhere, and how long their master waits for them."""

    count: int
    bind: ListenAddress
    token: str = field(repr=False)
    wait_s: float = 60.0


@dataclass(frozen=True, slots=True)
class LocustPages:
    """Where Locust serves its own pages, on 127.0.0.1, to whoever has the token."""

    port: int
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class EarlyStop:
    """Why a race ended early; `before_start` says that no request was sent."""

    reason: str
    before_start: bool = False

    def write(self, folder: Path) -> None:
        """Leave it in the run's folder, if that can be written to."""
        with suppress(OSError):
            reason = redact(self.reason)
            atomic_file.write_json(folder / STOP_FILE, asdict(self) | {"reason": reason})


def read_stop(folder: Path) -> EarlyStop | None:
    """Return what `write` left, if it did."""
    with suppress(TypeError):
        return EarlyStop(**atomic_file.read_json(folder / STOP_FILE))
    return None


def read_handoff() -> bytes | None:
    """Read a scenario's handoff, once; None where there is none."""
    number = os.environ.pop(HANDOFF_VARIABLE, None)
    if number is None:
        return None
    with open(int(number), "rb") as pipe:  # noqa: PTH123
        return pipe.read()


def parse_address(text: str, what: str) -> ListenAddress:
    """Read HOST or HOST:PORT; `what` names the flag or argument. Raises UsageError."""
    host, colon, port = text.rpartition(":") if ":" in text else (text, "", "")
    number = int(port) if port.isascii() and port.isdecimal() else 0
    if not host or ":" in host or "/" in host or (colon and not 0 < number < 2**16):
        raise UsageError(
            f"{what}: {text!r} is not HOST[:PORT]",
            fix=f"give a name or an IPv4 address, and a port unless it is {DEFAULT_PORT}",
        )
    return ListenAddress(host, number or DEFAULT_PORT)


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(address: ListenAddress, what: str = "--bind") -> ListenAddress:
    """Return the address in figures, if a process could listen there. Raises UsageError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found = ListenAddress(socket.gethostbyname(address.host), address.port)
            probe.bind(found)
        except OSError as error:
            raise UsageError(
                f"{what} {address}: {error.strerror or error}",
                fix="name an address of this machine and a port that is free",
            ) from None
    return found
