/** The functions API over HTTP: request and response forms, access, errors. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ConvexHttpClient } from "convex/browser";
import { anyApi } from "convex/server";
import { ConvexError } from "convex/values";
import fc from "fast-check";
import { ADMIN_KEY, Lab, temporaryFolder } from "./support/lab.ts";

const temporary = temporaryFolder();
let lab: Lab;
before(async () => {
  lab = await Lab.start(temporary.folder, { flags: ["--env", "LAB_VISIBLE"], environment: { LAB_VISIBLE: "yes", LAB_HIDDEN: "no" } });
});
after(async () => {
  assert.equal(await lab.stop(), 0);
  temporary[Symbol.dispose]();
});

const api = anyApi as any;

/** The message without its random request id. */
function messageOf(answer: { errorMessage?: string }): string {
  assert.match(answer.errorMessage ?? "", /^\[Request ID: [0-9a-f]{16}\] Server Error\n/);
  return answer.errorMessage!.slice(answer.errorMessage!.indexOf("\n") + 1);
}

describe("calls", () => {
  test("a query answers with its value", async () => {
    assert.deepEqual(await lab.call("query", "calls:echo", { value: [1, "ä", null] }), { status: "success", value: [1, "ä", null] });
  });

  test("a function without a result answers null", async () => {
    assert.deepEqual(await lab.call("query", "calls:noArgs", {}), { status: "success", value: null });
  });

  test("arguments may be positional", async () => {
    assert.equal((await lab.call("query", "calls:echo", [{ value: 7 }])).value, 7);
  });

  test("special values are lossless in one format and plain in the other", async () => {
    const value = { big: { $integer: "BwAAAAAAAAA=" }, bytes: { $bytes: "AQI=" }, nan: { $float: "AAAAAAAA+H8=" } };
    assert.deepEqual((await lab.call("query", "calls:echo", { value })).value, value);
    const plain = await lab.call("query", "calls:echo", { value }, { format: "json" });
    assert.deepEqual(plain.value, { big: "7", bytes: "AQI=", nan: "NaN" });
  });

  test("GET /api/query, /api/function and /api/run answer too", async () => {
    const url = `${lab.url}/api/query?path=calls:echo&args=${encodeURIComponent('{"value":1}')}&format=json`;
    assert.deepEqual(await (await fetch(url)).json(), { status: "success", value: 1 });
    const any = await lab.post("/api/function", { path: "calls:echo", args: { value: 2 } });
    assert.deepEqual(await any.json(), { status: "success", value: 2 });
    const run = await lab.post("/api/run/calls/echo", { args: { value: 3 } });
    assert.deepEqual(await run.json(), { status: "success", value: 3 });
  });

  test("console output comes with the answer", async () => {
    const { logLines } = await lab.call("query", "calls:logs", {});
    assert.deepEqual(logLines, ["[LOG] 'hello' { a: 1 }", "[ERROR] 'bad'"]);
  });

  test("the convex package's own client works", async () => {
    const client = new ConvexHttpClient(lab.url, { skipConvexDeploymentUrlCheck: true, logger: false });
    assert.deepEqual(await client.query(api.calls.echo, { value: { big: 5n, buffer: new ArrayBuffer(2) } }), {
      big: 5n,
      buffer: new ArrayBuffer(2),
    });
    assert.equal(await client.mutation(api.calls.increment, { name: "client" }), 1);
    const result = await client.action(api.calls.action, { name: "client" });
    assert.deepEqual(result, { before: 1, after: 2, doubled: 4, caught: { code: 7n, reason: "no" } });
    await assert.rejects(client.query(api.calls.convexError, {}), (error) => {
      assert.ok(error instanceof ConvexError);
      assert.deepEqual(error.data, { code: 7n, reason: "no" });
      return true;
    });
  });
});

