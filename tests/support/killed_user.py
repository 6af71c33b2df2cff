"""Kills a user of plain Locust just as its pause ends, and prints how many lookups it began.

A program of its own: importing Locust patches the process.
"""

from __future__ import annotations

import itertools
import sys
import time

import gevent
from gevent.hub import get_hub

from dragstrip.measure.plugin import Closed


def main() -> None:
    begun: list[int] = []

    def user() -> None:
        gevent.sleep(0.01)
        begun.append(Closed(itertools.count()).next().key)
        gevent.sleep(60)

    greenlet = gevent.spawn(user)
    gevent.sleep(0)
    killer = get_hub().loop.timer(0.005)
    killer.start(lambda: greenlet.kill(block=False))
    # Both timers are over before the loop turns again, so that it serves them in one go.
    end = time.monotonic() + 0.05
    while time.monotonic() < end:
        pass
    greenlet.join()
    sys.stdout.write(f"{len(begun)}\n")


if __name__ == "__main__":
    main()
