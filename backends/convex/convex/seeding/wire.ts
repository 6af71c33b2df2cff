/** The rows as a seeder sends and reads them: UUIDs for ids, milliseconds for times, children inside their contact. */
import { v } from "convex/values";
import type { Infer } from "convex/values";

import {
  conversationStatus,
  direction,
  leadStatus,
  manifestState,
  memberRole,
  senderType,
} from "../lib/validators.ts";

export const wireWorkspace = v.object({
  id: v.string(),
  name: v.string(),
  slug: v.string(),
  kapso_phone_id: v.string(),
  created_at: v.number(),
  members: v.array(
    v.object({ id: v.string(), user_id: v.string(), role: memberRole, created_at: v.number() }),
  ),
});
export type WireWorkspace = Infer<typeof wireWorkspace>;

const wireContact = v.object({
  id: v.string(),
  workspace_id: v.string(),
  phone: v.string(),
  name: v.union(v.string(), v.null()),
  kapso_name: v.union(v.string(), v.null()),
  email: v.union(v.string(), v.null()),
  lead_status: leadStatus,
  lead_score: v.number(),
  tags: v.array(v.string()),
  first_contact_date: v.number(),
  created_at: v.number(),
});

const wireConversation = v.object({
  id: v.string(),
  status: conversationStatus,
  unread_count: v.number(),
  last_message_at: v.union(v.number(), v.null()),
  last_message_preview: v.union(v.string(), v.null()),
  created_at: v.number(),
});

const wireMessage = v.object({
  id: v.string(),
  direction,
  sender_type: senderType,
  content: v.string(),
  message_type: v.string(),
  kapso_message_id: v.union(v.string(), v.null()),
  created_at: v.number(),
});

const wireNote = v.object({
  id: v.string(),
  author_id: v.union(v.string(), v.null()),
  content: v.string(),
  created_at: v.number(),
});

/** One contact and everything that hangs on it; messages and notes oldest first. */
export const wireContext = v.object({
  index: v.number(),
  contact: wireContact,
  conversation: v.union(v.null(), wireConversation),
  messages: v.array(wireMessage),
  notes: v.array(wireNote),
});
export type WireContext = Infer<typeof wireContext>;

export const wireManifest = v.object({
  seed: v.number(),
  contacts: v.number(),
  digest: v.string(),
  generator: v.string(),
  state: manifestState,
});
export type WireManifest = Infer<typeof wireManifest>;
