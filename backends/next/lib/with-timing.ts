import { INTERNAL_ERROR, NOT_CONFIGURED } from "./answer.ts";
import type { Answer } from "./answer.ts";
import { NotConfigured } from "./environment.ts";
import { describeError, log } from "./log.ts";

/** One request under way: what a handler reports to `withTiming`. */
export class Call {
  query_ms = 0;
  readonly facts: Record<string, string> = {};

  /** Awaits one call of the data layer and adds its time to the answer's `query`. */
  async query<Value>(work: () => PromiseLike<Value>): Promise<Value> {
    const started_ms = performance.now();
    try {
      return await work();
    } finally {
      this.query_ms += performance.now() - started_ms;
    }
  }

  /** Adds a field to the request's log line. */
  note(name: string, value: string): void {
    this.facts[name] = value;
  }
}

type Handler = (request: Request, call: Call) => Answer | Promise<Answer>;

/**
 * Wraps a route: every answer, errors included, is uncached JSON with Server-Timing
 * and the caller's x-request-id, and leaves one line in the log.
 */
export function withTiming(route: string, handler: Handler): (request: Request) => Promise<Response> {
  return async (request) => {
    const started_ms = performance.now();
    const call = new Call();
    const { status, body } = await answerOf(handler, request, call);
    const requestId = acceptableRequestId(request.headers.get("x-request-id"));
    const total_ms = performance.now() - started_ms;

    log({
      route,
      method: request.method,
      status,
      total_ms: rounded(total_ms),
      query_ms: rounded(call.query_ms),
      request_id: requestId,
      ...call.facts,
    });
    const headers = new Headers({
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "Server-Timing": `query;dur=${call.query_ms.toFixed(3)}, total;dur=${total_ms.toFixed(3)}`,
    });
    if (requestId !== null) headers.set("x-request-id", requestId);
    return new Response(JSON.stringify(body), { status, headers });
  };
}

async function answerOf(handler: Handler, request: Request, call: Call): Promise<Answer> {
  try {
    return await handler(request, call);
  } catch (error) {
    call.note("error", describeError(error));
    return error instanceof NotConfigured ? NOT_CONFIGURED : INTERNAL_ERROR;
  }
}

/** Printable ASCII of reasonable length goes back to the caller and into the log; nothing else does. */
function acceptableRequestId(value: string | null): string | null {
  return value !== null && /^[\x21-\x7e]{1,128}$/.test(value) ? value : null;
}

function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
