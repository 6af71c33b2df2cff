"""The pace of a user in plain Locust: what has been sent is never dropped uncounted."""

from __future__ import annotations

import subprocess
import sys


def test_a_user_that_is_killed_as_its_pause_ends_sends_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_user"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "0\n"
