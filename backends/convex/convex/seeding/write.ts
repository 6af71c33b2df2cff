/** Upserts by external_id: writing the same rows again changes nothing. */
import { ConvexError } from "convex/values";

import type { Doc, Id, MutationCtx, QueryCtx } from "../lib/server.ts";
import { readChildren, removeChildren } from "./children.ts";
import type { Children } from "./children.ts";
import { RowWriter } from "./rows.ts";
import type { WireContext, WireWorkspace } from "./wire.ts";
import { findWorkspace } from "./workspaces.ts";

/** `written` counts the workspaces that were inserted or changed, their members included. */
export async function writeWorkspaces(
  ctx: MutationCtx,
  workspaces: WireWorkspace[],
): Promise<{ written: number }> {
  const writer = new RowWriter(ctx);
  let written = 0;
  for (const { id: external_id, members, ...workspace } of workspaces) {
    const changesBefore = writer.changes;
    const stored = await findWorkspace(ctx, external_id);
    const workspace_id = await writer.put("workspaces", stored, { external_id, ...workspace });
    for (const { id: member_external_id, ...member } of members) {
      const storedMember = await findMember(ctx, member_external_id);
      await writer.put("workspace_members", storedMember, {
        external_id: member_external_id,
        workspace_id,
        ...member,
      });
    }
    if (writer.changes > changesBefore) written += 1;
  }
  return { written };
}

type Stored = { contact: Doc<"contacts"> | null; children: Children };
type Outcome = "inserted" | "updated" | "unchanged";

/** Counts contacts. Children stored for a contact but not sent with it are removed. */
export async function writeContexts(
  ctx: MutationCtx,
  contexts: WireContext[],
): Promise<Record<Outcome, number>> {
  const writer = new RowWriter(ctx);
  const outcomes = { inserted: 0, updated: 0, unchanged: 0 };
  const workspaces = await workspaceIds(ctx, contexts);
  // All reads first: they can run at the same time, which writes cannot.
  const stored = await Promise.all(
    contexts.map(async (context) => ({ context, ...(await readStored(ctx, context)) })),
  );
  for (const { context, ...before } of stored) {
    const workspace_id = workspaces.get(context.contact.workspace_id)!;
    outcomes[await writeContext(writer, workspace_id, context, before)] += 1;
  }
  return outcomes;
}

async function writeContext(
  writer: RowWriter,
  workspace_id: Id<"workspaces">,
  { index, contact, conversation, messages, notes }: WireContext,
  stored: Stored,
): Promise<Outcome> {
  const changesBefore = writer.changes;
  const { id: external_id, ...fields } = contact;
  const contact_id = await writer.put("contacts", stored.contact, {
    ...fields,
    external_id,
    workspace_id,
    seed_index: index,
  });

  const children = [...(conversation === null ? [] : [conversation]), ...messages, ...notes];
  await removeChildren(writer, stored.children, new Set(children.map((child) => child.id)));
  if (conversation !== null) {
    const { id, ...rest } = conversation;
    const parents = { workspace_id, contact_id };
    const conversation_id = await writer.put(
      "conversations",
      withExternalId(stored.children.conversations, id),
      { external_id: id, ...parents, ...rest },
    );
    for (const { id, ...message } of messages) {
      const before = withExternalId(stored.children.messages, id);
      await writer.put("messages", before, { external_id: id, workspace_id, conversation_id, ...message });
    }
  } else if (messages.length > 0) {
    throw new ConvexError(`messages: contact ${external_id} has messages but no conversation.`);
  }
  for (const { id, ...note } of notes) {
    const before = withExternalId(stored.children.notes, id);
    await writer.put("contact_notes", before, { external_id: id, workspace_id, contact_id, ...note });
  }

  if (stored.contact === null) return "inserted";
  return writer.changes > changesBefore ? "updated" : "unchanged";
}

function withExternalId<Row extends { external_id: string }>(rows: Row[], externalId: string): Row | null {
  return rows.find((row) => row.external_id === externalId) ?? null;
}

async function readStored(ctx: QueryCtx, { contact }: WireContext): Promise<Stored> {
  const stored = await ctx.db
    .query("contacts")
    .withIndex("by_external_id", (q) => q.eq("external_id", contact.id))
    .unique();
  const children =
    stored === null ? { conversations: [], messages: [], notes: [] } : await readChildren(ctx, stored._id);
  return { contact: stored, children };
}

/** Convex ids of the workspaces that the contexts name by UUID. */
async function workspaceIds(ctx: QueryCtx, contexts: WireContext[]): Promise<Map<string, Id<"workspaces">>> {
  const ids = new Map<string, Id<"workspaces">>();
  for (const externalId of new Set(contexts.map(({ contact }) => contact.workspace_id))) {
    const workspace = await findWorkspace(ctx, externalId);
    if (workspace === null) {
      throw new ConvexError(
        `contact.workspace_id: no workspace ${externalId} is stored; write the workspaces first.`,
      );
    }
    ids.set(externalId, workspace._id);
  }
  return ids;
}

async function findMember(ctx: QueryCtx, externalId: string): Promise<Doc<"workspace_members"> | null> {
  return await ctx.db
    .query("workspace_members")
    .withIndex("by_external_id", (q) => q.eq("external_id", externalId))
    .unique();
}
