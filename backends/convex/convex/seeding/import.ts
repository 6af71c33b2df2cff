/**
 * What a bulk import of contacts needs to know beforehand. Convex's import checks the schema and
 * the ids of documents, not the unique constraints of this schema, and it asks for Convex ids
 * where rows refer to each other.
 */
import { ConvexError } from "convex/values";

import type { Id, MutationCtx, QueryCtx } from "../lib/server.ts";
import { findManifest } from "./manifest.ts";
import { findWorkspace } from "./workspaces.ts";

/** Ids of documents that do not exist: they tell the number of their table, which is part of an id. */
export type TableIds = {
  contacts: Id<"contacts">;
  conversations: Id<"conversations">;
};

export type ImportKeys = {
  /** The same until what was seeded is removed. An id that was once used cannot be used again. */
  salt: string;
  tables: TableIds;
  workspaces: { id: string; document_id: Id<"workspaces"> }[];
};

/** Throws a ConvexError when there is no manifest or no such workspace. */
export async function prepareImport(ctx: MutationCtx, externalIds: string[]): Promise<ImportKeys> {
  const manifest = await findManifest(ctx);
  if (manifest === null) throw new ConvexError("There is no manifest; write it before an import.");
  const workspaces = await Promise.all(
    externalIds.map(async (id) => {
      const workspace = await findWorkspace(ctx, id);
      if (workspace === null) throw new ConvexError(`ids: no workspace ${id} is stored.`);
      return { id, document_id: workspace._id };
    }),
  );
  const [first] = workspaces;
  if (first === undefined) throw new ConvexError("ids: name the workspaces to import into.");
  return { salt: manifest._id, tables: await tableIds(ctx, first.document_id), workspaces };
}

/** An empty table shows its number only in the id of a document: insert one and remove it again. */
async function tableIds(ctx: MutationCtx, workspace_id: Id<"workspaces">): Promise<TableIds> {
  const contacts = await ctx.db.insert("contacts", {
    external_id: "",
    workspace_id,
    phone: "",
    name: null,
    kapso_name: null,
    email: null,
    lead_status: "new",
    lead_score: 0,
    tags: [],
    first_contact_date: 0,
    created_at: 0,
    seed_index: null,
  });
  const conversations = await ctx.db.insert("conversations", {
    external_id: "",
    workspace_id,
    contact_id: contacts,
    status: "open",
    unread_count: 0,
    last_message_at: null,
    last_message_preview: null,
    created_at: 0,
  });
  await ctx.db.delete("conversations", conversations);
  await ctx.db.delete("contacts", contacts);
  return { contacts, conversations };
}

export type ImportedContact = { id: string; workspace_id: Id<"workspaces">; phone: string };

/** Whether none of the contacts, and no other with its phone or a seed_index of the range, is stored. */
export async function isFree(
  ctx: QueryCtx,
  start: number,
  stop: number,
  contacts: ImportedContact[],
): Promise<boolean> {
  const seeded = await ctx.db
    .query("contacts")
    .withIndex("by_seed_index", (q) => q.gte("seed_index", start).lt("seed_index", stop))
    .first();
  if (seeded !== null) return false;
  const holders = await Promise.all(
    contacts.flatMap(({ id, workspace_id, phone }) => [
      ctx.db
        .query("contacts")
        .withIndex("by_external_id", (q) => q.eq("external_id", id))
        .first(),
      ctx.db
        .query("contacts")
        .withIndex("by_workspace_id_phone", (q) => q.eq("workspace_id", workspace_id).eq("phone", phone))
        .first(),
    ]),
  );
  return holders.every((holder) => holder === null);
}
