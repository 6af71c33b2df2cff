/** The checks around a call: its arguments before, its result after. */
import { CallError, UserError } from "../errors.ts";
import { display } from "../values/display.ts";
import { kindOf, type ConvexJson } from "../values/json.ts";
import { normalise } from "../values/normalise.ts";
import { formatBytes, sizeOf } from "../values/size.ts";
import { validate, type TableNameOf, type ValidatorJson } from "./validator.ts";

const MAX_ARGUMENTS_BYTES = 1 << 24;

/** Positional arguments in canonical form. Throws CallError when they are no Convex values or too large. */
export function parseArguments(path: string, args: unknown): ConvexJson[] {
  const positional = Array.isArray(args) ? args : [args];
  let values: ConvexJson[];
  try {
    values = normalise(positional) as ConvexJson[];
  } catch (error) {
    if (error instanceof UserError) throw new CallError(`Invalid arguments for ${path}: ${error.message}`);
    throw error;
  }
  const size = sizeOf(values);
  if (size > MAX_ARGUMENTS_BYTES) {
    throw new CallError(
      `Arguments for ${path} are too large (actual: ${formatBytes(size)}, limit: ${formatBytes(MAX_ARGUMENTS_BYTES)})`,
    );
  }
  return values;
}

export function checkArguments(validator: ValidatorJson, args: ConvexJson[], tableNameOf: TableNameOf): void {
  if (validator.type === "any") return;
  const reason = argumentsMismatch(validator, args, tableNameOf);
  if (reason !== undefined) throw new CallError(`ArgumentValidationError: ${reason}`);
}

function argumentsMismatch(
  validator: ValidatorJson,
  args: ConvexJson[],
  tableNameOf: TableNameOf,
): string | undefined {
  const [single] = args;
  if (args.length !== 1 || single === undefined) {
    return `Expected to receive a single object as the function's argument. Instead received ${args.length} arguments: ${display(args)}`;
  }
  if (kindOf(single) !== "Object") {
    return `Expected to receive an object as the function's argument. Instead received: ${display(single)}`;
  }
  return validate(validator, single, tableNameOf);
}

export function checkResult(validator: ValidatorJson | null, result: ConvexJson, tableNameOf: TableNameOf): void {
  if (validator === null || validator.type === "any") return;
  const reason = validate(validator, result, tableNameOf);
  if (reason !== undefined) throw new CallError(`ReturnsValidationError: ${reason}`);
}
