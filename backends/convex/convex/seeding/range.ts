import { ConvexError } from "convex/values";

import type { Doc, QueryCtx } from "../lib/server.ts";

/** The children of a contact are 3 index ranges, of 4096 that one function may read. */
const MAX_WIDTH = 1024;

/**
 * Seeded contacts with start <= seed_index < stop, by seed_index. Throws a
 * ConvexError for a range that is none or too wide.
 */
export async function seededContacts(
  ctx: QueryCtx,
  start: number,
  stop: number,
): Promise<Doc<"contacts">[]> {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(stop) || start < 0 || stop < start) {
    throw new ConvexError(
      `start, stop: ${start}, ${stop} is no range; give integers with 0 <= start <= stop.`,
    );
  }
  if (stop - start > MAX_WIDTH) {
    throw new ConvexError(
      `start, stop: the range is ${stop - start} wide; ask for at most ${MAX_WIDTH} at a time.`,
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
