/** The functions of backends/convex themselves: convex-test and the host must answer alike. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { contextOf, phoneOf, workspaceOf, workspaces } from "../bench/contexts.ts";
import { Lab, temporaryFolder } from "./support/lab.ts";
import { labSide, loadForOracle, oracle, type Result, type Side } from "./support/oracle.ts";

const FUNCTIONS = path.join(import.meta.dirname, "..", "..", "convex", "convex");
const ENVIRONMENT = { CRM_API_KEY: "test-api-key", KAPSO_WEBHOOK_SECRET: "test-webhook-secret", SEED_SECRET: "test-seed-secret" };
const CONTACTS = 60;

const temporary = temporaryFolder();
let lab: Lab;
let theirs: ReturnType<typeof oracle>;
let ours: Side;
before(async () => {
  theirs = oracle(await loadForOracle(FUNCTIONS, ENVIRONMENT));
  const flags = Object.keys(ENVIRONMENT).flatMap((name) => ["--env", name]);
  lab = await Lab.start(temporary.folder, { functions: FUNCTIONS, flags, environment: ENVIRONMENT });
  ours = labSide(lab);
});
after(async () => {
  await lab.stop();
  temporary[Symbol.dispose]();
});

async function both(kind: "query" | "mutation", functionPath: string, args: Record<string, unknown>): Promise<unknown> {
  const [actual, expected] = [await ours.call(kind, functionPath, args), await theirs.call(kind, functionPath, args)];
  if (!("value" in expected) || !("value" in actual)) {
    assert.deepEqual(Object.keys(actual), Object.keys(expected), `${functionPath}: ${show(actual)} but ${show(expected)}`);
    return "failed";
  }
  assert.deepStrictEqual(actual.value, expected.value, functionPath);
  return actual.value;
}

function show(result: Result): string {
  return "failed" in result ? result.failed : JSON.stringify(result.value);
}

/** Status and body of the same request to both. */
async function bothFetch(target: string, init: RequestInit): Promise<{ status: number; body: any }> {
  const [actual, expected] = [await fetch(lab.siteUrl + target, init), await theirs.backend.fetch(target, init)];
  const seen = { status: actual.status, body: await actual.json() };
  assert.deepStrictEqual(seen, { status: expected.status, body: await expected.json() }, target);
  return seen;
}

const lookup = (phone: string, workspace: string, headers: Record<string, string> = { "x-api-key": ENVIRONMENT.CRM_API_KEY }) =>
  bothFetch(`/http/contacts/getByPhone?phone=${encodeURIComponent(phone)}&workspace_id=${encodeURIComponent(workspace)}`, { headers });

function webhook(body: string, secret = ENVIRONMENT.KAPSO_WEBHOOK_SECRET) {
  const signature = createHmac("sha256", secret).update(body).digest("hex");
  return bothFetch("/webhook/kapso", { method: "POST", body, headers: { "x-webhook-signature": signature } });
}

const incoming = (id: string, phone: string, phoneNumberId = workspaces()[0]!.kapso_phone_id) =>
  JSON.stringify({
    message: { id, timestamp: "1730092800", type: "text", text: { body: "Hello" }, kapso: { direction: "inbound", content: "Hello" } },
    conversation: { id: "conv_1", phone_number: `+${phone}`, kapso: { contact_name: "Siti" } },
    phone_number_id: phoneNumberId,
  });

describe("backends/convex", () => {
  test("seeding writes and reads the same", async () => {
    await both("mutation", "seed:writeWorkspaces", { workspaces: workspaces() });
    const contexts = Array.from({ length: CONTACTS }, (_, i) => contextOf(i));
    assert.deepEqual(await both("mutation", "seed:writeContexts", { contexts }), { inserted: CONTACTS, updated: 0, unchanged: 0 });
    const changed = [{ ...contexts[7]!, notes: [] }, ...contexts.slice(8, 12)];
    await both("mutation", "seed:writeContexts", { contexts: changed });
    for (const name of ["rangeDigests", "contactDigests", "readContexts"]) {
      await both("query", `seed:${name}`, { start: 0, stop: 128 });
    }
    for (const start of [0, CONTACTS - 1, CONTACTS]) await both("query", "seed:nextIndex", { start });
    await both("query", "seed:readWorkspaces", { ids: [...workspaces().map(({ id }) => id).reverse(), "nobody"] });
    await both("query", "seed:readManifest", {});
    await both("mutation", "seed:writeManifest", { manifest: { seed: 1, contacts: CONTACTS, digest: "d", generator: "g", state: "complete" } });
    await both("query", "seed:readManifest", {});
  });

  test("lookups answer the same, also a second time", async () => {
    for (const round of [1, 2]) {
      for (let i = 0; i < CONTACTS + 5; i++) {
        const { status, body } = await lookup(phoneOf(i), workspaceOf(i));
        assert.equal(status, 200);
        assert.equal(body.found, i < CONTACTS, `contact ${i}, round ${round}`);
      }
    }
    await lookup("+62 811-0000 003", workspaceOf(3));
    await lookup(phoneOf(3), workspaceOf(4));
    await lookup(phoneOf(3), "no uuid");
  });

  test("refusals are the same", async () => {
    assert.equal((await lookup(phoneOf(1), workspaceOf(1), {})).status, 401);
    assert.equal((await lookup(phoneOf(1), workspaceOf(1), { "x-api-key": "wrong" })).status, 401);
    assert.equal((await lookup("", workspaceOf(1))).status, 400);
    assert.equal((await lookup(phoneOf(1), "")).status, 400);
    assert.equal(await both("query", "contacts:getContextByPhone", { phone: "1", workspace_id: "x", api_key: "wrong" }), "failed");
    assert.equal(await both("query", "contacts:getContextByPhone", { phone: "1" }), "failed");
  });

  test("the webhook takes, repeats and refuses the same", async () => {
    const known = incoming("wamid.1", phoneOf(0));
    assert.deepEqual((await webhook(known)).body, { received: true, duplicate: false });
    assert.deepEqual((await webhook(known)).body, { received: true, duplicate: true });
    assert.equal((await lookup(phoneOf(0), workspaceOf(0))).body.recent_messages.at(0).content, "Hello");
    assert.equal((await webhook(incoming("wamid.2", "6299999"))).status, 200);
    await lookup("6299999", workspaceOf(0));
    assert.equal((await webhook(known, "wrong")).status, 401);
    assert.equal((await webhook("{}")).status, 400);
    assert.equal((await webhook(incoming("wamid.3", "1", "000"))).status, 400);
  });

  test("removing answers the same", async () => {
    await both("mutation", "seed:deleteContexts", { start: 0, stop: 10 });
    await both("query", "seed:readContexts", { start: 0, stop: 128 });
    await lookup(phoneOf(2), workspaceOf(2));
    await both("mutation", "seed:deleteWorkspaces", { ids: workspaces().map(({ id }) => id) });
    await both("mutation", "seed:deleteManifest", {});
  });
});
