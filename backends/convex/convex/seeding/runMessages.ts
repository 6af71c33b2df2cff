/**
 * What a race that writes asks afterwards: which of its messages are stored, what they made of the
 * contacts, and their removal. A run's messages have ids of one prefix and a number of ten digits.
 */
import type { Doc, MutationCtx, QueryCtx } from "../lib/server.ts";
import { readChildren, removeChildren } from "./children.ts";
import { contactDigest, sha256 } from "./digest.ts";
import { readContext } from "./read.ts";
import { RowWriter } from "./rows.ts";
import { findWorkspace } from "./workspaces.ts";

const RANGE_WIDTH = 1024;
const DIGITS = 10;

type MessageRange = { start: number; messages: number; digest: string };

/** The ids with start <= number < stop, as often as they are stored, by number. */
export async function messageIds(
  ctx: QueryCtx,
  prefix: string,
  start: number,
  stop: number,
): Promise<string[]> {
  const messages = await ctx.db
    .query("messages")
    .withIndex("by_kapso_message_id", (q) =>
      q.gte("kapso_message_id", prefix + padded(start)).lt("kapso_message_id", prefix + padded(stop)),
    )
    .collect();
  return messages.map((message) => message.kapso_message_id!);
}

/** One digest for each 1,024 numbers that hold a message. */
export async function messageDigests(
  ctx: QueryCtx,
  prefix: string,
  start: number,
  stop: number,
): Promise<MessageRange[]> {
  const ranges = new Map<number, string[]>();
  for (const id of await messageIds(ctx, prefix, start, stop)) {
    const number = Number(id.slice(prefix.length, prefix.length + DIGITS));
    const rangeStart = number - (number % RANGE_WIDTH);
    ranges.set(rangeStart, [...(ranges.get(rangeStart) ?? []), id]);
  }
  return await Promise.all(
    Array.from(ranges, async ([rangeStart, ids]) => ({
      start: rangeStart,
      messages: ids.length,
      digest: await sha256(ids.map((id) => `${id}\n`).join("")),
    })),
  );
}

/**
 * The digest of each contact with these numbers, with blanks for what the backend chose itself, so
 * that it can be predicted: ids and times of rows that a message created, and the ids of messages.
 */
export async function stateDigests(
  ctx: QueryCtx,
  workspaceId: string,
  phones: string[],
): Promise<{ phone: string; digest: string }[]> {
  const workspace = await findWorkspace(ctx, workspaceId);
  if (workspace === null) return [];
  const contacts = await Promise.all(
    phones.map((phone) =>
      ctx.db
        .query("contacts")
        .withIndex("by_workspace_id_phone", (q) => q.eq("workspace_id", workspace._id).eq("phone", phone))
        .first(),
    ),
  );
  const found = contacts.filter((contact) => contact !== null);
  return await Promise.all(
    found.map(async (contact) => ({
      phone: contact.phone,
      digest: await stateDigest(ctx, contact, workspaceId),
    })),
  );
}

async function stateDigest(ctx: QueryCtx, stored: Doc<"contacts">, workspaceId: string): Promise<string> {
  const context = await readContext(ctx, stored, workspaceId);
  const { contact, conversation } = context;
  const isSeeded = stored.seed_index !== null;
  return await contactDigest({
    ...context,
    index: stored.seed_index ?? -1,
    contact: isSeeded ? contact : { ...contact, id: "", first_contact_date: 0, created_at: 0 },
    conversation: conversation && { ...conversation, id: "", created_at: 0 },
    messages: context.messages.map((message) => ({ ...message, id: "" })),
  });
}

/**
 * Removes up to `limit` messages whose ids have the prefix, and the contacts that nobody seeded and
 * that nothing else belongs to. A seeded contact's conversation is left to the seeder.
 */
export async function removeMessages(
  ctx: MutationCtx,
  prefix: string,
  limit: number,
): Promise<{ deleted: number; more: boolean }> {
  const messages = await ctx.db
    .query("messages")
    .withIndex("by_kapso_message_id", (q) =>
      q.gte("kapso_message_id", prefix).lt("kapso_message_id", `${prefix}zz`),
    )
    .take(limit);
  const writer = new RowWriter(ctx);
  for (const message of messages) await writer.remove("messages", message);
  for (const id of new Set(messages.map((message) => message.conversation_id))) {
    const conversation = await ctx.db.get("conversations", id);
    const contact = conversation && (await ctx.db.get("contacts", conversation.contact_id));
    if (!contact || contact.seed_index !== null) continue;
    const children = await readChildren(ctx, contact._id);
    if (children.messages.length > 0 || children.notes.length > 0) continue;
    await removeChildren(writer, children);
    await writer.remove("contacts", contact);
  }
  return { deleted: messages.length, more: messages.length >= limit };
}

function padded(number: number): string {
  return String(number).padStart(DIGITS, "0");
}
