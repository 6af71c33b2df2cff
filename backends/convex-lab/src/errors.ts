/** A reason not to start (or to stop): one line for the operator, exit code 2. */
export class StartupError extends Error {
  override readonly name = "StartupError";
}

/**
 * An error that the function's developer can cause and catch, as Convex words it.
 * Inside a function it surfaces as a thrown `Error` with the same message; at the
 * edge of the API it becomes `{code, message}` with the given HTTP status.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  readonly code: string;
  readonly status: number;
  /** The payload of a ConvexError, in Convex JSON; undefined for any other error. */
  readonly data: unknown;

  constructor(code: string, message: string, options: { status?: number; data?: unknown } = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? 400;
    this.data = options.data;
  }
}

/** What a Convex deployment can do and convex-lab cannot: never ignored, always said. */
export function unsupported(what: string): UserError {
  return new UserError("Unsupported", `${what} is not supported by convex-lab`);
}

/**
 * The call itself is at fault (no such function, arguments that do not fit, a result
 * that does not fit): reported like a thrown function error, without a stack.
 */
export class CallError extends Error {
  override readonly name = "CallError";
}

/** A failure of the host, not of the function: HTTP 500, details only in the log. */
export class InternalError extends Error {
  override readonly name = "InternalError";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
