"""`seed` and `verify` on the real backends of a lab of their own, for they empty it as well."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx
import orjson
import pytest

from dragstrip.errors import BackendError
from dragstrip.scenario import targets_of
from scenarios.crm import requests
from seeding import seed as seeding
from seeding.dataset.dataset import Dataset
from seeding.stores import open_stores
from tests.lab.seeding_backends import SLOW_PATHS, ids_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from seeding.dataset.model import Context
    from seeding.stores import Store
    from tests.lab.seeding_backends import Backends

    Alter = Callable[[Context], str]

CONTACTS = 300
DATASET = Dataset(42, CONTACTS)
NAMES = ("Convex", "Supabase")
ONLY_DATA = ("--contacts", str(CONTACTS), "--sample", "0")


@pytest.fixture
def empty(backends: Backends) -> Backends:
    seeding.reset(backends.config(CONTACTS))
    return backends


@pytest.fixture
def seeded(backends: Backends) -> Backends:
    config = backends.config(CONTACTS)
    try:
        seeding.seed(config)
    except BackendError:
        seeding.reset(config)
        seeding.seed(config)
    return backends


@pytest.fixture
def stores(backends: Backends) -> Iterator[dict[str, Store]]:
    with open_stores(backends.config(CONTACTS)) as opened:
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
    for target in targets_of(backends.config(CONTACTS)).values():
        request = requests.message(target, body, secret=secret, idempotency_key=f"{phone}{text}")
        response = httpx.post(
            target.url + request.path, content=body, headers=request.headers, trust_env=False
        )
        assert response.json() == {"received": True, "duplicate": False}


def is_known(backends: Backends, phone: str, workspace_id: str) -> list[bool]:
    """Whether each target knows a phone number."""
    found = []
    for target in targets_of(backends.config(CONTACTS)).values():
        request = requests.lookup(
            target, phone, workspace_id, api_key=backends.environment["CRM_API_KEY"]
        )
        response = httpx.get(target.url + request.path, headers=request.headers, trust_env=False)
        found.append(response.json()["found"])
    return found


def store_altered(
    backends: Backends, stores: dict[str, Store], name: str, context: Context
) -> None:
    """Change what is stored to what is given, by other ways than seeding's where there is one."""
    if name == "Convex":
        stores[name].write(stores[name].encode([context]))
        return
    with backends.postgres() as connection:
        contact, message, note = context["contact"], context["messages"][0], context["notes"][0]
        for statement, row, value in (
            ("update contacts set tags = %s where id = %s", contact, contact["tags"]),
            ("update messages set content = %s where id = %s", message, message["content"]),
            ("update contact_notes set author_id = %s where id = %s", note, note["author_id"]),
        ):
            connection.execute(statement, (value, row["id"]))


def test_both_backends_hold_the_dataset_and_answer_from_it(
    empty: Backends, stores: dict[str, Store]
) -> None:
    contacts = ("--contacts", str(CONTACTS))
    out, err = empty.run("seed", *contacts)
    assert f"digest {DATASET.digest()}" in out
    assert f"Convex: {CONTACTS}/{CONTACTS} contacts in place" in err
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


@pytest.mark.parametrize("way", [SLOW_PATHS, {}], ids=["mutations and PostgREST", "COPY"])
def test_growth_adds_the_rest(seeded: Backends, way: dict[str, str]) -> None:
    before = {name: seeded.rows(name) for name in NAMES}
    for contacts, written in ((CONTACTS, 0), (400, 100)):
        done = seeded.seed(contacts, **way)
        for name in NAMES:
            assert (done[name]["written"], done[name]["unchanged"]) == (written, CONTACTS)
    for name in NAMES:
        assert before[name].items() <= seeded.rows(name).items()
    seeded.run("verify", "--contacts", "400", "--sample", "0", "--full")


def alter_message(context: Context) -> str:
    context["messages"][0]["content"] = "altered"
    return 'messages[0].content is "altered", expected "'


def alter_author(context: Context) -> str:
    stranger = "00000000-0000-4000-8000-000000000001"
    context["notes"][0]["author_id"] = stranger
    return f'notes[0].author_id is "{stranger}", expected '


def alter_tag(context: Context) -> str:
    context["contact"]["tags"][0] = "altered"
    return 'contact.tags[0] is "altered", expected "'


