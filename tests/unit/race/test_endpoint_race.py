"""`dragstrip race URL URL` between servers of a test: the command, Locust and the run are real."""

from __future__ import annotations

import gzip
import itertools
import json
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from scenarios.http.checks import failures
from tests.lab.lab_homes import wait_until
from tests.support.certificates import Authority
from tests.support.endpoint_races import SHORT, racing
from tests.support.html_page import Page
from tests.support.races import command_line
from tests.support.web_server import ReceivedRequest, WebAnswer, WebServer, echo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.races import Raced

SECRET = "a-secret-0123456789"
IN_QUERY = "query-secret-0123"


@dataclass
class AskedServers:
    """A race, and the servers that it asks."""

    race: Raced
    old: WebServer
    new: WebServer


@dataclass
class Begun:
    """Races that run side by side, each in a folder of its own and between servers of its own."""

    place: Path
    stack: ExitStack

    def servers(self, old: WebServer, new: WebServer) -> tuple[WebServer, WebServer]:
        """Serve until all races are over."""
        return self.stack.enter_context(old.serving()), self.stack.enter_context(new.serving())

    def folder(self, name: str) -> Path:
        """Return a folder, which is there."""
        (self.place / name).mkdir()
        return self.place / name

    def race(
        self, place: Path, servers: tuple[WebServer, WebServer], *arguments: str, **how: Any
    ) -> AskedServers:
        """Begin a race."""
        return AskedServers(self.stack.enter_context(racing(place, *arguments, **how)), *servers)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    with ExitStack() as stack:
        yield Begun(tmp_path_factory.mktemp("endpoints"), stack)


@pytest.fixture(scope="module")
def fresh(begun: Begun) -> AskedServers:
    """Race in a fresh folder: one server speaks TLS and compresses, the other is slow."""
    authority = Authority(begun.place)
    servers = begun.servers(
        WebServer(zipped, delay_s=0.02, tls=authority.server("127.0.0.1")), WebServer(delay_s=0.2)
    )
    old, new = servers
    return begun.race(
        begun.place / "fresh",
        servers,
        *(f"{old.url}/search?q=a", f"today={new.url}/v2/search?q=a"),
        environ={"SSL_CERT_FILE": str(authority.ca_file)},
    )


