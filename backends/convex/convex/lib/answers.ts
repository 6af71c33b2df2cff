import { httpAction } from "./server.ts";
import type { ActionCtx } from "./server.ts";

/** Printable ASCII without a space; any other value is ignored, not echoed. */
const REQUEST_ID = /^[!-~]{1,128}$/;

export type Answer = { status: number; body: Record<string, unknown> };

/** Adds up the time spent in the data layer while one request is handled. */
export class DataLayerClock {
  total_ms = 0;

  async time<Value>(call: () => Promise<Value>): Promise<Value> {
    const started_ms = now_ms();
    try {
      return await call();
    } finally {
      this.total_ms += now_ms() - started_ms;
    }
  }
}

type Handler = (ctx: ActionCtx, request: Request, clock: DataLayerClock) => Promise<Answer>;

/**
 * An HTTP action whose every answer, errors included, is JSON with Server-Timing,
 * the caller's x-request-id and no caching. A throw becomes a 500 without
 * details; those go to the log.
 */
export function answering(handler: Handler) {
  return httpAction(async (ctx, request) => {
    const started_ms = now_ms();
    const clock = new DataLayerClock();
    const answer = await handler(ctx, request, clock).catch((error: unknown): Answer => {
      console.error(`${request.method} ${new URL(request.url).pathname} failed:`, error);
      return { status: 500, body: { error: "Internal server error" } };
    });

    const headers = new Headers({
      "Content-Type": "application/json",
      "Cache-Control": "no-store",
      "Server-Timing": `query;dur=${clock.total_ms.toFixed(3)}, total;dur=${(now_ms() - started_ms).toFixed(3)}`,
    });
    const requestId = request.headers.get("x-request-id");
    if (requestId !== null && REQUEST_ID.test(requestId)) headers.set("x-request-id", requestId);
    return new Response(JSON.stringify(answer.body), { status: answer.status, headers });
  });
}

/** Older self-hosted backends have no `performance` in their runtime. */
function now_ms(): number {
  return typeof performance === "undefined" ? Date.now() : performance.now();
}
