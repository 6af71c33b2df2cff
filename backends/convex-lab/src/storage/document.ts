/** What makes an object a document: its system fields, its size, its table's schema. */
import { UserError } from "../errors.ts";
import { display } from "../values/display.ts";
import { sameValue, sortedFields, type ConvexJson, type ConvexObject } from "../values/json.ts";
import { formatBytes, sizeOf } from "../values/size.ts";
import { validate, type TableNameOf } from "../validators/validator.ts";
import type { Schema } from "./schema.ts";

const MAX_DOCUMENT_BYTES = 1 << 20;
const MAX_DOCUMENT_NESTING = 16;

export interface Document {
  value: ConvexObject;
  json: string;
  size: number;
}

/** The full document, fields in order. Throws UserError when a system field does not match. */
export function makeDocument(id: string, creationTime: ConvexJson, fields: ConvexObject): Document {
  checkSystemFields(id, creationTime, fields);
  const all: ConvexObject = { ...fields, _id: id, _creationTime: creationTime };
  const value: ConvexObject = Object.fromEntries(sortedFields(all).map((field) => [field, all[field]!]));
  const size = sizeOf(value);
  if (size > MAX_DOCUMENT_BYTES) {
    throw new UserError(
      "ValueTooLargeError",
      `Value is too large (${formatBytes(size)} > maximum size ${formatBytes(MAX_DOCUMENT_BYTES)})`,
    );
  }
  const nesting = nestingOf(value);
  if (nesting > MAX_DOCUMENT_NESTING) {
    throw new UserError(
      "TooNestedError",
      `Document is too nested (nested ${nesting} levels deep > maximum nesting ${MAX_DOCUMENT_NESTING})`,
    );
  }
  return { value, json: JSON.stringify(value), size };
}

function checkSystemFields(id: string, creationTime: ConvexJson, fields: ConvexObject): void {
  for (const field in fields) {
    if (!field.startsWith("_")) continue;
    const value = fields[field]!;
    if (field === "_id") {
      if (value === id) continue;
      throw new UserError(
        "InvalidIdError",
        `Provided document ID ${display(id)} doesn't match '_id' field ${display(value)}`,
      );
    }
    if (field === "_creationTime") {
      if (sameValue(value, creationTime)) continue;
      throw new UserError(
        "InvalidCreationTimeError",
        `Provided creation time ${display(creationTime)} doesn't match '_creationTime' field in ${display(fields)}`,
      );
    }
    throw new UserError(
      "SystemField",
      `Field '${field}' starts with an underscore, which is only allowed for system fields like '_id'`,
    );
  }
}

function nestingOf(value: ConvexJson): number {
  if (value === null || typeof value !== "object") return 0;
  let deepest = 0;
  for (const item of Object.values(value)) {
    if (item !== null && typeof item === "object") deepest = Math.max(deepest, nestingOf(item));
  }
  return deepest + 1;
}

/** Why a document does not fit its table's schema, or undefined. */
export function schemaMismatch(
  schema: Schema,
  tableName: string,
  document: ConvexObject,
  tableNameOf: TableNameOf,
): string | undefined {
  const table = schema.validation ? schema.tables.get(tableName) : undefined;
  if (table === undefined || table.document.type === "any") return undefined;
  const { _id, _creationTime, ...fields } = document;
  return validate(table.document, fields, tableNameOf);
}

export function enforceSchema(
  schema: Schema,
  tableName: string,
  document: ConvexObject,
  tableNameOf: TableNameOf,
): void {
  const mismatch = schemaMismatch(schema, tableName, document, tableNameOf);
  if (mismatch === undefined) return;
  throw new UserError(
    "SchemaEnforcementError",
    `Failed to insert or update a document in table "${tableName}" because it does not match the schema: ${mismatch}`,
  );
}
