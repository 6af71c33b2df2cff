import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { context, dump, functions, kapsoBody, post, seeded, uuid } from "./support.ts";

const { seed } = functions;
const PREFIX = "wamid.dragstrip.run.";
const id = (number: number) => PREFIX + String(number).padStart(10, "0");
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

test("a run's messages are found by range, and those of others are not", async () => {
  const t = await seeded([context(1)]);
  for (const number of [3, 5, 1030]) await post(t, kapsoBody({ id: id(number) }));
  await post(t, kapsoBody({ id: "wamid.of-somebody" }));
  await post(t, kapsoBody({ id: `wamid.dragstrip.another.${"1".padStart(10, "0")}` }));
  assert.deepEqual(
    await t.query(seed.messageDigests, { prefix: PREFIX, start: 0, stop: 2048 }),
    [
      { start: 0, messages: 2, digest: sha256(`${id(3)}\n${id(5)}\n`) },
      { start: 1024, messages: 1, digest: sha256(`${id(1030)}\n`) },
    ],
  );
  assert.deepEqual(await t.query(seed.messageIds, { prefix: PREFIX, start: 4, stop: 1031 }), [
    id(5),
    id(1030),
  ]);
});

test("a state does not depend on what the backend chose itself", async () => {
  const states = [];
  for (const _ of [1, 2]) {
    const t = await seeded([context(1, { messages: null })]);
    await post(t, kapsoBody({ id: id(1) }));
    await post(t, kapsoBody({ id: id(2), phone: "62811" }));
    const phones = [context(1).contact.phone, "62811", "no-number"];
    states.push(await t.query(seed.stateDigests, { workspace_id: uuid("wspc", 1), phones }));
  }
  assert.deepEqual(states[0], states[1]);
  assert.equal(states[0]!.length, 2);
});

test("removal takes a run's messages, and contacts that they alone made", async () => {
  const t = await seeded([context(1)]);
  await post(t, kapsoBody({ id: id(1) }));
  await post(t, kapsoBody({ id: id(2), phone: "62811" }));
  await post(t, kapsoBody({ id: id(3), phone: "62822" }));
  await post(t, kapsoBody({ id: "wamid.real", phone: "62822" }));
  const args = { prefix: "wamid.dragstrip.", limit: 2 };
  assert.deepEqual(await t.mutation(seed.removeMessages, args), { deleted: 2, more: true });
  assert.deepEqual(await t.mutation(seed.removeMessages, args), { deleted: 1, more: false });
  assert.deepEqual(await t.mutation(seed.removeMessages, args), { deleted: 0, more: false });
  const { contacts, messages } = await dump(t);
  assert.deepEqual(contacts!.map((one) => (one as { phone: string }).phone).sort(), [context(1).contact.phone, "62822"].sort());
  const ids = messages!.map((one) => (one as { kapso_message_id: string }).kapso_message_id);
  assert.equal(messages!.length, context(1).messages.length + 1);
  assert.ok(ids.includes("wamid.real"));
});
