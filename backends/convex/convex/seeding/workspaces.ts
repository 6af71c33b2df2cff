import type { Doc, QueryCtx } from "../lib/server.ts";
import type { WireWorkspace } from "./wire.ts";

/** The workspaces (UUIDs) that are stored, in the order asked for; members oldest first. */
export async function readWorkspaces(ctx: QueryCtx, externalIds: string[]): Promise<WireWorkspace[]> {
  const found = await Promise.all(externalIds.map((id) => findWorkspace(ctx, id)));
  return await Promise.all(found.filter((one) => one !== null).map((one) => withMembers(ctx, one)));
}

async function withMembers(ctx: QueryCtx, workspace: Doc<"workspaces">): Promise<WireWorkspace> {
  const members = await ctx.db
    .query("workspace_members")
    .withIndex("by_workspace_id", (q) => q.eq("workspace_id", workspace._id))
    .collect();
  return {
    id: workspace.external_id,
    name: workspace.name,
    slug: workspace.slug,
    kapso_phone_id: workspace.kapso_phone_id,
    created_at: workspace.created_at,
    members: members
      .map(({ external_id, user_id, role, created_at }) => ({ id: external_id, user_id, role, created_at }))
      .sort((a, b) => a.created_at - b.created_at || (a.id < b.id ? -1 : 1)),
  };
}

export async function findWorkspace(ctx: QueryCtx, externalId: string): Promise<Doc<"workspaces"> | null> {
  return await ctx.db
    .query("workspaces")
    .withIndex("by_external_id", (q) => q.eq("external_id", externalId))
    .unique();
}
