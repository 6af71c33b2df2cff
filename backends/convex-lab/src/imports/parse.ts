/** What an uploaded file holds: documents by table, in the file's order. */
import { messageOf, unsupported, UserError } from "../errors.ts";
import type { ConvexObject } from "../values/json.ts";
import { isObject } from "../values/json.ts";
import { normalise } from "../values/normalise.ts";
import { readZip } from "./zip.ts";

export interface ImportedTable {
  name: string;
  /** Every document, with its row number. Throws UserError at the first that is none. */
  documents(): Iterable<ConvexObject>;
}

export type Format = { format: "jsonl"; table: string } | { format: "zip" };

const DOCUMENTS = /^(?:.*\/)?([^/]+)\/documents\.jsonl$/;
const COMPONENT = /(?:^|\/)_components\//;
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;

export function parseImport(file: Buffer, format: Format): ImportedTable[] {
  if (format.format === "jsonl") return [{ name: format.table, documents: () => parseLines(file) }];
  return readZip(file).flatMap(({ name, read }) => {
    if (/generated_schema\.jsonl$/.test(name)) throw unsupported("Importing a generated_schema.jsonl");
    const table = DOCUMENTS.exec(name)?.[1];
    if (table === undefined) return [];
    if (COMPONENT.test(name)) throw unsupported("Importing into components");
    if (table === "_tables" || table === "_storage") throw unsupported(`Importing ${table}`);
    if (table.startsWith("_")) return [];
    checkTableName(table);
    return [{ name: table, documents: () => parseLines(read()) }];
  });
}

/** Throws UserError, worded as the backend does. */
export function checkTableName(name: string): void {
  if (NAME.test(name)) return;
  throw new UserError("InvalidTableName", `table name '${name}' invalid: it must be an identifier`);
}

function* parseLines(bytes: Buffer): Iterable<ConvexObject> {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw new UserError("Utf8BomNotSupported", "UTF-8 BOM is not supported. Please save your file without BOM.");
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let row = 1, at = 0; at < bytes.length; row++) {
    const newline = bytes.indexOf(10, at);
    const end = newline < 0 ? bytes.length : newline;
    yield parseRow(row, decode(decoder, bytes.subarray(at, end)));
    at = end + 1;
  }
}

function decode(decoder: InstanceType<typeof TextDecoder>, line: Buffer): string {
  try {
    return decoder.decode(line);
  } catch {
    throw new UserError("NotUtf8", "Import wasn't valid UTF8: stream did not contain valid UTF-8");
  }
}

function parseRow(row: number, line: string): ConvexObject {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    throw new UserError("JsonInvalidRow", `Row ${row} wasn't valid JSON: ${messageOf(error)}`);
  }
  try {
    const value = normalise(json);
    if (isObject(value)) return value;
  } catch (error) {
    throw new UserError("InvalidConvexValue", `Row ${row} wasn't a valid Convex value: ${messageOf(error)}`);
  }
  throw new UserError("InvalidConvexValue", `Row ${row} wasn't a valid Convex value: expected object`);
}
