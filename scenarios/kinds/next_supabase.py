"""Next.js routes over Supabase."""

from dragstrip.scenario.kinds import TargetKind

KIND = TargetKind(
    "next-supabase",
    title="Next.js route over Supabase",
    address_variable="NEXT_URL",
    store="supabase",
    paths={"lookup": "/api/contacts/by-phone", "message": "/api/webhook/kapso"},
)
