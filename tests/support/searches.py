"""Runs `dragstrip capacity` on servers of a test, as a user would, in a folder of its own."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dragstrip.analysis.capacity_model import Capacity
from dragstrip.run.folder import RunFolder
from tests.support import locust_runs
from tests.support.known_capacity import KnownServer
from tests.support.races import Raced, homes, popen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.known_capacity import Carrier

OBJECTIVE = "[rules]\nslo_ms = {slo_ms}\nmax_error_rate = 0.01\n[race]\ntimeout = 3\n"


@dataclass
class SearchRun(Raced):
    """A search that runs or ran, and the servers that it asks."""

    servers: list[KnownServer] = field(default_factory=list)

    @property
    def folder(self) -> RunFolder:
        return RunFolder(self.place / "runs" / "capacity" / "latest")

    @property
    def capacity(self) -> Capacity:
        """What is stored: also of a search that is not over."""
        return Capacity.model_validate_json((self.folder.path / "capacity.json").read_bytes())

    def under_way(self, slices: int = 0) -> bool:
        assert self.process.poll() is None, self.process.communicate()
        return self.slices_done() >= slices


@contextmanager
def searching(
    place: Path, carriers: tuple[Carrier, Carrier], *arguments: str, slo_ms: int
) -> Iterator[SearchRun]:
    """Search beside the block; nothing is left of it afterwards."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "dragstrip.toml").write_text(OBJECTIVE.format(slo_ms=slo_ms))
    servers = [KnownServer(one) for one in carriers]
    with ExitStack() as stack:
        ports = [stack.enter_context(one.serving()) for one in servers]
        addresses = [f"http://127.0.0.1:{port}/" for port in ports]
        command = [sys.executable, "-m", "dragstrip", "capacity", *addresses, *arguments]
        variables = {"PYTHONPATH": str(locust_runs.ROOT), **homes(place)}
        found = SearchRun(place, popen(place, command, variables), servers=servers)
        stack.callback(found.stop)
        yield found
