import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";

import type { Answer } from "../lib/answer.ts";
import { NotConfigured } from "../lib/environment.ts";
import { withTiming } from "../lib/with-timing.ts";
import type { Call } from "../lib/with-timing.ts";

const OK: Answer = { status: 200, body: { fine: true } };

type Handled = { response: Response; logged: Record<string, unknown>[] };

async function handle(
  t: TestContext,
  handler: (request: Request, call: Call) => Answer | Promise<Answer>,
  headers: Record<string, string> = {},
): Promise<Handled> {
  const write = t.mock.method(console, "log", () => {});
  const response = await withTiming("a/route", handler)(new Request("http://host/path", { headers }));
  const logged = write.mock.calls.map((call) => JSON.parse(String(call.arguments[0])));
  write.mock.restore();
  return { response, logged };
}

function timing(response: Response): number[] {
  const header = response.headers.get("server-timing") ?? "";
  const parts = /^query;dur=(\d+\.\d{1,3}), total;dur=(\d+\.\d{1,3})$/.exec(header);
  assert.ok(parts, header);
  return parts.slice(1).map(Number);
}

test("an answer is uncached JSON with its times, and one line of log", async (t) => {
  const { response, logged } = await handle(t, async (_, call) => {
    await call.query(() => new Promise((resolve) => setTimeout(resolve, 20)));
    return OK;
  });

  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { fine: true });
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("content-type"), "application/json");
  const [query_ms = 0, total_ms = 0] = timing(response);
  assert.ok(query_ms > 0 && query_ms <= total_ms);
  assert.equal(logged.length, 1);
  assert.deepEqual(Object.keys(logged[0] ?? {}), [
    "at", "route", "method", "status", "total_ms", "query_ms", "request_id",
  ]);
});

test("a failure is a 500 without details, with its times, and the details are in the log", async (t) => {
  const { response, logged } = await handle(t, async (_, call) => {
    await call.query(() => Promise.reject(new Error("relation is gone")));
    return OK;
  });

  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), { error: "Internal server error" });
  assert.equal(timing(response).length, 2);
  assert.equal(logged[0]?.error, "Error: relation is gone");
});

test("a missing setting is told apart from a failure", async (t) => {
  const { response, logged } = await handle(t, () => {
    throw new NotConfigured("CRM_API_KEY is not set");
  });

  assert.equal(response.status, 500);
  assert.deepEqual(await response.json(), { error: "Service not configured" });
  assert.equal(logged[0]?.error, "NotConfigured: CRM_API_KEY is not set");
});

test("the log shows neither a key nor a whole phone number", async (t) => {
  process.env.CRM_API_KEY = "a-key-of-some-length";
  t.after(() => delete process.env.CRM_API_KEY);
  const { logged } = await handle(t, () => {
    throw new Error("rejected {api_key: 'a-key-of-some-length', phone: '6281234567890'}");
  });

  assert.equal(logged[0]?.error, "Error: rejected {api_key: '[secret]', phone: '***890'}");
});

test("a request id of printable ASCII comes back, any other does not", async (t) => {
  for (const id of ["trace-1", "~".repeat(128)]) {
    const { response, logged } = await handle(t, () => OK, { "x-request-id": id });
    assert.equal(response.headers.get("x-request-id"), id);
    assert.equal(logged[0]?.request_id, id);
  }
  for (const id of ["two words", "x".repeat(129), "\u00e9", ""]) {
    const { response, logged } = await handle(t, () => OK, { "x-request-id": id });
    assert.equal(response.headers.get("x-request-id"), null);
    assert.equal(logged[0]?.request_id, null);
  }
});
