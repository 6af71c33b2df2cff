import type { ReadSet } from "../query/read-set.ts";
import type { Interval } from "../storage/rows.ts";
import type { Writes } from "../storage/store.ts";

interface LoggedKeys {
  versions: number[];
  keys: Uint8Array[];
}

type Generation = Map<number | string, LoggedKeys>;

/**
 * The keys that recent commits touched, so that a result can be asked: has anything you read been
 * written since? Memory is bounded by dropping the older half; what is older than that is taken
 * as overwritten.
 */
export class WriteLog {
  readonly #keysPerGeneration: number;
  #newer: Generation = new Map();
  #newerKeys = 0;
  #newerFrom = 0;
  #older: Generation = new Map();
  /** Every commit after this version is in the log. */
  #completeSince = 0;
  /** The version of the last commit that touched each index. */
  readonly #lastWrite = new Map<number | string, number>();

  constructor(keysPerGeneration = 100_000) {
    this.#keysPerGeneration = keysPerGeneration;
  }

  append(version: number, writes: Writes): void {
    for (const [index, keys] of writes) {
      this.#lastWrite.set(index, version);
      let logged = this.#newer.get(index);
      if (logged === undefined) {
        logged = { versions: [], keys: [] };
        this.#newer.set(index, logged);
      }
      for (const key of keys) {
        logged.versions.push(version);
        logged.keys.push(key);
      }
      this.#newerKeys += keys.length;
    }
    if (this.#newerKeys >= this.#keysPerGeneration) this.#turn(version);
  }

  #turn(version: number): void {
    this.#older = this.#newer;
    this.#completeSince = this.#newerFrom;
    this.#newer = new Map();
    this.#newerKeys = 0;
    this.#newerFrom = version;
  }

  /** Whether a commit after `since` touched what was read; true when the log no longer tells. */
  overlaps(readSet: ReadSet, since: number): boolean {
    for (const [index, intervals] of readSet.intervals) {
      if ((this.#lastWrite.get(index) ?? 0) <= since) continue;
      if (since < this.#completeSince) return true;
      if (touched(this.#newer.get(index), intervals, since)) return true;
      if (touched(this.#older.get(index), intervals, since)) return true;
    }
    return false;
  }
}

function touched(logged: LoggedKeys | undefined, intervals: Interval[], since: number): boolean {
  if (logged === undefined) return false;
  for (let i = firstAfter(logged.versions, since); i < logged.keys.length; i++) {
    const key = logged.keys[i]!;
    for (const { low, high } of intervals) {
      if (Buffer.compare(key, low) >= 0 && Buffer.compare(key, high) < 0) return true;
    }
  }
  return false;
}

/** The position of the first version greater than `since`; versions never decrease. */
function firstAfter(versions: number[], since: number): number {
  let start = 0;
  let end = versions.length;
  while (start < end) {
    const middle = (start + end) >>> 1;
    if (versions[middle]! <= since) start = middle + 1;
    else end = middle;
  }
  return start;
}
