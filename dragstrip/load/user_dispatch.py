"""Shares a race's connections among its workers: each gets its part of both targets' users."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import gevent

from dragstrip.load.locust_compat import id_of_node, users_of_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from locust import User
    from locust.runners import WorkerNode

SPAWN_PER_S = 100
"""Connections that each worker opens in a second."""

UserShares = dict[str, dict[str, int]]
"""How many users of each class, by its name, are on each worker, by its id."""


class EvenUserDispatcher:
    """Stands in for Locust's dispatcher, which gives each user to the next worker in turn.

    That would leave one of two workers with connections to one target only. Locust would also share
    again whenever a worker comes or goes, and so close connections in the middle of a slice: here
    users go to the workers that `takes_part` picks, and change places only when the race says so.
    """

    dispatch_in_progress = True
    """What keeps Locust from sharing again by itself."""

    def __init__(
        self,
        worker_nodes: list[WorkerNode],
        user_classes: list[type[User]],
        takes_part: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._nodes = {id_of_node(node): node for node in worker_nodes}
        self._names = [one.__name__ for one in user_classes]
        self._takes_part = takes_part
        self._steps: Iterator[UserShares] = iter(())

    def new_dispatch(
        self,
        target_user_count: int,
        spawn_rate: float,  # noqa: ARG002
        user_classes: list[type[User]] | None = None,  # noqa: ARG002
    ) -> None:
        """Begin to bring `target_user_count` users into place."""
        chosen = [node for key, node in sorted(self._nodes.items()) if self._takes_part(key)]
        before = {id_of_node(node): users_of_node(node) for node in chosen}
        wanted = share_users(target_user_count, list(before), self._names)
        self._steps = _ramp(before, wanted, math.ceil(SPAWN_PER_S / len(self._names)))

    def add_worker(self, worker_node: WorkerNode) -> None:
        """Know one worker more."""
        self._nodes[id_of_node(worker_node)] = worker_node

    def remove_worker(self, worker_node: WorkerNode) -> None:
        """Forget a worker."""
        self._nodes.pop(id_of_node(worker_node), None)

    def __iter__(self) -> Iterator[UserShares]:
        return self._steps


def share_users(users: int, workers: Sequence[str], names: Sequence[str]) -> UserShares:
    """Share users evenly over classes and, class by class, over workers."""
    of_class = {name: _share(users, place, len(names)) for place, name in enumerate(names)}
    return {
        worker: {name: _share(of_class[name], place, len(workers)) for name in names}
        for place, worker in enumerate(workers)
    }


def _share(count: int, place: int, of: int) -> int:
    return count // of + (place < count % of)


def _ramp(before: UserShares, wanted: UserShares, most: int) -> Iterator[UserShares]:
    """Yield what to have each second, `most` users per worker and class at a time."""
    now = {
        worker: {name: before[worker].get(name, 0) for name in classes}
        for worker, classes in wanted.items()
    }
    while True:
        for worker, classes in wanted.items():
            for name, count in classes.items():
                have = now[worker][name]
                now[worker][name] = max(have - most, min(have + most, count))
        yield {worker: dict(classes) for worker, classes in now.items()}
        if now == wanted:
            return
        gevent.sleep(1)
