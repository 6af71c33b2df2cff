import { httpRouter } from "convex/server";

import { answering } from "./lib/answers.ts";
import { isSigned, MalformedBody, readKapsoBody } from "./lib/kapso.ts";
import { digitsOf } from "./lib/phone.ts";
import { api, internal } from "./lib/references.ts";
import { equalInConstantTime, secretFromEnvironment } from "./lib/secrets.ts";

const getByPhone = answering(async (ctx, request, clock) => {
  const expectedKey = secretFromEnvironment("CRM_API_KEY");
  if (expectedKey === null) return { status: 500, body: { error: "Service not configured" } };
  const api_key = request.headers.get("x-api-key");
  if (api_key === null || !equalInConstantTime(api_key, expectedKey)) {
    return { status: 401, body: { found: false, error: "Unauthorized" } };
  }

  const parameters = new URL(request.url).searchParams;
  // Only the digits go on, so that one number has one entry in the query cache.
  const phone = digitsOf(parameters.get("phone") ?? "");
  if (phone === "") return { status: 400, body: { found: false, error: "Missing phone parameter" } };
  const workspace_id = parameters.get("workspace_id") ?? "";
  if (workspace_id === "")
    return { status: 400, body: { found: false, error: "Missing workspace_id parameter" } };

  const body = await clock.time(() =>
    ctx.runQuery(api.contacts.getContextByPhone, { phone, workspace_id, api_key }),
  );
  return { status: 200, body };
});

const receiveKapso = answering(async (ctx, request, clock) => {
  const secret = secretFromEnvironment("KAPSO_WEBHOOK_SECRET");
  if (secret === null) return { status: 500, body: { error: "Service not configured" } };
  const body = await request.arrayBuffer();
  if (!(await isSigned(body, request.headers.get("X-Webhook-Signature"), secret))) {
    return { status: 401, body: { received: false, error: "Unauthorized" } };
  }

  let message;
  try {
    message = readKapsoBody(body);
  } catch (error) {
    if (!(error instanceof MalformedBody)) throw error;
    return { status: 400, body: { received: false, error: error.message } };
  }
  const outcome = await clock.time(() => ctx.runMutation(internal.messages.ingest, { message }));
  if (outcome === "unknown_phone_number_id") {
    return { status: 400, body: { received: false, error: "phone_number_id belongs to no workspace" } };
  }
  return { status: 200, body: { received: true, duplicate: outcome === "duplicate" } };
});

const http = httpRouter();
http.route({ path: "/http/contacts/getByPhone", method: "GET", handler: getByPhone });
http.route({ path: "/webhook/kapso", method: "POST", handler: receiveKapso });
export default http;
