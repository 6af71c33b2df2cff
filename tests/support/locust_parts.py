"""Tries each part of Locust that dragstrip relies on and Locust does not document.

A program of its own: importing Locust patches the process. It prints Locust's version and, for each
part that `locust_compat` names, what is wrong with it: nothing, "is gone" or how it behaves.
"""

from __future__ import annotations

import inspect
import json
import sys
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import gevent
import locust
import msgpack
import zmq.green as zmq
from locust import User, constant, runners, stats, task
from locust.argument_parser import LocustArgumentParser, get_parser
from locust.dispatch import UsersDispatcher
from locust.env import Environment
from locust.rpc.protocol import Message
from msgpack.exceptions import ExtraData

from dragstrip.load import locust_compat
from dragstrip.load.user_dispatch import EvenUserDispatcher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from locust.runners import MasterRunner

PATIENCE_S = 10
FOREIGN: tuple[bytes, ...] = (
    *(b"", b"\xc1", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, b"\x93\xa1a", b"\xa3abc"),
    *(msgpack.dumps(one) for one in (7, [], [1, 2, 3], ["a", "b"], {"__datetime__": 1})),
    *(msgpack.dumps([kind, None, "x"]) for kind in ("stats", "locustfile", "exception", "logs")),
    *(msgpack.dumps(["stats", {}, sender]) for sender in (7, {"a": 1}, None)),
)
"""What may reach a master's port beside what its workers send."""
CHECKS: dict[str, Callable[[], None]] = {}


class Idle(User):
    wait_time = constant(60)

    @task
    def rest(self) -> None:
        """Do nothing."""


class BusyUser(User):
    @task
    def work(self) -> None:
        gevent.sleep(60)


