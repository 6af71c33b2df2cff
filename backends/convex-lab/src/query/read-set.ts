import { isEmpty, type Interval } from "../storage/rows.ts";

/** All key intervals that a function has read, by index id (or by the name of a table that is missing). */
export class ReadSet {
  readonly intervals = new Map<number | string, Interval[]>();

  add(index: number | string, interval: Interval): void {
    if (isEmpty(interval)) return;
    const known = this.intervals.get(index);
    if (known === undefined) this.intervals.set(index, [interval]);
    else known.push(interval);
  }

  /** Joins intervals that overlap or touch; returns how many are left. */
  merge(): number {
    let count = 0;
    for (const [index, intervals] of this.intervals) {
      const merged = mergeIntervals(intervals);
      this.intervals.set(index, merged);
      count += merged.length;
    }
    return count;
  }
}

function mergeIntervals(intervals: Interval[]): Interval[] {
  const sorted = [...intervals].sort((a, b) => Buffer.compare(a.low, b.low));
  const merged: Interval[] = [];
  for (const interval of sorted) {
    const last = merged.at(-1);
    if (last === undefined || Buffer.compare(interval.low, last.high) > 0) merged.push({ ...interval });
    else if (Buffer.compare(interval.high, last.high) > 0) last.high = interval.high;
  }
  return merged;
}
