"""What Locust sees of the instrument: a user that holds one connection.

In a race a user takes the next request of its target's dispatcher the moment it is due. Without a
race each works at an even pace, which is a closed model: a slow answer delays that user's next
request. Either way one task goes on for as long as the user does.

Users also run in a bare environment, for instance to see how fast they are (`rate=0` sets no
pace):

    class Pages(Scenario):
        keys = 1000

        def request(self, target, operation, key):
            return Request("GET", f"/{key}.json", {})

    class Probe(ConnectionUser):
        target_name = "a"

    environment = Environment(user_classes=[Probe])
    runner = environment.create_local_runner()
    Probe.work = Work(
        race=RaceConfig(rate=0, users=32, miss=0, timeout=10),
        scenario=Pages(),
        seed=1,
        targets={"a": Target("a", "http", "http://127.0.0.1:8080")},
        worker=0,
        ledger=Ledger(Path("ledger"), 0),
    )
    runner.start(32, spawn_rate=32)
    gevent.sleep(10)
    runner.quit()
    Probe.work.close()
    environment.stats.total.num_requests
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

import gevent
import gevent.socket
from locust import User, constant, task

from dragstrip.load import locust_compat
from dragstrip.load.context import Work as Work  # noqa: TC001
from dragstrip.run.ipc import EXIT_UNFINISHED
from dragstrip.run.plan import PARENT_VARIABLE

if TYPE_CHECKING:
    from dragstrip.load.sender import Sender

_PRIORITY = -10


class ConnectionUser(User):
    """A user that sends requests over one connection. Subclasses say to which target."""

    abstract = True
    target_name: ClassVar[str]
    work: ClassVar[Work]

    wait_time = constant(1)
    """The pause after an error in the scenario, which ends the task. Requests are paced apart."""

    sender: Sender | None = None

    def on_start(self) -> None:
        """Open the connection."""
        self.target = self.work.targets[self.target_name]
        self.connection = self.work.new_client(self.target_name)
        self.work.attach(self.environment)
        self.sender = self.work.sender(self.target_name, self.connection)

    def on_stop(self) -> None:
        """Close the connection."""
        self.connection.close()
        self.work.connection_closed()

    def stop(self, force: bool = False) -> bool:
        """Stop: at once when it waits for a request, else, unless forced, after the one it is at.

        Locust kills a waiting user a little later. From now on no request may wake it: one would be
        sent, and struck dead before its answer could be recorded.
        """
        if self.sender is not None and self.sender.stop(locust_compat.user_greenlet(self)):
            locust_compat.mark_as_waiting(self)
        return bool(super().stop(force))

    @task
    def lookups(self) -> None:
        """Make requests until the user is stopped."""
        assert self.sender is not None  # noqa: S101
        self.sender.run()


def raise_priority() -> None:
    """Ask for a higher priority than the services under test, where the system grants it.

    In the lab they share this machine, and a generator that waits for them sends late.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)


def end_with_parent() -> None:
    """End this process when the one that started it is gone, however that came about.

    The parent holds the other end of a pipe and never writes to it.
    """
    descriptor = os.environ.get(PARENT_VARIABLE)
    if descriptor is None:
        return

    def watch() -> None:
        gevent.socket.wait_read(int(descriptor))
        os._exit(EXIT_UNFINISHED)

    gevent.spawn(watch)