def part(*names: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Name the parts that a check is about."""

    def enter(check: Callable[[], None]) -> Callable[[], None]:
        CHECKS.update(dict.fromkeys(names, check))
        return check

    return enter


def wait_until(holds: Callable[[], Any], what: str) -> None:
    with gevent.Timeout(PATIENCE_S, AssertionError(f"{what} within {PATIENCE_S} s")):
        while not holds():
            gevent.sleep(0.01)


class MasterAndWorker:
    """A master and a worker of it, with users on the worker."""

    def __init__(self) -> None:
        self.master = Environment(user_classes=[Idle, BusyUser]).create_master_runner(
            "127.0.0.1", 0
        )
        locust_compat.use_dispatcher(self.master.environment, self._dispatcher)
        self.dispatchers: list[EvenUserDispatcher] = []
        environment = Environment(user_classes=[Idle, BusyUser])
        self.worker = environment.create_worker_runner("127.0.0.1", self.master.server.port)
        self.id = self.worker.client_id
        wait_until(lambda: self.id in self.master.clients, "the worker is not known")
        self.master.start(4, spawn_rate=100)
        wait_until(lambda: self.worker.user_count == 4, "the worker has not got its users")

    def _dispatcher(self, **arguments: Any) -> EvenUserDispatcher:
        self.dispatchers.append(EvenUserDispatcher(**arguments))
        return self.dispatchers[-1]


@cache
def made() -> MasterAndWorker | Exception:
    try:
        return MasterAndWorker()
    except Exception as error:  # noqa: BLE001
        return error


def pair() -> MasterAndWorker:
    """Return the one pair, or raise what kept it from coming about."""
    found = made()
    if isinstance(found, Exception):
        raise found
    return found


@part("main.main")
def starts_locust() -> None:
    """Find the function; that it runs a locustfile is what every race shows."""
    from locust.main import main

    assert not inspect.signature(main).parameters, "takes arguments"


@part("LocustArgumentParser._default_config_files")
def reads_no_configuration() -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder, "locust.conf")
        file.write_text("users = 7\n")
        parser = get_parser(default_config_files=[str(file)])
        assert isinstance(parser, LocustArgumentParser)
        assert parser.parse_args([]).num_users == 7, "does not read what the parser was made with"
        assert parser._default_config_files
        parser._default_config_files = []
        assert parser.parse_args([]).num_users is None, "reads the files all the same"


@part("Message.node_id", "Message.data", "WorkerRunner.client_id")
def carries_messages() -> None:
    heard: list[tuple[str, Any]] = []
    locust_compat.on_message(pair().master, "parts_up", lambda *said: heard.append(said))
    pair().worker.send_message("parts_up", {"a": 1})
    wait_until(lambda: heard, "no message came")
    assert heard == [(pair().id, {"a": 1})], f"carries {heard}"


@part("Message.unserialize", "MasterRunner.handle_message", "MasterRunner.client_listener")
def survives_foreign_messages() -> None:
    master = Environment(user_classes=[Idle]).create_master_runner("127.0.0.1", 0)
    locust_compat.survive_foreign_messages(master)
    heard: list[str] = []
    locust_compat.on_message(master, "parts_after", lambda worker, _: heard.append(worker))
    socket: Any = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.IDENTITY, b"stranger")
    socket.connect(f"tcp://127.0.0.1:{master.server.port}")
    for frame in FOREIGN:
        socket.send(frame)
    socket.send(Message("parts_after", None, "parts").serialize())
    wait_until(lambda: heard, "nothing is heard after a foreign message")
    socket.close(0)
    master.quit()


@part("Message.serialize", "MasterRunner.server", "Server.send_to_client")
def seals_messages() -> None:
    master = Environment(user_classes=[Idle]).create_master_runner("127.0.0.1", 0)
    socket: Any = zmq.Context.instance().socket(zmq.DEALER)
    socket.setsockopt(zmq.IDENTITY, b"stranger")
    socket.connect(f"tcp://127.0.0.1:{master.server.port}")
    socket.send(Message("parts_hello", None, "stranger").serialize())

    def strip(frame: bytes) -> bytes:
        if not frame.startswith(b"!"):
            raise ValueError
        return frame[1:]

    before = Message.serialize, vars(Message)["unserialize"]
    try:
        locust_compat.seal_messages(lambda text: b"!" + text, strip)
        sent = Message("kind", {"a": 1}, "parts").serialize()
        assert (sent[:1], locust_compat.sender_of(sent[1:])) == (b"!", "parts")
        assert Message.unserialize(sent).data == {"a": 1}
        try:
            Message.unserialize(sent[1:])
        except ExtraData:
            pass
        else:
            raise AssertionError("a frame without a seal is read")
        wait_until(lambda: _answered(master, socket), "a stranger gets no answer")
    finally:
        Message.serialize, Message.unserialize = before  # type: ignore[method-assign]
        socket.close(0)
        master.quit()


def _answered(master: MasterRunner, socket: Any) -> bool:
    locust_compat.answer_stranger(master, "stranger")
    return bool(socket.poll(0))


@part("MasterRunner.clients", "WorkerNode.id")
def knows_its_workers() -> None:
    assert locust_compat.connected_workers(pair().master) == {pair().id}
    node = pair().master.clients[pair().id]
    assert locust_compat.id_of_node(node) == pair().id


@part("WorkerNodes.running")
def lists_running_workers() -> None:
    wait_until(lambda: pair().master.clients.running, "the worker does not run")
    assert locust_compat.loaded_workers(pair().master) == {pair().id}


@part("WorkerNodes.spawning", "MasterRunner.worker_count")
def lists_spawning_workers() -> None:
    master = pair().master
    node = master.clients[pair().id]
    before, node.state = node.state, runners.STATE_SPAWNING
    assert locust_compat.loaded_workers(master) == {pair().id}
    node.state = runners.STATE_MISSING
    assert not locust_compat.loaded_workers(master)
    assert not locust_compat.has_responsive_workers(master)
    node.state = before
    assert locust_compat.has_responsive_workers(master)


@part("MasterRunner.get_worker_index", "WorkerRunner.worker_index")
def numbers_workers() -> None:
    assert locust_compat.worker_number(pair().master, pair().id) == 0
    wait_until(lambda: locust_compat.own_number(pair().worker) == 0, "the worker has no number")
    assert locust_compat.own_number(None) == 0


@part("WorkerNode.heartbeat", "runners.HEARTBEAT_LIVENESS")
def counts_heartbeats_down() -> None:
    assert runners.HEARTBEAT_LIVENESS > 0
    node = pair().master.clients[pair().id]
    node.heartbeat = 0
    locust_compat.keep_alive(pair().master, pair().id)
    assert node.heartbeat == runners.HEARTBEAT_LIVENESS
    source = inspect.getsource(runners.MasterRunner.heartbeat_worker)
    assert "client.heartbeat" in source, "decides by something else that a worker is missing"


@part("WorkerNode.user_classes_count")
def knows_users_of_workers() -> None:
    master = pair().master
    wait_until(lambda: master.user_count == 4, "the worker has not reported its users")
    assert locust_compat.users_on(master, pair().id) == {"Idle": 2, "BusyUser": 2}
    assert locust_compat.users_on(master, "stranger") == {}


@part("stats")
def takes_counts() -> None:
    total = pair().master.stats.total.num_requests
    pair().worker.stats.log_request("GET", "parts", 1, 1)
    locust_compat.send_counts(pair().worker)
    wait_until(lambda: pair().master.stats.total.num_requests == total + 1, "no count came")


@part("Environment.stop_timeout")
def has_a_stop_timeout() -> None:
    runner = Environment(user_classes=[Idle], stop_timeout=7).create_local_runner()
    assert locust_compat.stop_timeout_s(runner) == 7


@part("Runner.state", "runners.STATE_CLEANUP", "runners.STATE_STOPPING", "runners.STATE_STOPPED")
def tells_its_state() -> None:
    runner = Environment(user_classes=[Idle]).create_local_runner()
    assert not locust_compat.is_ending(runner)
    seen: list[bool] = []
    runner.environment.events.test_stop.add_listener(
        lambda **_: seen.append(locust_compat.is_ending(runner))
    )
    runner.start(1, spawn_rate=100)
    assert not locust_compat.is_ending(runner)
    runner.stop()
    assert seen == [True]
    assert locust_compat.is_ending(runner)
    for state in (runners.STATE_CLEANUP, runners.STATE_STOPPING):
        runner.state = state
        assert locust_compat.is_ending(runner)


@part("Environment.dispatcher_class")
def uses_the_dispatcher() -> None:
    assert len(pair().dispatchers) == 1, f"made {len(pair().dispatchers)} dispatchers"
    environment = Environment(user_classes=[Idle, BusyUser])
    locust_compat.use_dispatcher(environment, EvenUserDispatcher)
    runner = environment.create_local_runner()
    runner.start(4, spawn_rate=100)
    wait_until(
        lambda: runner.user_classes_count == {"Idle": 2, "BusyUser": 2}, "users are shared else"
    )
    runner.quit()


def takes_the_same(name: str) -> None:
    theirs = list(inspect.signature(getattr(UsersDispatcher, name)).parameters)
    ours = list(inspect.signature(getattr(EvenUserDispatcher, name)).parameters)
    assert theirs == ours, f"takes {theirs}"


for method in ("new_dispatch", "add_worker", "remove_worker"):
    part(f"UsersDispatcher.{method}")(partial(takes_the_same, method))


@part("UsersDispatcher.dispatch_in_progress")
def asks_the_dispatcher_for_nothing_else() -> None:
    assert isinstance(UsersDispatcher.dispatch_in_progress, property), "is no property"
    public = {name for name in vars(UsersDispatcher) if not name.startswith("_")}
    source = inspect.getsource(runners)
    asked = {name for name in public if f"_users_dispatcher.{name}" in source}
    assert asked <= set(vars(EvenUserDispatcher)), f"is asked for {sorted(asked)}"


@part("User.greenlet", "User.stop", "User._state", "task.LOCUST_STATE_WAITING")
def stops_a_waiting_user_at_once() -> None:
    environment = Environment(user_classes=[BusyUser])
    runner = environment.create_local_runner()
    runner.start(2, spawn_rate=100)
    wait_until(lambda: runner.user_count == 2, "the users do not start")
    working, waiting = [greenlet.args[0] for greenlet in runner.user_greenlets]
    wait_until(lambda: working._state == "running", "the user does not run")
    assert not working.stop(), "ends a user in the middle of a task"
    locust_compat.mark_as_waiting(waiting)
    assert waiting.stop(), "does not end a user that waits"
    assert locust_compat.user_greenlet(waiting).dead
    assert not locust_compat.user_greenlet(working).dead
    runner.quit()


@part("StatsEntry._cache_response_times", "StatsEntry.use_response_times_cache")
def keeps_response_times() -> None:
    for use in (True, False):
        entry = stats.RequestStats(use_response_times_cache=use).total
        entry.response_times[5] += 1
        locust_compat.cache_response_times(entry, 9)
        assert (9 in (entry.response_times_cache or {})) is use


@part("stats.bucket_response_time")
def rounds_response_times() -> None:
    assert locust_compat.replaced_rounding() is None
    own: Any = stats.bucket_response_time
    stats.bucket_response_time = lambda _: 3  # type: ignore[assignment]
    try:
        rounding = locust_compat.replaced_rounding()
        assert rounding is not None
        assert rounding(1234.0) == 3
    finally:
        stats.bucket_response_time = own


@part("StatsError.create_key", "RequestStats.errors")
def counts_errors() -> None:
    own, ours = stats.RequestStats(), stats.RequestStats()
    own.log_error("GET", "parts", ValueError("no"))
    locust_compat.error_entry(ours, "GET", "parts", ValueError("no")).occurred()
    again = locust_compat.error_entry(ours, "GET", "parts", ValueError("no"))
    assert list(ours.errors) == list(own.errors), "knows an error by another key"
    assert again.occurrences == 1


@part("WebUI.app")
def has_an_application_that_may_refuse() -> None:
    environment = Environment(user_classes=[Idle])
    environment.create_local_runner()
    app = locust_compat.flask_app(environment.create_web_ui("127.0.0.1", 0, delayed_start=True))
    app.before_request(lambda: ("refused", 403))
    assert app.test_client().get("/").status_code == 403, "answers all the same"


@part("quit")
def sends_workers_away() -> None:
    # It comes last: there is no worker afterwards.
    locust_compat.send_away(pair().master, pair().id)
    wait_until(lambda: pair().worker.user_count == 0, "the worker keeps its users")
    wait_until(lambda: not len(pair().worker.greenlet), "the worker stays")
    locust_compat.forget_worker(pair().master, pair().id)
    assert locust_compat.connected_workers(pair().master) == set()


def problems() -> Iterator[tuple[str, str]]:
    """Yield each part and what is wrong with it."""
    results: dict[Callable[[], None], str] = {}
    for name, check in CHECKS.items():
        if check not in results:
            results[check] = problem(check)
        yield name, results[check]


def problem(check: Callable[[], None]) -> str:
    try:
        check()
    except (AttributeError, ImportError, KeyError) as error:
        return f"is gone ({error})"
    except Exception as error:  # noqa: BLE001
        return f"behaves differently ({error or type(error).__name__})"
    return ""


if __name__ == "__main__":
    found = dict(problems())
    sys.stdout.write(json.dumps({"version": locust.__version__, "problems": found}))
    sys.stdout.flush()
