/** Reading documents through an index of one connection. */
import type { Connection } from "./connection.ts";
import type { Index, Table } from "./catalog.ts";

export type Order = "asc" | "desc";

/** Keys from `low` (included) up to `high` (excluded; to the end when absent). */
export interface Interval {
  low: Uint8Array;
  high: Uint8Array | undefined;
}

export type Row = [key: Uint8Array, json: string, size: number];

export function isEmpty({ low, high }: Interval): boolean {
  return high !== undefined && Buffer.compare(low, high) >= 0;
}

export function scan(
  connection: Connection,
  table: Table,
  index: Index,
  interval: Interval,
  order: Order,
  limit: number,
): Row[] {
  const bound = interval.high === undefined ? "" : "AND i.key < ?";
  // CROSS JOIN keeps SQLite from choosing the documents as the outer loop.
  const statement = connection.prepare(
    `SELECT i.key, d.json, d.size FROM ${index.sqlTable} i CROSS JOIN ${table.sqlTable} d ON d.seq = i.seq
     WHERE i.key >= ? ${bound} ORDER BY i.key ${order} LIMIT ?`,
  );
  const rows = interval.high === undefined
    ? statement.all(interval.low, limit)
    : statement.all(interval.low, interval.high, limit);
  return rows as unknown as Row[];
}

export type Located = [seq: number, json: string, size: number];

/** The document whose `by_id` key is given. */
export function locate(connection: Connection, table: Table, key: Uint8Array): Located | undefined {
  return connection
    .prepare(
      `SELECT d.seq, d.json, d.size FROM ${table.byId.sqlTable} i CROSS JOIN ${table.sqlTable} d ON d.seq = i.seq WHERE i.key = ?`,
    )
    .get(key) as unknown as Located | undefined;
}

export function countRows(connection: Connection, table: Table): number {
  const row = connection.prepare(`SELECT count(*) FROM ${table.byId.sqlTable}`).get() as unknown as [number];
  return row[0];
}
