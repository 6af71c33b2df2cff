import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";

import type { Doc } from "../convex/lib/server.ts";
import { MAX_CHILDREN } from "../convex/seeding/children.ts";
import { canonical } from "../convex/seeding/digest.ts";
import {
  SEED_SECRET,
  backend,
  context,
  dump,
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

const { seed, seedWithSecret } = functions;
const CONTEXTS = [
  context(0),
  context(1, { messages: null }),
  context(2, { workspace: 2, messages: 12, notes: 7, tags: [] }),
];

async function write(t: Backend, contexts: typeof CONTEXTS) {
  return await t.mutation(seed.writeContexts, { contexts });
}

test("what was written is read back, and written again changes nothing", async () => {
  const t = backend();
  const workspaces = [workspace(1), workspace(2)];
  assert.deepEqual(await t.mutation(seed.writeWorkspaces, { workspaces }), { written: 2 });
  assert.deepEqual(await write(t, CONTEXTS), { inserted: 3, updated: 0, unchanged: 0 });
  assert.deepEqual(await t.query(seed.readContexts, { start: 0, stop: 3 }), CONTEXTS);

  const before = await dump(t);
  assert.deepEqual(await t.mutation(seed.writeWorkspaces, { workspaces }), { written: 0 });
  assert.deepEqual(await write(t, CONTEXTS), { inserted: 0, updated: 0, unchanged: 3 });
  assert.deepEqual(await dump(t), before);
});

test("a change in one row is written, and in that row alone", async () => {
  const changed: [string, (c: (typeof CONTEXTS)[0]) => void][] = [
    ["contacts", (c) => (c.contact.tags = ["ielts"])],
    ["conversations", (c) => (c.conversation!.unread_count = 9)],
    ["messages", (c) => (c.messages[1]!.content = "changed")],
    ["contact_notes", (c) => (c.notes[0]!.author_id = null)],
  ];
  for (const [table, change] of changed) {
    const t = await seeded(CONTEXTS);
    const before = await dump(t);
    const next = structuredClone(CONTEXTS);
    change(next[0]!);
    assert.deepEqual(await write(t, next), { inserted: 0, updated: 1, unchanged: 2 });
    assert.deepEqual(await t.query(seed.readContexts, { start: 0, stop: 3 }), next);
    const after = await dump(t);
    const changedRows = Object.keys(after).flatMap((name) =>
      after[name]!.filter((row, i) => !isDeepStrictEqual(row, before[name]![i])).map(() => name),
    );
    assert.deepEqual(changedRows, [table]);
  }
});

test("a contact that moves to another workspace takes its children along", async () => {
  const t = await seeded(CONTEXTS);
  const moved = structuredClone(CONTEXTS[0]!);
  moved.contact.workspace_id = uuid("wspc", 2);
  assert.deepEqual(await write(t, [moved]), { inserted: 0, updated: 1, unchanged: 0 });
  assert.deepEqual(await t.query(seed.readContexts, { start: 0, stop: 1 }), [moved]);
  const answer = await lookUp(t, moved.contact.phone, uuid("wspc", 2));
  assert.deepEqual([answer.notes.length, answer.recent_messages.length], [2, 3]);
});

test("children that are no longer sent are removed, also those the webhook added", async () => {
  const t = await seeded(CONTEXTS);
  await post(t, kapsoBody({ phone: CONTEXTS[0]!.contact.phone }));
  await post(t, kapsoBody({ id: "wamid.other", phone: CONTEXTS[1]!.contact.phone }));
  assert.deepEqual(await write(t, CONTEXTS), { inserted: 0, updated: 2, unchanged: 1 });
  assert.deepEqual(await t.query(seed.readContexts, { start: 0, stop: 3 }), CONTEXTS);

  const fewer = [context(0, { messages: null, notes: 0 })];
  assert.deepEqual(await write(t, fewer), { inserted: 0, updated: 1, unchanged: 0 });
  assert.deepEqual(await t.query(seed.readContexts, { start: 0, stop: 1 }), fewer);
  const { conversations, messages, contact_notes } = await dump(t);
  assert.deepEqual([conversations!.length, messages!.length, contact_notes!.length], [1, 12, 2 + 7]);
});

test("a reset removes what was seeded and leaves every other row", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ id: "wamid.foreign", phone: "628991" }));
  await t.mutation(seed.writeWorkspaces, { workspaces: [workspace(3)] });
  const before = await dump(t);

  await write(t, CONTEXTS);
  await post(t, kapsoBody({ id: "wamid.to-seeded", phone: CONTEXTS[0]!.contact.phone }));
  assert.deepEqual(await t.mutation(seed.deleteContexts, { start: 0, stop: 2 }), { deleted: 2, more: false });
  assert.equal(await t.query(seed.nextIndex, { start: 0 }), 2);
  assert.deepEqual(await t.mutation(seed.deleteContexts, { start: 0, stop: 3 }), { deleted: 1, more: false });
  assert.deepEqual(await dump(t), before);

  const ids = [1, 2, 3, 99].map((n) => uuid("wspc", n));
  assert.deepEqual(await t.mutation(seed.deleteWorkspaces, { ids: [...ids, ...ids] }), { deleted: 2 });
  const after = await dump(t);
  assert.deepEqual(after.workspaces, before.workspaces!.slice(0, 1));
  assert.deepEqual(after.workspace_members, before.workspace_members!.slice(0, 1));
  assert.equal((await lookUp(t, "628991")).found, true);
  assert.deepEqual(await t.mutation(seed.deleteContexts, { start: 0, stop: 3 }), { deleted: 0, more: false });
});

