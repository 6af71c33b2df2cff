"""Stopping a user: what has been sent is never dropped uncounted."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(("pace", "begun"), [("race", "0 0"), ("own", "1 1")])
def test_a_user_that_is_stopped_as_its_next_lookup_becomes_due_sends_nothing_more(
    pace: str, begun: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_user", pace],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"{begun}\n"
