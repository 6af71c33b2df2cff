import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { address, NotConfigured } from "../lib/environment.ts";
import { lookupRoute } from "../lib/lookup.ts";
import type { ContactContext, Lookup } from "../lib/lookup.ts";

const NOBODY: ContactContext = {
  found: false,
  contact: null,
  notes: [],
  last_interaction: null,
  recent_messages: [],
};

let asked: Lookup[] = [];
const route = lookupRoute("test", () => (lookup) => {
  asked.push(lookup);
  return Promise.resolve(NOBODY);
});

beforeEach(() => {
  asked = [];
  process.env.CRM_API_KEY = "right";
  mock.method(console, "log", () => {});
});
afterEach(() => {
  delete process.env.CRM_API_KEY;
  mock.restoreAll();
});

async function get(query: string, key?: string, handler = route): Promise<[number, unknown]> {
  const headers = key === undefined ? {} : { "x-api-key": key };
  const response = await handler(new Request(`http://host/?${query}`, { headers }));
  return [response.status, await response.json()];
}

test("the data layer is asked once, with digits only", async () => {
  assert.deepEqual(await get("phone=%2B62+81&workspace_id=w", "right"), [200, NOBODY]);
  assert.deepEqual(asked, [{ phone: "6281", workspace_id: "w", api_key: "right" }]);
});

test("the order is: configured, key, phone, workspace", async () => {
  delete process.env.CRM_API_KEY;
  assert.deepEqual(await get("", "wrong"), [500, { error: "Service not configured" }]);
  process.env.CRM_API_KEY = "right";
  assert.deepEqual(await get("", "wrong"), [401, { found: false, error: "Unauthorized" }]);
  assert.deepEqual(await get(""), [401, { found: false, error: "Unauthorized" }]);
  assert.deepEqual(await get("", "right"), [400, { found: false, error: "Missing phone parameter" }]);
  assert.deepEqual(await get("phone=x", "right"), [400, { found: false, error: "Missing phone parameter" }]);
  assert.deepEqual(await get("phone=1", "right"), [400, { found: false, error: "Missing workspace_id parameter" }]);
  assert.deepEqual(asked, []);
});

test("a data layer without its settings shows before the key does", async () => {
  const unset = lookupRoute("test", () => {
    throw new NotConfigured("CONVEX_URL is not set");
  });
  assert.deepEqual(await get("", "wrong", unset), [500, { error: "Service not configured" }]);
});

test("an address is an http or https URL", () => {
  for (const value of ["", "127.0.0.1:3210", "ftp://host", "http//host"]) {
    process.env.CONVEX_URL = value;
    assert.throws(() => address("CONVEX_URL"), NotConfigured, value);
  }
  process.env.CONVEX_URL = "https://host.example/";
  assert.equal(address("CONVEX_URL"), "https://host.example");
  delete process.env.CONVEX_URL;
});
