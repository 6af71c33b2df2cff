/**
 * The digests by which two backends prove that they hold the same rows. The form
 * is computed by the seeder and in Postgres too: change all of them or none.
 */
import type { WireContext } from "./wire.ts";

const FIELD_END = "\x1f";
const NULL = "\x1e";

type Field = string | number | null;

/** SHA-256 of a contact and everything that hangs on it, in lower-case hex. */
export async function contactDigest(context: WireContext): Promise<string> {
  return await sha256(canonical(context));
}

/** SHA-256 over the contacts of a range, which come by index. */
export async function rangeDigest(contacts: { index: number; digest: string }[]): Promise<string> {
  return await sha256(contacts.map(({ index, digest }) => `${index}:${digest}\n`).join(""));
}

export function canonical({ index, contact, conversation, messages, notes }: WireContext): string {
  const fields: Field[] = [
    index,
    contact.id,
    contact.workspace_id,
    contact.phone,
    contact.name,
    contact.kapso_name,
    contact.email,
    contact.lead_status,
    contact.lead_score,
    contact.tags.length,
    ...contact.tags,
    contact.first_contact_date,
    contact.created_at,
  ];
  if (conversation === null) {
    fields.push(null);
  } else {
    fields.push(
      conversation.id,
      conversation.status,
      conversation.unread_count,
      conversation.last_message_at,
      conversation.last_message_preview,
      conversation.created_at,
    );
  }
  fields.push(messages.length);
  for (const m of messages) {
    fields.push(
      m.id,
      m.direction,
      m.sender_type,
      m.content,
      m.message_type,
      m.kapso_message_id,
      m.created_at,
    );
  }
  fields.push(notes.length);
  for (const n of notes) fields.push(n.id, n.author_id, n.content, n.created_at);
  return fields.map((field) => (field === null ? NULL : String(field)) + FIELD_END).join("");
}

/** SHA-256 of a text, in lower-case hex. */
export async function sha256(text: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
