"""`seed` and `verify` on the real backends of a lab of their own, for they empty it as well."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest

from dragstrip import lab as embedded
from dragstrip.config import Config, DatasetConfig
from dragstrip.errors import BackendError
from dragstrip.lab import lifecycle
from dragstrip.targets import targets_of
from seeding import seed as seeding
from seeding.dataset import Dataset
from seeding.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seeding.model import Context
    from seeding.stores import Store

CONTACTS = 300
DATASET = Dataset(42, CONTACTS)
SECRETS = (
    "CONVEX_ADMIN_KEY", "SUPABASE_SERVICE_ROLE_KEY", "CRM_API_KEY", "KAPSO_WEBHOOK_SECRET",
    "SEED_SECRET",
)  # fmt: skip


@dataclass(frozen=True)
class Backends:
    """A running lab, and the command line pointed at it."""

    environment: dict[str, str]

    def config(self, contacts: int = CONTACTS, seed: int = 42) -> Config:
        dataset = DatasetConfig(seed=seed, contacts=contacts)
        return Config(dataset=dataset).with_environment(self.environment)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "dragstrip.cli", *arguments],
            env={"PATH": os.environ["PATH"], **self.environment, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, code: int = 0, **environ: str) -> tuple[str, str]:
        """Run a command to its end and return what it printed, which holds no secret."""
        process = self.start(*arguments, **environ)
        out, err = process.communicate(timeout=240)
        assert process.returncode == code, err
        self.assert_no_secret(out + err, environ)
        return out, err

    def assert_no_secret(self, text: str, environ: dict[str, str]) -> None:
        for name in SECRETS:
            assert self.environment[name] not in text
            assert (environ.get(name) or "no such text") not in text
        assert "Traceback" not in text


@pytest.fixture(scope="module")
def backends() -> Iterator[Backends]:
    home = Path(tempfile.mkdtemp(prefix="dragstrip-seed-"))
    home.chmod(0o711)
    try:
        lifecycle.up(home, reporter=print, owner_pid=os.getpid(), fallback_ports_only=True)
        yield Backends(embedded.environment(home))
    finally:
        lifecycle.down(home, purge=True)
        shutil.rmtree(home)


@pytest.fixture
def empty(backends: Backends) -> Backends:
    seeding.reset(backends.config())
    return backends


@pytest.fixture
def seeded(backends: Backends) -> Backends:
    config = backends.config()
    try:
        seeding.seed(config)
    except BackendError:
        seeding.reset(config)
        seeding.seed(config)
    return backends


@pytest.fixture
def stores(backends: Backends) -> Iterator[dict[str, Store]]:
    with open_stores(backends.config()) as opened:
        yield {store.name: store for store in opened}


def send_message(backends: Backends, phone: str, kapso_phone_id: str, text: str = "Halo") -> None:
    """Deliver a message to both backends, as the gateway does."""
    secret = backends.environment["KAPSO_WEBHOOK_SECRET"]
    body = orjson.dumps(
        {
            "message": {
                "id": f"wamid.{phone}.{text}",
                "timestamp": str(int(time.time())),
                "type": "text",
                "text": {"body": text},
                "kapso": {"direction": "inbound", "content": text},
            },
            "conversation": {
                "id": "c",
                "phone_number": f"+{phone}",
                "kapso": {"contact_name": "Budi"},
            },
            "phone_number_id": kapso_phone_id,
        }
    )
    for target in targets_of(backends.config()).values():
        request = target.message(body, secret=secret, idempotency_key=f"{phone}{text}")
        response = httpx.post(
            target.url + request.path, content=body, headers=request.headers, trust_env=False
        )
        assert response.json() == {"received": True, "duplicate": False}


def is_known(backends: Backends, phone: str, workspace_id: str) -> list[bool]:
    """Whether each target knows a phone number."""
    found = []
    for target in targets_of(backends.config()).values():
        request = target.lookup(phone, workspace_id, api_key=backends.environment["CRM_API_KEY"])
        response = httpx.get(target.url + request.path, headers=request.headers, trust_env=False)
        found.append(response.json()["found"])
    return found


def with_note() -> Context:
    return next(c for c in DATASET.contexts(130, CONTACTS) if c["notes"])


def test_both_backends_hold_the_dataset_and_answer_from_it(
    empty: Backends, stores: dict[str, Store]
) -> None:
    contacts = ("--contacts", str(CONTACTS))
    out, err = empty.run("seed", *contacts)
    assert f"digest {DATASET.digest()}" in out
    assert f"Convex: {CONTACTS}/{CONTACTS} contacts" in err
    expected = list(DATASET.contexts(100, 164))
    assert set(stores) == {"Convex", "Supabase"}
    for store in stores.values():
        assert store.contexts(100, 164) == expected
        assert store.read_manifest() == {
            "seed": 42,
            "contacts": CONTACTS,
            "digest": DATASET.digest(),
            "generator": "1",
            "state": "complete",
        }
    out, _ = empty.run("verify", *contacts, "--json")
    proof = json.loads(out)
    assert proof["data"]["stores"] == ["Convex", "Supabase"]
    assert proof["answers"] == {"targets": ["convex", "supabase"], "lookups": 100, "misses": 10}


def test_a_second_run_writes_nothing(seeded: Backends) -> None:
    out, _ = seeded.run("seed", "--contacts", str(CONTACTS), "--json")
    for store in json.loads(out)["stores"]:
        assert (store["written"], store["unchanged"]) == (0, CONTACTS)


def test_growth_adds_the_rest(seeded: Backends, stores: dict[str, Store]) -> None:
    out, _ = seeded.run("seed", "--contacts", "400", "--json")
    for store in json.loads(out)["stores"]:
        assert (store["written"], store["unchanged"]) == (100, CONTACTS)
    for one in stores.values():
        assert one.contexts(298, 302) == list(Dataset(42, 400).contexts(298, 302))
    seeded.run("verify", "--contacts", "400")


@pytest.mark.parametrize(
    ("ending", "code"), [(signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)]
)
def test_an_interrupted_run_is_continued(
    empty: Backends, stores: dict[str, Store], ending: signal.Signals, code: int
) -> None:
    arguments = ("seed", "--contacts", "900", "--json")
    process = empty.start(*arguments)
    deadline = time.monotonic() + 120
    while stores["Convex"].count(0, 900) == 0:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
    process.send_signal(ending)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code
    empty.assert_no_secret(out + err, {})

    there = stores["Convex"].count(0, 900)
    assert 0 < there < 900
    _, err = empty.run("verify", "--contacts", "900", code=2)
    assert "half seeded" in err
    assert "run `dragstrip seed`" in err

    out, _ = empty.run(*arguments)
    convex = next(one for one in json.loads(out)["stores"] if one["store"] == "Convex")
    assert convex["written"] + convex["unchanged"] == 900
    assert convex["unchanged"] > 0
    empty.run("verify", "--contacts", "900")


@pytest.mark.parametrize("name", ["Convex", "Supabase"])
def test_one_altered_note_is_found_by_name_and_mended(
    seeded: Backends, stores: dict[str, Store], name: str
) -> None:
    contacts = ("--contacts", str(CONTACTS))
    context = with_note()
    if name == "Convex":
        context["notes"][0]["content"] = "altered"
        stores[name].write(stores[name].encode([context]))
    else:
        key = seeded.environment["SUPABASE_SERVICE_ROLE_KEY"]
        response = httpx.patch(
            f"{seeded.environment['SUPABASE_URL']}/rest/v1/contact_notes",
            params={"id": f"eq.{context['notes'][0]['id']}"},
            json={"content": "altered"},
            headers={"apikey": key, "authorization": f"Bearer {key}"},
            trust_env=False,
        )
        response.raise_for_status()
    _, err = seeded.run("verify", *contacts, code=1)
    original = with_note()["notes"][0]["content"]
    assert f"{name}: contact {context['index']} (" in err
    assert context["contact"]["phone"] in err
    assert f'notes[0].content is "altered", expected "{original[:40]}' in err

    out, _ = seeded.run("seed", *contacts, "--json")
    written = {one["store"]: one["written"] for one in json.loads(out)["stores"]}
    assert written == {"Convex": 0, "Supabase": 0, name: 1}
    seeded.run("verify", *contacts)


def test_a_message_received_since_is_found_and_mended(seeded: Backends) -> None:
    contacts = ("--contacts", str(CONTACTS))
    context = next(c for c in DATASET.contexts(0, CONTACTS) if c["messages"])
    tenant = next(w for w in DATASET.workspaces() if w["id"] == context["contact"]["workspace_id"])
    send_message(seeded, context["contact"]["phone"], tenant["kapso_phone_id"], "still there?")
    _, err = seeded.run("verify", *contacts, code=1)
    assert f"contact {context['index']} (" in err
    assert "conversation." in err
    seeded.run("seed", *contacts)
    seeded.run("verify", *contacts)


def test_reset_leaves_the_rows_of_others(seeded: Backends, stores: dict[str, Store]) -> None:
    tenant = DATASET.workspaces()[1]
    send_message(seeded, "4915100000001", tenant["kapso_phone_id"])
    out, _ = seeded.run("seed", "--contacts", "1", "--reset", "--json")
    assert json.loads(out) == [
        {"store": "Convex", "contacts": CONTACTS, "workspaces": 3},
        {"store": "Supabase", "contacts": CONTACTS, "workspaces": 3},
    ]
    for store in stores.values():
        assert store.count(0, 4096) == 0
        assert store.read_manifest() is None
    assert is_known(seeded, "4915100000001", tenant["id"]) == [True, True]
    assert is_known(seeded, DATASET.phone(0), DATASET.workspace_id(0)) == [False, False]

    _, err = seeded.run("verify", code=2)
    assert "is not seeded" in err
    # What others have does not stand in the way, and survives.
    seeded.run("seed", "--contacts", "64")
    seeded.run("verify", "--contacts", "64")
    assert is_known(seeded, "4915100000001", tenant["id"]) == [True, True]


def test_a_foreign_contact_with_a_phone_of_the_dataset_is_named(empty: Backends) -> None:
    seed = ("--seed", "99")
    empty.run("seed", *seed, "--contacts", "10")
    dataset = Dataset(99, 11)
    tenant = next(w for w in dataset.workspaces() if w["id"] == dataset.workspace_id(10))
    send_message(empty, dataset.phone(10), tenant["kapso_phone_id"])
    _, err = empty.run("seed", *seed, "--contacts", "11", code=2)
    assert "a contact that dragstrip did not seed has the phone number" in err
    assert dataset.phone(10) in err
    assert "remove that contact, or choose another dataset.seed" in err


def test_another_seed_or_fewer_contacts_are_refused(seeded: Backends) -> None:
    before = stored_digests(seeded)
    for command in ("seed", "verify"):
        _, err = seeded.run(command, "--seed", "7", "--contacts", str(CONTACTS), code=2)
        assert "was seeded differently: seed 42, not 7" in err
        assert "seed --reset" in err
    _, err = seeded.run("seed", "--contacts", "10", code=2)
    assert f"seeded with {CONTACTS} contacts, more than the 10" in err
    assert stored_digests(seeded) == before


def stored_digests(backends: Backends) -> list[list[str]]:
    with open_stores(backends.config()) as stores:
        return [[r.digest for r in store.range_digests(0, 256)] for store in stores]


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CONVEX_ADMIN_KEY", "wrong-key-0123456789", "refused CONVEX_ADMIN_KEY"),
        ("SUPABASE_SERVICE_ROLE_KEY", "wrong-key-0123456789", "refused SUPABASE_SERVICE_ROLE_KEY"),
        ("CONVEX_URL", "http://127.0.0.1:1", "Convex at http://127.0.0.1:1 is unreachable"),
        ("SUPABASE_URL", "http://127.0.0.1:1", "Supabase at http://127.0.0.1:1 is unreachable"),
    ],
)
def test_a_wrong_address_or_key_is_named(
    seeded: Backends, variable: str, value: str, words: str
) -> None:
    for command in ("seed", "verify"):
        _, err = seeded.run(command, "--contacts", str(CONTACTS), code=2, **{variable: value})
        assert words in err
        assert "fix:" in err
        assert variable in err


def test_verify_names_a_target_that_refuses_the_key(seeded: Backends) -> None:
    _, err = seeded.run(
        "verify", "--contacts", str(CONTACTS), code=2, CRM_API_KEY="wrong-key-0123456789"
    )
    assert "refused CRM_API_KEY" in err


def test_the_seed_secret_will_do_in_place_of_the_admin_key(empty: Backends) -> None:
    contacts = ("--contacts", "64")
    empty.run("seed", *contacts, CONVEX_ADMIN_KEY="")
    empty.run("verify", *contacts, CONVEX_ADMIN_KEY="")
    _, err = empty.run(
        "verify", *contacts, code=2, CONVEX_ADMIN_KEY="", SEED_SECRET="wrong-0123456789"
    )
    assert "refused SEED_SECRET" in err
