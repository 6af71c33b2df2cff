import { ConvexError } from "convex/values";

import type { Doc, Id, QueryCtx } from "../lib/server.ts";
import { readChildren } from "./children.ts";
import { contactDigest, rangeDigest } from "./digest.ts";
import { seededContacts } from "./range.ts";
import type { WireContext } from "./wire.ts";

const RANGE_WIDTH = 128;

type ContactDigest = { index: number; digest: string };
type RangeDigest = { start: number; contacts: number; digest: string };

export async function readContexts(ctx: QueryCtx, start: number, stop: number): Promise<WireContext[]> {
  const contacts = await seededContacts(ctx, start, stop);
  const workspaces = await workspaceExternalIds(ctx, contacts);
  return await Promise.all(
    contacts.map((contact) => readContext(ctx, contact, workspaces.get(contact.workspace_id)!)),
  );
}

export async function contactDigests(ctx: QueryCtx, start: number, stop: number): Promise<ContactDigest[]> {
  const contexts = await readContexts(ctx, start, stop);
  return await Promise.all(
    contexts.map(async (context) => ({ index: context.index, digest: await contactDigest(context) })),
  );
}

/** One digest per aligned range of 128 indices within [start, stop), of empty ranges too. */
export async function rangeDigests(ctx: QueryCtx, start: number, stop: number): Promise<RangeDigest[]> {
  if (start % RANGE_WIDTH !== 0) {
    throw new ConvexError(`start: ${start} is not aligned; give a multiple of ${RANGE_WIDTH}.`);
  }
  const digests = await contactDigests(ctx, start, stop);
  const starts = Array.from(
    { length: Math.ceil((stop - start) / RANGE_WIDTH) },
    (_, i) => start + i * RANGE_WIDTH,
  );
  return await Promise.all(
    starts.map(async (rangeStart) => {
      const inRange = digests.filter(({ index }) => index >= rangeStart && index < rangeStart + RANGE_WIDTH);
      return { start: rangeStart, contacts: inRange.length, digest: await rangeDigest(inRange) };
    }),
  );
}

async function workspaceExternalIds(
  ctx: QueryCtx,
  contacts: Doc<"contacts">[],
): Promise<Map<Id<"workspaces">, string>> {
  const ids = new Map<Id<"workspaces">, string>();
  for (const id of new Set(contacts.map((contact) => contact.workspace_id))) {
    const workspace = await ctx.db.get("workspaces", id);
    // A contact whose workspace is gone must show in a digest, not break it.
    ids.set(id, workspace === null ? "" : workspace.external_id);
  }
  return ids;
}

/** A contact with all that hangs on it; `index` is -1 for one that nobody seeded. */
export async function readContext(
  ctx: QueryCtx,
  contact: Doc<"contacts">,
  workspace_id: string,
): Promise<WireContext> {
  const { conversations, messages, notes } = await readChildren(ctx, contact._id);
  const [conversation = null] = conversations;
  return {
    index: contact.seed_index ?? -1,
    contact: {
      id: contact.external_id,
      workspace_id,
      phone: contact.phone,
      name: contact.name,
      kapso_name: contact.kapso_name,
      email: contact.email,
      lead_status: contact.lead_status,
      lead_score: contact.lead_score,
      tags: contact.tags,
      first_contact_date: contact.first_contact_date,
      created_at: contact.created_at,
    },
    conversation: conversation && {
      id: conversation.external_id,
      status: conversation.status,
      unread_count: conversation.unread_count,
      last_message_at: conversation.last_message_at,
      last_message_preview: conversation.last_message_preview,
      created_at: conversation.created_at,
    },
    messages: messages.map((message) => ({
      id: message.external_id,
      direction: message.direction,
      sender_type: message.sender_type,
      content: message.content,
      message_type: message.message_type,
      kapso_message_id: message.kapso_message_id,
      created_at: message.created_at,
    })),
    notes: notes.map((note) => ({
      id: note.external_id,
      author_id: note.author_id,
      content: note.content,
      created_at: note.created_at,
    })),
  };
}
