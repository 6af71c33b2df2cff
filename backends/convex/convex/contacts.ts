import { ConvexError, v } from "convex/values";

import { digitsOf } from "./lib/phone.ts";
import { equalInConstantTime, secretFromEnvironment } from "./lib/secrets.ts";
import { query } from "./lib/server.ts";
import type { Doc, QueryCtx } from "./lib/server.ts";
import { contactContext } from "./lib/validators.ts";
import type { ContactContext } from "./lib/validators.ts";

const MAX_NOTES = 5;
const MAX_MESSAGES = 10;

/**
 * Who is calling: the context of the contact with that phone in that workspace.
 *
 * `workspace_id` is the workspace's UUID; an unknown one is a contact not found.
 * The key is checked here and not only at the HTTP endpoint because anyone who
 * knows the deployment's address can call a public query.
 *
 * Throws a ConvexError whose data is "Service not configured" or "Unauthorized".
 */
export const getContextByPhone = query({
  args: { phone: v.string(), workspace_id: v.string(), api_key: v.string() },
  returns: contactContext,
  handler: async (ctx, { phone, workspace_id, api_key }): Promise<ContactContext> => {
    const expectedKey = secretFromEnvironment("CRM_API_KEY");
    if (expectedKey === null) throw new ConvexError("Service not configured");
    if (!equalInConstantTime(api_key, expectedKey)) throw new ConvexError("Unauthorized");

    const contact = await findContact(ctx, workspace_id, digitsOf(phone));
    return contact === null ? notFound() : await contextOf(ctx, contact);
  },
});

async function findContact(
  ctx: QueryCtx,
  workspaceExternalId: string,
  phone: string,
): Promise<Doc<"contacts"> | null> {
  const workspace = await ctx.db
    .query("workspaces")
    .withIndex("by_external_id", (q) => q.eq("external_id", workspaceExternalId.toLowerCase()))
    .unique();
  if (workspace === null) return null;
  return await ctx.db
    .query("contacts")
    .withIndex("by_workspace_id_phone", (q) => q.eq("workspace_id", workspace._id).eq("phone", phone))
    .unique();
}

async function contextOf(ctx: QueryCtx, contact: Doc<"contacts">): Promise<ContactContext> {
  const [conversation, notes] = await Promise.all([
    ctx.db
      .query("conversations")
      .withIndex("by_contact_id", (q) => q.eq("contact_id", contact._id))
      .unique(),
    ctx.db
      .query("contact_notes")
      .withIndex("by_contact_id_created_at", (q) => q.eq("contact_id", contact._id))
      .order("desc")
      .take(MAX_NOTES),
  ]);
  // Postgres holds every row to its tenant by row level security; here it is
  // this check, so that a row filed under the wrong workspace is never shown.
  const ofTenant = (row: { workspace_id: Doc<"workspaces">["_id"] }) =>
    row.workspace_id === contact.workspace_id;
  const own = conversation !== null && ofTenant(conversation) ? conversation : null;
  const messages = own === null ? [] : await recentMessages(ctx, own);

  return {
    found: true,
    contact: {
      name: contact.name,
      kapso_name: contact.kapso_name,
      lead_status: contact.lead_status,
      lead_score: contact.lead_score,
      tags: contact.tags,
      is_returning: own !== null && own.last_message_at !== null,
      first_contact_date: contact.first_contact_date,
    },
    notes: notes.filter(ofTenant).map((note) => note.content),
    last_interaction: own === null ? null : own.last_message_at,
    recent_messages: messages
      .filter(ofTenant)
      .map(({ content, direction, created_at }) => ({ content, direction, created_at })),
  };
}

async function recentMessages(ctx: QueryCtx, conversation: Doc<"conversations">): Promise<Doc<"messages">[]> {
  return await ctx.db
    .query("messages")
    .withIndex("by_conversation_id_created_at", (q) => q.eq("conversation_id", conversation._id))
    .order("desc")
    .take(MAX_MESSAGES);
}

function notFound(): ContactContext {
  return { found: false, contact: null, notes: [], last_interaction: null, recent_messages: [] };
}
