/** A running query: pulls rows from its interval in batches and passes them through its operators. */
import type { Index } from "../storage/catalog.ts";
import { isEmpty, NOTHING, type Interval, type Order, type Row } from "../storage/rows.ts";
import type { ConvexObject } from "../values/json.ts";
import { afterKey } from "../values/sort-key.ts";
import { compileFilter } from "./expression.ts";
import { compileInterval } from "./interval.ts";
import type { Query } from "./query.ts";
import type { Reader } from "./reader.ts";

const FIRST_BATCH = 64;
const MAX_BATCH = 1024;

/** Where a page must stop even in the middle of a filter. */
export interface Budget {
  rows: number;
  bytes: number;
}

type Stage = { test: (document: ConvexObject) => boolean } | { left: number };

export class QueryStream {
  exhausted = false;
  overBudget = false;
  rowsRead = 0;
  bytesRead = 0;
  readonly #budget: Budget;
  readonly #reader: Reader;
  readonly #index: Index | undefined;
  readonly #order: Order;
  readonly #interval: Interval;
  readonly #stages: Stage[];
  #unfetched: Interval;
  /** The last row taken from the index, filtered out or not. */
  #last: Row | undefined;
  #rows: Row[] = [];
  #position = 0;
  #batch: number;

  /** `narrow` cuts the interval down to the part between two cursors. */
  constructor(
    reader: Reader,
    query: Query,
    narrow: (interval: Interval) => Interval = (all) => all,
    budget: Budget = { rows: Infinity, bytes: Infinity },
  ) {
    this.#reader = reader;
    this.#budget = budget;
    this.#order = query.order;
    this.#index = reader.index(query.tableName, query.indexName);
    this.#interval = this.#index === undefined
      ? NOTHING
      : narrow(compileInterval(this.#index, query.range));
    this.#unfetched = this.#interval;
    this.#stages = query.operators.map((operator) =>
      "filter" in operator ? { test: compileFilter(operator.filter) } : { left: operator.limit },
    );
    this.#batch = Math.min(FIRST_BATCH, this.#limitBeforeFilters());
    reader.countInterval();
  }

  /** The next document's JSON text, or undefined at the end. */
  next(): string | undefined {
    // A spent limit ends the query without looking at one row more.
    if (this.#stages.some((stage) => "left" in stage && stage.left === 0)) return undefined;
    for (;;) {
      const row = this.#take();
      if (row === undefined) return undefined;
      if (this.#passes(row[0])) return row[0];
    }
  }

  #passes(json: string): boolean {
    let document: ConvexObject | undefined;
    for (const stage of this.#stages) {
      if ("test" in stage) {
        document ??= JSON.parse(json) as ConvexObject;
        if (!stage.test(document)) return false;
      } else {
        if (stage.left === 0) return false;
        stage.left--;
      }
    }
    return true;
  }

  #take(): Row | undefined {
    if (this.rowsRead >= this.#budget.rows || this.bytesRead >= this.#budget.bytes) {
      this.overBudget = true;
      return undefined;
    }
    if (this.#position === this.#rows.length && !this.#fetch()) {
      this.exhausted = true;
      return undefined;
    }
    const row = this.#rows[this.#position++]!;
    this.#last = row;
    this.rowsRead++;
    this.bytesRead += row[1];
    this.#reader.usage.read(row[1]);
    return row;
  }

  #fetch(): boolean {
    if (this.#index === undefined || isEmpty(this.#unfetched)) return false;
    this.#rows = this.#reader.scan(this.#index, this.#unfetched, this.#order, this.#batch);
    this.#position = 0;
    if (this.#rows.length < this.#batch) this.#unfetched = NOTHING;
    else this.#unfetched = this.#beyond(this.#unfetched, this.#rows.at(-1)!);
    this.#batch = Math.min(this.#batch * 4, MAX_BATCH);
    return this.#rows.length > 0;
  }

  #beyond({ low, high }: Interval, row: Row): Interval {
    const key = this.#keyOf(row);
    return this.#order === "asc" ? { low: afterKey(key), high } : { low, high: key };
  }

  #keyOf(row: Row): Buffer {
    return this.#index!.keyOf(JSON.parse(row[0]) as ConvexObject);
  }

  /** The key of the last row taken; undefined when there was none. */
  get lastKey(): Uint8Array | undefined {
    return this.#last && this.#keyOf(this.#last);
  }

  #limitBeforeFilters(): number {
    let limit = Infinity;
    for (const stage of this.#stages) {
      if ("test" in stage) break;
      limit = Math.min(limit, stage.left);
    }
    return Math.max(limit, 1);
  }

  /** Tells the read set what has been looked at; rows fetched ahead do not count. */
  recordReads(): void {
    if (this.#index === undefined) return;
    const { low, high } = this.#interval;
    if (this.exhausted) {
      this.#reader.readSet.add(this.#index.id, { low, high });
    } else if (this.#last !== undefined) {
      const key = this.#keyOf(this.#last);
      this.#reader.readSet.add(this.#index.id, this.#order === "asc" ? { low, high: afterKey(key) } : { low: key, high });
    }
  }
}
