/** The digests against values computed another way, so that the seeder and Postgres can be held to the same. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import type { WireContext } from "../convex/seeding/wire.ts";
import { canonical } from "../convex/seeding/digest.ts";
import { context, functions, seeded, uuid } from "./support.ts";

const sha256 = (text: string) => createHash("sha256").update(text, "utf8").digest("hex");

const BARE: WireContext = {
  index: 7,
  contact: {
    id: uuid("cont", 7),
    workspace_id: uuid("wspc", 1),
    phone: "6281200000007",
    name: null,
    kapso_name: "zoë 😀",
    email: null,
    lead_status: "new",
    lead_score: 0,
    tags: [],
    first_contact_date: 1_735_689_600_000,
    created_at: 1_735_689_600_001,
  },
  conversation: null,
  messages: [],
  notes: [],
};

const FULL: WireContext = {
  ...BARE,
  index: 8,
  contact: {
    ...BARE.contact,
    id: uuid("cont", 8),
    phone: "6281200000008",
    name: "Siti",
    tags: ["ielts", "uk"],
  },
  conversation: {
    id: uuid("conv", 8),
    status: "closed",
    unread_count: 3,
    last_message_at: 1_736_000_000_000,
    last_message_preview: null,
    created_at: 1_735_700_000_000,
  },
  messages: [
    {
      id: uuid("mesg", 8),
      direction: "outbound",
      sender_type: "bot",
      content: "",
      message_type: "text",
      kapso_message_id: null,
      created_at: 1_736_000_000_000,
    },
  ],
  notes: [{ id: uuid("note", 8), author_id: null, content: "line\nbreak", created_at: 1_735_800_000_000 }],
};

const CANONICAL_BARE = [
  "7",
  uuid("cont", 7),
  uuid("wspc", 1),
  "6281200000007",
  "\x1e",
  "zoë 😀",
  "\x1e",
  "new",
  "0",
  "0",
  "1735689600000",
  "1735689600001",
  "\x1e",
  "0",
  "0",
  "",
].join("\x1f");

const CANONICAL_FULL = [
  "8",
  uuid("cont", 8),
  uuid("wspc", 1),
  "6281200000008",
  "Siti",
  "zoë 😀",
  "\x1e",
  "new",
  "0",
  "2",
  "ielts",
  "uk",
  "1735689600000",
  "1735689600001",
  uuid("conv", 8),
  "closed",
  "3",
  "1736000000000",
  "\x1e",
  "1735700000000",
  "1",
  uuid("mesg", 8),
  "outbound",
  "bot",
  "",
  "text",
  "\x1e",
  "1736000000000",
  "1",
  uuid("note", 8),
  "\x1e",
  "line\nbreak",
  "1735800000000",
  "",
].join("\x1f");

test("the canonical form is the documented one", () => {
  assert.equal(canonical(BARE), CANONICAL_BARE);
  assert.equal(canonical(FULL), CANONICAL_FULL);
});

test("contact and range digests are the SHA-256 of the documented forms", async () => {
  const t = await seeded([FULL, BARE]);
  const contacts = [
    { index: 7, digest: sha256(CANONICAL_BARE) },
    { index: 8, digest: sha256(CANONICAL_FULL) },
  ];
  assert.deepEqual(await t.query(functions.seed.contactDigests, { start: 0, stop: 128 }), contacts);
  assert.deepEqual(await t.query(functions.seed.rangeDigests, { start: 0, stop: 10 }), [
    {
      start: 0,
      contacts: 2,
      digest: sha256(contacts.map(({ index, digest }) => `${index}:${digest}\n`).join("")),
    },
  ]);
});

test("ranges are aligned to 128 and end at stop; an empty one is the digest of nothing", async () => {
  const contexts = [0, 127, 128, 300].map((index) => context(index));
  const t = await seeded(contexts);
  const line = (index: number) => `${index}:${sha256(canonical(context(index)))}\n`;
  const both = [
    { start: 0, contacts: 2, digest: sha256(line(0) + line(127)) },
    { start: 128, contacts: 1, digest: sha256(line(128)) },
  ];
  assert.deepEqual(await t.query(functions.seed.rangeDigests, { start: 0, stop: 300 }), [
    ...both,
    { start: 256, contacts: 0, digest: sha256("") },
  ]);
  assert.deepEqual(await t.query(functions.seed.rangeDigests, { start: 128, stop: 129 }), [both[1]]);
  await assert.rejects(
    t.query(functions.seed.rangeDigests, { start: 1, stop: 128 }),
    /start: 1 is not aligned/,
  );
});

test("messages and notes are digested in the order of (created_at, id), whatever order they were written in", async () => {
  const given = context(0, { messages: 5, notes: 5 });
  for (const row of [...given.messages.slice(2), ...given.notes.slice(1)]) row.created_at = 1_750_000_000_000;
  const t = await seeded([
    { ...given, messages: given.messages.toReversed(), notes: given.notes.toReversed() },
  ]);
  assert.deepEqual(await t.query(functions.seed.readContexts, { start: 0, stop: 1 }), [given]);
  const [digest] = await t.query(functions.seed.contactDigests, { start: 0, stop: 1 });
  assert.equal(digest!.digest, sha256(canonical(given)));
});

test("every field of every row counts", () => {
  const seen = new Set([canonical(FULL)]);
  const isTag = (key: string) => key === "tags";
  const flip = (value: unknown) =>
    typeof value === "number" ? value + 1 : value === null ? "x" : `${value}x`;
  const variants: WireContext[] = [
    { ...FULL, index: 9 },
    { ...FULL, conversation: null },
  ];
  for (const key of Object.keys(FULL.contact)) {
    const value = FULL.contact[key as keyof typeof FULL.contact];
    variants.push({
      ...FULL,
      contact: { ...FULL.contact, [key]: isTag(key) ? ["ielts", "us"] : flip(value) },
    });
  }
  for (const [key, value] of Object.entries(FULL.conversation!)) {
    variants.push({ ...FULL, conversation: { ...FULL.conversation!, [key]: flip(value) } });
  }
  for (const [key, value] of Object.entries(FULL.messages[0]!)) {
    variants.push({ ...FULL, messages: [{ ...FULL.messages[0]!, [key]: flip(value) }] });
  }
  for (const [key, value] of Object.entries(FULL.notes[0]!)) {
    variants.push({ ...FULL, notes: [{ ...FULL.notes[0]!, [key]: flip(value) }] });
  }
  variants.push({ ...FULL, messages: [] }, { ...FULL, notes: [] });
  for (const variant of variants) seen.add(canonical(variant));
  assert.equal(seen.size, variants.length + 1);
});
