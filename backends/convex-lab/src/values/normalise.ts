import { unsupported, UserError } from "../errors.ts";
import { floatToJson, sortedFields, type ConvexJson, type ConvexObject } from "./json.ts";

const MAX_ARRAY_LENGTH = 8192;
const MAX_OBJECT_FIELDS = 1024;
const MAX_NESTING = 64;
const MAX_FIELD_NAME_LENGTH = 1024;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Checks foreign JSON and returns it in canonical form (fields sorted, special floats encoded),
 * so that equal values have equal texts.
 * Throws UserError with Convex's wording when it is no Convex value.
 */
export function normalise(json: unknown, depth = 0): ConvexJson {
  if (depth > MAX_NESTING) {
    throw new UserError(
      "TooNestedError",
      `Value is too nested (nested ${depth} levels deep > maximum nesting ${MAX_NESTING})`,
    );
  }
  switch (typeof json) {
    case "string":
      if (!json.isWellFormed()) {
        throw new UserError("InvalidValue", "String contains a lone surrogate: it is no valid Unicode text");
      }
      return json;
    case "boolean":
      return json;
    case "number":
      return floatToJson(json);
    case "object":
      break;
    default:
      throw new UserError("InvalidValue", `${typeof json} is not a supported Convex type`);
  }
  if (json === null) return null;
  if (Array.isArray(json)) return normaliseArray(json, depth);
  return normaliseObject(json as ConvexObject, depth);
}

function normaliseArray(items: unknown[], depth: number): ConvexJson[] {
  if (items.length > MAX_ARRAY_LENGTH) {
    throw new UserError(
      "ArrayTooLong",
      `Array length is too long (${items.length} > maximum length ${MAX_ARRAY_LENGTH})`,
    );
  }
  return items.map((item) => normalise(item, depth + 1));
}

function normaliseObject(object: ConvexObject, depth: number): ConvexJson {
  const fields = sortedFields(object);
  const first = fields[0];
  if (fields.length === 1 && first?.startsWith("$")) return normaliseScalar(first, object[first]);
  if (fields.length > MAX_OBJECT_FIELDS) {
    throw new UserError(
      "TooManyFieldsError",
      `Object has too many fields (${fields.length} > maximum number ${MAX_OBJECT_FIELDS})`,
    );
  }
  const out: ConvexObject = {};
  for (const field of fields) {
    checkFieldName(field);
    const value = normalise(object[field], depth + 1);
    // Assigning "__proto__" would set the prototype instead of a field.
    if (field === "__proto__") {
      Object.defineProperty(out, field, { value, enumerable: true, writable: true, configurable: true });
    } else {
      out[field] = value;
    }
  }
  return out;
}

function normaliseScalar(tag: string, payload: unknown): ConvexJson {
  if (tag === "$commitTs") {
    throw unsupported("db.vars.commitTs");
  }
  if (tag !== "$integer" && tag !== "$float" && tag !== "$bytes") {
    checkFieldName(tag);
  }
  if (typeof payload !== "string" || !BASE64.test(payload)) {
    throw new UserError("InvalidValue", `Malformed ${tag} value: expected a base64 string`);
  }
  if (tag === "$bytes") return { $bytes: payload };
  const bytes = Buffer.from(payload, "base64");
  if (bytes.length !== 8) {
    throw new UserError("InvalidValue", `Received ${bytes.length} bytes, expected 8 for ${tag}`);
  }
  if (tag === "$integer") return { $integer: payload };
  const float = bytes.readDoubleLE(0);
  const canonical = floatToJson(float);
  if (typeof canonical === "number") {
    throw new UserError("InvalidValue", `Float64 ${float} should be encoded as a number`);
  }
  // Any NaN keeps its own bits in Convex; they are never told apart by a function.
  return canonical;
}

function checkFieldName(field: string): void {
  if (field.length > MAX_FIELD_NAME_LENGTH) {
    throw new UserError(
      "InvalidFieldName",
      `Field name is too long (${field.length} > maximum ${MAX_FIELD_NAME_LENGTH})`,
    );
  }
  if (field.startsWith("$")) {
    throw new UserError("InvalidFieldName", `Field name ${field} starts with '$', which is reserved.`);
  }
  for (let i = 0; i < field.length; i++) {
    const code = field.charCodeAt(i);
    if (code < 32 || code >= 127) {
      throw new UserError(
        "InvalidFieldName",
        `Field name ${field} has invalid character '${field[i]}': Field names can only contain non-control ASCII characters`,
      );
    }
  }
}