test("a contact with more messages than one call can remove goes in several, and alone", async () => {
  const t = await seeded([context(0), context(1)]);
  const before = await dump(await seeded([context(0)]));
  await t.run(async (ctx) => {
    const [, conversation] = await ctx.db.query("conversations").collect();
    const [{ _id, _creationTime, ...message }] = (await ctx.db.query("messages").take(1)) as [Doc<"messages">];
    for (let i = 0; i < MAX_CHILDREN; i++) {
      await ctx.db.insert("messages", { ...message, conversation_id: conversation!._id, external_id: `${i}` });
    }
  });
  const remove = () => t.mutation(seed.deleteContexts, { start: 1, stop: 2 });
  assert.deepEqual(await remove(), { deleted: 0, more: true });
  assert.equal((await t.query(seed.contactDigests, { start: 0, stop: 2 })).length, 2);
  assert.deepEqual(await remove(), { deleted: 1, more: false });
  const counts = (rows: Record<string, unknown[]>) => Object.entries(rows).map(([name, all]) => [name, all.length]);
  assert.deepEqual(counts(await dump(t)), counts(before));
});

test("rows that would break a unique constraint are refused, whole batch and all", async () => {
  const t = await seeded([context(0), context(1)]);
  await post(t, kapsoBody({ id: "wamid.foreign", phone: "628991" }));
  const before = await dump(t);
  const clash = (change: (c: (typeof CONTEXTS)[0]) => void) => {
    const next = context(5);
    change(next);
    return [context(4), next];
  };
  const cases: [RegExp, typeof CONTEXTS][] = [
    [/contacts: seed_index = 0 would be held by two rows/, clash((c) => (c.index = 0))],
    [/contacts: workspace_id, phone = .*628991/, clash((c) => (c.contact.phone = "628991"))],
    [/contacts: workspace_id, phone = /, clash((c) => (c.contact.phone = context(4).contact.phone))],
    [/contacts: external_id = /, clash((c) => (c.contact.id = context(4).contact.id))],
    [
      /messages: kapso_message_id = wamid.foreign/,
      clash((c) => (c.messages[0]!.kapso_message_id = "wamid.foreign")),
    ],
    [
      /no workspace .* is stored; write the workspaces first/,
      clash((c) => (c.contact.workspace_id = uuid("wspc", 9))),
    ],
    [/has messages but no conversation/, clash((c) => (c.conversation = null))],
  ];
  for (const [message, contexts] of cases) await assert.rejects(write(t, contexts), message);
  for (const [message, changes] of [
    [/workspaces: slug = workspace-1/, { slug: "workspace-1" }],
    [/workspaces: kapso_phone_id = /, { kapso_phone_id: workspace(1).kapso_phone_id }],
  ] as [RegExp, object][]) {
    await assert.rejects(t.mutation(seed.writeWorkspaces, { workspaces: [workspace(3, changes)] }), message);
  }
  assert.deepEqual(await dump(t), before);
});

test("rows not of the schema are refused by the argument validators", async () => {
  const t = await seeded([]);
  const bad = structuredClone(context(0)) as Record<string, any>;
  bad.contact.lead_status = "lukewarm";
  await assert.rejects(write(t, [bad as never]), /Validator error|does not match/i);
  const extra = { ...context(0), surprise: 1 };
  await assert.rejects(write(t, [extra as never]), /Validator error|extra field|surprise/i);
});

