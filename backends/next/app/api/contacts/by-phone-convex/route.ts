import { getContactContext } from "../../../../lib/convex.ts";
import { address } from "../../../../lib/environment.ts";
import { lookupRoute } from "../../../../lib/lookup.ts";

export const dynamic = "force-dynamic";

export const GET = lookupRoute("contacts/by-phone-convex", () => {
  const url = address("CONVEX_URL");
  return (lookup) => getContactContext(url, lookup);
});
