/** What `schema.ts` declares, as `defineSchema(...).export()` writes it. */
import { StartupError } from "../errors.ts";
import type { ValidatorJson } from "../validators/validator.ts";

export interface IndexSchema {
  name: string;
  /** Dotted field paths, without the `_creationTime` that every index ends in. */
  fields: string[];
}

export interface TableSchema {
  name: string;
  document: ValidatorJson;
  indexes: IndexSchema[];
  /** Names of text and vector indexes: declared, but not served. */
  searchIndexes: string[];
}

export interface Schema {
  tables: Map<string, TableSchema>;
  validation: boolean;
  /** The exported form: two schemas with the same text are the same. */
  text: string;
}

interface ExportedTable {
  tableName: string;
  indexes: { indexDescriptor: string; fields: string[] }[];
  searchIndexes?: { indexDescriptor: string }[];
  vectorIndexes?: { indexDescriptor: string }[];
  documentType: ValidatorJson;
}

export const EMPTY_SCHEMA: Schema = { tables: new Map(), validation: false, text: "" };

/** Reads the default export of `schema.ts`. Throws StartupError when it is no schema definition. */
export function parseSchema(definition: unknown): Schema {
  const exporter = (definition as { export?: () => string } | undefined)?.export;
  if (typeof exporter !== "function") {
    throw new StartupError("schema.ts: the default export must be a defineSchema(...) definition");
  }
  let text: string;
  try {
    text = exporter.call(definition);
  } catch (error) {
    throw new StartupError(`schema.ts: ${(error as Error).message}`);
  }
  const exported = JSON.parse(text) as { tables: ExportedTable[]; schemaValidation: boolean };
  const tables = new Map(exported.tables.map((table) => [table.tableName, readTable(table)]));
  return { tables, validation: exported.schemaValidation, text };
}

function readTable(table: ExportedTable): TableSchema {
  return {
    name: table.tableName,
    document: table.documentType,
    indexes: table.indexes.map((index) => ({ name: index.indexDescriptor, fields: index.fields })),
    searchIndexes: [...(table.searchIndexes ?? []), ...(table.vectorIndexes ?? [])].map(
      (index) => index.indexDescriptor,
    ),
  };
}
