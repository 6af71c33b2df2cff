"""Lets every worker's last counts reach the master before a test ends.

Locust's master asks its workers to quit and waits half a second: what a worker still has in flight
or uncounted by then is lost, and the totals are too small.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import gevent
from locust.runners import MasterRunner, WorkerRunner

from dragstrip.load import locust_compat

if TYPE_CHECKING:
    from collections.abc import Callable

    from locust.env import Environment

log = logging.getLogger(__name__)

_ASK = "dragstrip_finish"
_ANSWER = "dragstrip_finished"
_POLL_S = 0.02
_MARGIN_S = 10.0


def collect(environment: Environment, update: Callable[[], None]) -> None:
    """Take this process's part: a master asks and waits, a worker finishes and reports.

    `update` brings Locust's statistics up to date in a process that makes requests.
    """
    runner = environment.runner
    if isinstance(runner, WorkerRunner):
        worker = runner
        locust_compat.on_message(worker, _ASK, lambda *_: _finish(worker, update), concurrent=True)
    elif isinstance(runner, MasterRunner):
        finished: set[str] = set()
        locust_compat.on_message(runner, _ANSWER, lambda worker, _: finished.add(worker))
        environment.events.test_stopping.add_listener(lambda **_: _wait(runner, finished))


def _wait(runner: MasterRunner, finished: set[str]) -> None:
    finished.clear()
    asked = locust_compat.loaded_workers(runner)
    for worker in asked:
        runner.send_message(_ASK, client_id=worker)
    deadline = time.monotonic() + locust_compat.stop_timeout_s(runner) + _MARGIN_S
    while not finished >= asked & locust_compat.connected_workers(runner):
        if time.monotonic() > deadline:
            log.warning("not every worker sent its last counts; the totals are too small")
            return
        gevent.sleep(_POLL_S)


def _finish(runner: WorkerRunner, update: Callable[[], None]) -> None:
    runner.stop()
    update()
    locust_compat.send_counts(runner)
    runner.send_message(_ANSWER)
