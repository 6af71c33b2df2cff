/** What a failed call looks like from outside. */
import { CallError, UserError } from "../errors.ts";
import type { ConvexJson } from "../values/json.ts";

export class FunctionError extends Error {
  override readonly name = "FunctionError";
  /** "Uncaught Error: boom" */
  readonly headline: string;
  /** The headline and the functions' own stack frames, a line each. */
  readonly trace: string;
  /** For the log: without the lines on which a validation error shows the values it met. */
  readonly summary: string;
  /** The payload of a ConvexError; undefined for any other error. */
  readonly data: ConvexJson | undefined;

  constructor(headline: string, frames: readonly string[], data: ConvexJson | undefined) {
    super(headline);
    this.headline = headline;
    this.trace = [headline, ...frames, ""].join("\n");
    this.summary = [headline.split("\n", 1)[0], ...frames, ""].join("\n");
    this.data = data;
  }
}

/** What a function has thrown, whatever it is. */
export function describeThrown(thrown: unknown, functionsFolder: string): FunctionError {
  if (thrown instanceof FunctionError) return thrown;
  if (thrown instanceof CallError) return new FunctionError(thrown.message, [], undefined);
  if (thrown instanceof UserError) {
    return new FunctionError(`Uncaught Error: ${thrown.message}`, [], thrown.data as ConvexJson | undefined);
  }
  return new FunctionError(`Uncaught ${headlineOf(thrown)}`, framesOf(thrown, functionsFolder), dataOf(thrown));
}

function headlineOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "[object]";
  }
}

/** The `convex` package has turned a ConvexError's data into Convex JSON text by now. */
function dataOf(thrown: unknown): ConvexJson | undefined {
  if (typeof thrown !== "object" || thrown === null || !(Symbol.for("ConvexError") in thrown)) return undefined;
  const { data } = thrown as { data?: unknown };
  return typeof data === "string" ? (JSON.parse(data) as ConvexJson) : undefined;
}

function framesOf(thrown: unknown, functionsFolder: string): string[] {
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  if (stack === undefined) return [];
  return stack
    .split("\n")
    .filter((line) => line.startsWith("    at ") && line.includes(functionsFolder))
    .map((line) => line.replaceAll(functionsFolder, "../convex"));
}

/** The form in which the `convex` package expects a callee's error: `data` only for a ConvexError. */
export function rethrowable(error: FunctionError): Error {
  const message = error.trace;
  return error.data === undefined ? new Error(message) : Object.assign(new Error(message), { data: error.data });
}
