"""Every error that dragstrip raises on purpose, and the exit code each one means.

DragstripError
├── UsageError            2   a flag or an argument is wrong
│   └── ConfigError       2   dragstrip.toml or the environment is wrong
├── LabError              2   the embedded lab cannot do what was asked
├── BackendError          2   a backend is unreachable, refuses or misbehaves
│   └── PreflightError    2   a target is not what the run needs; no timed request was sent
├── StorageError          2   a file or folder cannot be read or written
├── RequirementNotMet     1   the run is valid, `--require` is not met
├── DataDiffers           1   `verify` found a difference
├── UnsafeTarget          1   a target lost, doubled or hid what it had acknowledged
├── InvalidRun            3   the run proves nothing
└── Undecided             4   `--require` was given, the run is inconclusive

Codes of no error of ours:

UNFORESEEN_CODE          70   an error that dragstrip did not foresee; a log file has the traceback
OUTPUT_LOST_CODE         74   all went well, but standard output took no more, as on a full disk
interrupted             130   Ctrl-C, SIGTERM or SIGHUP
"""

from __future__ import annotations

import sys
from typing import NoReturn

from dragstrip.redact import redact

UNFORESEEN_CODE = 70
"""EX_SOFTWARE of sysexits.h."""

OUTPUT_LOST_CODE = 74
"""EX_IOERR of sysexits.h."""


class Leave(SystemExit):
    """Ends a command with a code of the table above; any other SystemExit is somebody else's."""


class DragstripError(Exception):
    """An expected failure: `message` says what is wrong, `fix` what to do.

    Both may quote a server or a library, so known secrets are taken out here, once for all.
    """

    exit_code = 2

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        self.message = redact(message)
        self.fix = None if fix is None else redact(fix)
        super().__init__(self.message)

    def leave(self) -> NoReturn:
        """Say it on standard error and end this process with its exit code."""
        fix = f"  fix: {self.fix}\n" if self.fix else ""
        sys.stderr.write(f"error: {self.message}\n{fix}")
        raise Leave(self.exit_code)


class UsageError(DragstripError):
    """A flag or an argument is wrong; nothing was sent."""


class ConfigError(UsageError):
    """The configuration file or the environment is wrong; nothing was sent."""


class LabError(DragstripError):
    """The embedded lab cannot be installed, started, stopped or read."""


class BackendError(DragstripError):
    """A backend is unreachable, refuses the key, or answers what it should not."""


class PreflightError(BackendError):
    """A target is not fit for the run; no timed request was sent."""


class StorageError(DragstripError):
    """A file or folder cannot be read or written."""


class RequirementNotMet(DragstripError):
    """The run is valid, but what `--require` asks for does not hold."""

    exit_code = 1


class DataDiffers(DragstripError):
    """What is stored is not what the dataset says."""

    exit_code = 1


class UnsafeTarget(DragstripError):
    """A target lost, doubled or hid a write that it had acknowledged."""

    exit_code = 1


class InvalidRun(DragstripError):
    """A validity gate failed: the run proves nothing."""

    exit_code = 3


class Undecided(DragstripError):
    """A requirement was given and the run cannot tell."""

    exit_code = 4
