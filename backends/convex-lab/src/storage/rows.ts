/** Reading documents through an index of one connection. */
import type { Connection } from "./connection.ts";
import type { Index, Table } from "./catalog.ts";

export type Order = "asc" | "desc";

/** Keys from `low` (included) up to `high` (excluded). */
export interface Interval {
  low: Uint8Array;
  high: Uint8Array;
}

/** Every key begins with a tag, and 0xff is none. */
export const EVERYTHING: Interval = { low: new Uint8Array(), high: Uint8Array.of(0xff) };

export const NOTHING: Interval = { low: new Uint8Array(), high: new Uint8Array() };

export function isEmpty({ low, high }: Interval): boolean {
  return Buffer.compare(low, high) >= 0;
}

export type Row = [json: string, size: number];

export function scan(connection: Connection, index: Index, { low, high }: Interval, order: Order, limit: number): Row[] {
  return connection.prepare(index.sql.scan[order]).all(low, high, limit) as unknown as Row[];
}

export type Located = [seq: number, json: string, size: number];

/** The document whose `by_id` key is given. */
export function locate(connection: Connection, table: Table, key: Uint8Array): Located | undefined {
  return connection.prepare(table.byId.sql.locate).get(key) as unknown as Located | undefined;
}

export function countRows(connection: Connection, table: Table): number {
  const row = connection.prepare(`SELECT count(*) FROM ${table.byId.sqlTable}`).get() as unknown as [number];
  return row[0];
}
