/** The format in which an HTTP client wants values: lossless Convex JSON, or plain readable JSON. */
import { UserError } from "../errors.ts";
import { floatOf, integerOf, kindOf, type ConvexJson, type ConvexObject } from "./json.ts";

export type ValueFormat = "encoded" | "clean";

export function parseFormat(format: unknown): ValueFormat | undefined {
  if (format === undefined || format === null) return undefined;
  switch (format) {
    case "convex_encoded_json":
    case "convex_json":
      return "encoded";
    case "json":
    case "convex_clean_json":
      return "clean";
    default:
      throw new UserError("BadFormat", `format param must be one of [\`json\`]. Got ${String(format)}`);
  }
}

/** Plain JSON: int64 as a decimal string, bytes as base64, NaN and infinities as strings. */
export function exportClean(value: ConvexJson): unknown {
  switch (kindOf(value)) {
    case "Int64":
      return integerOf(value).toString();
    case "Float64": {
      const float = floatOf(value);
      if (Number.isFinite(float)) return float;
      return Number.isNaN(float) ? "NaN" : float > 0 ? "Infinity" : "-Infinity";
    }
    case "Bytes":
      return (value as { $bytes: string }).$bytes;
    case "Array":
      return (value as ConvexJson[]).map(exportClean);
    case "Object":
      return Object.fromEntries(
        Object.entries(value as ConvexObject).map(([field, item]) => [field, exportClean(item)]),
      );
    default:
      return value;
  }
}

/** A value's JSON text in the wanted format; text without special values is passed on as it is. */
export function exportText(text: string, format: ValueFormat): string {
  if (format === "encoded" || !/"\$(?:integer|float|bytes)"/.test(text)) return text;
  return JSON.stringify(exportClean(JSON.parse(text) as ConvexJson));
}
