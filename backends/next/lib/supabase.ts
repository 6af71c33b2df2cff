import { createClient } from "@supabase/supabase-js";
import type { SupabaseClient } from "@supabase/supabase-js";

import { address, secret } from "./environment.ts";
import type { KapsoMessage } from "./kapso.ts";
import type { ContactContext, Lookup } from "./lookup.ts";

export type IngestOutcome = "stored" | "duplicate" | "unknown_phone_number_id";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

let client: SupabaseClient | undefined;

/** One client per process: it keeps no session, and its connections are kept alive between requests. */
export function supabase(): SupabaseClient {
  client ??= createClient(address("SUPABASE_URL"), secret("SUPABASE_SERVICE_ROLE_KEY"), {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    global: { fetch: (input, init) => fetch(input, { ...init, cache: "no-store" }) },
  });
  return client;
}

/** The contact's context, in one round trip. */
export async function getContactContext(db: SupabaseClient, lookup: Lookup): Promise<ContactContext> {
  // The function takes a uuid: anything else is the id of no workspace.
  if (!UUID.test(lookup.workspace_id)) return notFound();
  const { data, error } = await db.rpc("get_contact_context_by_phone", {
    p_workspace_id: lookup.workspace_id,
    p_phone: lookup.phone,
  });
  if (error !== null) throw new Error(`get_contact_context_by_phone: ${error.code} ${error.message}`);
  return data as ContactContext;
}

/** Stores a message with its contact and conversation, in one round trip and one transaction. */
export async function ingestKapsoMessage(db: SupabaseClient, message: KapsoMessage): Promise<IngestOutcome> {
  const { data, error } = await db.rpc("ingest_kapso_message", {
    p_kapso_phone_id: message.kapso_phone_id,
    p_phone: message.phone,
    p_contact_name: message.contact_name,
    p_message_id: message.kapso_message_id,
    p_direction: message.direction,
    p_message_type: message.message_type,
    p_content: message.content,
    p_sent_at_ms: message.sent_at_ms,
  });
  if (error !== null) throw new Error(`ingest_kapso_message: ${error.code} ${error.message}`);
  return data as IngestOutcome;
}

function notFound(): ContactContext {
  return { found: false, contact: null, notes: [], last_interaction: null, recent_messages: [] };
}
