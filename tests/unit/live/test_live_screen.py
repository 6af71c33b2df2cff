"""The live screen on a real pseudo-terminal, read by a terminal emulator."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyte

from dragstrip.live.small_pictures import BARS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 60


class Terminal:
    """A program on a terminal, and what is to be seen there."""

    def __init__(self, columns: int, lines: int, **environment: str) -> None:
        self._own, theirs = os.openpty()
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._set_size(columns, lines)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.live_screen"],
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            env={"PATH": os.environ["PATH"], "TERM": "xterm-256color", **environment},
        )
        os.close(theirs)

    def _set_size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._own, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def resize(self, columns: int, lines: int) -> None:
        self._set_size(columns, lines)
        self.screen.resize(lines, columns)
        self.process.send_signal(signal.SIGWINCH)

    def step(self) -> None:
        assert self.process.stdin
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def wait_for(self, holds: Callable[[str], bool]) -> str:
        until_s = time.monotonic() + SECONDS
        while not holds(self.text()):
            ready, _, _ = select.select([self._own], [], [], SECONDS)
            assert ready, self.text()
            assert time.monotonic() < until_s, self.text()
            self._stream.feed(os.read(self._own, 65536))
        return self.text()


@contextmanager
def terminal(columns: int, lines: int, **environment: str) -> Iterator[Terminal]:
    opened = Terminal(columns, lines, **environment)
    try:
        yield opened
    finally:
        opened.process.terminate()
        opened.process.communicate()
        os.close(opened._own)


def is_whole(text: str) -> bool:
    """Whether all of the picture is there, once."""
    return text.count("race ") == text.count("validity checks") == text.count("adopt") == 1


def test_the_picture_fits_80_by_24_and_survives_resizing() -> None:
    with terminal(80, 24) as shown:
        first = shown.wait_for(lambda text: "after the first pair" in text)
        assert "after three pairs" in first
        assert "●" not in first
        for _ in range(7):
            shown.step()
        text = shown.wait_for(lambda text: "slice 9 of 12" in text and is_whole(text))
        lines = text.splitlines()
        assert len(lines) < 24
        assert text.count("lookup") == text.count("message p95 so far") * 2 == 2
        zones = next(one for one in lines if "adopt" in one)
        assert zones.index("adopt") < zones.index("fast") < zones.index("slow")
        bar = lines[lines.index(zones) - 1]
        assert bar.index("├") < bar.index("●") < bar.index("┤")
        drawn = [one.split()[1] for one in lines if one[:4] in {"old ", "new "}]
        assert [len(one) for one in drawn] == [4, 4]
        assert set("".join(drawn)) <= set(BARS)
        assert max(drawn[1]) < max(drawn[0])
        for number, (columns, rows) in enumerate(((60, 24), (120, 40), (80, 24)), 10):
            shown.resize(columns, rows)
            shown.step()
            stage = f"slice {number} of 12"
            text = shown.wait_for(lambda text, now=stage: now in text and is_whole(text))  # type: ignore[misc]
            assert max(map(len, text.splitlines())) <= columns
        shown.step()
        shown.step()
        assert shown.wait_for(lambda text: text == "over")


def test_a_terminal_that_cannot_be_drawn_on_gets_no_escape_codes() -> None:
    for environment in ({"TERM": "dumb"}, {"COLUMNS": "0"}):
        with terminal(80, 24, **environment) as shown:
            for _ in range(12):
                shown.step()
            assert shown.wait_for(lambda text: "over" in text) == "over"
            assert shown.process.wait(SECONDS) == 0
