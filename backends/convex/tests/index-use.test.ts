/**
 * Proof that reads go through an index. Every database call that a function
 * makes is recorded at the seam between function and host: a read must be an
 * index range that pins at least the index's first field, nothing may be
 * filtered after it was read, and no more documents may be read than the caller
 * gets. The data holds far more than that, so a scan cannot hide.
 */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  API_KEY,
  backend,
  context,
  functions,
  kapsoBody,
  lookUp,
  manifest,
  post,
  seeded,
  uuid,
  workspace,
} from "./support.ts";
import type { Backend } from "./support.ts";

type Range = { type: string; fieldPath: string; value: unknown }[];
type Source = { type: string; indexName?: string; range?: Range };
type Query = { source: Source; operators: Record<string, unknown>[] };
type Reads = { queries: Query[]; documents: number };

type Host = {
  syscall: (name: string, json: string) => string;
  asyncSyscall: (name: string, json: string) => Promise<string>;
};

/** Calls that neither read a document nor could hide a read. */
const WRITES_AND_CALLS = new Set([
  "1.0/insert",
  "1.0/shallowMerge",
  "1.0/replace",
  "1.0/remove",
  "1.0/queryCleanup",
  "1.0/actions/query",
  "1.0/actions/mutation",
]);

/** What `run` reads from the database; an unknown call fails, it might be a read. */
async function readsOf(run: () => Promise<unknown>): Promise<Reads> {
  const target = globalThis as unknown as { Convex: Host };
  const host = target.Convex;
  const reads: Reads = { queries: [], documents: 0 };
  const record = (name: string, json: string, answer: string) => {
    if (name === "1.0/queryStream") reads.queries.push(JSON.parse(json).query);
    else if (name === "1.0/get") reads.documents += JSON.parse(answer) === null ? 0 : 1;
    else if (name === "1.0/queryStreamNext") reads.documents += JSON.parse(answer).done ? 0 : 1;
    else assert.ok(WRITES_AND_CALLS.has(name), `${name} may be a read that this test does not see`);
    return answer;
  };
  target.Convex = {
    syscall: (name, json) => record(name, json, host.syscall(name, json)),
    asyncSyscall: async (name, json) => record(name, json, await host.asyncSyscall(name, json)),
  };
  try {
    await run();
  } finally {
    target.Convex = host;
  }
  return reads;
}

function assertIndexed(reads: Reads): void {
  assert.ok(reads.queries.length > 0, "no read was recorded: the seam has moved");
  for (const { source, operators } of reads.queries) {
    const shown = JSON.stringify({ source, operators });
    assert.equal(source.type, "IndexRange", shown);
    assert.ok(!/\.by_(creation_time|id)$/.test(source.indexName!), shown);
    assert.ok((source.range ?? []).length > 0, `a range without bounds is a scan: ${shown}`);
    assert.ok(
      operators.every((operator) => Object.keys(operator).join() === "limit"),
      `a filter reads more than it returns: ${shown}`,
    );
  }
}

/** The indexes that were read, each with the fields its range pins and its limit. */
function shape(reads: Reads): string[] {
  return reads.queries
    .map(({ source, operators }) => {
      const fields = source.range!.map(({ fieldPath }) => fieldPath).join(", ");
      const limits = operators.map(({ limit }) => ` limit ${limit}`).join("");
      return `${source.indexName} (${fields})${limits}`;
    })
    .sort();
}

const CROWD = Array.from({ length: 14 }, (_, index) =>
  context(index, { workspace: 1 + (index % 2), messages: 25, notes: 12 }),
);

test("the lookup reads five index ranges and just the documents it returns", async () => {
  const t = await seeded(CROWD);
  const reads = await readsOf(() => lookUp(t, CROWD[0]!.contact.phone));
  assertIndexed(reads);
  assert.deepEqual(shape(reads), [
    "contact_notes.by_contact_id_created_at (contact_id) limit 5",
    "contacts.by_workspace_id_phone (workspace_id, phone) limit 2",
    "conversations.by_contact_id (contact_id) limit 2",
    "messages.by_conversation_id_created_at (conversation_id) limit 10",
    "workspaces.by_external_id (external_id) limit 2",
  ]);
  // A workspace, a contact, a conversation, 5 notes, 10 messages.
  assert.equal(reads.documents, 18);
});

test("the lookup of an unknown phone reads the workspace alone, of an unknown workspace nothing", async () => {
  const t = await seeded(CROWD);
  const unknownPhone = await readsOf(() => lookUp(t, "628999"));
  assertIndexed(unknownPhone);
  assert.equal(unknownPhone.documents, 1);
  const unknownWorkspace = await readsOf(() => lookUp(t, CROWD[0]!.contact.phone, uuid("wspc", 99)));
  assertIndexed(unknownWorkspace);
  assert.equal(unknownWorkspace.documents, 0);
});

