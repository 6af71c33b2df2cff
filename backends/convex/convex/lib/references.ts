/** References to this project's own functions, typed without generated code. */
import { anyApi } from "convex/server";
import type { ApiFromModules, FilterApi, FunctionReference } from "convex/server";

import type * as contacts from "../contacts.ts";
import type * as messages from "../messages.ts";

type Modules = ApiFromModules<{
  contacts: typeof contacts;
  messages: typeof messages;
}>;

export const api = anyApi as unknown as FilterApi<
  Modules,
  FunctionReference<"query" | "mutation" | "action", "public">
>;
export const internal = anyApi as unknown as FilterApi<
  Modules,
  FunctionReference<"query" | "mutation" | "action", "internal">
>;
