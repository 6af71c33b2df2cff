/**
 * The seeding interface, once: `seed.ts` registers it for callers with an admin
 * key, `seedWithSecret.ts` for callers with the seed secret.
 */
import { v } from "convex/values";

import type { MutationCtx, QueryCtx } from "../lib/server.ts";
import * as imports from "./import.ts";
import * as manifest from "./manifest.ts";
import { nextSeedIndex } from "./range.ts";
import * as read from "./read.ts";
import * as remove from "./remove.ts";
import * as runMessages from "./runMessages.ts";
import { wireContext, wireManifest, wireWorkspace } from "./wire.ts";
import type { WireContext, WireManifest, WireWorkspace } from "./wire.ts";
import * as workspaces from "./workspaces.ts";
import * as write from "./write.ts";

type Range = { start: number; stop: number };
const range = { start: v.number(), stop: v.number() };
const deleted = v.object({ deleted: v.number() });

export const writeWorkspaces = {
  args: { workspaces: v.array(wireWorkspace) },
  returns: v.object({ written: v.number() }),
  handler: (ctx: MutationCtx, { workspaces }: { workspaces: WireWorkspace[] }) =>
    write.writeWorkspaces(ctx, workspaces),
};

export const writeContexts = {
  args: { contexts: v.array(wireContext) },
  returns: v.object({ inserted: v.number(), updated: v.number(), unchanged: v.number() }),
  handler: (ctx: MutationCtx, { contexts }: { contexts: WireContext[] }) =>
    write.writeContexts(ctx, contexts),
};

export const deleteContexts = {
  args: range,
  returns: v.object({ deleted: v.number(), more: v.boolean() }),
  handler: (ctx: MutationCtx, { start, stop }: Range) => remove.deleteContexts(ctx, start, stop),
};

export const deleteWorkspaces = {
  args: { ids: v.array(v.string()) },
  returns: deleted,
  handler: (ctx: MutationCtx, { ids }: { ids: string[] }) => remove.deleteWorkspaces(ctx, ids),
};

export const readManifest = {
  args: {},
  returns: v.union(wireManifest, v.null()),
  handler: (ctx: QueryCtx) => manifest.readManifest(ctx),
};

export const writeManifest = {
  args: { manifest: wireManifest },
  returns: v.null(),
  handler: (ctx: MutationCtx, args: { manifest: WireManifest }) => manifest.writeManifest(ctx, args.manifest),
};

export const deleteManifest = {
  args: {},
  returns: v.null(),
  handler: (ctx: MutationCtx) => manifest.deleteManifest(ctx),
};

export const nextIndex = {
  args: { start: v.number() },
  returns: v.union(v.number(), v.null()),
  handler: (ctx: QueryCtx, { start }: { start: number }) => nextSeedIndex(ctx, start),
};

export const readWorkspaces = {
  args: { ids: v.array(v.string()) },
  returns: v.array(wireWorkspace),
  handler: (ctx: QueryCtx, { ids }: { ids: string[] }) => workspaces.readWorkspaces(ctx, ids),
};

export const prepareImport = {
  args: { ids: v.array(v.string()) },
  returns: v.object({
    salt: v.string(),
    tables: v.object({ contacts: v.id("contacts"), conversations: v.id("conversations") }),
    workspaces: v.array(v.object({ id: v.string(), document_id: v.id("workspaces") })),
  }),
  handler: (ctx: MutationCtx, { ids }: { ids: string[] }) => imports.prepareImport(ctx, ids),
};

export const isFree = {
  args: {
    ...range,
    contacts: v.array(v.object({ id: v.string(), workspace_id: v.id("workspaces"), phone: v.string() })),
  },
  returns: v.boolean(),
  handler: (ctx: QueryCtx, { start, stop, contacts }: Range & { contacts: imports.ImportedContact[] }) =>
    imports.isFree(ctx, start, stop, contacts),
};

export const rangeDigests = {
  args: range,
  returns: v.array(v.object({ start: v.number(), contacts: v.number(), digest: v.string() })),
  handler: (ctx: QueryCtx, { start, stop }: Range) => read.rangeDigests(ctx, start, stop),
};

export const contactDigests = {
  args: range,
  returns: v.array(v.object({ index: v.number(), digest: v.string() })),
  handler: (ctx: QueryCtx, { start, stop }: Range) => read.contactDigests(ctx, start, stop),
};

export const readContexts = {
  args: range,
  returns: v.array(wireContext),
  handler: (ctx: QueryCtx, { start, stop }: Range) => read.readContexts(ctx, start, stop),
};

type Numbers = Range & { prefix: string };
const numbers = { ...range, prefix: v.string() };

export const messageDigests = {
  args: numbers,
  returns: v.array(v.object({ start: v.number(), messages: v.number(), digest: v.string() })),
  handler: (ctx: QueryCtx, { prefix, start, stop }: Numbers) =>
    runMessages.messageDigests(ctx, prefix, start, stop),
};

export const messageIds = {
  args: numbers,
  returns: v.array(v.string()),
  handler: (ctx: QueryCtx, { prefix, start, stop }: Numbers) =>
    runMessages.messageIds(ctx, prefix, start, stop),
};

export const stateDigests = {
  args: { workspace_id: v.string(), phones: v.array(v.string()) },
  returns: v.array(v.object({ phone: v.string(), digest: v.string() })),
  handler: (ctx: QueryCtx, { workspace_id, phones }: { workspace_id: string; phones: string[] }) =>
    runMessages.stateDigests(ctx, workspace_id, phones),
};

export const removeMessages = {
  args: { prefix: v.string(), limit: v.number() },
  returns: v.object({ deleted: v.number(), more: v.boolean() }),
  handler: (ctx: MutationCtx, { prefix, limit }: { prefix: string; limit: number }) =>
    runMessages.removeMessages(ctx, prefix, limit),
};
