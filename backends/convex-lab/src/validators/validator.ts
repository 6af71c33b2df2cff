/** Validators as `schema.ts` and a function's `args` and `returns` export them. */
import { display } from "../values/display.ts";
import { floatOf, kindOf, sameValue, sortedFields, type ConvexJson, type ConvexObject } from "../values/json.ts";
import { tableNumberOf } from "../values/ids.ts";

export type ValidatorJson =
  | { type: "null" | "number" | "bigint" | "commitTs" | "boolean" | "string" | "bytes" | "any" }
  | { type: "literal"; value: ConvexJson }
  | { type: "id"; tableName: string }
  | { type: "array"; value: ValidatorJson }
  | { type: "record"; keys: ValidatorJson; values: FieldJson }
  | { type: "object"; value: Record<string, FieldJson> }
  | { type: "union"; value: ValidatorJson[] };

export interface FieldJson {
  fieldType: ValidatorJson;
  optional: boolean;
}

export type TableNameOf = (tableNumber: number) => string | undefined;

/** Where and why a value does not fit; the path grows from the inside out. */
class Mismatch {
  readonly path: string[] = [];
  readonly describe: (context: string) => string;

  constructor(describe: (context: string) => string) {
    this.describe = describe;
  }

  within(step: string): this {
    this.path.push(step);
    return this;
  }

  toString(): string {
    return this.describe(this.path.length === 0 ? "" : `Path: ${this.path.reverse().join("")}`);
  }
}

/** The reason why `value` does not fit, in Convex's words, or undefined when it fits. */
export function validate(
  validator: ValidatorJson,
  value: ConvexJson,
  tableNameOf: TableNameOf,
): string | undefined {
  return check(validator, value, tableNameOf)?.toString();
}

function check(validator: ValidatorJson, value: ConvexJson, tableNameOf: TableNameOf): Mismatch | undefined {
  switch (validator.type) {
    case "any":
      return undefined;
    case "null":
      return value === null ? undefined : noMatch(validator, value);
    case "string":
      return typeof value === "string" ? undefined : noMatch(validator, value);
    case "boolean":
      return typeof value === "boolean" ? undefined : noMatch(validator, value);
    case "number":
      return typeof value === "number" || kindOf(value) === "Float64" ? undefined : noMatch(validator, value);
    case "bigint":
    case "commitTs":
      return kindOf(value) === "Int64" ? undefined : noMatch(validator, value);
    case "bytes":
      return kindOf(value) === "Bytes" ? undefined : noMatch(validator, value);
    case "literal":
      return checkLiteral(validator, value);
    case "id":
      return checkId(validator, value, tableNameOf);
    case "array":
      return checkArray(validator, value, tableNameOf);
    case "record":
      return checkRecord(validator, value, tableNameOf);
    case "object":
      return checkObject(validator, value, tableNameOf);
    case "union":
      return checkUnion(validator, value, tableNameOf);
  }
}

type Of<T extends ValidatorJson["type"]> = Extract<ValidatorJson, { type: T }>;

function noMatch(validator: ValidatorJson, value: ConvexJson): Mismatch {
  return new Mismatch(
    (context) =>
      `Value does not match validator.\n${context}\nValue: ${display(value)}\nValidator: ${displayValidator(validator)}`,
  );
}

function checkLiteral(validator: Of<"literal">, value: ConvexJson): Mismatch | undefined {
  if (sameValue(validator.value, value)) return undefined;
  return new Mismatch(
    (context) =>
      `\`${display(value)}\` does not match literal validator \`v.literal(${displayLiteral(validator.value)})\`.${context}`,
  );
}

function checkId(validator: Of<"id">, value: ConvexJson, tableNameOf: TableNameOf): Mismatch | undefined {
  if (typeof value !== "string") return noMatch(validator, value);
  const tableNumber = tableNumberOf(value);
  const found = tableNumber === undefined ? undefined : tableNameOf(tableNumber);
  if (found === undefined) return noMatch(validator, value);
  if (found === validator.tableName) return undefined;
  return new Mismatch(
    (context) =>
      `Found ID "${value}" from table \`${found}\`, which does not match the table name in validator \`v.id("${validator.tableName}")\`.${context}`,
  );
}