@pytest.mark.parametrize("alter", [alter_message, alter_author, alter_tag])
@pytest.mark.parametrize("name", NAMES)
def test_one_altered_field_is_found_by_name_and_it_alone_is_mended(
    seeded: Backends, stores: dict[str, Store], name: str, alter: Alter
) -> None:
    before = {each: seeded.rows(each) for each in NAMES}
    context = next(
        c for c in DATASET.contexts(130, CONTACTS)
        if c["messages"] and c["notes"] and c["contact"]["tags"]
    )  # fmt: skip
    words = alter(context)
    store_altered(seeded, stores, name, context)

    _, err = seeded.run("verify", *ONLY_DATA, code=1)
    assert f"{name}: contact {context['index']} (" in err
    assert context["contact"]["phone"] in err
    assert words in err

    done = seeded.seed(CONTACTS)
    assert {each: done[each]["written"] for each in NAMES} == {**dict.fromkeys(NAMES, 0), name: 1}
    for each in NAMES:
        after = seeded.rows(each)
        assert after.keys() == before[each].keys()
        touched = {one for one in after if after[one] != before[each][one]}
        assert touched <= set(ids_of(context)) if each == name else not touched
    seeded.run("verify", *ONLY_DATA)


@pytest.mark.parametrize("name", NAMES)
def test_an_altered_member_is_found_by_name_and_mended(
    seeded: Backends, stores: dict[str, Store], name: str
) -> None:
    before = {each: seeded.rows(each) for each in NAMES}
    workspaces = DATASET.workspaces()
    workspaces[2]["members"][1]["role"] = "agent"
    stores[name].write_workspaces(workspaces)

    _, err = seeded.run("verify", *ONLY_DATA, code=1)
    assert f'{name}: workspace "{workspaces[2]["name"]}"' in err
    assert 'members[1].role is "agent", expected "admin"' in err

    done = seeded.seed(CONTACTS)
    assert [done[each]["written"] for each in NAMES] == [0, 0]
    assert {each: seeded.rows(each) for each in NAMES} == before
    seeded.run("verify", *ONLY_DATA)


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
        assert store.next_index(0) is None
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
    before = {name: seeded.rows(name) for name in NAMES}
    for command in ("seed", "verify"):
        _, err = seeded.run(command, "--seed", "7", "--contacts", str(CONTACTS), code=2)
        assert "was seeded differently: seed 42, not 7" in err
        assert "seed --replace" in err
    _, err = seeded.run("seed", "--contacts", "10", code=2)
    assert f"seeded with {CONTACTS} contacts, more than the 10" in err
    assert {name: seeded.rows(name) for name in NAMES} == before


def test_replacing_leaves_what_fits_and_the_rows_of_others(seeded: Backends) -> None:
    tenant = DATASET.workspaces()[0]
    send_message(seeded, "4915100000002", tenant["kapso_phone_id"])
    before = {name: seeded.rows(name) for name in NAMES}
    done = seeded.seed(128, "--replace")
    assert [done[name]["removed"] for name in NAMES] == [CONTACTS - 128] * 2
    fewer = {name: seeded.rows(name) for name in NAMES}
    for name in NAMES:
        assert fewer[name].items() < before[name].items()

    done = seeded.seed(64, "--replace", "--seed", "7")
    assert [done[name]["removed"] for name in NAMES] == [128] * 2
    seeded.run("verify", "--contacts", "64", "--seed", "7", "--sample", "0")
    for name in NAMES:
        assert not set(seeded_ids(128)) & seeded.rows(name).keys()
    assert is_known(seeded, "4915100000002", tenant["id"]) == [True, True]


def seeded_ids(contacts: int) -> Iterator[str]:
    for context in DATASET.contexts(0, contacts):
        yield from ids_of(context)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CONVEX_ADMIN_KEY", "wrong-key-0123456789", "refused CONVEX_ADMIN_KEY"),
        ("SUPABASE_SERVICE_ROLE_KEY", "wrong-key-0123456789", "refused SUPABASE_SERVICE_ROLE_KEY"),
        ("CONVEX_URL", "http://127.0.0.1:1", "Convex at http://127.0.0.1:1 is unreachable"),
        ("SUPABASE_URL", "http://127.0.0.1:1", "Supabase at http://127.0.0.1:1 is unreachable"),
        (
            "SUPABASE_DB_URL",
            "postgresql://postgres:secret@127.0.0.1:1/postgres",
            "Supabase at 127.0.0.1:1 is unreachable",
        ),
    ],
)
def test_a_wrong_address_or_key_is_named(
    seeded: Backends, variable: str, value: str, words: str
) -> None:
    environ = {"SUPABASE_DB_URL": "", variable: value}
    for command in ("seed", "verify"):
        _, err = seeded.run(command, "--contacts", str(CONTACTS), code=2, **environ)
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
