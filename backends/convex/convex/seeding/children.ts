import type { Doc, Id, QueryCtx } from "../lib/server.ts";
import type { RowWriter } from "./rows.ts";

/** What hangs on one contact, up to a limit; messages and notes in the order of (created_at, id). */
export type Children = {
  conversations: Doc<"conversations">[];
  messages: Doc<"messages">[];
  notes: Doc<"contact_notes">[];
};

/**
 * The most children of one kind that are read of one contact. Seeded contacts have some forty at
 * most, but a load test may have sent any number of messages to one of them.
 */
export const MAX_CHILDREN = 4000;

export async function readChildren(ctx: QueryCtx, contactId: Id<"contacts">): Promise<Children> {
  const [conversations, notes] = await Promise.all([
    ctx.db
      .query("conversations")
      .withIndex("by_contact_id", (q) => q.eq("contact_id", contactId))
      .take(MAX_CHILDREN),
    ctx.db
      .query("contact_notes")
      .withIndex("by_contact_id_created_at", (q) => q.eq("contact_id", contactId))
      .take(MAX_CHILDREN),
  ]);
  const messages = await Promise.all(
    conversations.map((conversation) =>
      ctx.db
        .query("messages")
        .withIndex("by_conversation_id_created_at", (q) => q.eq("conversation_id", conversation._id))
        .take(MAX_CHILDREN),
    ),
  );
  return { conversations, messages: messages.flat(), notes };
}

/** Whether there may be more children than were read. */
export function isCut({ conversations, messages, notes }: Children): boolean {
  return [conversations, messages, notes].some((rows) => rows.length >= MAX_CHILDREN);
}

/** Removes the children whose external_id is not in `kept`. */
export async function removeChildren(
  writer: RowWriter,
  children: Children,
  kept: ReadonlySet<string> = new Set(),
): Promise<void> {
  const isStale = (child: { external_id: string }) => !kept.has(child.external_id);
  for (const message of children.messages.filter(isStale)) await writer.remove("messages", message);
  for (const note of children.notes.filter(isStale)) await writer.remove("contact_notes", note);
  for (const conversation of children.conversations.filter(isStale)) {
    await writer.remove("conversations", conversation);
  }
}
