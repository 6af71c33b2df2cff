"""Docker as this machine has it: its engine, and either of the two Compose."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REQUIRED_VARIABLE = "DRAGSTRIP_REQUIRE_COMPOSE"
_PROBE_S = 30


@functools.cache
def missing() -> str | None:
    """Say why containers cannot be run here; None when they can."""
    if not sys.platform.startswith("linux"):
        return "the lab on this machine's loopback can be reached from containers on Linux alone"
    if not shutil.which("docker") or not _succeeds("docker", "info"):
        return "no Docker engine answers; `make test-compose` starts one on Debian as root"
    if not compose_command():
        return "there is neither `docker compose` nor `docker-compose`"
    return None


def require() -> None:
    """Skip the test where there is no engine; fail where there has to be one."""
    reason = missing()
    if reason and os.environ.get(REQUIRED_VARIABLE):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)


@functools.cache
def compose_command() -> tuple[str, ...]:
    """Return the words that call Compose: the plugin, else the older program, else none."""
    if shutil.which("docker") and _succeeds("docker", "compose", "version"):
        return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") else ()


def docker(*arguments: str, limit_s: float = 60) -> str:
    """Run `docker` and return its output; its errors are part of the failure."""
    return run("docker", *arguments, limit_s=limit_s)


def inspect(name: str) -> dict[str, Any]:
    """Return what the engine knows about a container, an image or a network."""
    found: list[dict[str, Any]] = json.loads(docker("inspect", name))
    return found[0]


def run(*argv: str, limit_s: float, env: dict[str, str] | None = None) -> str:
    """Run a command in the checkout and return what it prints."""
    done = subprocess.run(
        argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=limit_s, check=False
    )
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


def _succeeds(*argv: str) -> bool:
    try:
        done = subprocess.run(argv, capture_output=True, timeout=_PROBE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
