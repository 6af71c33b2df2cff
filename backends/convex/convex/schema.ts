import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";

import {
  direction,
  leadStatus,
  memberRole,
  conversationStatus,
  manifestState,
  senderType,
} from "./lib/validators.ts";

/**
 * The CRM's six tables, and the technical seventh that says what was seeded.
 * `external_id` is the row's own UUID, the `id` of the same row in Postgres;
 * every other `*_id` that names a document is a Convex id. Times are
 * milliseconds since the Unix epoch.
 *
 * Convex has no unique constraints: the indexes marked "unique" are kept so by
 * whoever writes: `messages.ingest` and `seeding/rows.ts` look before they insert,
 * and a transaction that another one overtakes is run again.
 */
export default defineSchema({
  workspaces: defineTable({
    external_id: v.string(),
    name: v.string(),
    slug: v.string(),
    kapso_phone_id: v.string(),
    created_at: v.number(),
  })
    .index("by_external_id", ["external_id"]) // unique
    .index("by_slug", ["slug"]) // unique
    .index("by_kapso_phone_id", ["kapso_phone_id"]), // unique

  workspace_members: defineTable({
    external_id: v.string(),
    workspace_id: v.id("workspaces"),
    user_id: v.string(),
    role: memberRole,
    created_at: v.number(),
  })
    .index("by_external_id", ["external_id"]) // unique
    .index("by_workspace_id", ["workspace_id"]),

  contacts: defineTable({
    external_id: v.string(),
    workspace_id: v.id("workspaces"),
    phone: v.string(),
    name: v.union(v.string(), v.null()),
    kapso_name: v.union(v.string(), v.null()),
    email: v.union(v.string(), v.null()),
    lead_status: leadStatus,
    lead_score: v.number(),
    tags: v.array(v.string()),
    first_contact_date: v.number(),
    created_at: v.number(),
    seed_index: v.union(v.number(), v.null()),
  })
    .index("by_external_id", ["external_id"]) // unique
    .index("by_seed_index", ["seed_index"]) // unique where not null
    .index("by_workspace_id_phone", ["workspace_id", "phone"]), // unique

  conversations: defineTable({
    external_id: v.string(),
    workspace_id: v.id("workspaces"),
    contact_id: v.id("contacts"),
    status: conversationStatus,
    unread_count: v.number(),
    last_message_at: v.union(v.number(), v.null()),
    last_message_preview: v.union(v.string(), v.null()),
    created_at: v.number(),
  })
    .index("by_external_id", ["external_id"])
    .index("by_contact_id", ["contact_id"]), // unique

  // The two indexes by time end in external_id so that rows of one instant come
  // in the order of their id, as they do in Postgres.
  messages: defineTable({
    external_id: v.string(),
    workspace_id: v.id("workspaces"),
    conversation_id: v.id("conversations"),
    direction,
    sender_type: senderType,
    content: v.string(),
    message_type: v.string(),
    kapso_message_id: v.union(v.string(), v.null()),
    created_at: v.number(),
  })
    .index("by_external_id", ["external_id"])
    .index("by_conversation_id_created_at", ["conversation_id", "created_at", "external_id"])
    .index("by_kapso_message_id", ["kapso_message_id"]), // unique where not null

  contact_notes: defineTable({
    external_id: v.string(),
    workspace_id: v.id("workspaces"),
    contact_id: v.id("contacts"),
    author_id: v.union(v.string(), v.null()),
    content: v.string(),
    created_at: v.number(),
  })
    .index("by_external_id", ["external_id"])
    .index("by_contact_id_created_at", ["contact_id", "created_at", "external_id"]),

  seed_manifest: defineTable({
    key: v.string(),
    seed: v.number(),
    contacts: v.number(),
    digest: v.string(),
    generator: v.string(),
    state: manifestState,
    updated_at: v.number(),
  }).index("by_key", ["key"]), // unique
});
