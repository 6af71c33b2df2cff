import type { MutationCtx } from "../lib/server.ts";
import { isCut, readChildren, removeChildren } from "./children.ts";
import { seededContacts } from "./range.ts";
import { RowWriter } from "./rows.ts";
import { findWorkspace } from "./workspaces.ts";

/**
 * Removes the seeded contacts of the range with all that hangs on them; counts contacts. `more` says
 * that one of them has so many children that it takes another call.
 */
export async function deleteContexts(
  ctx: MutationCtx,
  start: number,
  stop: number,
): Promise<{ deleted: number; more: boolean }> {
  const writer = new RowWriter(ctx);
  const contacts = await seededContacts(ctx, start, stop);
  const children = await Promise.all(contacts.map((contact) => readChildren(ctx, contact._id)));
  let deleted = 0;
  for (const [i, contact] of contacts.entries()) {
    const found = children[i]!;
    if (isCut(found)) {
      // The conversation stays until all its messages are gone: nothing else leads to them.
      await removeChildren(writer, { ...found, conversations: [] });
      continue;
    }
    await removeChildren(writer, found);
    await writer.remove("contacts", contact);
    deleted += 1;
  }
  return { deleted, more: deleted < contacts.length };
}

/** Removes the workspaces (UUIDs) in which no contact is left, with their members; counts workspaces. */
export async function deleteWorkspaces(
  ctx: MutationCtx,
  externalIds: string[],
): Promise<{ deleted: number }> {
  const writer = new RowWriter(ctx);
  let deleted = 0;
  for (const externalId of new Set(externalIds)) {
    const workspace = await findWorkspace(ctx, externalId);
    if (workspace === null) continue;
    const contact = await ctx.db
      .query("contacts")
      .withIndex("by_workspace_id_phone", (q) => q.eq("workspace_id", workspace._id))
      .first();
    if (contact !== null) continue;
    const members = await ctx.db
      .query("workspace_members")
      .withIndex("by_workspace_id", (q) => q.eq("workspace_id", workspace._id))
      .collect();
    for (const member of members) await writer.remove("workspace_members", member);
    await writer.remove("workspaces", workspace);
    deleted += 1;
  }
  return { deleted };
}