describe("function errors are answers", () => {
  const cases: [what: string, kind: string, path: string, args: unknown, message: RegExp | string][] = [
    ["a throw, with the function's own frames", "query", "calls:boom", {}, /^Uncaught Error: boom\n {4}at .*\(\.\.\/convex\/calls\.ts:\d+:\d+\)\n$/],
    ["an unknown function", "query", "calls:none", {}, "Could not find public function for 'calls:none'.\n"],
    ["an unknown module", "query", "none", {}, "Could not find public function for 'none'.\n"],
    ["an internal function without the key", "query", "calls:secret", {}, "Could not find public function for 'calls:secret'.\n"],
    ["the wrong kind", "mutation", "calls:echo", {}, "Trying to execute calls.js:echo as Mutation, but it is defined as Query.\n"],
    ["a missing argument", "query", "calls:typedArgs", {},
      "ArgumentValidationError: Object is missing the required field `n`. Consider wrapping the field validator in `v.optional(...)` if this is expected.\n\nObject: {}\nValidator: v.object({big: v.optional(v.int64()), item: v.optional(v.id(\"items\")), n: v.float64(), s: v.optional(v.string())})\n"],
    ["an extra argument", "query", "calls:noArgs", { x: 1 },
      "ArgumentValidationError: Object contains extra field `x` that is not in the validator.\n\nObject: {x: 1.0}\nValidator: v.object({})\n"],
    ["an argument of the wrong type", "query", "calls:typedArgs", { n: "1" },
      "ArgumentValidationError: Value does not match validator.\nPath: .n\nValue: \"1\"\nValidator: v.float64()\n"],
    ["two positional arguments", "query", "calls:typedArgs", [{ n: 1 }, 2],
      "ArgumentValidationError: Expected to receive a single object as the function's argument. Instead received 2 arguments: [{n: 1.0}, 2.0]\n"],
    ["a value that is none", "query", "calls:echo", { value: { $x: 1, y: 2 } }, "Invalid arguments for calls:echo: Field name $x starts with '$', which is reserved.\n"],
    ["a result that does not fit", "query", "calls:badResult", { value: { n: "x" } },
      "ReturnsValidationError: Value does not match validator.\nPath: .n\nValue: \"x\"\nValidator: v.float64()\n"],
    ["a write in a query", "query", "calls:writeInQuery", {}, /^Uncaught Error: db\.insert can only be called from a mutation\n/],
    ["fetch in a query", "query", "calls:fetchInQuery", {}, /^Uncaught Error: Can't use fetch\(\) in queries and mutations\. Please consider using an action\./],
    ["a timer in a query", "query", "calls:timerInQuery", {}, /^Uncaught Error: Can't use setTimeout in queries and mutations\./],
    ["two pages in a query", "query", "calls:twoPages", {}, /^Uncaught Error: This query or mutation function ran multiple paginated queries\./],
    ["text search", "query", "calls:search", {}, /^Uncaught Error: Text search \(withSearchIndex\) is not supported by convex-lab/],
    ["file storage in an action", "action", "calls:store", {}, /^Uncaught Error: File storage \(ctx\.storage\) is not supported by convex-lab/],
    ["file storage in a mutation", "mutation", "calls:upload", {}, /^Uncaught Error: File storage \(ctx\.storage\) is not supported by convex-lab/],
    ["the scheduler", "mutation", "calls:schedule", {}, /^Uncaught Error: The scheduler \(ctx\.scheduler\) is not supported by convex-lab/],
    ["system tables", "query", "calls:system", {}, /^Uncaught Error: Reading system tables \(db\.system\) is not supported by convex-lab/],
    ["a system document", "query", "calls:systemGet", {}, /^Uncaught Error: Reading system tables \(db\.system\) is not supported by convex-lab/],
    ["an index that is not there", "query", "data:scan", { table: "items", index: "by_none" }, /^Uncaught Error: Index items\.by_none not found\.\n/],
    ["index fields out of order", "query", "data:scan", { table: "items", index: "by_a_b", range: [{ op: "eq", field: "b", value: 1 }] },
      /^Uncaught Error: Tried to query index items\.by_a_b but the query didn't use the index fields in order\.\nIndex fields: \[a, b, _creationTime\]\nQuery fields: \[b\]\nFirst incorrect field: b\n/],
    ["a cursor of another query", "query", "data:page", { table: "items", cursor: "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", numItems: 1 }, /^Uncaught ConvexError: InvalidCursor/],
    ["no cursor at all", "query", "data:page", { table: "items", cursor: "rubbish", numItems: 1 }, /^Uncaught Error: Failed to parse cursor/],
    ["a document that does not fit", "mutation", "data:insert", { table: "typed", value: { kind: "z", tags: [] } },
      /^Uncaught Error: Failed to insert or update a document in table "typed" because it does not match the schema: Value does not match validator\.\nPath: \.kind\nValue: "z"\nValidator: v\.union\(v\.literal\("x"\), v\.literal\("y"\), v\.literal\(3\.0\)\)\n/],
    ["a system field", "mutation", "data:insert", { table: "free", value: { _x: 1 } }, /^Uncaught Error: Field '_x' starts with an underscore, which is only allowed for system fields like '_id'\n/],
    ["a record of the wrong type", "mutation", "data:insert", { table: "scores", value: { points: { a: "b" } } }, /Path: \.points\.values\(\)/],
    ["too large a document", "mutation", "data:insert", { table: "free", value: { s: "x".repeat(1 << 20) } }, /^Uncaught Error: Value is too large \(1 MiB > maximum size 1 MiB\)\n/],
    ["too deep a document", "mutation", "data:insert", { table: "free", value: { a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]] } }, /^Uncaught Error: Document is too nested \(nested 17 levels deep > maximum nesting 16\)\n/],
    ["an id that is none", "query", "data:get", { id: "nope" }, /^Uncaught Error: Invalid argument `id` for `db\.get`: Unable to decode ID/],
  ];
  for (const [what, kind, path, args, message] of cases) {
    test(what, async () => {
      const answer = await lab.call(kind, path, args);
      assert.equal(answer.status, "error");
      const text = messageOf(answer);
      if (typeof message === "string") assert.equal(text, message);
      else assert.match(text, message);
    });
  }

  test("a ConvexError brings its data in either format", async () => {
    const lossless = await lab.call("query", "calls:convexError", {});
    assert.deepEqual(lossless.errorData, { code: { $integer: "BwAAAAAAAAA=" }, reason: "no" });
    const plain = await lab.call("query", "calls:convexError", {}, { format: "json" });
    assert.deepEqual(plain.errorData, { code: "7", reason: "no" });
  });
});

describe("requests that are refused", () => {
  const cases: [what: string, request: () => Promise<Response>, status: number, code: string][] = [
    ["no JSON content type", () => fetch(`${lab.url}/api/query`, { method: "POST", body: "{}" }), 400, "BadJsonBody"],
    ["no JSON", () => lab.post("/api/query", "{"), 400, "BadJsonBody"],
    ["no object", () => lab.post("/api/query", "[]"), 400, "BadJsonBody"],
    ["no path", () => lab.post("/api/query", { args: {} }), 400, "BadJsonBody"],
    ["no args", () => lab.post("/api/query", { path: "calls:echo" }), 400, "BadJsonBody"],
    ["a path of the wrong type", () => lab.post("/api/query", { path: 1, args: {} }), 400, "BadJsonBody"],
    ["no UTF-8", () => fetch(`${lab.url}/api/query`, { method: "POST", headers: { "content-type": "application/json" }, body: new Uint8Array([0x7b, 0xff, 0x7d]) }), 400, "BadJsonBody"],
    ["too large a body", () => lab.post("/api/query", { path: "calls:echo", args: { value: "x".repeat(17 << 20) } }), 400, "BadJsonBody"],
    ["a path that is none", () => lab.post("/api/query", { path: "a b:c", args: {} }), 400, "BadConvexFunctionIdentifier"],
    ["an unknown format", () => lab.post("/api/query", { path: "calls:noArgs", args: {}, format: "xml" }), 400, "BadFormat"],
    ["GET without arguments", () => fetch(`${lab.url}/api/query?path=x`), 400, "BadQueryArgs"],
    ["/api/run without a function", () => lab.post("/api/run/calls", { args: {} }), 400, "MissingIdentifier"],
    ["a wrong admin key", () => authorised("Convex wrong"), 401, "BadAdminKey"],
    ["a token of an unknown provider", () => authorised("Bearer abc.def.ghi"), 401, "NoAuthProvider"],
    ["another scheme", () => authorised("Basic abcdefg"), 400, "InvalidAdminKey"],
    ["a stub of a header", () => authorised("x"), 400, "InvalidHeaderFailure"],
  ];
  const authorised = (authorization: string) =>
    fetch(`${lab.url}/api/query`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization },
      body: JSON.stringify({ path: "calls:secret", args: {} }),
    });
  for (const [what, request, status, code] of cases) {
    test(what, async () => {
      const response = await request();
      assert.equal(response.status, status);
      const body = (await response.json()) as { code: string; message: string };
      assert.deepEqual(Object.keys(body), ["code", "message"]);
      assert.equal(body.code, code);
    });
  }

  test("another method or path", async () => {
    assert.equal((await fetch(`${lab.url}/api/mutation`)).status, 405);
    assert.equal((await fetch(`${lab.url}/api/other`, { method: "POST" })).status, 404);
    assert.equal((await fetch(`${lab.url}/`)).status, 404);
  });
});

