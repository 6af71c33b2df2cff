import { ConvexError } from "convex/values";

import type { Doc, QueryCtx } from "../lib/server.ts";

/** For contacts alone. */
export const MAX_WIDTH = 4096;
/** With their children, which are 3 index ranges a contact, of 4096 that one function may read. */
export const MAX_WIDTH_WITH_CHILDREN = 1024;

/**
 * Seeded contacts with start <= seed_index < stop, by seed_index. Throws a
 * ConvexError for a range that is none or wider than `maxWidth`.
 */
export async function seededContacts(
  ctx: QueryCtx,
  start: number,
  stop: number,
  maxWidth: number,
): Promise<Doc<"contacts">[]> {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(stop) || start < 0 || stop < start) {
    throw new ConvexError(
      `start, stop: ${start}, ${stop} is no range; give integers with 0 <= start <= stop.`,
    );
  }
  if (stop - start > maxWidth) {
    throw new ConvexError(
      `start, stop: the range is ${stop - start} wide; ask for at most ${maxWidth} at a time.`,
    );
  }
  return await ctx.db
    .query("contacts")
    .withIndex("by_seed_index", (q) => q.gte("seed_index", start).lt("seed_index", stop))
    .collect();
}

/** The smallest seed_index from `start` on, or null. Throws a ConvexError when `start` is no index. */
export async function nextSeedIndex(ctx: QueryCtx, start: number): Promise<number | null> {
  if (!Number.isSafeInteger(start) || start < 0) {
    throw new ConvexError(`start: ${start} is no index; give an integer from 0 on.`);
  }
  const contact = await ctx.db
    .query("contacts")
    .withIndex("by_seed_index", (q) => q.gte("seed_index", start))
    .first();
  return contact === null ? null : contact.seed_index;
}
