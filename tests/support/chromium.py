"""Debian's Chromium for the browser tests: found, or installed where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def executable() -> str:
    """Return Chromium's path. Skips the test, saying what to install, where there is none."""
    found = find()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "check": False}
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        for arguments in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *arguments], env=environment, **quiet)  # type: ignore[call-overload]
        found = find()
    if found is None:
        pytest.skip("the browser tests need Chromium: install it, e.g. `apt install chromium`")
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    path = executable()
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


def find() -> str | None:
    """Return the path of what is installed."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)
