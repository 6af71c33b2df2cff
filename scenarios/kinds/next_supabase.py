"""Next.js routes over Supabase."""

from scenarios.crm.lookup_kind import LookupKind

KIND = LookupKind(
    "next-supabase",
    title="Next.js route over Supabase",
    address_variable="NEXT_URL",
    store="supabase",
    paths={"lookup": "/api/contacts/by-phone", "message": "/api/webhook/kapso"},
)
