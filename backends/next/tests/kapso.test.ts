import assert from "node:assert/strict";
import { test } from "node:test";

import { MalformedBody, readKapsoBody } from "../lib/kapso.ts";

type Json = { [name: string]: Json } | string | number | null | undefined | Json[];

function body(): { [name: string]: Json } {
  return {
    message: {
      id: "wamid.123",
      timestamp: "1730092800",
      type: "text",
      text: { body: "Hello" },
      kapso: { direction: "inbound", content: "Hello" },
    },
    conversation: { id: "conv_123", phone_number: "+62 812-345", kapso: { contact_name: "Siti" } },
    phone_number_id: "123456789012345",
  };
}

function changed(path: string, value: Json): { [name: string]: Json } {
  const root = body();
  const names = path.split(".");
  const last = names.pop() ?? "";
  const parent = names.reduce<Json>((node, name) => (node as { [name: string]: Json })[name], root);
  (parent as { [name: string]: Json })[last] = value;
  return root;
}

const read = (value: unknown) => readKapsoBody(new TextEncoder().encode(JSON.stringify(value)));

test("the parts that matter are read", () => {
  assert.deepEqual(read(body()), {
    kapso_phone_id: "123456789012345",
    phone: "62812345",
    contact_name: "Siti",
    kapso_message_id: "wamid.123",
    direction: "inbound",
    message_type: "text",
    content: "Hello",
    sent_at_ms: 1_730_092_800_000,
  });
});

test("a name may be missing, and a message without text has none", () => {
  assert.equal(read(changed("conversation.kapso", undefined)).contact_name, null);
  assert.equal(read(changed("conversation.kapso", {})).contact_name, null);
  const image = changed("message.type", "image");
  (image.message as { [name: string]: Json }).text = undefined;
  assert.equal(read(image).message_type, "image");
});

const faults: [string, Json][] = [
  ["message", undefined],
  ["message", []],
  ["message.id", ""],
  ["message.id", 1],
  ["message.id", "a\0"],
  ["message.timestamp", 1_730_092_800],
  ["message.timestamp", "1.5"],
  ["message.timestamp", "123456789012"],
  ["message.type", null],
  ["message.text", undefined],
  ["message.text.body", null],
  ["message.kapso", undefined],
  ["message.kapso.direction", "sideways"],
  ["message.kapso.content", undefined],
  ["message.kapso.content", "\ud800"],
  ["message.kapso.content", "x".repeat(65_537)],
  ["conversation.phone_number", "none"],
  ["conversation.kapso.contact_name", 5],
  ["phone_number_id", undefined],
];

for (const [field, value] of faults) {
  test(`${field} = ${JSON.stringify(value)?.slice(0, 20)} is refused by name`, () => {
    assert.throws(
      () => read(changed(field, value)),
      (error) => error instanceof MalformedBody && error.message.startsWith(`${field} must `),
    );
  });
}

test("what is no JSON in UTF-8 is refused", () => {
  for (const bytes of [[], [0x7b], [0xff, 0xfe], [0x22, 0xc3, 0x22]]) {
    assert.throws(() => readKapsoBody(Uint8Array.from(bytes)), MalformedBody);
  }
});
