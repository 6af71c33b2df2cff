/** Brings a data file in line with `schema.ts`, in one SQLite transaction. */
import { StartupError } from "../errors.ts";
import type { ConvexObject } from "../values/json.ts";
import { BY_CREATION_TIME, BY_ID, type Catalog, type Index, type Table } from "./catalog.ts";
import type { Connection } from "./connection.ts";
import { schemaMismatch } from "./document.ts";
import type { IndexSchema, Schema, TableSchema } from "./schema.ts";

/** Returns the catalog that fits. Throws StartupError, changing nothing, when a document does not. */
export function applySchema(connection: Connection, current: Catalog, schema: Schema): Catalog {
  const catalog = current.copy();
  connection.exec("BEGIN IMMEDIATE");
  try {
    for (const table of schema.tables.values()) ensureTable(connection, catalog, table);
    for (const table of catalog.tables()) {
      syncIndexes(connection, catalog, table, schema.tables.get(table.name)?.indexes ?? []);
    }
    if (schema.text !== readSchemaText(connection)) {
      for (const table of catalog.tables()) checkDocuments(connection, catalog, table, schema);
      connection.prepare("INSERT OR REPLACE INTO lab_meta (name, value) VALUES ('schema', ?)").run(schema.text);
    }
    connection.exec("COMMIT");
  } catch (error) {
    connection.exec("ROLLBACK");
    connection.forgetStatements();
    throw error;
  }
  connection.forgetStatements();
  return catalog;
}

/** The schema that every stored document is known to fit. */
function readSchemaText(connection: Connection): string | undefined {
  const row = connection.prepare("SELECT value FROM lab_meta WHERE name = 'schema'").get();
  return (row as unknown as [string] | undefined)?.[0];
}

function ensureTable(connection: Connection, catalog: Catalog, { name }: TableSchema): void {
  if (catalog.get(name) === undefined) catalog.createTable(connection, name);
}

function syncIndexes(connection: Connection, catalog: Catalog, table: Table, wanted: IndexSchema[]): void {
  const fieldsOf = new Map(wanted.map(({ name, fields }) => [name, [...fields, "_creationTime"]]));
  for (const index of [...table.indexes.values()]) {
    if (index.name === BY_ID || index.name === BY_CREATION_TIME) continue;
    const fields = fieldsOf.get(index.name);
    if (fields !== undefined && fields.join() === index.fields.join()) fieldsOf.delete(index.name);
    else catalog.dropIndex(connection, table, index);
  }
  const added = [...fieldsOf].map(([name, fields]) => catalog.createIndex(connection, table, name, fields));
  if (added.length > 0) fillIndexes(connection, table, added);
}

function fillIndexes(connection: Connection, table: Table, indexes: Index[]): void {
  const inserts = indexes.map((index) => connection.prepare(index.sql.insert));
  for (const [seq, document] of documents(connection, table)) {
    indexes.forEach((index, i) => inserts[i]!.run(index.keyOf(document), seq));
  }
}

function checkDocuments(connection: Connection, catalog: Catalog, table: Table, schema: Schema): void {
  if (!schema.validation || !schema.tables.has(table.name)) return;
  const tableNameOf = (number: number) => catalog.byNumber(number)?.name;
  for (const [, document] of documents(connection, table)) {
    const mismatch = schemaMismatch(schema, table.name, document, tableNameOf);
    if (mismatch === undefined) continue;
    throw new StartupError(
      `schema.ts: document with ID "${String(document["_id"])}" in table "${table.name}" does not match the schema: ` +
        `${mismatch.replaceAll(/\n+/g, " ")}; change the schema, or remove the data file to start afresh`,
    );
  }
}

function* documents(connection: Connection, table: Table): Iterable<[seq: number, document: ConvexObject]> {
  const select = connection.database.prepare(`SELECT seq, json FROM ${table.sqlTable}`);
  select.setReturnArrays(true);
  for (const row of select.iterate()) {
    const [seq, json] = row as unknown as [number, string];
    yield [seq, JSON.parse(json) as ConvexObject];
  }
}
