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
}