function checkArray(validator: Of<"array">, value: ConvexJson, tableNameOf: TableNameOf): Mismatch | undefined {
  if (!Array.isArray(value)) return noMatch(validator, value);
  for (let i = 0; i < value.length; i++) {
    const mismatch = check(validator.value, value[i]!, tableNameOf);
    if (mismatch) return mismatch.within(`[${i}]`);
  }
  return undefined;
}

function checkRecord(validator: Of<"record">, value: ConvexJson, tableNameOf: TableNameOf): Mismatch | undefined {
  if (kindOf(value) !== "Object") return noMatch(validator, value);
  for (const field of sortedFields(value as ConvexObject)) {
    const key = check(validator.keys, field, tableNameOf);
    if (key) return key.within(".keys()");
    const item = check(validator.values.fieldType, (value as ConvexObject)[field]!, tableNameOf);
    if (item) return item.within(".values()");
  }
  return undefined;
}

function checkObject(validator: Of<"object">, value: ConvexJson, tableNameOf: TableNameOf): Mismatch | undefined {
  if (kindOf(value) !== "Object") return noMatch(validator, value);
  const object = value as ConvexObject;
  for (const field of validatorFields(validator)) {
    const { fieldType, optional } = validator.value[field]!;
    if (Object.hasOwn(object, field)) {
      const mismatch = check(fieldType, object[field]!, tableNameOf);
      if (mismatch) return mismatch.within(`.${field}`);
    } else if (!optional) {
      return new Mismatch(
        (context) =>
          `Object is missing the required field \`${field}\`. Consider wrapping the field validator in \`v.optional(...)\` if this is expected.\n${context}\nObject: ${display(object)}\nValidator: ${displayValidator(validator)}`,
      );
    }
  }
  for (const field in object) {
    if (!Object.hasOwn(validator.value, field)) return extraField(validator, object);
  }
  return undefined;
}

function extraField(validator: Of<"object">, object: ConvexObject): Mismatch {
  const field = sortedFields(object).find((name) => !Object.hasOwn(validator.value, name))!;
  return new Mismatch(
    (context) =>
      `Object contains extra field \`${field}\` that is not in the validator.\n${context}\nObject: ${display(object)}\nValidator: ${displayValidator(validator)}`,
  );
}

function checkUnion(validator: Of<"union">, value: ConvexJson, tableNameOf: TableNameOf): Mismatch | undefined {
  if (validator.value.length === 1) return check(validator.value[0]!, value, tableNameOf);
  for (const member of validator.value) {
    if (check(member, value, tableNameOf) === undefined) return undefined;
  }
  return noMatch(validator, value);
}

const fieldOrder = new WeakMap<Of<"object">, string[]>();

/** A validator's fields in Convex's order, sorted once per validator. */
function validatorFields(validator: Of<"object">): string[] {
  let fields = fieldOrder.get(validator);
  if (fields === undefined) {
    fields = Object.keys(validator.value).sort();
    fieldOrder.set(validator, fields);
  }
  return fields;
}

export function displayValidator(validator: ValidatorJson): string {
  switch (validator.type) {
    case "id":
      return `v.id("${validator.tableName}")`;
    case "number":
      return "v.float64()";
    case "bigint":
      return "v.int64()";
    case "literal":
      return `v.literal(${displayLiteral(validator.value)})`;
    case "array":
      return `v.array(${displayValidator(validator.value)})`;
    case "record":
      return `v.record(${displayValidator(validator.keys)}, ${displayValidator(validator.values.fieldType)})`;
    case "object":
      return `v.object({${validatorFields(validator).map((field) => `${field}: ${displayField(validator.value[field]!)}`).join(", ")}})`;
    case "union":
      return `v.union(${validator.value.map(displayValidator).join(", ")})`;
    default:
      return `v.${validator.type}()`;
  }
}

function displayField(field: FieldJson): string {
  const inner = displayValidator(field.fieldType);
  return field.optional ? `v.optional(${inner})` : inner;
}

function displayLiteral(value: ConvexJson): string {
  switch (kindOf(value)) {
    case "Int64":
      return "<bigint>";
    case "Float64": {
      const float = floatOf(value);
      if (!Number.isFinite(float)) return "<number>";
      return display(value);
    }
    default:
      return JSON.stringify(value);
  }
}
