"""What a command does not wait for: nothing is loaded that it does not use."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "unused"),
    [
        ("dragstrip.cli.main", {"numpy", "scipy", "flask", "locust"}),
        ("dragstrip.race.race", {"flask", "httpx", "locust", "psycopg", "scipy.special"}),
        ("dragstrip.load.bind", {"httpx", "psycopg", "scipy"}),
        ("scenarios.http.checks", {"jsonschema"}),
    ],
)
def test_a_command_begins_without_what_it_does_not_use(module: str, unused: set[str]) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True
    )
    assert not unused & set(done.stdout.split())
