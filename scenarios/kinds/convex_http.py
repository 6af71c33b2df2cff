"""Convex HTTP actions, at the deployment's own address."""

from scenarios.crm.lookup_kind import LookupKind

KIND = LookupKind(
    "convex-http",
    title="Convex HTTP action",
    address_variable="CONVEX_SITE_URL",
    store="convex",
    paths={"lookup": "/http/contacts/getByPhone", "message": "/webhook/kapso"},
)
