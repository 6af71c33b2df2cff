"""Pages that watch a race on `dragstrip watch`, away from the core that makes the load."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import httpx

from dragstrip.run.ipc import free_port
from tests.support import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGES = 3
_EVERY_S = 1.0
_START_S = 30.0

Watched = dict[str, Any]
"""`watched_by` says what watched; then how often the race stood anew, pictures were sent, and how
many of them are drawn at the end."""


@contextmanager
def watching(runs: Path, core: int) -> Iterator[Watched]:
    """Watch whatever race is under way in a folder of runs, on one core.

    What was seen is filled in when the block ends.
    """
    port = free_port()
    command = [sys.executable, "-m", "dragstrip", "watch", "latest", "--out", str(runs)]
    server = subprocess.Popen(
        [*command, "--web-port", str(port)],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_served(url)
        watchers = _chromium if chromium.find() else _clients
        with watchers(url, core) as seen:
            yield seen
    finally:
        server.terminate()
        server.wait()


@contextmanager
def _chromium(url: str, core: int) -> Iterator[Watched]:
    command = [sys.executable, "-m", "benchmarks.chromium_pages", url, str(PAGES)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    ) as pages:
        assert pages.stdout is not None  # noqa: S101
        seen = {"watched_by": f"{PAGES} pages of Chromium {pages.stdout.readline().strip()}"}
        yield seen
        # Ends its input.
        seen |= json.loads(pages.communicate(timeout=_START_S)[0])


@contextmanager
def _clients(url: str, core: int) -> Iterator[Watched]:
    seen: Watched = {"watched_by": f"{PAGES} clients that ask as its script does"}
    seen |= {"states": 0, "pictures": 0, "drawn": 0}
    over = threading.Event()
    threads = [threading.Thread(target=_ask, args=(url, core, seen, over)) for _ in range(PAGES)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _wait_until_served(url: str) -> None:
    for _ in range(int(_START_S / 0.1)):
        with suppress(httpx.TransportError):
            httpx.get(url, trust_env=False)
            return
        threading.Event().wait(0.1)
    raise RuntimeError("`dragstrip watch` does not answer")


def _ask(url: str, core: int, seen: Watched, over: threading.Event) -> None:
    # Of this thread alone.
    os.sched_setaffinity(0, {core})
    shown, tag = "", ""
    with httpx.Client(base_url=url, trust_env=False, timeout=10) as client:
        while not over.wait(_EVERY_S):
            answer = client.get("/state", headers={"If-None-Match": tag})
            if answer.status_code != httpx.codes.OK:
                continue
            tag, page = answer.headers.get("etag", ""), answer.json()
            seen["states"] += 1
            if page["run"] and page["pictures"] != shown:
                shown = page["pictures"]
                client.get("/pictures").raise_for_status()
                seen["pictures"] += 1