@pytest.fixture(scope="module")
def orders(begun: Begun) -> AskedServers:
    """Race two processes, with secrets, over TLS."""
    place = begun.folder("orders")
    authority = Authority(place)
    rows = [{"sku": number, "source": f"ü {number}"} for number in range(50)]
    (place / "orders.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (place / "key").write_text(SECRET[::-1] + "\n")
    servers = begun.servers(
        WebServer(created, tls=authority.server("127.0.0.1")), WebServer(created)
    )
    old, new = servers
    return begun.race(
        place,
        servers,
        *("--processes", "2"),
        toml=SHORT.replace("[race]", '[race]\nbaseline = "old"\nchallenger = "new"')
        + ORDERS % (old.url, authority.ca_file, new.url),
        environ={"EP_TOKEN": SECRET},
    )


@pytest.fixture(scope="module")
def copied(begun: Begun) -> AskedServers:
    """Race what a curl command says."""
    place = begun.folder("copied")
    (place / "request.txt").write_text(
        f"curl 'https://old.example/api?api_key={IN_QUERY}&id={{id}}' \\\n"
        f" -H 'authorization: Bearer {SECRET}'"
    )
    (place / "ids.csv").write_text("id\r\n" + "".join(f"{n}\r\n" for n in range(40)))
    servers = begun.servers(WebServer(), WebServer())
    old, new = servers
    return begun.race(
        place,
        servers,
        *(old.url, f"{new.url}/prefix"),
        *("--curl", "request.txt", "--data", "ids.csv", "--keys", "sequential"),
        toml=SHORT,
    )


@pytest.fixture(scope="module")
def lying(begun: Begun) -> AskedServers:
    """Race a challenger that fails for some keys."""
    place = begun.folder("lying")
    (place / "ids.csv").write_text("id\n" + "".join(f"{n}\n" for n in range(20)))
    servers = begun.servers(WebServer(), WebServer(lies))
    old, new = servers
    return begun.race(
        place,
        servers,
        *(f"{old.url}/{{id}}", f"{new.url}/{{id}}", "--data", "ids.csv"),
        *("--header", "Authorization: env:EP_TOKEN", "--keep-failures"),
        toml=SHORT,
        environ={"EP_TOKEN": SECRET},
    )


@pytest.fixture(scope="module")
def shopping(begun: Begun) -> AskedServers:
    """Race three operations."""
    place = begun.folder("shopping")
    (place / "items.tsv").write_text("item\n" + "".join(f"thing {n}\n" for n in range(30)))
    servers = begun.servers(WebServer(shop), WebServer(short_of_stock))
    return begun.race(place, servers, *(one.url for one in servers), toml=SHORT + SHOP)


def zipped(asked: ReceivedRequest) -> WebAnswer:
    body = gzip.compress(json.dumps({"path": asked.path}).encode())
    return WebAnswer(body, headers={"content-encoding": "gzip"})


ORDERS = """
[scenario]
name = "endpoint"
data = "orders.jsonl"
method = "POST"
path = "/orders?source={source}"
json = { sku = "{sku}", note = "for {source}", quantity = 1 }
headers = { Authorization = "Bearer env:EP_TOKEN", X-Api-Key = "file:key" }
expect = { status = [201] }
[targets.old]
url = "%s"
ca_file = "%s"
[targets.new]
url = "%s"
path = "/v2/orders?from={source}"
headers = { X-Tenant = "t-{source}" }
"""


def created(asked: ReceivedRequest) -> WebAnswer:
    """Answer 201 to whom shows both secrets."""
    allowed = asked.headers.get("authorization") == f"Bearer {SECRET}"
    allowed = allowed and asked.headers.get("x-api-key") == SECRET[::-1]
    return WebAnswer(json.loads(asked.body), 201 if allowed else 401)


def test_a_post_race_with_secrets_over_tls_by_two_processes(
    orders: AskedServers, fresh: AskedServers, copied: AskedServers
) -> None:
    """The others run beside it meanwhile."""
    race, old, new = orders.race, orders.old, orders.new
    commands = set()
    while race.process.poll() is None:
        commands |= {" ".join(command_line(one)) for one in race.processes()}
        time.sleep(0.2)
    race.require_sound()
    assert any("locust" in command for command in commands)
    assert not [command for command in commands if SECRET in command or SECRET[::-1] in command]
    assert race.files_with(SECRET) == race.files_with(SECRET[::-1]) == []
    assert SECRET not in race.output + race.errors
    assert "one target is asked by https and the other by http" in race.errors.replace("\n", " ")
    for server, name in ((old, "source"), (new, "from")):
        sent = [json.loads(asked.body) for asked in server.asked]
        assert {body["sku"] for body in sent} <= set(range(50))
        assert all(body["note"] == f"for ü {body['sku']}" for body in sent)
        assert all(
            parse_qs(urlsplit(asked.path).query)[name] == [f"ü {body['sku']}"]
            for asked, body in zip(server.asked, sent, strict=True)
        )
    run = race.run
    assert all(target.verified == target.requests > 0 for target in run.targets.values())
    assert race.run.config["targets"]["new"]["path"] == "/v2/orders?from={source}"


def test_a_copied_command_is_raced_and_its_secrets_stay_in_its_file(
    copied: AskedServers, lying: AskedServers, shopping: AskedServers
) -> None:
    race, old, new = copied.race, copied.old, copied.new
    race.require_sound()
    for server, prefix in ((old, ""), (new, "/prefix")):
        assert {asked.headers["authorization"] for asked in server.asked} == {f"Bearer {SECRET}"}
        asked_for = Counter(asked.path for asked in server.asked)
        assert set(asked_for) == {
            f"{prefix}/api?api_key={IN_QUERY}&id={number}" for number in range(40)
        }
    assert race.files_with(SECRET) == race.files_with(IN_QUERY) == []
    assert IN_QUERY not in race.output + race.errors
    assert "the query holds api_key" in race.errors
    # Of sequential keys, each follows on the one before it, in both slices of a pair.
    rows = [row for part in race.folder.read_ledger() for row in part.rows]
    for slice_ in range(12):
        due = sorted((row["scheduled_ns"], row["key"]) for row in rows if row["slice"] == slice_)
        counted = [key for _, key in due]
        assert len(counted) > 40
        steps = Counter((b - a) % 40 for a, b in itertools.pairwise(counted))
        assert steps.most_common(1)[0][0] == 1


def lies(asked: ReceivedRequest) -> WebAnswer:
    wrong = {"told": asked.headers.get("authorization"), "filler": "x" * 5000}
    return WebAnswer(wrong, 500) if asked.path.endswith("7") else echo(asked)


def test_answers_that_are_not_expected_count_as_failures(lying: AskedServers) -> None:
    race = lying.race.wait()
    run = race.run
    assert run.targets["baseline"].failed == {}
    assert set(run.targets["challenger"].failed) == {"http_500"}
    assert 0.02 < run.targets["challenger"].error_rate < 0.3
    (kept,) = failures.read(race.folder.path)
    assert (kept["target"], kept["reason"]) == ("challenger", "http_500")
    assert len(kept["examples"]) == 3
    for example in kept["examples"]:
        assert example["status"] == 500
        assert example["key"] in {7, 17}
        assert example["body"].startswith('{"told": "***"')
        assert len(example["body"]) < example["body_bytes"]
    assert race.files_with(SECRET) == []


SHOP = """
[scenario]
name = "endpoint"
data = "items.tsv"
headers = { accept = "application/json" }
[[scenario.operations]]
name = "search"
weight = 2
path = "/search?q={item}"
[[scenario.operations]]
name = "stock"
path = "/stock/{item}"
[[scenario.operations]]
name = "order"
method = "POST"
path = "/orders"
form = { item = "{item}" }
expect = { status = [201] }
[rules]
operation = "order"
"""
SHARES = {"search": 0.5, "stock": 0.25, "order": 0.25}


def shop(asked: ReceivedRequest) -> WebAnswer:
    return WebAnswer({"item": asked.path}, 201 if asked.method == "POST" else 200)


def short_of_stock(asked: ReceivedRequest) -> WebAnswer:
    return WebAnswer(None, 503) if asked.path.startswith("/stock/thing%207") else shop(asked)


def test_a_race_of_three_operations_has_a_verdict_on_one_and_figures_of_each(
    shopping: AskedServers,
) -> None:
    race, new = shopping.race, shopping.new
    race.require_sound()
    run, verdict = race.run, race.verdict
    for target in run.targets.values():
        parts = target.operations
        assert {name for name, part in parts.items() if part.failed} <= {"stock"}
        for name, share in SHARES.items():
            assert parts[name].requests / target.requests == pytest.approx(share, rel=0.4)
    assert set(run.targets["challenger"].operations["stock"].failed) == {"http_503"}
    assert (verdict.operation, verdict.metric) == ("order", "p95")
    assert {"search p95", "stock p50"} <= set(verdict.secondary) or race.failed_gates
    # The rate is the lowest for the operation that decides, which is a quarter of all.
    assert min(one.operations["order"].requests for one in run.slices) >= 59
    orders = [asked for asked in new.asked if asked.method == "POST"]
    assert {asked.headers["content-type"] for asked in orders} == {
        "application/x-www-form-urlencoded"
    }
    assert {asked.body for asked in orders} <= {f"item=thing+{n}".encode() for n in range(30)}
    page = Page((race.folder.path / "report.html").read_text())
    rows = [[cell.text for cell in row] for row in page.table("operations-table")[1:]]
    shown = {row[0]: row for row in rows if row[0]}
    assert list(shown) == list(SHARES)
    for name, row in shown.items():
        assert row[2] == f"{run.targets['baseline'].operations[name].requests:,}"
        assert all("ms" in quantile for quantile in row[4:7])
    charts = {chart["id"] for chart in page.data["charts"]}
    assert {"slowest-1", "slowest-2", "slowest-3", "failures-2"} <= charts


def test_a_million_rows_take_no_more_memory_than_their_places(tmp_path: Path) -> None:
    """Each process keeps 12 bytes a row; a row that is held as Python objects takes 300 or more."""
    most = {}
    with ExitStack() as stack:
        races = {}
        for rows in (1000, 1_000_000):
            place = tmp_path / str(rows)
            place.mkdir()
            with (place / "ids.csv").open("w") as file:
                file.writelines(["id,name\n", *(f"{n},customer {n}\n" for n in range(rows))])
            server = stack.enter_context(WebServer().serving())
            addresses = (f"{server.url}/{{id}}?q={{name}}", f"{server.url}/v2/{{id}}")
            races[rows] = stack.enter_context(
                racing(place, *addresses, "--data", "ids.csv", toml=SHORT)
            )
        for rows, race in races.items():
            wait_until(partial(race.under_way, slices=8), timeout_s=120)
            most[rows] = max(one.memory_full_info().uss for one in race.locusts())
        for rows, race in races.items():
            race.require_sound()
            assert race.run.scenario.keys == rows
            keys = race.rows()["key"]
            assert 0 <= keys.min() <= keys.max() < rows
            if rows > 1000:
                # Both slices of a pair ask for the same keys.
                assert len(set(keys.tolist())) > 0.45 * len(keys)
    grown = most[1_000_000] - most[1000]
    assert grown < 60 * 1_000_000, most


def test_two_addresses_in_a_fresh_folder_are_enough(fresh: AskedServers) -> None:
    race, old, new = fresh.race, fresh.old, fresh.new
    race.require_sound()
    assert {asked.path for asked in old.asked} == {"/search?q=a"}
    assert {asked.path for asked in new.asked} == {"/v2/search?q=a"}
    assert "race: 6 pairs of 5 s slices, " in race.errors
    assert "the lowest rate for a verdict on the p95" in race.errors
    run = race.run
    assert (run.scenario.name, run.scenario.keys, run.challenger) == ("endpoint", 1, "today")
    assert all(target.verified == target.requests > 0 for target in run.targets.values())
    assert (run.targets["today"].p50_ms or 0) > (run.targets["baseline"].p50_ms or 0) > 0
    assert race.failed_gates or race.verdict.verdict == "worse"
    assert "a cache may be what is measured" in race.errors.replace("\n", " ")
    report = (race.folder.path / "report.html").read_text()
    assert "one request, repeated: a cache may be what was measured" in report
