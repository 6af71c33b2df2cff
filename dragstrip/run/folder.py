"""The folder of a stored run: runs/<id>/, and runs/latest that points at the newest.

run.json is there from the start, marked as interrupted, and is replaced when the run ends: a
killed race leaves a run that says so, with everything that was recorded.
"""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from dragstrip import atomic_file
from dragstrip.errors import StorageError
from dragstrip.ledger import reader
from dragstrip.run import plan as plans
from dragstrip.run.model import Run
from dragstrip.run.plan import FINISH_FILE, LEDGER_FOLDER, SLICES_FILE
from dragstrip.run.report_forms import first_problem
from dragstrip.run.slice_report import parse_finish, parse_slice
from dragstrip.run.whole_run import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dragstrip.ledger.reader import Segment
    from dragstrip.run.model import Verdict
    from dragstrip.run.plan import Plan
    from dragstrip.run.slice_report import Finish, SliceReport

NEEDED_BYTES = 100 * 2**20

Form = TypeVar("Form", bound=BaseModel)

LATEST = "latest"
SEARCHES = "capacity"
"""The folder of the stored searches, among the stored runs."""
SOAKS = "soak"
"""That of the stored soaks."""
RUN_FILE = "run.json"
VERDICT_FILE = "verdict.json"
PLAN_FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where one run is stored."""

    path: Path

    @property
    def plan_file(self) -> Path:
        """The plan that Locust's processes read."""
        return self.path / PLAN_FILE

    def write_plan(self, plan: Plan) -> None:
        """Store the plan. Raises StorageError."""
        _write(self.plan_file, plan.model_dump_json(indent=2))

    def write_run(self, run: Run) -> None:
        """Store run.json. Raises StorageError."""
        _write(self.path / RUN_FILE, run.model_dump_json(indent=2) + "\n")

    def write_verdict(self, verdict: Verdict) -> None:
        """Store verdict.json. Raises StorageError."""
        _write(self.path / VERDICT_FILE, verdict.model_dump_json(indent=2) + "\n")

    def write_report(self, name: str, text: str) -> Path:
        """Store a report made from the run, and return where. Raises StorageError."""
        file = self.path / name
        _write(file, text)
        return file

    def read_report(self, name: str, form: type[Form], what: str) -> Form | None:
        """Read what `write_report` stored as JSON; None where it did not. Raises StorageError."""
        file = self.path / name
        try:
            return form.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(f"cannot read {file}: {error.strerror}") from None
        except ValidationError as error:
            raise StorageError(
                f"{file} is not a {what} that this dragstrip can read: {first_problem(error)}"
            ) from None

    def read_run(self) -> Run:
        """Read run.json. Raises StorageError."""
        file = self.path / RUN_FILE
        try:
            return whole(Run.model_validate_json(file.read_bytes()), str(file))
        except OSError as error:
            raise StorageError(
                f"cannot read {file}: {error.strerror}", fix="name a folder under runs/"
            ) from None
        except ValidationError as error:
            raise StorageError(
                f"{file} is not a run that this dragstrip can read: {first_problem(error)}"
            ) from None

    def read_plan(self) -> Plan:
        """Read plan.json. Raises StorageError."""
        return plans.read(self.plan_file)

    def read_ledger(self) -> Iterator[Segment]:
        """Yield what every process recorded. Raises StorageError."""
        return reader.segments(self.path / LEDGER_FOLDER)

    def require_rows(self) -> None:
        """Check that the run kept a ledger. Raises StorageError."""
        if not reader.files(self.path / LEDGER_FOLDER):
            raise StorageError(
                f"{self.path} holds no rows", fix='race with race.ledger = "keep" or "compress"'
            )

    def read_slices(self) -> Iterator[SliceReport]:
        """Yield the reports of the slices that ran to their end; a line cut off is left out.

        A line can be large, with the histograms of a hundred processes: only one is in memory, if
        the caller lets go of it. Raises StorageError.
        """
        path = self.path / SLICES_FILE
        try:
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    with suppress(orjson.JSONDecodeError):
                        yield parse_slice(line, f"{path}, line {number},")
        except FileNotFoundError:
            return
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from None

    def read_slice(self, place: int) -> SliceReport | None:
        """Read one report, by its place in the file; None while it is not there as a whole.

        Raises StorageError.
        """
        with suppress(FileNotFoundError):
            *lines, _ = (self.path / SLICES_FILE).read_bytes().split(b"\n")
            if place < len(lines):
                return parse_slice(lines[place])
        return None

    def read_finish(self) -> Finish | None:
        """Read every process's last word; None when there is none. Raises StorageError."""
        file = self.path / FINISH_FILE
        try:
            return parse_finish(file.read_bytes(), str(file))
        except FileNotFoundError:
            return None
        except (OSError, orjson.JSONDecodeError) as error:
            raise StorageError(f"cannot read {file}: {error}") from None

    def count_slices(self) -> int:
        """Count the slices that ran to their end; cheap enough to ask while requests are timed."""
        with suppress(FileNotFoundError):
            return (self.path / SLICES_FILE).read_bytes().count(b"\n")
        return 0


def find(run: str, out: Path) -> RunFolder:
    """Return the folder of a run given as a path, or as its id or `latest` under `out`."""
    if Path(run).is_dir():
        return RunFolder(Path(run))
    if run == LATEST and out.is_dir() and not (out / LATEST).is_symlink():
        # A file system without symbolic links.
        finished = [one for one in within(out) if (one / RUN_FILE).exists()]
        return RunFolder(finished[-1] if finished else out / LATEST)
    return RunFolder(out / run)


def within(out: Path) -> list[Path]:
    """Return what stands among the stored runs, in order; without `latest`, searches and soaks.

    Not all of it need be a run's folder. Raises StorageError.
    """
    try:
        return sorted(path for path in out.iterdir() if not _is_no_run(path.name))
    except OSError as error:
        raise StorageError(f"cannot read {out}: {error.strerror}", fix="correct --out") from None


def _is_no_run(name: str) -> bool:
    return name in {LATEST, SEARCHES, SOAKS} or name.startswith(f".{LATEST}-")


def require_room(out: Path) -> None:
    """Check that a run can be stored in a folder, without making it. Raises StorageError."""
    there = next(place for place in (out.absolute(), *out.absolute().parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise StorageError(f"cannot make a run's folder in {out}", fix="correct --out")
    free = shutil.disk_usage(there).free
    if free < NEEDED_BYTES:
        raise StorageError(
            f"{free // 2**20} MiB are free for runs in {out}; {NEEDED_BYTES // 2**20} are needed",
            fix="make room, or choose another place with --out",
        )


def create(out: Path) -> RunFolder:
    """Make a new run's folder and let `latest` point at it. Raises StorageError."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(2)}"
    folder = out / name
    try:
        folder.mkdir(parents=True)
        (folder / LEDGER_FOLDER).mkdir()
        _point_at(out, name)
    except OSError as error:
        raise StorageError(
            f"cannot make a run's folder in {out}: {error.strerror}", fix="correct --out"
        ) from None
    return RunFolder(folder)


def _point_at(out: Path, name: str) -> None:
    fresh = out / f".{LATEST}-{name}"
    try:
        fresh.symlink_to(name)
    except OSError as error:
        if error.errno not in atomic_file.NOT_OFFERED:
            raise
        # `find` looks for the newest itself then.
        return
    fresh.replace(out / LATEST)


def _write(path: Path, text: str) -> None:
    try:
        atomic_file.write(path, text, durable=True)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror}",
            fix="make room; `dragstrip report` shows what was recorded before",
        ) from None
