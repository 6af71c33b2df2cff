"""Supabase's SQL function itself, over its REST API: no route in front of it."""

from __future__ import annotations

import orjson

from dragstrip.scenario.request import Request
from scenarios.crm.lookup_kind import KeyRefusal, LookupKind


def _lookup(path: str, phone: str, workspace_id: str, key: str) -> Request:
    headers = {"apikey": key, "content-type": "application/json"}
    # The older keys are JWTs, which also say who asks. The newer ones (sb_secret_...) are not, and
    # PostgREST refuses them there.
    if key.count(".") == 2:
        headers["authorization"] = f"Bearer {key}"
    body = orjson.dumps({"p_workspace_id": workspace_id, "p_phone": phone})
    return Request("POST", path, headers, body)


KIND = LookupKind(
    "supabase-rpc",
    title="Supabase function over the REST API",
    address_variable="SUPABASE_URL",
    credential_variable="SUPABASE_SERVICE_ROLE_KEY",
    store="supabase",
    paths={"lookup": "/rest/v1/rpc/get_contact_context_by_phone"},
    lookup=_lookup,
    refusal=KeyRefusal(
        is_meant=lambda _: True,
        fix="let only service_role execute the function, as the migrations of backends/supabase do",
    ),
)
