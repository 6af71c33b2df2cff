"""What is known about a lab that was started: `state.json`, written by its supervisor alone."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - pydantic reads the annotation
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ValidationError

from dragstrip import atomic_file
from dragstrip.errors import LabError
from dragstrip.lab.paths import home_error
from dragstrip.lab.processes import Identity  # noqa: TC001 - read by pydantic as well

if TYPE_CHECKING:
    from dragstrip.lab.paths import Home

ServicePhase = Literal["waiting", "preparing", "starting", "up", "crashed", "stopped"]
LabPhase = Literal["starting", "up", "stopping"]


class ServiceState(BaseModel):
    """One service. `since` is when its phase began, in seconds since the Unix epoch."""

    phase: ServicePhase = "waiting"
    since: float
    port: int
    log: Path
    process: Identity | None = None
    guard: Identity | None = None
    exit_code: int | None = None


class LabState(BaseModel):
    """A lab: its home, its phase, its supervisor, its owner if it has one, and its services."""

    home: Path
    phase: LabPhase
    since: float
    supervisor: Identity
    owner: Identity | None = None
    ports: dict[str, int]
    services: dict[str, ServiceState]
    notes: list[str] = []

    @property
    def supervised(self) -> bool:
        """Whether the supervisor runs; if not, this describes a lab that is gone."""
        return self.supervisor.alive

    @property
    def processes(self) -> list[Identity]:
        """Every process that was started, the supervisor last."""
        started = [p for s in self.services.values() for p in (s.process, s.guard) if p]
        return [*started, self.supervisor]

    @property
    def not_up(self) -> dict[str, ServiceState]:
        """The services that are in any phase but `up`."""
        return {name: s for name, s in self.services.items() if s.phase != "up"}


def read(home: Home) -> LabState | None:
    """Return the stored state, or None when there is none. Raises LabError."""
    try:
        return LabState.model_validate_json(home.state_file.read_text())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise home_error(home.state_file, error) from None
    except (ValidationError, UnicodeDecodeError):
        raise LabError(
            f"{home.state_file} is damaged",
            fix="run `dragstrip lab down`, which ends what is left of the lab and removes it",
        ) from None


def write(home: Home, state: LabState) -> None:
    """Store the state, complete or not at all, readable by its owner alone."""
    atomic_file.write(home.state_file, state.model_dump_json(indent=2), private=True)


def remove(home: Home) -> None:
    """Forget the state."""
    try:
        home.state_file.unlink(missing_ok=True)
    except OSError as error:
        raise home_error(home.state_file, error) from None
