/** One read-write transaction: every write keeps the documents and all their indexes in step. */
import { InternalError, messageOf, UserError } from "../errors.ts";
import type { ConvexJson, ConvexObject } from "../values/json.ts";
import { isObject } from "../values/json.ts";
import { newId, tableNumberOf } from "../values/ids.ts";
import { sortKey } from "../values/sort-key.ts";
import type { Catalog, Index, Table } from "./catalog.ts";
import type { CreationClock } from "./clock.ts";
import type { Connection } from "./connection.ts";
import { enforceSchema, makeDocument, type Document } from "./document.ts";
import { Usage } from "./limits.ts";
import { locate } from "./rows.ts";
import type { Schema } from "./schema.ts";

export class SqliteTransaction {
  readonly connection: Connection;
  readonly schema: Schema;
  readonly usage = new Usage();
  /** Index keys touched so far, by index id; a created table under its name. */
  readonly writes = new Map<number | string, Uint8Array[]>();
  catalog: Catalog;
  /** Set when the database failed: the transaction can then only be rolled back. */
  failure: InternalError | undefined;
  readonly #clock: CreationClock;
  #savepoints = 0;

  constructor(connection: Connection, catalog: Catalog, schema: Schema, clock: CreationClock) {
    this.connection = connection;
    this.catalog = catalog;
    this.schema = schema;
    this.#clock = clock;
    this.#guard(() => connection.run("BEGIN IMMEDIATE"));
  }

  readonly tableNameOf = (tableNumber: number): string | undefined => this.catalog.byNumber(tableNumber)?.name;

  insert(tableName: string, value: ConvexObject): string {
    const table = this.#tableToWrite(tableName);
    const id = newId(table.number);
    this.#add(table, makeDocument(id, this.#clock.next(), value));
    return id;
  }

  /** Inserts a document that may bring its own `_id` and `_creationTime`, which a function cannot. */
  importDocument(tableName: string, value: ConvexObject): void {
    const table = this.#tableToWrite(tableName);
    const id = this.#importedId(table, value["_id"]);
    const time = value["_creationTime"];
    this.#add(table, makeDocument(id, typeof time === "number" ? time : this.#clock.next(), value));
  }

