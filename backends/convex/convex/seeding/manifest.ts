import type { Doc, MutationCtx, QueryCtx } from "../lib/server.ts";
import type { WireManifest } from "./wire.ts";

const KEY = "dragstrip";

export async function readManifest(ctx: QueryCtx): Promise<WireManifest | null> {
  const stored = await findManifest(ctx);
  if (stored === null) return null;
  const { seed, contacts, digest, generator, state } = stored;
  return { seed, contacts, digest, generator, state };
}

export async function writeManifest(ctx: MutationCtx, manifest: WireManifest): Promise<null> {
  const stored = await findManifest(ctx);
  const row = { ...manifest, key: KEY, updated_at: Date.now() };
  if (stored === null) await ctx.db.insert("seed_manifest", row);
  else await ctx.db.replace("seed_manifest", stored._id, row);
  return null;
}

export async function deleteManifest(ctx: MutationCtx): Promise<null> {
  const stored = await findManifest(ctx);
  if (stored !== null) await ctx.db.delete("seed_manifest", stored._id);
  return null;
}

export async function findManifest(ctx: QueryCtx): Promise<Doc<"seed_manifest"> | null> {
  return await ctx.db
    .query("seed_manifest")
    .withIndex("by_key", (q) => q.eq("key", KEY))
    .unique();
}