test("the endpoint reads what the query reads", async () => {
  const t = await seeded(CROWD);
  const { phone, workspace_id } = CROWD[0]!.contact;
  const reads = await readsOf(async () => {
    const parameters = new URLSearchParams({ phone, workspace_id });
    const response = await t.fetch(`/http/contacts/getByPhone?${parameters}`, {
      headers: { "x-api-key": API_KEY },
    });
    assert.equal(response.status, 200);
  });
  assertIndexed(reads);
  assert.equal(reads.documents, 18);
});

test("the webhook reads the rows its message touches and no others", async () => {
  const t = await seeded(CROWD);
  const cases: [string, Parameters<typeof kapsoBody>[0], number][] = [
    [
      "a known contact: workspace, contact, conversation",
      { id: "wamid.1", phone: CROWD[0]!.contact.phone },
      3,
    ],
    ["a new contact: workspace, and the two rows created", { id: "wamid.2", phone: "628991" }, 3],
    ["a duplicate: workspace, message", { id: "wamid.2", phone: "628991" }, 2],
    ["a number of no workspace", { id: "wamid.3", phone_number_id: "999" }, 0],
  ];
  for (const [name, message, documents] of cases) {
    const reads = await readsOf(() => post(t, kapsoBody(message)));
    assertIndexed(reads);
    assert.equal(reads.documents, documents, name);
  }
});

test("seeding reads by index, however much is stored", async () => {
  const t = await seeded(CROWD);
  const range = { start: 10, stop: 12 };
  await t.mutation(functions.seed.writeManifest, { manifest });
  const keys = await t.mutation(functions.seed.prepareImport, { ids: [uuid("wspc", 1)] });
  const workspace_id = keys.workspaces[0]!.document_id;
  const operations: [string, (t: Backend) => Promise<unknown>][] = [
    ["writeWorkspaces", () => t.mutation(functions.seed.writeWorkspaces, { workspaces: [workspace(1)] })],
    [
      "writeContexts",
      () => t.mutation(functions.seed.writeContexts, { contexts: [CROWD[10]!, context(99)] }),
    ],
    ["nextIndex", () => t.query(functions.seed.nextIndex, { start: 1 })],
    ["readWorkspaces", () => t.query(functions.seed.readWorkspaces, { ids: [1, 2].map((n) => uuid("wspc", n)) })],
    ["prepareImport", () => t.mutation(functions.seed.prepareImport, { ids: [uuid("wspc", 1)] })],
    [
      "isFree",
      () => t.query(functions.seed.isFree, { start: 90, stop: 95, contacts: [{ id: "", workspace_id, phone: "" }] }),
    ],
    ["readContexts", () => t.query(functions.seed.readContexts, range)],
    ["contactDigests", () => t.query(functions.seed.contactDigests, range)],
    ["rangeDigests", () => t.query(functions.seed.rangeDigests, { start: 0, stop: 2 })],
    ["readManifest", () => t.query(functions.seed.readManifest, {})],
    ["deleteContexts", () => t.mutation(functions.seed.deleteContexts, range)],
    ["deleteWorkspaces", () => t.mutation(functions.seed.deleteWorkspaces, { ids: [uuid("wspc", 1)] })],
  ];
  for (const [name, run] of operations) {
    const reads = await readsOf(() => run(t));
    assertIndexed(reads);
    // Two contexts of 39 documents and their workspaces.
    assert.ok(reads.documents <= 2 * (39 + 1), `${name} read ${reads.documents} documents`);
  }
});

test("a context is read by three index ranges, so that 1024 fit in the 4096 that one function may read", async () => {
  const t = await seeded(CROWD);
  const reads = await readsOf(() => t.query(functions.seed.rangeDigests, { start: 0, stop: CROWD.length }));
  assert.equal(reads.queries.length, 1 + 3 * CROWD.length);
});

test("the recorder tells a scan and a filter from an index range", async () => {
  const t = backend();
  const scan = await readsOf(() => t.run(async (ctx) => await ctx.db.query("contacts").collect()));
  assert.throws(() => assertIndexed(scan), /FullTableScan/);
  const filtered = await readsOf(() =>
    t.run(
      async (ctx) =>
        await ctx.db
          .query("contacts")
          .withIndex("by_seed_index", (q) => q.gt("seed_index", 1))
          .filter((q) => q.eq(q.field("phone"), "1"))
          .collect(),
    ),
  );
  assert.throws(() => assertIndexed(filtered), /filter/);
  const unbounded = await readsOf(() =>
    t.run(async (ctx) => await ctx.db.query("contacts").withIndex("by_seed_index").collect()),
  );
  assert.throws(() => assertIndexed(unbounded), /without bounds/);
});
