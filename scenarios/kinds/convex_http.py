"""Convex HTTP actions, at the deployment's own address."""

from dragstrip.scenario.kinds import TargetKind

KIND = TargetKind(
    "convex-http",
    title="Convex HTTP action",
    address_variable="CONVEX_SITE_URL",
    store="convex",
    paths={"lookup": "/http/contacts/getByPhone", "message": "/webhook/kapso"},
)
