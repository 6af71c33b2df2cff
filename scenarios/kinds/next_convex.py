"""Next.js routes over a Convex query."""

from dragstrip.scenario.kinds import TargetKind

KIND = TargetKind(
    "next-convex",
    title="Next.js route over Convex",
    address_variable="NEXT_URL",
    store="convex",
    paths={"lookup": "/api/contacts/by-phone-convex"},
)