describe("access", () => {
  test("the admin key opens internal functions", async () => {
    assert.equal((await lab.call("query", "calls:secret", {}, { admin: true })).value, "internal");
  });

  test("the admin key appears nowhere", () => {
    assert.ok(!lab.stderr.includes(ADMIN_KEY));
    assert.ok(!lab.process.spawnargs.some((arg) => arg.includes(ADMIN_KEY)));
  });

  test("functions see the named environment variables and nothing else", async () => {
    assert.deepEqual(await lab.value("query", "calls:environment"), { visible: "yes", hidden: null, cloud: lab.url, buffer: "undefined" });
  });
});

test("no request, however odd, makes the host fail", async () => {
  const odd = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constantFrom<unknown>({ $integer: 1 }, { $bytes: "?" }, [[{}]], { __proto__: 1 }));
  const functionPath = fc.oneof(fc.constantFrom("calls:echo", "calls:typedArgs", "data:insert", "data:scan", "data:page", "__proto__:constructor", ":", ""), fc.string());
  const body = fc.oneof(fc.record({ path: fc.oneof(functionPath, odd), args: odd, format: fc.constantFrom("json", "convex_encoded_json", null, 1) }), odd);
  const route = fc.oneof(
    fc.constantFrom("/api/query", "/api/mutation", "/api/action", "/api/function", "/api/run/calls/echo", "/api/run/%zz/x", "/api/run//"),
    fc.webPath().map((text) => `/api/run${text}`),
  );
  await fc.assert(
    fc.asyncProperty(route, body, async (target, json) => {
      const { status } = await lab.post(target, json);
      assert.ok([200, 400, 404].includes(status), `${target} ${JSON.stringify(json)}: ${status}`);
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 300) },
  );
});

test("time stands still in a query", async () => {
  const [first, second, third, given, isDate] = await lab.value("query", "calls:clock");
  assert.equal(second, first);
  assert.equal(third, first);
  assert.equal(given, 5);
  assert.equal(isDate, true);
});

test("GET /version names the stand-in", async () => {
  assert.match(await (await fetch(`${lab.url}/version`)).text(), /^convex-lab-\d+\.\d+\.\d+$/);
});

test("a module can be imported when the function runs", async () => {
  assert.equal(await lab.value("query", "calls:importLater"), "later");
});

test("what is thrown in a callback does not take the host down, and is logged", async () => {
  assert.equal(await lab.value("action", "calls:throwLater"), "done");
  for (const place of ["timer", "microtask", "promise"]) assert.match(lab.stderr, new RegExp(`Error: in a ${place}`));
});

test("a promise that a function forgot does not take the host down", async () => {
  await lab.call("mutation", "calls:forgotten", { name: "forgotten" });
  assert.equal(await lab.value("query", "calls:count", { name: "forgotten" }), 0);
});
