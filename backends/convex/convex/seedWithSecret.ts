/** Seeding for callers without an admin key: every function takes `secret`, the deployment's SEED_SECRET. */
import { mutation, query } from "./lib/server.ts";
import * as operations from "./seeding/operations.ts";
import { withSecret } from "./seeding/secret.ts";

export const writeWorkspaces = mutation(withSecret(operations.writeWorkspaces));
export const writeContexts = mutation(withSecret(operations.writeContexts));
export const deleteContexts = mutation(withSecret(operations.deleteContexts));
export const deleteWorkspaces = mutation(withSecret(operations.deleteWorkspaces));
export const readManifest = query(withSecret(operations.readManifest));
export const writeManifest = mutation(withSecret(operations.writeManifest));
export const deleteManifest = mutation(withSecret(operations.deleteManifest));
export const nextIndex = query(withSecret(operations.nextIndex));
export const readWorkspaces = query(withSecret(operations.readWorkspaces));
export const rangeDigests = query(withSecret(operations.rangeDigests));
export const contactDigests = query(withSecret(operations.contactDigests));
export const readContexts = query(withSecret(operations.readContexts));
export const messageDigests = query(withSecret(operations.messageDigests));
export const messageIds = query(withSecret(operations.messageIds));
export const stateDigests = query(withSecret(operations.stateDigests));
export const removeMessages = mutation(withSecret(operations.removeMessages));
