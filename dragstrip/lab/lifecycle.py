"""Bring the lab up and down, and tell how it is. Commands on one home take turns."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dragstrip.errors import LabError
from dragstrip.lab import credentials, launch, lock, ports, postgres, state, teardown
from dragstrip.lab.install import install
from dragstrip.lab.paths import Home
from dragstrip.lab.processes import Identity
from dragstrip.lab.services import LabSettings, describe
from dragstrip.lab.services import environment as service_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from dragstrip.config.config import Config
    from dragstrip.lab.state import LabState

    Reporter = Callable[[str], None]

NEEDED_BYTES = 512 * 1024 * 1024
_NOT_UP = "run `dragstrip lab up`"


def _silent(_: str) -> None:
    return


def up(
    home: Path | None = None,
    *,
    reporter: Reporter = _silent,
    owner_pid: int | None = None,
    forced_ports: Mapping[str, int] | None = None,
    fallback_ports_only: bool = False,
) -> LabState:
    """Start the lab unless it is up, and return its state once every service is healthy.

    With `owner_pid` the lab goes down when that process ends; a lab that is up keeps the owner it
    has. One of which a part has crashed is stopped and started again on the same ports. Ports in
    `forced_ports` are insisted on; with `fallback_ports_only` the usual ones are left alone.
    Raises LabError, and then nothing is left.
    """
    place = Home.find(home)
    place.create()
    with lock.held(place.lock_file, lambda: reporter("waiting for another lab command to end")):
        known = state.read(place)
        if known is not None and known.supervised:
            trouble = _trouble(known)
            _refuse_other_ports(known, forced_ports or {})
            if not trouble:
                return known
            reporter(f"the lab is half up ({trouble}); starting it again")
        teardown.clear(place, known)
        _require_space(place)
        chosen = ports.choose(
            forced_ports or {},
            preferred=known.ports if known else ports.DEFAULTS,
            fallback_only=fallback_ports_only,
        )
        install(reporter)
        _require_fitting_secrets(place)
        credentials.load_or_create(place)
        return launch.start(place, chosen, _owner(owner_pid), reporter)


def down(home: Path | None = None, *, reporter: Reporter = _silent, purge: bool = False) -> bool:
    """Stop the lab and check that nothing is left; return whether there was anything to stop.

    With `purge` its data, logs and secrets are removed as well. Raises LabError.
    """
    place = Home.find(home)
    if not place.folder.exists():
        return False
    with lock.held(place.lock_file, lambda: reporter("waiting for another lab command to end")):
        try:
            known = state.read(place)
        except LabError:
            # Damaged: what is left of the lab is found by the mark that its processes carry.
            known = None
        ended = teardown.clear(place, known)
        if purge:
            teardown.purge(place)
    return ended


def status(home: Path | None = None) -> LabState | None:
    """Return what is known about the lab; None when it is down. Raises LabError."""
    return state.read(Home.find(home))


def probe(known: LabState) -> dict[str, str | None]:
    """Ask every service how it is, all at once: None means healthy."""
    place = Home(known.home)
    settings = LabSettings(place, known.ports, credentials.load(place))
    services = describe(settings)
    with ThreadPoolExecutor(len(services)) as pool:
        return dict(zip(known.services, pool.map(lambda s: s.check(), services), strict=True))


def environment(home: Path | None = None) -> dict[str, str]:
    """Return the running lab's addresses and keys as environment variables. Raises LabError."""
    place = Home.find(home)
    known = state.read(place)
    if known is None:
        raise LabError("the lab is not up", fix=_NOT_UP)
    trouble = _trouble(known)
    if trouble:
        raise LabError(f"the lab is half up: {trouble}", fix=f"{_NOT_UP}, which starts it again")
    return service_environment(LabSettings(place, known.ports, credentials.load(place)))


def resolve(config: Config, home: Path | None = None) -> Config:
    """Return the configuration with the running lab's addresses and keys. Raises LabError."""
    return config.with_environment(environment(home))


def _trouble(known: LabState) -> str:
    if not known.supervised:
        return "its supervisor is gone"
    if known.phase != "up":
        return f"it is {known.phase}"
    parts = []
    for name, service in known.not_up.items():
        code = "" if service.exit_code is None else f" (exit code {service.exit_code})"
        parts.append(f"{name} {service.phase}{code}")
    return ", ".join(parts)


def _refuse_other_ports(known: LabState, forced: Mapping[str, int]) -> None:
    for name, port in forced.items():
        if known.ports.get(name) != port:
            raise LabError(
                f"--port {name}={port}: the lab is up and uses {known.ports.get(name)}",
                fix="run `dragstrip lab down` first, or drop the option",
            )


def _require_space(place: Home) -> None:
    free = shutil.disk_usage(place.folder).free
    if free < NEEDED_BYTES:
        raise LabError(
            f"{place.folder}: only {free // 2**20} MiB are free on its disk, "
            f"the lab needs {NEEDED_BYTES // 2**20}",
            fix="free some space, or set DRAGSTRIP_LAB_HOME to a folder on another disk",
        )


def _require_fitting_secrets(place: Home) -> None:
    if not place.secrets_file.exists() and postgres.Postgres.place(place).initialised:
        raise LabError(
            f"{place.secrets_file} is gone, but its database is still there",
            fix="restore the file, or run `dragstrip lab down --purge` to start afresh",
        )


def _owner(pid: int | None) -> Identity | None:
    if pid is None:
        return None
    owner = Identity.of(pid)
    if owner is None:
        raise LabError(f"the owner of the lab, process {pid}, does not run", fix="try again")
    return owner
