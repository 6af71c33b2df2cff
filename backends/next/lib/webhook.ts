import type { Answer } from "./answer.ts";
import { secret } from "./environment.ts";
import { MalformedBody, readKapsoBody } from "./kapso.ts";
import type { KapsoMessage } from "./kapso.ts";
import { maskedPhone } from "./phone.ts";
import { isSigned } from "./secrets.ts";
import { ingestKapsoMessage, supabase } from "./supabase.ts";
import { withTiming } from "./with-timing.ts";

/** Kapso retries whatever is not a 200, so a 200 means: stored. */
export const receiveKapso = withTiming("webhook/kapso", async (request, call) => {
  const signingSecret = secret("KAPSO_WEBHOOK_SECRET");
  const db = supabase();

  const body = new Uint8Array(await request.arrayBuffer());
  if (!isSigned(body, request.headers.get("x-webhook-signature"), signingSecret)) {
    return refusal(401, "Unauthorized");
  }

  let message: KapsoMessage;
  try {
    message = readKapsoBody(body);
  } catch (error) {
    if (!(error instanceof MalformedBody)) throw error;
    return refusal(400, error.message);
  }
  call.note("phone", maskedPhone(message.phone));

  const outcome = await call.query(() => ingestKapsoMessage(db, message));
  call.note("outcome", outcome);
  if (outcome === "unknown_phone_number_id") return refusal(400, "phone_number_id belongs to no workspace");
  return { status: 200, body: { received: true, duplicate: outcome === "duplicate" } };
});

function refusal(status: number, error: string): Answer {
  return { status, body: { received: false, error } };
}
