"""What a lookup answers about callers who are known, unknown, or known to somebody else."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract.endpoint import NOT_FOUND, LookupEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.people import People

Answer = dict[str, Any]


def test_every_known_caller_is_answered_in_full(endpoint: LookupEndpoint, people: People) -> None:
    for contact, answer in people.answers():
        response = endpoint.lookup(contact["phone"], contact["workspace_id"])
        assert response.status_code == 200
        assert response.json() == answer
        # JSON's 1.0 and 1 are equal in Python, its true and 1 as well: compare what was written.
        assert _types(response.json()) == _types(answer)


_SHAPES: dict[str, Callable[[Answer], bool]] = {
    "no name": lambda a: a["contact"]["name"] is None,
    "no profile name": lambda a: a["contact"]["kapso_name"] is None,
    "no tags": lambda a: not a["contact"]["tags"],
    "several tags": lambda a: len(a["contact"]["tags"]) > 1,
    "no last message": lambda a: a["last_interaction"] is None,
    "no notes": lambda a: not a["notes"],
    "as many notes as fit": lambda a: len(a["notes"]) == 5,
    "no messages": lambda a: not a["recent_messages"],
    "as many messages as fit": lambda a: len(a["recent_messages"]) == 10,
    "beyond ASCII": lambda a: not str(a["contact"]["name"]).isascii(),
    "the highest score": lambda a: a["contact"]["lead_score"] == 100,
    **{
        f"status {status}": lambda a, s=status: a["contact"]["lead_status"] == s  # type: ignore[misc]
        for status in ("new", "cold", "warm", "hot", "converted", "lost")
    },
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_the_callers_asked_about_cover(shape: str, people: People) -> None:
    assert any(_SHAPES[shape](answer) for _, answer in people.answers())


def test_the_callers_asked_about_go_beyond_the_limits(people: People) -> None:
    assert any(len(context["notes"]) > 5 for context in people.contexts)
    assert any(len(context["messages"]) > 10 for context in people.contexts)
    assert any(context["conversation"] is None for context in people.contexts)


def test_an_unknown_caller_is_not_found(endpoint: LookupEndpoint, people: People) -> None:
    for workspace in people.workspaces:
        response = endpoint.lookup(people.nobody_phone, workspace["id"])
        assert (response.status_code, response.json()) == (200, NOT_FOUND)


def test_a_number_known_to_two_workspaces_is_two_people(
    endpoint: LookupEndpoint, people: People
) -> None:
    names = [
        endpoint.lookup(people.twin_phone, people.workspace(name)["id"]).json()["contact"]["name"]
        for name in ("contract-north", "contract-south")
    ]
    assert names == ["Wayan in the north", "Made in the south"]


def test_nobody_is_found_through_another_workspace(
    endpoint: LookupEndpoint, people: People
) -> None:
    known = {(c["phone"], c["workspace_id"]) for c, _ in people.answers()}
    asked = 0
    for contact, _ in people.answers()[-40:]:
        for workspace in people.workspaces:
            # Messages of other tests, from any number that they come upon, go to the gateway's.
            is_written_to = workspace["id"] == people.gateway["id"]
            if is_written_to or (contact["phone"], workspace["id"]) in known:
                continue
            asked += 1
            response = endpoint.lookup(contact["phone"], workspace["id"])
            assert (response.status_code, response.json()) == (200, NOT_FOUND)
    assert asked > 100


@pytest.mark.parametrize(
    "workspace_id",
    [
        str(uuid.UUID(int=0)),
        "not-a-uuid",
        "0",
        "null",
        " ",
        "'; drop table contacts; --",
        "é" * 300,
        "\x00",
        "a" * 4_000,
    ],
)
def test_a_workspace_that_does_not_exist_finds_nobody(
    endpoint: LookupEndpoint, people: People, workspace_id: str
) -> None:
    response = endpoint.lookup(people.twin_phone, workspace_id)
    assert (response.status_code, response.json()) == (200, NOT_FOUND)


@pytest.mark.parametrize(
    "disguise",
    [
        pytest.param(lambda w: w[:-1], id="one digit short"),
        pytest.param(lambda w: w + "0", id="one digit long"),
        pytest.param(lambda w: f" {w}", id="blank before"),
        pytest.param(lambda w: f"{w}\n", id="line end after"),
        pytest.param(lambda w: f"{{{w}}}", id="in braces"),
        pytest.param(lambda w: w.replace("-", ""), id="no hyphens"),
        pytest.param(lambda w: f"{w},{w}", id="twice"),
    ],
)
def test_nearly_the_workspaces_id_finds_nobody(
    endpoint: LookupEndpoint, people: People, disguise: Callable[[str], str]
) -> None:
    workspace_id = disguise(people.workspace("contract-north")["id"])
    response = endpoint.lookup(people.twin_phone, workspace_id)
    assert (response.status_code, response.json()) == (200, NOT_FOUND)


def test_a_uuid_may_be_written_in_capitals(endpoint: LookupEndpoint, people: People) -> None:
    workspace_id = people.workspace("contract-north")["id"].upper()
    assert endpoint.lookup(people.twin_phone, workspace_id).json()["found"] is True


@pytest.mark.parametrize(
    "written",
    [
        "+{}",
        "{} ",
        "tel:+{}",
        "({})",
        "{}abc",
        "+{0[0]}{0[1]} {0[2]}{0[3]}{0[4]}-{rest}",
        "({0[0]}{0[1]}) {0[2]}{0[3]}{0[4]}/{rest}",
        "{0[0]}.{0[1]}.{0[2]}.{0[3]}.{0[4]}.{rest}",
        "\u202a+{}\u202c",
        "{0[0]}\u00a0{0[1]}{0[2]}{0[3]}{0[4]}{rest}",
        "{}\x00",
        "&{}=%",
        "{} ٣",
        "９{}",
    ],
)
def test_a_number_may_be_written_in_any_way(
    endpoint: LookupEndpoint, people: People, written: str
) -> None:
    phone = people.twin_phone
    workspace_id = people.workspace("contract-south")["id"]
    response = endpoint.lookup(written.format(phone, rest=phone[5:]), workspace_id)
    assert response.json()["contact"]["name"] == "Made in the south"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p[:-1], id="one digit short"),
        pytest.param(lambda p: p + "0", id="one digit long"),
        pytest.param(lambda p: "0" + p, id="zero before"),
        pytest.param(lambda p: "0" + p[2:], id="national form"),
        pytest.param(lambda p: p * 300, id="very long"),
    ],
)
def test_other_digits_are_another_number(
    endpoint: LookupEndpoint, people: People, change: Callable[[str], str]
) -> None:
    workspace_id = people.workspace("contract-north")["id"]
    response = endpoint.lookup(change(people.twin_phone), workspace_id)
    assert (response.status_code, response.json()) == (200, NOT_FOUND)


def test_of_a_parameter_given_twice_the_first_counts(
    endpoint: LookupEndpoint, people: People
) -> None:
    north = people.workspace("contract-north")["id"]
    south = people.workspace("contract-south")["id"]
    phone, other = people.twin_phone, people.nobody_phone
    query = f"phone={phone}&phone={other}&workspace_id={north}&workspace_id={south}&more=1"
    response = endpoint.client.get(
        f"{endpoint.url}{endpoint.path}?{query}", headers={"x-api-key": endpoint.key}
    )
    assert response.json()["contact"]["name"] == "Wayan in the north"


def test_all_paths_give_the_same_answer(
    endpoints: dict[str, LookupEndpoint], people: People
) -> None:
    for contact, _ in people.answers()[-40:]:
        phone, workspace_id = contact["phone"], contact["workspace_id"]
        answers = [e.lookup(phone, workspace_id).json() for e in endpoints.values()]
        assert all(answer == answers[0] for answer in answers)


def _types(value: object) -> object:
    if isinstance(value, dict):
        return {key: _types(item) for key, item in sorted(value.items())}
    if isinstance(value, list):
        return [_types(item) for item in value]
    return type(value).__name__
