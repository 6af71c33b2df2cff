/**
 * Convex values in their JSON form, the form that crosses the seam between the host and the
 * functions: int64 is `{"$integer": base64}`, bytes `{"$bytes": base64}`, a float that JSON
 * cannot hold `{"$float": base64}`. The host never needs the live JavaScript values.
 */
export type ConvexJson =
  | null
  | boolean
  | number
  | string
  | ConvexJson[]
  | { [field: string]: ConvexJson };

export type ConvexObject = { [field: string]: ConvexJson };

export type Kind = "Null" | "Int64" | "Float64" | "Boolean" | "String" | "Bytes" | "Array" | "Object";

/** A value or its absence; `undefined` sorts before everything and equals only itself. */
export type MaybeValue = ConvexJson | undefined;

export function kindOf(value: ConvexJson): Kind {
  switch (typeof value) {
    case "string":
      return "String";
    case "number":
      return "Float64";
    case "boolean":
      return "Boolean";
    default:
  }
  if (value === null) return "Null";
  if (Array.isArray(value)) return "Array";
  // A field name cannot start with "$", so the first key tells a scalar from an object.
  for (const key in value as ConvexObject) {
    if (key === "$integer") return "Int64";
    if (key === "$bytes") return "Bytes";
    if (key === "$float") return "Float64";
    break;
  }
  return "Object";
}

export function isObject(value: MaybeValue): value is ConvexObject {
  return value !== undefined && value !== null && typeof value === "object" && kindOf(value) === "Object";
}

/** The number behind a Float64 value of either JSON form. */
export function floatOf(value: ConvexJson): number {
  if (typeof value === "number") return value;
  return Buffer.from((value as { $float: string }).$float, "base64").readDoubleLE(0);
}

export function integerOf(value: ConvexJson): bigint {
  return Buffer.from((value as { $integer: string }).$integer, "base64").readBigInt64LE(0);
}

export function bytesOf(value: ConvexJson): Buffer {
  return Buffer.from((value as { $bytes: string }).$bytes, "base64");
}

export function floatToJson(value: number): ConvexJson {
  if (Number.isFinite(value) && !Object.is(value, -0)) return value;
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleLE(value, 0);
  return { $float: bytes.toString("base64") };
}

export function integerToJson(value: bigint): ConvexJson {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeBigInt64LE(value, 0);
  return { $integer: bytes.toString("base64") };
}

/** Field names in the order in which Convex keeps them: JavaScript would put "10" before "9". */
export function sortedFields(object: ConvexObject): string[] {
  return Object.keys(object).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** The value at a dotted path, or undefined. */
export function getPath(object: ConvexObject, path: readonly string[]): MaybeValue {
  let current: MaybeValue = object;
  for (const field of path) {
    if (!isObject(current) || !Object.hasOwn(current, field)) return undefined;
    current = current[field];
  }
  return current;
}

/** Equality as Convex sees it: by value, where 0 and -0 differ and NaN equals itself. */
export function sameValue(a: MaybeValue, b: MaybeValue): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((item, i) => sameValue(item, b[i]));
  }
  if (Array.isArray(b)) return false;
  const fields = Object.keys(a);
  return (
    fields.length === Object.keys(b).length &&
    fields.every((field) => Object.hasOwn(b, field) && sameValue(a[field], b[field]))
  );
}
