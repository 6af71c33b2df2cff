/** The expressions of `.filter(...)`, evaluated on one document. */
import { UserError } from "../errors.ts";
import { display } from "../values/display.ts";
import {
  floatOf, floatToJson, getPath, integerOf, integerToJson, kindOf,
  type ConvexJson, type ConvexObject, type MaybeValue,
} from "../values/json.ts";
import { compareValues } from "../values/sort-key.ts";
import { maybeValue } from "./query.ts";

type Evaluate = (document: ConvexObject) => MaybeValue;

/** Throws UserError for an expression that is not known; the result throws it when types do not fit. */
export function compileFilter(json: ConvexObject): (document: ConvexObject) => boolean {
  const evaluate = compile(json);
  return (document) => asBoolean(evaluate(document));
}

function compile(json: ConvexJson | undefined): Evaluate {
  const [operator, operand] = Object.entries(json as ConvexObject)[0] ?? [];
  switch (operator) {
    case "$field": {
      const path = String(operand).split(".");
      return (document) => getPath(document, path);
    }
    case "$literal": {
      const value = maybeValue(operand);
      return () => value;
    }
    case "$and": {
      const parts = (operand as ConvexJson[]).map(compile);
      return (document) => parts.every((part) => asBoolean(part(document)));
    }
    case "$or": {
      const parts = (operand as ConvexJson[]).map(compile);
      return (document) => parts.some((part) => asBoolean(part(document)));
    }
    case "$not": {
      const part = compile(operand);
      return (document) => !asBoolean(part(document));
    }
    case "$neg": {
      const part = compile(operand);
      return (document) => negate(part(document));
    }
    default:
      return compileBinary(operator, operand as ConvexJson[]);
  }
}

const COMPARE: Record<string, (order: number) => boolean> = {
  $eq: (order) => order === 0,
  $neq: (order) => order !== 0,
  $lt: (order) => order < 0,
  $lte: (order) => order <= 0,
  $gt: (order) => order > 0,
  $gte: (order) => order >= 0,
};

interface Arithmetic {
  name: string;
  floats: (a: number, b: number) => number;
  integers: (a: bigint, b: bigint) => bigint;
}

const ARITHMETIC: Record<string, Arithmetic> = {
  $add: { name: "add", floats: (a, b) => a + b, integers: (a, b) => a + b },
  $sub: { name: "subtract", floats: (a, b) => a - b, integers: (a, b) => a - b },
  $mul: { name: "multiply", floats: (a, b) => a * b, integers: (a, b) => a * b },
  $div: { name: "divide", floats: (a, b) => a / b, integers: (a, b) => a / b },
  $mod: { name: "mod", floats: (a, b) => a % b, integers: (a, b) => a % b },
};

function compileBinary(operator: string | undefined, operands: ConvexJson[]): Evaluate {
  const compare = COMPARE[operator ?? ""];
  const arithmetic = ARITHMETIC[operator ?? ""];
  if (compare === undefined && arithmetic === undefined) {
    throw new UserError("InvalidArgument", `Unknown expression ${operator} in a filter`);
  }
  const left = compile(operands[0]);
  const right = compile(operands[1]);
  if (compare !== undefined) {
    return (document) => compare(compareValues(left(document), right(document)));
  }
  return (document) => calculate(arithmetic!, left(document), right(document));
}

function calculate({ name, floats, integers }: Arithmetic, a: MaybeValue, b: MaybeValue): ConvexJson {
  if (typeName(a) === "Float64" && typeName(b) === "Float64") return floatToJson(floats(floatOf(a!), floatOf(b!)));
  if (typeName(a) !== "Int64" || typeName(b) !== "Int64") {
    throw evalError(`Cannot ${name} ${display(a)} (type ${typeName(a)}) and ${display(b)} (type ${typeName(b)})`);
  }
  const [left, right] = [integerOf(a!), integerOf(b!)];
  if (right === 0n && (name === "divide" || name === "mod")) throw evalError(`Cannot ${name} ${left} by zero`);
  const result = integers(left, right);
  if (BigInt.asIntN(64, result) !== result) {
    throw evalError(`Cannot ${name} ${left} and ${right}: the result is out of range for Int64`);
  }
  return integerToJson(result);
}

function negate(value: MaybeValue): ConvexJson {
  switch (typeName(value)) {
    case "Float64":
      return floatToJson(-floatOf(value!));
    case "Int64": {
      const result = -integerOf(value!);
      if (BigInt.asIntN(64, result) === result) return integerToJson(result);
      throw evalError(`Cannot negate ${display(value)}: the result is out of range for Int64`);
    }
    default:
      throw evalError(`Cannot negate ${display(value)} (type ${typeName(value)})`);
  }
}

function asBoolean(value: MaybeValue): boolean {
  if (typeof value === "boolean") return value;
  throw evalError(`Cannot use value ${display(value)} (type ${typeName(value)}) as a Boolean`);
}

function typeName(value: MaybeValue): string {
  return value === undefined ? "undefined" : kindOf(value);
}

function evalError(message: string): UserError {
  return new UserError("EvalError", message);
}
