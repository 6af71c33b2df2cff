"""How targets of a kind are asked for a contact, and what their answers look like."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from dragstrip.scenario.kinds import TargetKind, kind_of
from dragstrip.scenario.request import Request
from scenarios.crm.auth import api_key_header

if TYPE_CHECKING:
    from collections.abc import Callable

    from dragstrip.config.config import Config
    from dragstrip.scenario import Reply, Target

_UNAUTHORIZED = {"found": False, "error": "Unauthorized"}


class NoAnswerError(Exception):
    """What came back holds no answer but an error, in the server's words."""


@dataclass(frozen=True, slots=True)
class KeyRefusal:
    """How a kind answers a wrong key: with a status, and a body of which `is_meant` is true."""

    status: int = 401
    is_meant: Callable[[Any], bool] = lambda document: document == _UNAUTHORIZED
    fix: str = "make the target check x-api-key against its CRM_API_KEY"

    def matches(self, reply: Reply) -> bool:
        """Whether an answer says that the key was refused; a 401 always does."""
        return reply.status == 401 or (
            reply.status == self.status and self.is_meant(document_of(reply))
        )


def _by_route(path: str, phone: str, workspace_id: str, key: str) -> Request:
    query = f"?phone={quote(phone, safe='')}&workspace_id={quote(workspace_id, safe='')}"
    return Request("GET", path + query, api_key_header(key))


def _as_it_is(document: Any) -> Any:
    return document


@dataclass(frozen=True, slots=True)
class LookupKind(TargetKind):
    """A kind of target that answers lookups; by default a route that follows the contract.

    `lookup` makes the request of a path, phone number, workspace and key. `answer` returns the
    contract's answer from a body; raises NoAnswerError.
    """

    lookup: Callable[[str, str, str, str], Request] = _by_route
    answer: Callable[[Any], Any] = _as_it_is
    refusal: KeyRefusal = field(default_factory=KeyRefusal)

    @property
    def key_variable(self) -> str:
        """The environment variable with the key that its requests carry."""
        return self.credential_variable or "CRM_API_KEY"

    @property
    def has_envelope(self) -> bool:
        """Whether a body holds more than the contract's answer."""
        return self.answer is not _as_it_is

    def form(self, of_answer: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
        """Return the form of a body that a check compares, given the form of an answer."""

        def form(document: Any) -> bytes:
            try:
                return of_answer(self.answer(document))
            except NoAnswerError:
                return b""

        return form


def lookup_kind(target: Target) -> LookupKind:
    """Return the kind of a target that answers lookups."""
    kind = kind_of(target.kind)
    assert isinstance(kind, LookupKind)  # noqa: S101
    return kind


def key_for(config: Config, target: Target) -> str:
    """Return the key that requests to a target carry. Raises ConfigError where it is not set."""
    return config.environment.require(lookup_kind(target).key_variable.lower())


def document_of(reply: Reply) -> Any:
    """Return the JSON of a body, or None."""
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None
