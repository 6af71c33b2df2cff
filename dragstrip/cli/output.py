"""Standard output and standard error of a command that must not fail because of them.

A report is shown after it is stored, so a stream that takes no more text ends no command. What went
wrong with standard output is remembered, and `exit_code` says what it means in the end. Standard
error is for people who watch: what it does not take is dropped.
"""

from __future__ import annotations

import errno
import io
import os
import select
import shutil
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

from dragstrip.errors import OUTPUT_LOST_CODE

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_LEAST_COLUMNS, _MOST_COLUMNS = 40, 1_000

_READER_LEFT = frozenset({errno.EPIPE, errno.ECONNRESET, errno.EBADF})
"""The reader has seen enough, or there was none from the start: no failure of the command."""


class _Enduring(io.RawIOBase):
    """Writes to a file descriptor until that fails, and remembers why it did."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.failure: OSError | None = None

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        text = memoryview(data)
        if self.failure is None:
            try:
                return self._write(text)
            except OSError as failure:
                self.failure = failure
        return text.nbytes

    def _write(self, text: memoryview) -> int:
        while True:
            try:
                return os.write(self._descriptor, text)
            except BlockingIOError:
                # Another program has made a shared pipe non-blocking.
                select.select([], [self._descriptor], [])


def prepare() -> None:
    """Make both streams endure whatever stands behind them, and replace what they cannot show."""
    _fill_closed_files()
    _widen()
    for name, descriptor, errors in (("stdout", 1, "replace"), ("stderr", 2, "backslashreplace")):
        stream: TextIO | None = getattr(sys, name)
        if stream is None:
            # Python found it closed; another file may have its number by now.
            descriptor = os.open(os.devnull, os.O_WRONLY)
        if stream is getattr(sys, f"__{name}__"):
            setattr(
                sys, name, _enduring(descriptor, stream.encoding if stream else "utf-8", errors)
            )


def write_document(text: str) -> None:
    """Write what another program reads to standard output: UTF-8, whatever the locale is."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
    else:
        buffer.write(text.encode())
    sys.stdout.flush()


def is_broken() -> bool:
    """Whether standard output takes no more; a command that writes without end asks this."""
    return _failure() is not None


def exit_code(code: int) -> int:
    """Return the code to exit with: `code`, or 74 for a success whose output was lost."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            # Of a stream that is not ours: a test's, or one that was closed on the way.
            with suppress(OSError, ValueError):
                stream.flush()
    failure = _failure()
    if failure is None or failure.errno in _READER_LEFT:
        return code
    sys.stderr.write(f"error: cannot write to standard output: {failure.strerror}\n")
    sys.stderr.write("  fix: make room where the output goes; a stored run can be shown again\n")
    sys.stderr.flush()
    return code or OUTPUT_LOST_CODE


def _failure() -> OSError | None:
    buffer = getattr(sys.stdout, "buffer", None)
    raw = getattr(buffer, "raw", None)
    return raw.failure if isinstance(raw, _Enduring) else None


def _enduring(descriptor: int, encoding: str, errors: str) -> TextIO:
    return io.TextIOWrapper(
        io.BufferedWriter(_Enduring(descriptor)),
        encoding=encoding,
        errors=errors,
        line_buffering=descriptor != 1 or os.isatty(descriptor),
    )


def _widen() -> None:
    # On a screen of no columns tables would vanish, and on one of five be shredded: better that the
    # terminal wraps them. A panel of a million columns would take minutes.
    columns = shutil.get_terminal_size().columns
    if columns < _LEAST_COLUMNS or "COLUMNS" in os.environ:
        os.environ["COLUMNS"] = str(min(max(columns, _LEAST_COLUMNS), _MOST_COLUMNS))


def _fill_closed_files() -> None:
    # Otherwise the next file that is opened takes the number, and gets what is meant for people.
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            # Inheritable, as what a shell gives: else a child finds the number closed again.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
