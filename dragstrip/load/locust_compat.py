"""Every touch of what Locust does not document, in one place.

After "Relies on", each docstring names what a new version of Locust may change without notice, and
the version it was checked with. `tests/unit/load/test_locust_compat.py` checks each of these names
with the installed Locust.

Locust is imported inside the functions: it patches the process that imports it.
"""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from locust import User
    from locust.env import Environment
    from locust.runners import DistributedRunner, MasterRunner, Runner, WorkerNode, WorkerRunner
    from locust.stats import RequestStats, StatsEntry, StatsError
    from locust.web import WebUI

log = logging.getLogger(__name__)


def run_command_line(locustfile: Path, arguments: list[str]) -> None:
    """Run Locust on a locustfile, whatever its own configuration files and this folder hold.

    Locust puts the working directory and the locustfile's folder at the front of `sys.path`. Here
    they go again as soon as the locustfile is loaded.

    Relies on `main.main` and `LocustArgumentParser._default_config_files` (Locust 2.47).
    """
    from locust import events
    from locust.main import main

    safe_path = list(sys.path)

    def set_aside(parser: Any, **_: Any) -> None:
        sys.path[:] = safe_path
        parser._default_config_files = []  # noqa: SLF001

    # Locust makes this parser once the locustfile is loaded.
    events.init_command_line_parser.add_listener(set_aside)
    sys.argv = ["locust", "-f", str(locustfile), *arguments]
    main()


def on_message(
    runner: DistributedRunner,
    kind: str,
    handle: Callable[[str, Any], None],
    *,
    concurrent: bool = False,
) -> None:
    """Call `handle(worker's id, data)` for each message of a kind.

    Relies on `Message.node_id` and `Message.data` (Locust 2.47).
    """
    runner.register_message(
        kind, lambda msg, **_: handle(msg.node_id, msg.data), concurrent=concurrent
    )


def survive_foreign_messages(master: MasterRunner) -> None:
    """Let the master go on after a message that no worker sends: any machine may reach its port.

    Locust forgives text that is not UTF-8 and surplus bytes; all else ends what listens there.

    Relies on `Message.unserialize`, `MasterRunner.handle_message` and
    `MasterRunner.client_listener` (Locust 2.47).
    """
    from locust.rpc.protocol import Message

    unserialize: Callable[[bytes], Message] = Message.unserialize
    handle = master.handle_message

    def read(data: bytes) -> Message:
        with suppress(Exception):
            message: Message = unserialize(data)
            if isinstance(message.type, str) and isinstance(message.node_id, str):
                return message
        # What Locust takes for a damaged message.
        raise UnicodeDecodeError("msgpack", data, 0, len(data), "no message of a worker")

    def heed(client_id: str, msg: Message) -> None:
        try:
            handle(client_id, msg)
        except Exception as error:  # noqa: BLE001
            problem = type(error).__name__
            log.error("ignored a message of %s that no worker sends: %s", client_id, problem)  # noqa: TRY400

    Message.unserialize = read  # type: ignore[method-assign]
    master.handle_message = heed  # type: ignore[method-assign]


def seal_messages(close: Callable[[bytes], bytes], open_: Callable[[bytes], bytes]) -> None:
    """Pass every frame that is sent through `close`, and every one that comes in through `open_`.

    What `open_` raises is a damaged message to Locust.

    Relies on `Message.serialize` and `Message.unserialize` (Locust 2.47).
    """
    from locust.rpc.protocol import Message
    from msgpack.exceptions import ExtraData

    serialize: Callable[[Message], bytes] = Message.serialize
    unserialize: Callable[[bytes], Message] = Message.unserialize

    def read(data: bytes) -> Message:
        try:
            content = open_(data)
        except ValueError:
            raise ExtraData(None, data) from None
        return unserialize(content)

    Message.serialize = lambda message: close(serialize(message))  # type: ignore[method-assign]
    Message.unserialize = read  # type: ignore[method-assign]


def sender_of(content: bytes) -> str | None:
    """Return the id of a message's sender as the message has it; None where it is no message.

    Relies on the form of what `Message.serialize` makes (Locust 2.47).
    """
    import msgpack

    with suppress(Exception):
        _, _, sender = msgpack.loads(content, raw=False, strict_map_key=False)
        return sender if isinstance(sender, str) else None
    return None


def answer_stranger(master: MasterRunner, worker: str) -> None:
    """Send a message to somebody of whom the master knows the id alone.

    Relies on `MasterRunner.server` and `Server.send_to_client` (Locust 2.47).
    """
    from locust.rpc.protocol import Message

    with suppress(Exception):
        master.server.send_to_client(Message("refused", None, worker))


def connected_workers(master: MasterRunner) -> set[str]:
    """Return the ids of the workers that Locust knows, responsive or not.

    Relies on `MasterRunner.clients` (Locust 2.47).
    """
    return set(master.clients)


def loaded_workers(master: MasterRunner) -> set[str]:
    """Return the ids of the workers that have users or start some.

    Relies on `WorkerNodes.running` and `WorkerNodes.spawning` (Locust 2.47).
    """
    return {node.id for node in master.clients.running + master.clients.spawning}


def has_responsive_workers(master: MasterRunner) -> bool:
    """Say whether any worker is there that Locust does not take for lost.

    Relies on `MasterRunner.worker_count` (Locust 2.47).
    """
    return bool(master.worker_count)


