/** Seeding for callers with an admin key, which alone may call internal functions and import. */
import { internalMutation, internalQuery } from "./lib/server.ts";
import * as operations from "./seeding/operations.ts";

export const writeWorkspaces = internalMutation(operations.writeWorkspaces);
export const writeContexts = internalMutation(operations.writeContexts);
export const deleteContexts = internalMutation(operations.deleteContexts);
export const deleteWorkspaces = internalMutation(operations.deleteWorkspaces);
export const readManifest = internalQuery(operations.readManifest);
export const writeManifest = internalMutation(operations.writeManifest);
export const deleteManifest = internalMutation(operations.deleteManifest);
export const nextIndex = internalQuery(operations.nextIndex);
export const readWorkspaces = internalQuery(operations.readWorkspaces);
export const prepareImport = internalMutation(operations.prepareImport);
export const isFree = internalQuery(operations.isFree);
export const rangeDigests = internalQuery(operations.rangeDigests);
export const contactDigests = internalQuery(operations.contactDigests);
export const readContexts = internalQuery(operations.readContexts);
export const messageDigests = internalQuery(operations.messageDigests);
export const messageIds = internalQuery(operations.messageIds);
export const stateDigests = internalQuery(operations.stateDigests);
export const removeMessages = internalMutation(operations.removeMessages);
