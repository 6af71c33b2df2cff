"""The Convex query itself, over the deployment's HTTP API: no HTTP action in front of it."""

from __future__ import annotations

from typing import Any

import orjson

from dragstrip.scenario.request import Request
from scenarios.crm.lookup_kind import KeyRefusal, LookupKind, NoAnswerError

_FUNCTION = "contacts:getContextByPhone"


def _lookup(path: str, phone: str, workspace_id: str, key: str) -> Request:
    # The query is public, so it checks the CRM's key itself.
    arguments = {"phone": phone, "workspace_id": workspace_id, "api_key": key}
    body = orjson.dumps({"path": _FUNCTION, "args": arguments, "format": "json"})
    return Request("POST", path, {"content-type": "application/json"}, body)


def _answer(document: Any) -> Any:
    if not isinstance(document, dict) or document.get("status") != "success":
        raise NoAnswerError(_error(document))
    return _with_integers(document.get("value"))


def _error(document: Any) -> str:
    error = document if isinstance(document, dict) else {}
    # A function that throws answers HTTP 200; in production only a ConvexError's data is shown.
    return str(error.get("errorData") or error.get("errorMessage") or "no status")


def _with_integers(value: Any) -> Any:
    """Return a value in which 128.0 is 128: Convex's numbers are doubles."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _with_integers(one) for name, one in value.items()}
    return [_with_integers(one) for one in value] if isinstance(value, list) else value


KIND = LookupKind(
    "convex-query",
    title="Convex query over the HTTP API",
    address_variable="CONVEX_URL",
    store="convex",
    paths={"lookup": "/api/query"},
    lookup=_lookup,
    answer=_answer,
    refusal=KeyRefusal(
        status=200,
        is_meant=lambda document: "Unauthorized" in _error(document),
        fix="deploy backends/convex, whose query checks api_key against its CRM_API_KEY",
    ),
)
