"""Where things are: the checkout, the backends, and the lab's home folder."""

from __future__ import annotations

import errno
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from dragstrip.errors import LabError

HOME_VARIABLE = "DRAGSTRIP_LAB_HOME"

_CHECKOUT = Path(__file__).resolve().parents[2]


def checkout() -> Path:
    """Return the folder that holds `backends/`. Raises LabError in an installation without it."""
    if not (_CHECKOUT / "backends").is_dir():
        raise LabError(
            f"there is no folder backends in {_CHECKOUT}",
            fix="run the lab from a checkout of dragstrip, installed with `pip install -e .`",
        )
    return _CHECKOUT


def backend(name: str) -> Path:
    """Return the folder of one backend, such as `next`."""
    return checkout() / "backends" / name


@dataclass(frozen=True)
class Home:
    """The lab's one folder: its data, logs, state and secrets."""

    folder: Path

    @classmethod
    def find(cls, folder: Path | None = None) -> Home:
        """Return the given home, or $DRAGSTRIP_LAB_HOME's, or the checkout's."""
        if folder is None:
            named = os.environ.get(HOME_VARIABLE)
            folder = Path(named) if named else checkout() / ".dragstrip" / "lab"
        return cls(folder.expanduser().absolute())

    @property
    def data(self) -> Path:
        """Where the databases are."""
        return self.folder / "data"

    @property
    def scratch(self) -> Path:
        """What the services take for their user's home folder."""
        return self.data / "home"

    @property
    def logs(self) -> Path:
        """Where the log files are."""
        return self.folder / "logs"

    @property
    def state_file(self) -> Path:
        """What is known about a lab that was started."""
        return self.folder / "state.json"

    @property
    def secrets_file(self) -> Path:
        """The secrets, for the owner of the home alone."""
        return self.folder / "secrets.json"

    @property
    def lock_file(self) -> Path:
        """What a command locks while it changes the lab."""
        return self.folder / "lock"

    @property
    def supervisor_log(self) -> Path:
        """The supervisor's own log."""
        return self.log("supervisor")

    def log(self, service: str) -> Path:
        """Return the log file of one service."""
        return self.logs / f"{service}.log"

    @property
    def mark(self) -> str:
        """A short name for this home; every process of its lab carries it in its environment."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:16]

    def create(self) -> None:
        """Make the folders. Raises LabError when the home cannot be written."""
        try:
            # Traversable but not listable: PostgreSQL's own user must reach its data below.
            for folder in (self.folder, self.data, self.scratch, self.logs):
                folder.mkdir(mode=0o711, parents=True, exist_ok=True)
            probe = self.folder / f".probe-{os.getpid()}"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise home_error(self.folder, error) from None


def home_error(path: Path, error: OSError) -> LabError:
    """Say what is wrong with a path of the home folder and how to fix it."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LabError(
            f"no space is left on the disk that holds {path}",
            fix=f"free some space, or set {HOME_VARIABLE} to a folder on another disk",
        )
    return LabError(
        f"cannot use the lab's home {path}: {error.strerror}",
        fix=f"make it a folder that you own, or set {HOME_VARIABLE} to another one",
    )
