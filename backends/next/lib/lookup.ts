import type { Answer } from "./answer.ts";
import { secret } from "./environment.ts";
import { digitsOf, maskedPhone } from "./phone.ts";
import { equalInConstantTime } from "./secrets.ts";
import { withTiming } from "./with-timing.ts";

/** A checked request for a caller's context: `phone` is digits only, both are non-empty. */
export type Lookup = { phone: string; workspace_id: string; api_key: string };

/** The body of a 200, whether the contact is known or not. */
export type ContactContext = {
  found: boolean;
  contact: {
    name: string | null;
    kapso_name: string | null;
    lead_status: string;
    lead_score: number;
    tags: string[];
    is_returning: boolean;
    first_contact_date: number;
  } | null;
  notes: string[];
  last_interaction: number | null;
  recent_messages: { content: string; direction: string; created_at: number }[];
};

/** One data layer: set up once per request, before the key is looked at, and asked at most once. */
export type Source = () => (lookup: Lookup) => Promise<ContactContext>;

/**
 * The route handler of a lookup over `source`. Both routes are this function, so
 * that they differ in the data layer and in nothing else.
 */
export function lookupRoute(route: string, source: Source): (request: Request) => Promise<Response> {
  return withTiming(route, async (request, call) => {
    const expectedKey = secret("CRM_API_KEY");
    const ask = source();

    const api_key = request.headers.get("x-api-key");
    if (api_key === null || !equalInConstantTime(api_key, expectedKey)) return refusal(401, "Unauthorized");

    const parameters = new URL(request.url).searchParams;
    const phone = digitsOf(parameters.get("phone") ?? "");
    if (phone === "") return refusal(400, "Missing phone parameter");
    call.note("phone", maskedPhone(phone));
    const workspace_id = parameters.get("workspace_id") ?? "";
    if (workspace_id === "") return refusal(400, "Missing workspace_id parameter");

    return { status: 200, body: await call.query(() => ask({ phone, workspace_id, api_key })) };
  });
}

function refusal(status: number, error: string): Answer {
  return { status, body: { found: false, error } };
}
