import assert from "node:assert/strict";
import { test } from "node:test";

import { backend, context, functions, lookUp, seeded, uuid } from "./support.ts";

const NOT_FOUND = { found: false, contact: null, notes: [], last_interaction: null, recent_messages: [] };

test("a known contact is answered with the whole context", async () => {
  const t = await seeded([context(0, { messages: 2, notes: 2 })]);
  const { contact, conversation, messages } = context(0, { messages: 2 });
  assert.deepEqual(await lookUp(t, contact.phone), {
    found: true,
    contact: {
      name: contact.name,
      kapso_name: contact.kapso_name,
      lead_status: "warm",
      lead_score: contact.lead_score,
      tags: ["ielts", "australia"],
      is_returning: true,
      first_contact_date: contact.first_contact_date,
    },
    notes: ["note 1 of 0", "note 0 of 0"],
    last_interaction: conversation!.last_message_at,
    recent_messages: [
      { content: "message 1 of 0 ✓", direction: "outbound", created_at: messages[1]!.created_at },
      { content: "message 0 of 0 ✓", direction: "inbound", created_at: messages[0]!.created_at },
    ],
  });
});

test("at most 5 notes and 10 messages, newest first", async () => {
  const given = context(0, { messages: 23, notes: 12 });
  const t = await seeded([given]);
  const answer = await lookUp(t, given.contact.phone);
  assert.deepEqual(
    answer.notes,
    given.notes
      .slice(-5)
      .reverse()
      .map((note) => note.content),
  );
  assert.deepEqual(
    answer.recent_messages.map((message) => message.content),
    given.messages
      .slice(-10)
      .reverse()
      .map((message) => message.content),
  );
});

test("rows of one instant come by id, the greater first, whatever the order they were written in", async () => {
  const given = context(0, { messages: 4, notes: 4 });
  for (const row of [...given.messages, ...given.notes]) row.created_at = 1_750_000_000_000;
  const shuffled = [2, 0, 3, 1];
  const t = await seeded([
    {
      ...given,
      messages: shuffled.map((i) => given.messages[i]!),
      notes: shuffled.map((i) => given.notes[i]!),
    },
  ]);
  const answer = await lookUp(t, given.contact.phone);
  assert.deepEqual(
    answer.notes,
    [3, 2, 1, 0].map((i) => `note ${i} of 0`),
  );
  assert.deepEqual(
    answer.recent_messages.map((message) => message.content),
    [3, 2, 1, 0].map((i) => `message ${i} of 0 ✓`),
  );
});

test("a contact without a conversation, and one whose conversation has no message, is not returning", async () => {
  const t = await seeded([context(0, { messages: null, notes: 0, tags: [] }), context(1, { messages: 0 })]);
  for (const index of [0, 1]) {
    const answer = await lookUp(t, context(index).contact.phone);
    assert.equal(answer.contact?.is_returning, false);
    assert.equal(answer.last_interaction, null);
    assert.deepEqual(answer.recent_messages, []);
  }
  assert.deepEqual((await lookUp(t, context(0).contact.phone)).contact?.tags, []);
});

test("a phone is found however it is written", async () => {
  const t = await seeded([context(7)]);
  for (const phone of ["+62 812-0000-0007", "62(812)00000007", "wa:+62.812.0000.0007", " 6281200000007\n"]) {
    assert.equal((await lookUp(t, phone)).found, true, phone);
  }
});

test("an unknown phone, an unknown workspace and a workspace that is no UUID are not found", async () => {
  const t = await seeded([context(0)]);
  const { phone } = context(0).contact;
  assert.deepEqual(await lookUp(t, "628999"), NOT_FOUND);
  assert.deepEqual(await lookUp(t, ""), NOT_FOUND);
  assert.deepEqual(await lookUp(t, phone, uuid("wspc", 99)), NOT_FOUND);
  assert.deepEqual(await lookUp(t, phone, "not a uuid"), NOT_FOUND);
  assert.equal((await lookUp(t, phone, uuid("wspc", 1).toUpperCase())).found, true);
});

test("a tenant sees its own contact with a phone that two tenants know", async () => {
  const mine = context(0, { workspace: 1, messages: 1, notes: 1 });
  const theirs = context(1, { workspace: 2, messages: 2, notes: 2 });
  theirs.contact.phone = mine.contact.phone;
  const onlyTheirs = context(2, { workspace: 2 });
  const t = await seeded([mine, theirs, onlyTheirs]);
  assert.deepEqual((await lookUp(t, mine.contact.phone, uuid("wspc", 1))).notes, ["note 0 of 0"]);
  assert.deepEqual((await lookUp(t, mine.contact.phone, uuid("wspc", 2))).notes, [
    "note 1 of 1",
    "note 0 of 1",
  ]);
  assert.deepEqual(await lookUp(t, onlyTheirs.contact.phone, uuid("wspc", 1)), NOT_FOUND);
});

test("a row filed under another tenant is never shown", async () => {
  for (const table of ["conversations", "messages", "contact_notes"] as const) {
    const t = await seeded([context(0, { messages: 1, notes: 1 })]);
    await t.run(async (ctx) => {
      const other = (await ctx.db.query("workspaces").collect()).find(
        (row) => row.external_id === uuid("wspc", 2),
      );
      const row = (await ctx.db.query(table).first())!;
      await ctx.db.patch(table, row._id as never, { workspace_id: other!._id } as never);
    });
    const answer = await lookUp(t, context(0).contact.phone);
    if (table === "contact_notes") assert.deepEqual(answer.notes, []);
    else assert.deepEqual(answer.recent_messages, []);
    assert.equal(answer.last_interaction === null, table === "conversations");
  }
});

test("the query refuses a wrong key, and any key when the server has none", async () => {
  const t = backend();
  const args = { phone: "62812", workspace_id: uuid("wspc", 1) };
  for (const api_key of ["", "test-api-kez", "test-api-ke", "test-api-keytest-api-key"]) {
    await assert.rejects(t.query(functions.contacts.getContextByPhone, { ...args, api_key }), {
      data: "Unauthorized",
    });
  }
  process.env.CRM_API_KEY = "";
  await assert.rejects(t.query(functions.contacts.getContextByPhone, { ...args, api_key: "" }), {
    data: "Service not configured",
  });
});