  #importedId(table: Table, id: ConvexJson | undefined): string {
    if (typeof id !== "string") return newId(table.number);
    const number = tableNumberOf(id);
    if (number === undefined) throw new UserError("InvalidId", `invalid _id '${id}'`);
    if (number !== table.number) {
      throw new UserError(
        "ImportConflict",
        `_id ${id} cannot be imported into '${table.name}' because it came from a different deployment and conflict with preexisting tables in this deployment. Try deleting preexisting tables or importing into an empty deployment.`,
      );
    }
    if (this.#guard(() => locate(this.connection, table, sortKey([id]))) !== undefined) {
      throw new UserError(
        "DocumentExists",
        `Cannot create document with _id ${id} that already exists. Try to update it with \`db.patch\` or \`db.replace\`.`,
      );
    }
    return id;
  }

  #tableToWrite(name: string): Table {
    return this.catalog.get(name) ?? this.#createTable(name);
  }

  #add(table: Table, document: Document): void {
    enforceSchema(this.schema, table.name, document.value, this.tableNameOf);
    this.usage.write(document.size);
    this.#guard(() => {
      const { lastInsertRowid } = this.connection
        .prepare(`INSERT INTO ${table.sqlTable} (size, json) VALUES (?, ?)`)
        .run(document.size, document.json);
      for (const index of table.indexes.values()) {
        this.#addKey(index, index.keyOf(document.value), Number(lastInsertRowid));
      }
    });
  }

  /** Overwrites the given fields; `{"$undefined": null}` removes one. */
  patch(table: Table, id: string, changes: ConvexObject): void {
    const old = this.#mustFind(table, id, "Update");
    const fields: ConvexObject = { ...old.value };
    for (const [field, value] of Object.entries(changes)) {
      if (isUndefined(value)) delete fields[field];
      else fields[field] = value;
    }
    this.#update(table, id, old, fields);
  }

  replace(table: Table, id: string, value: ConvexObject): void {
    this.#update(table, id, this.#mustFind(table, id, "Replace"), value);
  }

  remove(table: Table, id: string): void {
    const old = this.#mustFind(table, id, "Delete");
    this.usage.write(0);
    this.#guard(() => {
      for (const index of table.indexes.values()) this.#removeKey(index, index.keyOf(old.value));
      this.connection.prepare(`DELETE FROM ${table.sqlTable} WHERE seq = ?`).run(old.seq);
    });
  }

  #update(table: Table, id: string, old: Found, fields: ConvexObject): void {
    const document = makeDocument(id, old.value["_creationTime"]!, fields);
    if (document.json === old.json) return;
    enforceSchema(this.schema, table.name, document.value, this.tableNameOf);
    this.usage.write(document.size);
    this.#guard(() => this.#rewrite(table, old, document));
  }

  #rewrite(table: Table, old: Found, document: Document): void {
    this.connection
      .prepare(`UPDATE ${table.sqlTable} SET size = ?, json = ? WHERE seq = ?`)
      .run(document.size, document.json, old.seq);
    for (const index of table.indexes.values()) {
      const before = index.keyOf(old.value);
      const after = index.keyOf(document.value);
      if (before.equals(after)) {
        // The key stays, yet whoever read it read the document too.
        this.#touch(index.id, after);
      } else {
        this.#removeKey(index, before);
        this.#addKey(index, after, old.seq);
      }
    }
  }

  #mustFind(table: Table, id: string, verb: string): Found {
    const row = this.#guard(() => locate(this.connection, table, sortKey([id])));
    if (row === undefined) throw new UserError("NonexistentDocument", `${verb} on nonexistent document ID ${id}`);
    const [seq, json, size] = row;
    this.usage.read(size);
    return { seq, json, value: JSON.parse(json) as ConvexObject };
  }

  #addKey(index: Index, key: Buffer, seq: number): void {
    this.connection.prepare(index.sql.insert).run(key, seq);
    this.#touch(index.id, key);
  }

  #removeKey(index: Index, key: Buffer): void {
    this.connection.prepare(index.sql.remove).run(key);
    this.#touch(index.id, key);
  }

  #touch(index: number | string, key: Uint8Array): void {
    const keys = this.writes.get(index);
    if (keys === undefined) this.writes.set(index, [key]);
    else keys.push(key);
  }

  #createTable(name: string): Table {
    this.catalog = this.catalog.copy();
    const table = this.#guard(() => this.catalog.createTable(this.connection, name));
    this.#touch(name, new Uint8Array());
    return table;
  }

  /** Runs `body`, undoing its writes alone when it throws. */
  async nested<T>(body: () => Promise<T>): Promise<T> {
    const name = `s${this.#savepoints++}`;
    const { catalog } = this;
    this.#guard(() => this.connection.exec(`SAVEPOINT ${name}`));
    try {
      const result = await body();
      this.#guard(() => this.connection.exec(`RELEASE ${name}`));
      return result;
    } catch (error) {
      if (this.failure === undefined) {
        this.#guard(() => this.connection.exec(`ROLLBACK TO ${name}; RELEASE ${name}`));
        this.catalog = catalog;
      }
      throw error;
    }
  }

  commit(): void {
    this.#guard(() => this.connection.run("COMMIT"));
  }

  /** Undoes everything and refuses whatever may still come. */
  close(): void {
    // After some errors, a full disk among them, SQLite has already rolled back by itself.
    if (this.connection.database.isTransaction) this.connection.run("ROLLBACK");
    this.failure ??= new InternalError("the transaction has ended");
  }

  /** A database error poisons the transaction: a function that catches it must not commit the rest. */
  #guard<T>(operation: () => T): T {
    if (this.failure !== undefined) throw this.failure;
    try {
      return operation();
    } catch (error) {
      this.failure = new InternalError(`SQLite: ${messageOf(error)}`, { cause: error });
      throw this.failure;
    }
  }
}

interface Found {
  seq: number;
  json: string;
  value: ConvexObject;
}

function isUndefined(value: ConvexJson): boolean {
  return value !== null && typeof value === "object" && !Array.isArray(value) && "$undefined" in value && isObject(value);
}
