import assert from "node:assert/strict";
import { mock, test } from "node:test";

import {
  API_KEY,
  backend,
  context,
  dump,
  kapsoBody,
  lookUp,
  post,
  seeded,
  signature,
  uuid,
  workspace,
} from "./support.ts";
import type { Backend } from "./support.ts";

const TIMING = /^query;dur=\d+(\.\d+)?, total;dur=\d+(\.\d+)?$/;
const WORKSPACE = uuid("wspc", 1);

async function get(
  t: Backend,
  parameters: Record<string, string>,
  headers: Record<string, string> = { "x-api-key": API_KEY },
) {
  return await t.fetch(`/http/contacts/getByPhone?${new URLSearchParams(parameters)}`, { headers });
}

async function assertAnswer(response: Response, status: number, body: unknown): Promise<void> {
  assert.deepEqual([response.status, await response.json()], [status, body]);
  assert.match(response.headers.get("Server-Timing") ?? "", TIMING);
  assert.equal(response.headers.get("Cache-Control"), "no-store");
  assert.equal(response.headers.get("Content-Type"), "application/json");
}

/** What the functions wrote to the log while `run` ran. */
async function logged(run: () => Promise<void>): Promise<string> {
  const log = mock.method(console, "error", () => {});
  try {
    await run();
    return log.mock.calls.map((call) => call.arguments.join(" ")).join("\n");
  } finally {
    log.mock.restore();
  }
}

test("the endpoint answers as the query does, and echoes the request id", async () => {
  const t = await seeded([context(0)]);
  const expected = await lookUp(t, context(0).contact.phone);
  const response = await get(
    t,
    { phone: "+62 (812) 0000-0000", workspace_id: WORKSPACE },
    { "x-api-key": API_KEY, "x-request-id": "r-1" },
  );
  assert.equal(response.headers.get("x-request-id"), "r-1");
  await assertAnswer(response, 200, expected);
  await assertAnswer(await get(t, { phone: "628999", workspace_id: WORKSPACE }), 200, {
    found: false,
    contact: null,
    notes: [],
    last_interaction: null,
    recent_messages: [],
  });
});

test("lookup: a wrong or absent key is a 401, before the parameters are looked at", async () => {
  const t = backend();
  for (const headers of [{}, { "x-api-key": "" }, { "x-api-key": "wrong" }, { "x-api-key": `${API_KEY}x` }]) {
    await assertAnswer(await get(t, {}, headers as Record<string, string>), 401, {
      found: false,
      error: "Unauthorized",
    });
  }
});

test("a request id is echoed when it is printable, and ignored when it is not", async () => {
  const t = backend();
  const echoed = async (id: string) => (await get(t, {}, { "x-request-id": id })).headers.get("x-request-id");
  for (const id of ["r", "!~", "x".repeat(128)]) assert.equal(await echoed(id), id);
  for (const id of ["", "two words", "x".repeat(129), "caf\u00e9"]) assert.equal(await echoed(id), null);
  assert.equal((await get(t, {}, {})).headers.get("x-request-id"), null);
});

test("lookup: a missing parameter is a 400 that names it, phone first", async () => {
  const t = backend();
  for (const phone of [undefined, "", "+", "abc"]) {
    for (const workspace_id of [undefined, "", WORKSPACE]) {
      const given = Object.entries({ phone, workspace_id }).filter(([, value]) => value !== undefined);
      const response = await get(t, Object.fromEntries(given) as Record<string, string>);
      await assertAnswer(response, 400, { found: false, error: "Missing phone parameter" });
    }
  }
  for (const parameters of [{ phone: "62812" }, { phone: "62812", workspace_id: "" }] as Record<
    string,
    string
  >[]) {
    await assertAnswer(await get(t, parameters), 400, {
      found: false,
      error: "Missing workspace_id parameter",
    });
  }
});

test("a server without its secret is a 500, before the caller's is looked at", async () => {
  const t = backend();
  process.env.CRM_API_KEY = "";
  delete process.env.KAPSO_WEBHOOK_SECRET;
  await assertAnswer(await get(t, {}, { "x-api-key": "" }), 500, { error: "Service not configured" });
  await assertAnswer(await post(t, kapsoBody()), 500, { error: "Service not configured" });
});

test("what else fails is a 500 whose details are in the log alone", async () => {
  const t = await seeded([context(0)]);
  await t.run(async (ctx) => {
    const { _id, _creationTime, ...row } = (await ctx.db.query("workspaces").first())!;
    await ctx.db.insert("workspaces", row);
  });
  const log = await logged(async () => {
    const response = await get(
      t,
      { phone: context(0).contact.phone, workspace_id: WORKSPACE },
      { "x-api-key": API_KEY, "x-request-id": "r-3" },
    );
    assert.equal(response.headers.get("x-request-id"), "r-3");
    await assertAnswer(response, 500, { error: "Internal server error" });
    await assertAnswer(await post(t, kapsoBody()), 500, { error: "Internal server error" });
  });
  assert.match(log, /GET \/http\/contacts\/getByPhone failed: .*unique/s);
  assert.match(log, /POST \/webhook\/kapso failed: .*unique/s);
  assert.ok(!log.includes(API_KEY));
});

test("webhook: a message is acknowledged, a second time as a duplicate", async () => {
  const t = await seeded([context(1)]);
  const response = await post(t, kapsoBody(), { "x-request-id": "r-4" });
  assert.equal(response.headers.get("x-request-id"), "r-4");
  await assertAnswer(response, 200, { received: true, duplicate: false });
  const before = await dump(t);
  await assertAnswer(await post(t, kapsoBody()), 200, { received: true, duplicate: true });
  assert.deepEqual(await dump(t), before);
});

