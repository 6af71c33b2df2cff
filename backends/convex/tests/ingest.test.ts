import assert from "node:assert/strict";
import { test } from "node:test";

import { context, dump, kapsoBody, lookUp, post, seeded } from "./support.ts";
import type { Backend } from "./support.ts";

type Conversation = {
  unread_count: number;
  last_message_at: number | null;
  last_message_preview: string | null;
};

async function onlyConversation(t: Backend): Promise<Conversation> {
  const { conversations } = await dump(t);
  assert.equal(conversations!.length, 1);
  return conversations![0] as Conversation;
}

test("a first message creates the contact and its conversation", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ phone: "+62 899-1", content: "Halo", contact_name: "Budi" }));
  const stored = await dump(t);
  assert.deepEqual(
    [stored.contacts!.length, stored.conversations!.length, stored.messages!.length],
    [1, 1, 1],
  );
  assert.deepEqual(await lookUp(t, "628991"), {
    found: true,
    contact: {
      name: null,
      kapso_name: "Budi",
      lead_status: "new",
      lead_score: 0,
      tags: [],
      is_returning: true,
      first_contact_date: 1_780_000_000_000,
    },
    notes: [],
    last_interaction: 1_780_000_000_000,
    recent_messages: [{ content: "Halo", direction: "inbound", created_at: 1_780_000_000_000 }],
  });
});

test("a message to a known contact is added to its conversation, and the contact stays as it was", async () => {
  const given = context(1, { messages: 2 });
  const t = await seeded([given]);
  const contactsBefore = (await dump(t)).contacts;
  await post(t, kapsoBody({ content: "Halo lagi", contact_name: "Another Name" }));
  assert.deepEqual((await dump(t)).contacts, contactsBefore);
  const { unread_count, last_message_at, last_message_preview } = await onlyConversation(t);
  assert.deepEqual(
    [unread_count, last_message_at, last_message_preview],
    [2, 1_780_000_000_000, "Halo lagi"],
  );
  assert.equal((await lookUp(t, given.contact.phone)).recent_messages[0]!.content, "Halo lagi");
});

test("a contact without a conversation gets one", async () => {
  const given = context(1, { messages: null });
  const t = await seeded([given]);
  await post(t, kapsoBody());
  assert.equal((await onlyConversation(t)).unread_count, 1);
  assert.equal((await lookUp(t, given.contact.phone)).contact!.is_returning, true);
});

test("a late message is stored without moving the conversation back", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ id: "wamid.new", timestamp: "1780000100", content: "new" }));
  await post(t, kapsoBody({ id: "wamid.old", timestamp: "1780000000", content: "old" }));
  const { unread_count, last_message_at, last_message_preview } = await onlyConversation(t);
  assert.deepEqual([unread_count, last_message_at, last_message_preview], [2, 1_780_000_100_000, "new"]);
  const { recent_messages } = await lookUp(t, "6281200000001");
  assert.deepEqual(
    recent_messages.map((message) => message.content),
    ["new", "old"],
  );
});

test("of two messages in one second the one that came first stays the preview", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ id: "wamid.1", content: "first" }));
  await post(t, kapsoBody({ id: "wamid.2", content: "second" }));
  assert.equal((await onlyConversation(t)).last_message_preview, "first");
});

test("an outbound message is the agent's and leaves nothing unread", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ direction: "outbound", content: "Hi from us" }));
  const { messages } = await dump(t);
  const { direction, sender_type } = messages![0] as { direction: string; sender_type: string };
  assert.deepEqual([direction, sender_type], ["outbound", "agent"]);
  const { unread_count, last_message_at } = await onlyConversation(t);
  assert.deepEqual([unread_count, last_message_at], [0, 1_780_000_000_000]);
});

test("one phone in two workspaces is two contacts", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ id: "wamid.1", phone_number_id: "100000000000001" }));
  await post(t, kapsoBody({ id: "wamid.2", phone_number_id: "100000000000002" }));
  const { contacts } = await dump(t);
  assert.equal(
    new Set((contacts as { workspace_id: string }[]).map((contact) => contact.workspace_id)).size,
    2,
  );
});

test("messages sent at the same time are each stored once", async () => {
  const t = await seeded([]);
  const ids = Array.from({ length: 20 }, (_, i) => `wamid.${i % 10}`);
  const answers = await Promise.all(ids.map(async (id) => (await post(t, kapsoBody({ id }))).json()));
  assert.equal(answers.filter((answer) => answer.duplicate).length, 10);
  const stored = await dump(t);
  assert.deepEqual(
    [stored.contacts!.length, stored.conversations!.length, stored.messages!.length],
    [1, 1, 10],
  );
  assert.equal((await onlyConversation(t)).unread_count, 10);
});

test("a long message is previewed by whole characters", async () => {
  const t = await seeded([]);
  await post(t, kapsoBody({ content: "😀".repeat(500) }));
  const { last_message_preview } = await onlyConversation(t);
  assert.equal(last_message_preview, "😀".repeat(100));
});
