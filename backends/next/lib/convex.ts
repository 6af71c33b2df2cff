import { fetchQuery } from "convex/nextjs";
import { makeFunctionReference } from "convex/server";

import type { ContactContext, Lookup } from "./lookup.ts";

const getContextByPhone = makeFunctionReference<"query", Lookup, ContactContext>("contacts:getContextByPhone");

/** The contact's context, in one round trip; `fetchQuery` asks Next.js not to cache it. */
export function getContactContext(url: string, lookup: Lookup): Promise<ContactContext> {
  // The client's check of the address knows convex.cloud and localhost only.
  return fetchQuery(getContextByPhone, lookup, { url, skipConvexDeploymentUrlCheck: true });
}
