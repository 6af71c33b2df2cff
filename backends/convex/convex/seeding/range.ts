import { ConvexError } from "convex/values";

import type { Doc, QueryCtx } from "../lib/server.ts";

const MAX_WIDTH = 4096;

/** Seeded contacts with start <= seed_index < stop, by seed_index. Throws a ConvexError for a range that is none or too wide. */
export async function seededContacts(ctx: QueryCtx, start: number, stop: number): Promise<Doc<"contacts">[]> {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(stop) || start < 0 || stop < start) {
    throw new ConvexError(`start, stop: ${start}, ${stop} is no range; give integers with 0 <= start <= stop.`);
  }
  if (stop - start > MAX_WIDTH) {
    throw new ConvexError(`start, stop: the range is ${stop - start} wide; ask for at most ${MAX_WIDTH} at a time.`);
  }
  return await ctx.db
    .query("contacts")
    .withIndex("by_seed_index", (q) => q.gte("seed_index", start).lt("seed_index", stop))
    .collect();
}
