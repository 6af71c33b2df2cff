"""Stops a user of Locust just as its next lookup becomes due, and prints how many it began.

A program of its own: importing Locust patches the process. The argument says whose pace it is:
`race` or `own`.
"""

from __future__ import annotations

import sys
import time

import gevent
import numpy as np
from gevent.hub import get_hub
from gevent.pool import Group
from locust.env import Environment

from dragstrip.config.config import RaceConfig
from dragstrip.ledger.writer import Ledger
from dragstrip.load.arrivals import Arrivals
from dragstrip.load.locust_user import ConnectionUser, Work
from dragstrip.load.schedule import Open, Span
from dragstrip.scenario import Operation, Request, Scenario, Target

PAUSE_S = 0.6


class KilledUser(ConnectionUser):
    target_name = "a"


class KilledPage(Scenario):
    def request(self, target: Target, operation: Operation, key: int) -> Request:  # noqa: ARG002
        return Request("GET", "/", {})


def stop_soon(user: KilledUser) -> None:
    hub = get_hub()
    # Of two watchers of the highest priority, the loop serves a timer before a file.
    hub.wait(hub.loop.timer(PAUSE_S / 4, priority=hub.loop.MAXPRI))
    user.stop()


def main() -> None:
    in_race = sys.argv[1] == "race"
    ledger = Ledger(None, 0)
    KilledUser.work = Work(
        race=RaceConfig(rate=1 / PAUSE_S, connections=1),
        scenario=KilledPage(),
        seed=1,
        # Nothing listens there: a lookup would be refused, and its row would tell.
        targets={"a": Target("a", "convex-http", "http://127.0.0.1:1")},
        worker=0,
        ledger=ledger,
        racing=in_race,
    )
    user = KilledUser(Environment(user_classes=[KilledUser]))
    group = Group()
    greenlet = user.start(group)
    gevent.sleep(PAUSE_S / 2)
    before = ledger.begun
    if in_race:
        scheduled_ns = time.monotonic_ns() + round(PAUSE_S / 2 * 1e9)
        soon = Arrivals(np.zeros(9, np.int64), np.arange(9), np.zeros(9, np.uint8))
        KilledUser.work.dispatchers["a"].load(
            Open([soon], Span(0, scheduled_ns, scheduled_ns, scheduled_ns + 1))
        )
    stopper = gevent.spawn(stop_soon, user)
    gevent.sleep(0)
    # By its end both timers are over before the loop turns again, so it serves them in one go.
    end = time.monotonic() + PAUSE_S
    while time.monotonic() < end:
        pass
    gevent.joinall([stopper, greenlet])
    sys.stdout.write(f"{before} {ledger.begun}\n")


if __name__ == "__main__":
    main()