test("webhook: a bad signature is a 401 and stores nothing", async () => {
  const t = await seeded([context(1)]);
  const before = await dump(t);
  const raw = JSON.stringify(kapsoBody());
  const right = signature(raw);
  const wrong = [
    "",
    "zz",
    right.slice(0, 62),
    `${right}00`,
    `sha256=${right}`,
    "0".repeat(64),
    signature(`${raw} `),
    signature(raw, "other"),
  ];
  for (const given of wrong) {
    await assertAnswer(await post(t, raw, { "X-Webhook-Signature": given }), 401, {
      received: false,
      error: "Unauthorized",
    });
  }
  const unsigned = await t.fetch("/webhook/kapso", { method: "POST", body: raw });
  await assertAnswer(unsigned, 401, { received: false, error: "Unauthorized" });
  await assertAnswer(await post(t, "not json", { "X-Webhook-Signature": right }), 401, {
    received: false,
    error: "Unauthorized",
  });
  assert.deepEqual(await dump(t), before);
  await assertAnswer(await post(t, raw, { "X-Webhook-Signature": right.toUpperCase() }), 200, {
    received: true,
    duplicate: false,
  });
});

/** Kapso's body with one field, named by its path, set or (undefined) left out. */
function withField(path: string, value: unknown): unknown {
  const body = kapsoBody() as Record<string, any>;
  const keys = path.split(".");
  const last = keys.pop()!;
  const parent = keys.reduce((object, key) => object[key], body);
  if (value === undefined) delete parent[last];
  else parent[last] = value;
  return body;
}

test("webhook: a body of another form is a 400 that names the field and stores nothing", async () => {
  const t = await seeded([context(1)]);
  const before = await dump(t);
  const bad: [string, unknown[]][] = [
    ["message", [undefined, null, [], "text"]],
    ["message.id", [undefined, "", 5, null, "x".repeat(257), "\ud800", "a\0"]],
    [
      "message.timestamp",
      [undefined, "", 1730092800, "1730092800.5", "-1", "1e9", " 1730092800", "123456789012"],
    ],
    ["message.type", [undefined, "", 5]],
    ["message.text", [undefined, null, "Hello"]],
    ["message.text.body", [undefined, 5]],
    ["message.kapso", [undefined, null]],
    ["message.kapso.direction", [undefined, "sideways", null, "Inbound"]],
    ["message.kapso.content", [undefined, null, 5, "x".repeat(65_537), "\udc00 lone"]],
    ["conversation", [undefined, null, "conv_123"]],
    ["conversation.phone_number", [undefined, "", "no digits", 6281234567890]],
    ["conversation.kapso", ["Siti", []]],
    ["conversation.kapso.contact_name", [5, ["Siti"]]],
    ["phone_number_id", [undefined, "", 123, null]],
  ];
  for (const [field, values] of bad) {
    for (const value of values) {
      const response = await post(t, withField(field, value));
      assert.equal(response.status, 400, `${field} = ${JSON.stringify(value)}`);
      const { received, error } = (await response.json()) as { received: boolean; error: string };
      assert.equal(received, false);
      assert.ok(error.startsWith(`${field} must `), `${field} = ${JSON.stringify(value)}: ${error}`);
    }
  }
  for (const raw of ["", "{", "null", "[]", '"text"', "1"]) {
    const response = await post(t, raw);
    assert.equal(response.status, 400, raw);
  }
  const notUtf8 = Buffer.from([0x7b, 0xff, 0x7d]);
  const response = await t.fetch("/webhook/kapso", {
    method: "POST",
    body: notUtf8,
    headers: { "X-Webhook-Signature": signature(notUtf8 as unknown as string) },
  });
  await assertAnswer(response, 400, { received: false, error: "body must be JSON in UTF-8" });
  assert.deepEqual(await dump(t), before);
});

test("webhook: a number that belongs to no workspace is a 400", async () => {
  const t = await seeded([]);
  const before = await dump(t);
  await assertAnswer(await post(t, kapsoBody({ phone_number_id: "999" })), 400, {
    received: false,
    error: "phone_number_id belongs to no workspace",
  });
  assert.deepEqual(await dump(t), before);
});

test("webhook: fields that do not matter may be there or not", async () => {
  const t = await seeded([]);
  const bodies = [
    withField("message.id", "wamid.a"),
    { ...(withField("message.id", "wamid.b") as object), extra: { deep: [1] } },
    withField("conversation.kapso", undefined),
    withField("conversation.kapso", null),
    withField("conversation.kapso.contact_name", null),
    withField("conversation.id", undefined),
    withField("message.kapso.content", ""),
  ] as Record<string, any>[];
  for (const [i, body] of bodies.entries()) {
    body.message.id = `wamid.${i}`;
    await assertAnswer(await post(t, body), 200, { received: true, duplicate: false });
  }
  const image = kapsoBody({ id: "wamid.image" }) as Record<string, any>;
  image.message.type = "image";
  delete image.message.text;
  await assertAnswer(await post(t, image), 200, { received: true, duplicate: false });
  assert.equal(workspace(1).kapso_phone_id, image.phone_number_id);
});

test("other paths and methods are not served", async () => {
  const t = backend();
  assert.equal((await t.fetch("/webhook/kapso", { method: "GET" })).status, 404);
  assert.equal((await t.fetch("/contacts/getByPhone", { method: "GET" })).status, 404);
});