test("ranges are checked", async () => {
  const t = await seeded(CONTEXTS);
  assert.equal((await t.query(seed.readContexts, { start: 1, stop: 3 })).length, 2);
  assert.deepEqual(await t.query(seed.readContexts, { start: 3, stop: 3 }), []);
  for (const range of [
    { start: -1, stop: 3 },
    { start: 3, stop: 2 },
    { start: 0.5, stop: 2 },
  ]) {
    await assert.rejects(t.query(seed.readContexts, range), /is no range/);
    await assert.rejects(t.mutation(seed.deleteContexts, range), /is no range/);
  }
  for (const read of [seed.readContexts, seed.contactDigests, seed.rangeDigests]) {
    await assert.rejects(t.query(read as typeof seed.readContexts, { start: 0, stop: 1025 }), /at most 1024/);
  }
  await assert.rejects(t.mutation(seed.deleteContexts, { start: 0, stop: 1025 }), /at most 1024/);
});

test("the next seeded index is found, however far away, and nobody else's contact is one", async () => {
  const t = await seeded([context(2), context(3), context(1_000_000_007)]);
  await post(t, kapsoBody({ phone: "628991" }));
  const next = (start: number) => t.query(seed.nextIndex, { start });
  const found = await Promise.all([0, 2, 3, 4, 1_000_000_007, 1_000_000_008].map(next));
  assert.deepEqual(found, [2, 2, 3, 1_000_000_007, 1_000_000_007, null]);
  for (const start of [-1, 0.5, NaN]) await assert.rejects(next(start), /is no index/);
});

test("workspaces are read in the order asked for, members oldest first, absent ones left out", async () => {
  const t = backend();
  const [older] = workspace(7).members;
  const crowded = workspace(1, {
    members: [...workspace(1).members, { ...older!, role: "agent", created_at: 1_600_000_000_000 }],
  });
  await t.mutation(seed.writeWorkspaces, { workspaces: [crowded, workspace(2)] });
  const ids = [2, 99, 1].map((n) => uuid("wspc", n));
  assert.deepEqual(await t.query(seed.readWorkspaces, { ids }), [
    workspace(2),
    { ...crowded, members: crowded.members.toReversed() },
  ]);
  assert.deepEqual(await t.query(seed.readWorkspaces, { ids: [] }), []);
});

test("an import is told the ids it needs, and nothing is left of asking", async () => {
  const t = await seeded([]);
  const ids = [2, 1].map((n) => uuid("wspc", n));
  await assert.rejects(t.mutation(seed.prepareImport, { ids }), /no manifest/);
  await t.mutation(seed.writeManifest, { manifest });
  const before = await dump(t);
  const keys = await t.mutation(seed.prepareImport, { ids });
  assert.deepEqual(await dump(t), before);
  assert.deepEqual(
    keys.workspaces.map(({ id }) => id),
    ids,
  );
  const stored = before.workspaces as { _id: string; external_id: string }[];
  for (const { id, document_id } of keys.workspaces) {
    assert.equal(stored.find((one) => one._id === document_id)?.external_id, id);
  }
  assert.equal((await t.mutation(seed.prepareImport, { ids })).salt, keys.salt);
  await t.mutation(seed.deleteManifest, {});
  await t.mutation(seed.writeManifest, { manifest });
  assert.notEqual((await t.mutation(seed.prepareImport, { ids })).salt, keys.salt);
  await assert.rejects(t.mutation(seed.prepareImport, { ids: [uuid("wspc", 9)] }), /no workspace/);
  await assert.rejects(t.mutation(seed.prepareImport, { ids: [] }), /name the workspaces/);
});

test("contacts are free to import unless their index, id or phone is taken", async () => {
  const t = await seeded([context(2)]);
  await t.mutation(seed.writeManifest, { manifest });
  await post(t, kapsoBody({ phone: "628991" }));
  const { workspaces } = await t.mutation(seed.prepareImport, { ids: [uuid("wspc", 1), uuid("wspc", 2)] });
  const [workspace_id, elsewhere] = workspaces.map(({ document_id }) => document_id);
  const isFree = (id: string, phone: string, into = workspace_id!, start = 3) =>
    t.query(seed.isFree, { start, stop: 9, contacts: [{ id, workspace_id: into, phone }] });
  assert.equal(await isFree(uuid("cont", 3), "628992"), true);
  assert.equal(await isFree(uuid("cont", 3), "628991"), false);
  assert.equal(await isFree(uuid("cont", 3), "628991", elsewhere!), true);
  assert.equal(await isFree(uuid("cont", 2), "628992"), false);
  assert.equal(await isFree(uuid("cont", 3), "628992", workspace_id!, 2), false);
});

test("the manifest is stored, replaced and removed", async () => {
  const t = backend();
  assert.equal(await t.query(seed.readManifest, {}), null);
  await t.mutation(seed.deleteManifest, {});
  await t.mutation(seed.writeManifest, { manifest: { ...manifest, state: "seeding" } });
  await t.mutation(seed.writeManifest, { manifest });
  assert.deepEqual(await t.query(seed.readManifest, {}), manifest);
  assert.equal((await dump(t)).seed_manifest!.length, 1);
  await t.mutation(seed.deleteManifest, {});
  assert.equal(await t.query(seed.readManifest, {}), null);
});

