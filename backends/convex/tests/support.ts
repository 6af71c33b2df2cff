import { createHmac } from "node:crypto";
import { readdirSync } from "node:fs";
import path from "node:path";

import { convexTest } from "convex-test";
import { anyApi } from "convex/server";
import type { ApiFromModules } from "convex/server";

import type * as contacts from "../convex/contacts.ts";
import type * as messages from "../convex/messages.ts";
import schema from "../convex/schema.ts";
import type * as seed from "../convex/seed.ts";
import type * as seedWithSecret from "../convex/seedWithSecret.ts";
import type { WireContext, WireManifest, WireWorkspace } from "../convex/seeding/wire.ts";

export const FUNCTIONS = path.join(import.meta.dirname, "..", "convex");
export const API_KEY = "test-api-key";
export const WEBHOOK_SECRET = "test-webhook-secret";
export const SEED_SECRET = "test-seed-secret";

type Modules = ApiFromModules<{
  contacts: typeof contacts;
  messages: typeof messages;
  seed: typeof seed;
  seedWithSecret: typeof seedWithSecret;
}>;
export const functions = anyApi as unknown as Modules;

/** Every module of the functions folder, as the Convex CLI would deploy it. */
export function moduleFiles(): string[] {
  return readdirSync(FUNCTIONS, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.startsWith("_generated"))
    .sort();
}

/** A fresh, empty backend that runs the real functions on the real schema. */
export function backend() {
  process.env.CRM_API_KEY = API_KEY;
  process.env.KAPSO_WEBHOOK_SECRET = WEBHOOK_SECRET;
  process.env.SEED_SECRET = SEED_SECRET;
  const modules = moduleFiles().map((file): [string, () => Promise<unknown>] => [
    `../convex/${file}`,
    () => import(path.join(FUNCTIONS, file)),
  ]);
  // convex-test finds the root of the functions by this folder, which codegen would make.
  const root: [string, () => Promise<unknown>] = ["../convex/_generated/api.js", async () => ({})];
  return convexTest({ schema, modules: Object.fromEntries([root, ...modules]) });
}
export type Backend = ReturnType<typeof backend>;

export function uuid(kind: string, n: number): string {
  const tag = Buffer.from(kind.slice(0, 4)).toString("hex").padStart(8, "0");
  return `${tag}-0000-4000-8000-${n.toString(16).padStart(12, "0")}`;
}

export function workspace(n: number, changes: Partial<WireWorkspace> = {}): WireWorkspace {
  return {
    id: uuid("wspc", n),
    name: `Workspace ${n}`,
    slug: `workspace-${n}`,
    kapso_phone_id: `10000000000000${n}`,
    created_at: 1_700_000_000_000 + n,
    members: [
      { id: uuid("memb", n), user_id: uuid("user", n), role: "owner", created_at: 1_700_000_001_000 + n },
    ],
    ...changes,
  };
}

type Shape = { workspace?: number; messages?: number | null; notes?: number; tags?: string[] };

/** A contact with that many messages and notes; `messages: null` is one without a conversation. */
export function context(index: number, shape: Shape = {}): WireContext {
  const { messages = 3, notes = 2, tags = ["ielts", "australia"] } = shape;
  const started = 1_735_689_600_000 + index * 1_000_000;
  const wireMessages = Array.from({ length: messages ?? 0 }, (_, i) => ({
    id: uuid("mesg", index * 1000 + i),
    direction: i % 2 === 0 ? ("inbound" as const) : ("outbound" as const),
    sender_type: i % 2 === 0 ? ("contact" as const) : ("agent" as const),
    content: `message ${i} of ${index} ✓`,
    message_type: "text",
    kapso_message_id: i % 3 === 2 ? null : `wamid.${index}.${i}`,
    created_at: started + i * 1000,
  }));
  const last = wireMessages.at(-1);
  return {
    index,
    contact: {
      id: uuid("cont", index),
      workspace_id: uuid("wspc", shape.workspace ?? 1),
      phone: `62812${String(index).padStart(8, "0")}`,
      name: index % 2 === 0 ? `Siti Rahayu ${index}` : null,
      kapso_name: `siti.${index}`,
      email: null,
      lead_status: "warm",
      lead_score: index % 101,
      tags,
      first_contact_date: started,
      created_at: started + 1,
    },
    conversation:
      messages === null
        ? null
        : {
            id: uuid("conv", index),
            status: "open",
            unread_count: 1,
            last_message_at: last?.created_at ?? null,
            last_message_preview: last?.content ?? null,
            created_at: started + 2,
          },
    messages: wireMessages,
    notes: Array.from({ length: notes }, (_, i) => ({
      id: uuid("note", index * 1000 + i),
      author_id: i % 2 === 0 ? uuid("user", 1) : null,
      content: `note ${i} of ${index}`,
      created_at: started + i * 500,
    })),
  };
}

export const manifest: WireManifest = {
  seed: 42,
  contacts: 3,
  digest: "ab".repeat(32),
  generator: "1",
  state: "complete",
};

/** A backend that holds workspaces 1 and 2 and the given contexts. */
export async function seeded(contexts: WireContext[]): Promise<Backend> {
  const t = backend();
  await t.mutation(functions.seed.writeWorkspaces, { workspaces: [workspace(1), workspace(2)] });
  await t.mutation(functions.seed.writeContexts, { contexts });
  return t;
}

export async function lookUp(t: Backend, phone: string, workspace_id = uuid("wspc", 1)) {
  return await t.query(functions.contacts.getContextByPhone, { phone, workspace_id, api_key: API_KEY });
}

type Kapso = {
  id?: string;
  timestamp?: string;
  phone?: string;
  content?: string;
  direction?: string;
  contact_name?: string;
  phone_number_id?: string;
};

/** A body as Kapso sends it, to workspace 1 unless told otherwise. */
export function kapsoBody(message: Kapso = {}) {
  const content = message.content ?? "Hello";
  return {
    message: {
      id: message.id ?? "wamid.new",
      timestamp: message.timestamp ?? "1780000000",
      type: "text",
      text: { body: content },
      kapso: { direction: message.direction ?? "inbound", content },
    },
    conversation: {
      id: "conv_123",
      phone_number: message.phone ?? "+62 812-0000 0001",
      kapso: { contact_name: message.contact_name ?? "Siti" },
    },
    phone_number_id: message.phone_number_id ?? workspace(1).kapso_phone_id,
  };
}

export function signature(body: string, secret = WEBHOOK_SECRET): string {
  return createHmac("sha256", secret).update(body).digest("hex");
}

/** Posts a signed body to the webhook. */
export async function post(
  t: Backend,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Response> {
  const raw = typeof body === "string" ? body : JSON.stringify(body);
  return await t.fetch("/webhook/kapso", {
    method: "POST",
    body: raw,
    headers: { "X-Webhook-Signature": signature(raw), ...headers },
  });
}

/** Every document of every table, without the fields Convex adds. */
export async function dump(t: Backend): Promise<Record<string, unknown[]>> {
  return await t.run(async (ctx) => {
    const tables = Object.keys(schema.tables) as (keyof typeof schema.tables)[];
    return Object.fromEntries(
      await Promise.all(tables.map(async (table) => [table, await ctx.db.query(table).collect()] as const)),
    );
  });
}
