import { v } from "convex/values";
import type { Infer } from "convex/values";

export const memberRole = v.union(v.literal("owner"), v.literal("admin"), v.literal("agent"));
export const leadStatus = v.union(
  v.literal("new"),
  v.literal("cold"),
  v.literal("warm"),
  v.literal("hot"),
  v.literal("converted"),
  v.literal("lost"),
);
export const conversationStatus = v.union(v.literal("open"), v.literal("pending"), v.literal("closed"));
export const direction = v.union(v.literal("inbound"), v.literal("outbound"));
export const senderType = v.union(v.literal("contact"), v.literal("agent"), v.literal("bot"));
export const manifestState = v.union(v.literal("seeding"), v.literal("complete"));

/** The body of a lookup's 200. */
export const contactContext = v.object({
  found: v.boolean(),
  contact: v.union(
    v.null(),
    v.object({
      name: v.union(v.string(), v.null()),
      kapso_name: v.union(v.string(), v.null()),
      lead_status: leadStatus,
      lead_score: v.number(),
      tags: v.array(v.string()),
      is_returning: v.boolean(),
      first_contact_date: v.number(),
    }),
  ),
  notes: v.array(v.string()),
  last_interaction: v.union(v.number(), v.null()),
  recent_messages: v.array(v.object({ content: v.string(), direction, created_at: v.number() })),
});
export type ContactContext = Infer<typeof contactContext>;
