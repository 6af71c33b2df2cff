import { InternalError, messageOf, UserError } from "../errors.ts";
import { BY_CREATION_TIME, BY_ID, type Catalog, type Index, type Table } from "../storage/catalog.ts";
import type { Connection } from "../storage/connection.ts";
import type { Usage } from "../storage/limits.ts";
import { countRows, EVERYTHING, locate, scan, type Interval, type Order, type Row } from "../storage/rows.ts";
import { afterKey, sortKey } from "../values/sort-key.ts";
import { ReadSet } from "./read-set.ts";

/** Where a function reads from: a snapshot or its own transaction; it remembers what was read. */
export interface Source {
  connection: Connection;
  catalog: Catalog;
}

export class Reader {
  readonly source: Source;
  readonly usage: Usage;
  readonly readSet: ReadSet;
  /** Set when the database failed: what the function makes of it is then worth nothing. */
  failure: InternalError | undefined;

  constructor(source: Source, usage: Usage, readSet: ReadSet) {
    this.source = source;
    this.usage = usage;
    this.readSet = readSet;
  }

  /** The document's JSON text, or undefined. */
  get(table: Table, id: string): string | undefined {
    const key = sortKey([id]);
    this.countInterval();
    this.readSet.add(table.byId.id, { low: key, high: afterKey(key) });
    const row = this.#guard(() => locate(this.source.connection, table, key));
    if (row === undefined) return undefined;
    this.usage.read(row[2]);
    return row[1];
  }

  count(tableName: string): number {
    const table = this.table(tableName);
    if (table === undefined) return 0;
    this.countInterval();
    this.readSet.add(table.byId.id, EVERYTHING);
    return this.#guard(() => countRows(this.source.connection, table));
  }

  scan(index: Index, interval: Interval, order: Order, limit: number): Row[] {
    return this.#guard(() => scan(this.source.connection, index, interval, order, limit));
  }

  countInterval(): void {
    this.usage.interval(() => this.readSet.merge());
  }

  #guard<T>(read: () => T): T {
    try {
      return read();
    } catch (error) {
      this.failure = new InternalError(`SQLite: ${messageOf(error)}`, { cause: error });
      throw this.failure;
    }
  }

  /** A table that does not exist reads as empty, until somebody creates it. */
  table(name: string): Table | undefined {
    const table = this.source.catalog.get(name);
    if (table === undefined) this.readSet.add(name, EVERYTHING);
    return table;
  }

  /** The index to use, or undefined when the table does not exist. Throws UserError for an unknown index. */
  index(tableName: string, indexName: string | undefined): Index | undefined {
    const table = this.table(tableName);
    const name = indexName ?? BY_CREATION_TIME;
    const index = table?.indexes.get(name);
    if (index === undefined && (table !== undefined || (name !== BY_ID && name !== BY_CREATION_TIME))) {
      throw new UserError("IndexNotFoundError", `Index ${tableName}.${name} not found.`);
    }
    return index;
  }
}
