import { v } from "convex/values";

import { kapsoMessage } from "./lib/kapso.ts";
import type { KapsoMessage } from "./lib/kapso.ts";
import { internalMutation } from "./lib/server.ts";
import type { Doc, MutationCtx } from "./lib/server.ts";

const MAX_PREVIEW_CHARACTERS = 100;

/**
 * Stores one WhatsApp message with the contact and the conversation it belongs
 * to, in one transaction. A message already stored (same Kapso id) changes
 * nothing; a late one is stored without moving the conversation back.
 */
export const ingest = internalMutation({
  args: { message: kapsoMessage },
  returns: v.union(v.literal("stored"), v.literal("duplicate"), v.literal("unknown_phone_number_id")),
  handler: async (ctx, { message }) => {
    const workspace = await ctx.db
      .query("workspaces")
      .withIndex("by_kapso_phone_id", (q) => q.eq("kapso_phone_id", message.kapso_phone_id))
      .unique();
    if (workspace === null) return "unknown_phone_number_id" as const;

    const stored = await ctx.db
      .query("messages")
      .withIndex("by_kapso_message_id", (q) => q.eq("kapso_message_id", message.kapso_message_id))
      .unique();
    if (stored !== null) return "duplicate" as const;

    const contact = await findOrCreateContact(ctx, workspace, message);
    const conversation = await findOrCreateConversation(ctx, contact);
    await storeMessage(ctx, conversation, message);
    return "stored" as const;
  },
});

async function findOrCreateContact(
  ctx: MutationCtx,
  workspace: Doc<"workspaces">,
  message: KapsoMessage,
): Promise<Doc<"contacts">> {
  const found = await ctx.db
    .query("contacts")
    .withIndex("by_workspace_id_phone", (q) => q.eq("workspace_id", workspace._id).eq("phone", message.phone))
    .unique();
  if (found !== null) return found;
  const id = await ctx.db.insert("contacts", {
    external_id: crypto.randomUUID(),
    workspace_id: workspace._id,
    phone: message.phone,
    name: null,
    kapso_name: message.contact_name,
    email: null,
    lead_status: "new",
    lead_score: 0,
    tags: [],
    first_contact_date: message.sent_at,
    created_at: Date.now(),
    seed_index: null,
  });
  return await inserted(ctx.db.get("contacts", id));
}

async function findOrCreateConversation(
  ctx: MutationCtx,
  contact: Doc<"contacts">,
): Promise<Doc<"conversations">> {
  const found = await ctx.db
    .query("conversations")
    .withIndex("by_contact_id", (q) => q.eq("contact_id", contact._id))
    .unique();
  if (found !== null) return found;
  const id = await ctx.db.insert("conversations", {
    external_id: crypto.randomUUID(),
    workspace_id: contact.workspace_id,
    contact_id: contact._id,
    status: "open",
    unread_count: 0,
    last_message_at: null,
    last_message_preview: null,
    created_at: Date.now(),
  });
  return await inserted(ctx.db.get("conversations", id));
}

async function storeMessage(
  ctx: MutationCtx,
  conversation: Doc<"conversations">,
  message: KapsoMessage,
): Promise<void> {
  const isInbound = message.direction === "inbound";
  await ctx.db.insert("messages", {
    external_id: crypto.randomUUID(),
    workspace_id: conversation.workspace_id,
    conversation_id: conversation._id,
    direction: message.direction,
    sender_type: isInbound ? "contact" : "agent",
    content: message.content,
    message_type: message.message_type,
    kapso_message_id: message.kapso_message_id,
    created_at: message.sent_at,
  });
  const isLatest = conversation.last_message_at === null || message.sent_at > conversation.last_message_at;
  await ctx.db.patch("conversations", conversation._id, {
    unread_count: conversation.unread_count + (isInbound ? 1 : 0),
    ...(isLatest && {
      last_message_at: message.sent_at,
      last_message_preview: preview(message.content),
    }),
  });
}

/** Cut between code points, so that an emoji is never split into a lone surrogate. */
function preview(content: string): string {
  return Array.from(content).slice(0, MAX_PREVIEW_CHARACTERS).join("");
}

async function inserted<Document>(reading: Promise<Document | null>): Promise<Document> {
  const document = await reading;
  if (document === null) throw new Error("a document inserted in this transaction cannot be read back");
  return document;
}
