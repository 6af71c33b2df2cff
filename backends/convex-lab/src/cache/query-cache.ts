import type { ReadSet } from "../query/read-set.ts";
import { WriteLog } from "./write-log.ts";
import type { Writes } from "../storage/store.ts";

export interface CachedResult {
  /** The result's JSON text. */
  value: string;
  logLines: string[];
}

interface Entry {
  result: CachedResult;
  readSet: ReadSet;
  /** The result is known to be right for this version. */
  validAt: number;
  /** For a query that looked at the clock: when the result is too old to be reused, ms. */
  expiresAt_ms: number;
  bytes: number;
}

const DEFAULT_MAX_BYTES = 100 * 2 ** 20;
const ENTRY_OVERHEAD_BYTES = 600;
const INTERVAL_OVERHEAD_BYTES = 250;

/**
 * Results of queries by function and arguments. A result is reused until a commit touches a key
 * that the query read; the least recently used go first when memory runs out.
 */
export class QueryCache {
  readonly #entries = new Map<string, Entry>();
  readonly #log: WriteLog;
  readonly #maxBytes: number;
  #bytes = 0;
  hits = 0;
  misses = 0;

  constructor(options: { maxBytes?: number; keysPerGeneration?: number } = {}) {
    this.#maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
    this.#log = new WriteLog(options.keysPerGeneration);
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  committed(version: number, writes: Writes): void {
    this.#log.append(version, writes);
  }

  /** The result of the query as of `version`, the latest one. */
  get(key: string, version: number): CachedResult | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.misses++;
      return undefined;
    }
    const outdated =
      entry.expiresAt_ms <= Date.now() ||
      (entry.validAt < version && this.#log.overlaps(entry.readSet, entry.validAt));
    this.#entries.delete(key);
    if (outdated) {
      this.#bytes -= entry.bytes;
      this.misses++;
      return undefined;
    }
    entry.validAt = Math.max(entry.validAt, version);
    this.#entries.set(key, entry);
    this.hits++;
    return entry.result;
  }

  /** Keeps a result that was computed on the data of `version`. */
  put(key: string, result: CachedResult, readSet: ReadSet, version: number, expiresAt_ms = Infinity): void {
    const bytes = sizeInMemory(key, result, readSet);
    if (bytes > this.#maxBytes) return;
    const known = this.#entries.get(key);
    if (known !== undefined) {
      // A slow query must not replace what a later one has found.
      if (known.validAt > version) return;
      this.#remove(key, known);
    }
    this.#entries.set(key, { result, readSet, validAt: version, expiresAt_ms, bytes });
    this.#bytes += bytes;
    for (const [oldest, entry] of this.#entries) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#remove(oldest, entry);
    }
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}

function sizeInMemory(key: string, result: CachedResult, readSet: ReadSet): number {
  let bytes = ENTRY_OVERHEAD_BYTES + 2 * (key.length + result.value.length);
  for (const line of result.logLines) bytes += 2 * line.length;
  for (const intervals of readSet.intervals.values()) {
    for (const { low, high } of intervals) bytes += INTERVAL_OVERHEAD_BYTES + low.length + high.length;
  }
  return bytes;
}
