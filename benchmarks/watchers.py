"""Browsers that watch a race: each asks the live page as its script does, away from the load."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from dragstrip.run.ipc import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BROWSERS = 3
_EVERY_S = 1.0
_START_S = 30.0


@dataclass
class Watchers:
    """What they have seen: how often the race stood anew, and how many pictures were sent."""

    states: int = 0
    pictures: int = 0


@contextmanager
def watching(runs: Path, core: int) -> Iterator[Watchers]:
    """Watch whatever race is under way in a folder of runs, on one core."""
    port = free_port()
    command = [sys.executable, "-m", "dragstrip", "watch", "latest", "--out", str(runs)]
    server = subprocess.Popen(
        [*command, "--web-port", str(port)],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    watchers, over = Watchers(), threading.Event()
    threads = [
        threading.Thread(target=_watch, args=(port, core, watchers, over)) for _ in range(BROWSERS)
    ]
    try:
        _wait_until_served(port, over)
        for thread in threads:
            thread.start()
        yield watchers
    finally:
        over.set()
        for thread in threads:
            if thread.ident:
                thread.join()
        server.terminate()
        server.wait()


def _wait_until_served(port: int, over: threading.Event) -> None:
    for _ in range(int(_START_S / 0.1)):
        with suppress(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/", trust_env=False)
            return
        over.wait(0.1)
    raise RuntimeError("`dragstrip watch` does not answer")


def _watch(port: int, core: int, watchers: Watchers, over: threading.Event) -> None:
    # Of this thread alone.
    os.sched_setaffinity(0, {core})
    shown, tag = "", ""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
        while not over.wait(_EVERY_S):
            answer = client.get("/state", headers={"If-None-Match": tag})
            if answer.status_code != httpx.codes.OK:
                continue
            tag, page = answer.headers.get("etag", ""), answer.json()
            watchers.states += 1
            if page["run"] and page["pictures"] != shown:
                shown = page["pictures"]
                client.get("/pictures").raise_for_status()
                watchers.pictures += 1
