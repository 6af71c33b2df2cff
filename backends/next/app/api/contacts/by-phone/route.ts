import { lookupRoute } from "../../../../lib/lookup.ts";
import { getContactContext, supabase } from "../../../../lib/supabase.ts";

export const dynamic = "force-dynamic";

export const GET = lookupRoute("contacts/by-phone", () => {
  const db = supabase();
  return (lookup) => getContactContext(db, lookup);
});