test("only the lookup and the functions that ask for the seed secret are public", async () => {
  const publicFunctions: string[] = [];
  const [seedModule, withSecretModule] = [
    await import("../convex/seed.ts"),
    await import("../convex/seedWithSecret.ts"),
  ];
  const modules = {
    contacts: await import("../convex/contacts.ts"),
    messages: await import("../convex/messages.ts"),
    seed: seedModule,
    seedWithSecret: withSecretModule,
  };
  for (const [module, exports] of Object.entries(modules)) {
    for (const [name, value] of Object.entries(exports as Record<string, { isPublic?: boolean }>)) {
      if (value.isPublic) publicFunctions.push(`${module}:${name}`);
    }
  }
  // An import needs the admin key whatever these two are called with.
  const forImports = ["prepareImport", "isFree"];
  const guarded = Object.keys(seedModule)
    .filter((name) => !forImports.includes(name))
    .map((name) => `seedWithSecret:${name}`);
  assert.deepEqual(publicFunctions.sort(), ["contacts:getContextByPhone", ...guarded].sort());
  assert.equal(guarded.length, 16);
});

test("with the seed secret the same functions do the same", async () => {
  const [t, secret] = [backend(), SEED_SECRET];
  await t.mutation(seedWithSecret.writeWorkspaces, { secret, workspaces: [workspace(1), workspace(2)] });
  assert.deepEqual(await t.mutation(seedWithSecret.writeContexts, { secret, contexts: CONTEXTS }), {
    inserted: 3,
    updated: 0,
    unchanged: 0,
  });
  const range = { start: 0, stop: 3 };
  const read = await t.query(seedWithSecret.readContexts, { secret, ...range });
  assert.deepEqual(read.map(canonical), CONTEXTS.map(canonical));
  assert.deepEqual(
    await t.query(seedWithSecret.rangeDigests, { secret, ...range }),
    await t.query(seed.rangeDigests, range),
  );
  await t.mutation(seedWithSecret.deleteManifest, { secret });
});

test("without the right seed secret every one of them refuses, and reads and writes nothing", async () => {
  const t = await seeded(CONTEXTS);
  await t.mutation(seed.writeManifest, { manifest });
  const before = await dump(t);
  const attempt = async (secret: string) => {
    const range = { secret, start: 0, stop: 3 };
    return await Promise.allSettled([
      t.mutation(seedWithSecret.writeWorkspaces, { secret, workspaces: [workspace(3)] }),
      t.mutation(seedWithSecret.writeContexts, { secret, contexts: [context(9)] }),
      t.mutation(seedWithSecret.deleteContexts, range),
      t.mutation(seedWithSecret.deleteWorkspaces, { secret, ids: [uuid("wspc", 1)] }),
      t.query(seedWithSecret.readManifest, { secret }),
      t.mutation(seedWithSecret.writeManifest, { secret, manifest }),
      t.mutation(seedWithSecret.deleteManifest, { secret }),
      t.query(seedWithSecret.nextIndex, { secret, start: 0 }),
      t.query(seedWithSecret.readWorkspaces, { secret, ids: [uuid("wspc", 1)] }),
      t.query(seedWithSecret.rangeDigests, range),
      t.query(seedWithSecret.contactDigests, range),
      t.query(seedWithSecret.readContexts, range),
      t.query(seedWithSecret.messageDigests, { ...range, prefix: "" }),
      t.query(seedWithSecret.messageIds, { ...range, prefix: "" }),
      t.query(seedWithSecret.stateDigests, { secret, workspace_id: uuid("wspc", 1), phones: [] }),
      t.mutation(seedWithSecret.removeMessages, { secret, prefix: "", limit: 9 }),
    ]);
  };
  const reasons = (results: PromiseSettledResult<unknown>[]) =>
    results.map((result) => (result.status === "rejected" ? result.reason.data : "done"));
  for (const secret of ["", "wrong", `${SEED_SECRET}x`]) {
    assert.deepEqual(reasons(await attempt(secret)), Array(16).fill("Unauthorized"));
  }
  for (const unset of ["", undefined]) {
    if (unset === undefined) delete process.env.SEED_SECRET;
    else process.env.SEED_SECRET = unset;
    for (const reason of reasons(await attempt(""))) assert.match(reason, /^SEED_SECRET is not set/);
  }
  assert.deepEqual(await dump(t), before);
});
