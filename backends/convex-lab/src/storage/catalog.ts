/** Which tables and indexes exist, and the SQLite tables behind them. */
import { sortKey } from "../values/sort-key.ts";
import { getPath, type ConvexObject, type MaybeValue } from "../values/json.ts";
import type { Connection } from "./connection.ts";

/** The first number that Convex gives to a table of the user's. */
const FIRST_TABLE_NUMBER = 10001;

export const BY_ID = "by_id";
export const BY_CREATION_TIME = "by_creation_time";

export class Index {
  readonly id: number;
  readonly name: string;
  readonly tableName: string;
  /** The indexed paths in order, `_creationTime` included; every key ends in the document's `_id`. */
  readonly fields: readonly string[];
  readonly sqlTable: string;
  readonly sql: IndexSql;
  readonly #paths: readonly (readonly string[])[];

  constructor(id: number, table: Table, name: string, fields: readonly string[]) {
    this.id = id;
    this.tableName = table.name;
    this.name = name;
    this.fields = fields;
    this.sqlTable = `i${id}`;
    this.sql = indexSql(this.sqlTable, table.sqlTable);
    this.#paths = fields.map((field) => field.split("."));
  }

  keyOf(document: ConvexObject): Buffer {
    const values: MaybeValue[] = this.#paths.map((path) => getPath(document, path));
    values.push(document["_id"]);
    return sortKey(values);
  }

  toString(): string {
    return `${this.tableName}.${this.name}`;
  }
}

/** Built once: a statement is looked up by its text, and a fresh text would be hashed every time. */
interface IndexSql {
  insert: string;
  remove: string;
  /** Parameters: lowest key, first key that is too high, at most so many. */
  scan: { asc: string; desc: string };
  locate: string;
}

function indexSql(index: string, documents: string): IndexSql {
  // CROSS JOIN keeps SQLite from choosing the documents as the outer loop.
  const join = `FROM ${index} i CROSS JOIN ${documents} d ON d.seq = i.seq`;
  // The key itself is not read: making a JavaScript buffer of it would cost as much as the rest.
  const scan = (order: string) =>
    `SELECT d.json, d.size ${join} WHERE i.key >= ? AND i.key < ? ORDER BY i.key ${order} LIMIT ?`;
  return {
    insert: `INSERT INTO ${index} (key, seq) VALUES (?, ?)`,
    remove: `DELETE FROM ${index} WHERE key = ?`,
    scan: { asc: scan("ASC"), desc: scan("DESC") },
    locate: `SELECT d.seq, d.json, d.size ${join} WHERE i.key = ?`,
  };
}

export class Table {
  readonly number: number;
  readonly name: string;
  readonly sqlTable: string;
  readonly indexes = new Map<string, Index>();

  constructor(number: number, name: string) {
    this.number = number;
    this.name = name;
    this.sqlTable = `d${number}`;
  }

  get byId(): Index {
    return this.indexes.get(BY_ID)!;
  }

  get byCreationTime(): Index {
    return this.indexes.get(BY_CREATION_TIME)!;
  }
}

export class Catalog {
  readonly #byName = new Map<string, Table>();
  readonly #byNumber = new Map<number, Table>();

  static createSql(): string {
    return `
      CREATE TABLE IF NOT EXISTS lab_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
      CREATE TABLE IF NOT EXISTS lab_tables (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
      CREATE TABLE IF NOT EXISTS lab_indexes (
        id INTEGER PRIMARY KEY,
        table_number INTEGER NOT NULL REFERENCES lab_tables (number),
        name TEXT NOT NULL,
        fields TEXT NOT NULL,
        UNIQUE (table_number, name)
      ) STRICT;`;
  }

  static load(connection: Connection): Catalog {
    const catalog = new Catalog();
    for (const [number, name] of connection.prepare("SELECT number, name FROM lab_tables").all() as unknown as [number, string][]) {
      catalog.#add(new Table(number, name));
    }
    const rows = connection.prepare("SELECT id, table_number, name, fields FROM lab_indexes").all();
    for (const [id, tableNumber, name, fields] of rows as unknown as [number, number, string, string][]) {
      const table = catalog.#byNumber.get(tableNumber)!;
      table.indexes.set(name, new Index(id, table, name, JSON.parse(fields) as string[]));
    }
    return catalog;
  }

  /**
   * A catalog that can grow without being seen: a transaction that creates a table works on a copy,
   * which takes the place of the original when it commits.
   */
  copy(): Catalog {
    const copy = new Catalog();
    for (const table of this.#byName.values()) copy.#add(table);
    return copy;
  }

  #add(table: Table): void {
    this.#byName.set(table.name, table);
    this.#byNumber.set(table.number, table);
  }

  get(name: string): Table | undefined {
    return this.#byName.get(name);
  }

  byNumber(number: number): Table | undefined {
    return this.#byNumber.get(number);
  }

  tables(): Iterable<Table> {
    return this.#byName.values();
  }

  /** Creates the table with its two built-in indexes, inside the connection's transaction. */
  createTable(connection: Connection, name: string): Table {
    const [[last]] = connection.prepare("SELECT max(number) FROM lab_tables").all() as unknown as [[number | null]];
    const table = new Table(last === null ? FIRST_TABLE_NUMBER : last + 1, name);
    connection.prepare("INSERT INTO lab_tables (number, name) VALUES (?, ?)").run(table.number, name);
    connection.exec(
      `CREATE TABLE ${table.sqlTable} (seq INTEGER PRIMARY KEY, size INTEGER NOT NULL, json TEXT NOT NULL) STRICT`,
    );
    this.#add(table);
    this.createIndex(connection, table, BY_ID, []);
    this.createIndex(connection, table, BY_CREATION_TIME, ["_creationTime"]);
    return table;
  }

  /** Creates an empty index; filling it from existing documents is the caller's. */
  createIndex(connection: Connection, table: Table, name: string, fields: readonly string[]): Index {
    const { lastInsertRowid } = connection
      .prepare("INSERT INTO lab_indexes (table_number, name, fields) VALUES (?, ?, ?)")
      .run(table.number, name, JSON.stringify(fields));
    const index = new Index(Number(lastInsertRowid), table, name, fields);
    connection.exec(
      `CREATE TABLE ${index.sqlTable} (key BLOB PRIMARY KEY, seq INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
    );
    table.indexes.set(name, index);
    return index;
  }

  dropIndex(connection: Connection, table: Table, index: Index): void {
    connection.prepare("DELETE FROM lab_indexes WHERE id = ?").run(index.id);
    connection.exec(`DROP TABLE ${index.sqlTable}`);
    table.indexes.delete(index.name);
  }
}