def worker_number(master: MasterRunner, worker: str) -> int:
    """Return a worker's number, which it keeps, by its id.

    Relies on `MasterRunner.get_worker_index` (Locust 2.47).
    """
    return int(master.get_worker_index(worker))


def own_number(runner: Runner | None) -> int:
    """Return this process's number among the workers, 0 for a process that is not a worker.

    Relies on `WorkerRunner.worker_index` (Locust 2.47).
    """
    return int(getattr(runner, "worker_index", 0))


def keep_alive(master: MasterRunner, worker: str) -> None:
    """Let Locust wait for a worker as if it had just heard of it.

    Relies on `WorkerNode.heartbeat` and `runners.HEARTBEAT_LIVENESS` (Locust 2.47).
    """
    from locust.runners import HEARTBEAT_LIVENESS

    master.clients[worker].heartbeat = HEARTBEAT_LIVENESS


def forget_worker(master: MasterRunner, worker: str) -> None:
    """Let Locust count on a worker no more, even if it comes back to life.

    Relies on `MasterRunner.clients` (Locust 2.47).
    """
    del master.clients[worker]


def send_away(master: MasterRunner, worker: str) -> None:
    """Ask a worker to end.

    Relies on the message `quit` (Locust 2.47).
    """
    master.send_message("quit", client_id=worker)


def is_ending(runner: Runner) -> bool:
    """Say whether Locust ends or has ended the test.

    Relies on `Runner.state`, `runners.STATE_CLEANUP`, `runners.STATE_STOPPING` and
    `runners.STATE_STOPPED` (Locust 2.47).
    """
    from locust.runners import STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING

    return runner.state in {STATE_CLEANUP, STATE_STOPPED, STATE_STOPPING}


def stop_timeout_s(runner: Runner) -> float:
    """Return how long Locust waits for users that are to stop.

    Relies on `Environment.stop_timeout` (Locust 2.47).
    """
    return float(runner.environment.stop_timeout)


def send_counts(worker: WorkerRunner) -> None:
    """Send the master what Locust has counted here and not yet sent.

    Relies on `WorkerRunner.client_id` and the message `stats` (Locust 2.47).
    """
    counts: dict[str, Any] = {}
    worker.environment.events.report_to_master.fire(client_id=worker.client_id, data=counts)
    worker.send_message("stats", counts)


def use_dispatcher(environment: Environment, make: Callable[..., object]) -> None:
    """Let `make(worker_nodes=..., user_classes=...)` make what says which worker runs which users.

    Relies on `Environment.dispatcher_class`, `UsersDispatcher.new_dispatch`,
    `UsersDispatcher.add_worker`, `UsersDispatcher.remove_worker` and
    `UsersDispatcher.dispatch_in_progress` (Locust 2.47).
    """
    environment.dispatcher_class = make  # type: ignore[assignment]


def id_of_node(node: WorkerNode) -> str:
    """Return the id of a worker as the dispatcher is told of it.

    Relies on `WorkerNode.id` (Locust 2.47).
    """
    return node.id


def users_of_node(node: WorkerNode) -> dict[str, int]:
    """Return how many users of each class, by its name, a worker says it runs.

    Relies on `WorkerNode.user_classes_count` (Locust 2.47).
    """
    return dict(node.user_classes_count)


def users_on(master: MasterRunner, worker: str) -> dict[str, int]:
    """Return how many users of each class, by its name, a worker runs; none if it is not there.

    Relies on `MasterRunner.clients` and `WorkerNode.user_classes_count` (Locust 2.47).
    """
    node = master.clients.get(worker)
    return users_of_node(node) if node else {}


def user_greenlet(user: User) -> Any:
    """Return the greenlet that a user runs in.

    Relies on `User.greenlet` (Locust 2.47).
    """
    return user.greenlet


def mark_as_waiting(user: User) -> None:
    """Let Locust's `stop` end a user at once, as one that waits between two tasks.

    Relies on `User._state`, `task.LOCUST_STATE_WAITING` and `User.stop` (Locust 2.47).
    """
    from locust.user.task import LOCUST_STATE_WAITING

    user._state = LOCUST_STATE_WAITING  # noqa: SLF001


def cache_response_times(entry: StatsEntry, second: int) -> None:
    """Keep what an entry has counted up to a second, for the current percentiles.

    Relies on `StatsEntry._cache_response_times` and `StatsEntry.use_response_times_cache`
    (Locust 2.47).
    """
    if entry.use_response_times_cache:
        entry._cache_response_times(second)  # noqa: SLF001


def replaced_rounding() -> Callable[[float], int] | None:
    """Return what a locustfile has put in the place of Locust's rounding of times, if it has.

    Relies on `stats.bucket_response_time` (Locust 2.47).
    """
    from locust import stats

    rounding: Callable[[float], int] = stats.bucket_response_time
    return None if rounding.__module__ == stats.__name__ else rounding


def error_entry(stats: RequestStats, method: str, name: str, error: Exception) -> StatsError:
    """Return the entry that counts an error, a new one if need be.

    Relies on `StatsError.create_key` and `RequestStats.errors` (Locust 2.47).
    """
    from locust.stats import StatsError

    key = StatsError.create_key(method, name, error)
    return stats.errors.setdefault(key, StatsError(method, name, error))


def flask_app(web_ui: WebUI) -> Flask:
    """Return the web UI's application.

    Relies on `WebUI.app` (Locust 2.47).
    """
    assert web_ui.app is not None  # noqa: S101
    return web_ui.app
