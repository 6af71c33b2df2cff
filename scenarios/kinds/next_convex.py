"""Next.js routes over a Convex query."""

from scenarios.crm.lookup_kind import LookupKind

KIND = LookupKind(
    "next-convex",
    title="Next.js route over Convex",
    address_variable="NEXT_URL",
    store="convex",
    paths={"lookup": "/api/contacts/by-phone-convex"},
)
