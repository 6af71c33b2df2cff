/** How Convex prints a value in an error message. */
import { floatOf, integerOf, kindOf, sortedFields, type ConvexJson, type ConvexObject, type MaybeValue } from "./json.ts";

export function display(value: MaybeValue): string {
  if (value === undefined) return "undefined";
  switch (kindOf(value)) {
    case "Null":
      return "null";
    case "Int64":
      return integerOf(value).toString();
    case "Float64":
      return displayFloat(floatOf(value));
    case "Boolean":
      return String(value);
    case "String":
      return JSON.stringify(value);
    case "Bytes":
      return `b${JSON.stringify((value as { $bytes: string }).$bytes)}`;
    case "Array":
      return `[${(value as ConvexJson[]).map(display).join(", ")}]`;
    case "Object": {
      const object = value as ConvexObject;
      return `{${sortedFields(object).map((field) => `${field}: ${display(object[field])}`).join(", ")}}`;
    }
  }
}

/** Like Rust's debug form: a float always shows that it is one. */
function displayFloat(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const magnitude = Math.abs(value);
  if (magnitude !== 0 && (magnitude >= 1e16 || magnitude < 1e-5)) {
    return value.toExponential().replace("e+", "e");
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
