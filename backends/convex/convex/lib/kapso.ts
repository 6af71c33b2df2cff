/** What Kapso sends: its signature and its body. */
import { v } from "convex/values";
import type { Infer } from "convex/values";

import { digitsOf } from "./phone.ts";
import { direction } from "./validators.ts";

export const kapsoMessage = v.object({
  kapso_phone_id: v.string(),
  phone: v.string(),
  contact_name: v.union(v.string(), v.null()),
  kapso_message_id: v.string(),
  direction,
  message_type: v.string(),
  content: v.string(),
  sent_at: v.number(),
});
export type KapsoMessage = Infer<typeof kapsoMessage>;

/** A body that is not of Kapso's form; the message names the first field at fault. */
export class MalformedBody extends Error {}

/** Whether `signature` is the hex HMAC-SHA256 of the raw body under `secret`. Takes constant time. */
export async function isSigned(
  body: ArrayBuffer,
  signature: string | null,
  secret: string,
): Promise<boolean> {
  if (signature === null || !/^[0-9a-f]{64}$/i.test(signature)) return false;
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, [
    "verify",
  ]);
  return await crypto.subtle.verify("HMAC", key, bytesOfHex(signature), body);
}

/** Reads Kapso's body; fields the CRM does not need are ignored. Throws MalformedBody. */
export function readKapsoBody(body: ArrayBuffer): KapsoMessage {
  const root = object(parse(body), "body");
  const message = object(root.message, "message");
  const conversation = object(root.conversation, "conversation");
  const kapso = object(message.kapso, "message.kapso");

  const type = text(message.type, "message.type", NAME);
  if (type === "text") text(object(message.text, "message.text").body, "message.text.body", CONTENT);
  return {
    kapso_phone_id: text(root.phone_number_id, "phone_number_id", NAME),
    phone: phone(conversation.phone_number, "conversation.phone_number"),
    contact_name: contactName(conversation.kapso),
    kapso_message_id: text(message.id, "message.id", NAME),
    direction: oneOf(kapso.direction, "message.kapso.direction", ["inbound", "outbound"] as const),
    message_type: type,
    content: text(kapso.content, "message.kapso.content", CONTENT),
    sent_at: epochMilliseconds(message.timestamp, "message.timestamp"),
  };
}

const NAME = { min: 1, max: 256 };
const CONTENT = { min: 0, max: 65_536 };

function parse(body: ArrayBuffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw new MalformedBody("body must be JSON in UTF-8");
  }
}

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MalformedBody(`${field} must be an object`);
  }
  return value as Record<string, unknown>;
}

function text(value: unknown, field: string, length: { min: number; max: number }): string {
  if (typeof value !== "string" || value.length < length.min || value.length > length.max) {
    throw new MalformedBody(`${field} must be a string of ${length.min} to ${length.max} characters`);
  }
  // JSON can spell both, Convex stores no lone surrogate and Postgres no NUL.
  if (!value.isWellFormed() || value.includes("\0")) {
    throw new MalformedBody(`${field} must be Unicode text without NUL`);
  }
  return value;
}

function oneOf<const Choice extends string>(
  value: unknown,
  field: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined) throw new MalformedBody(`${field} must be one of ${choices.join(", ")}`);
  return choice;
}

function phone(value: unknown, field: string): string {
  const digits = digitsOf(text(value, field, NAME));
  if (digits === "") throw new MalformedBody(`${field} must contain a digit`);
  return digits;
}

function contactName(conversationKapso: unknown): string | null {
  if (conversationKapso === undefined || conversationKapso === null) return null;
  const name = object(conversationKapso, "conversation.kapso").contact_name;
  if (name === undefined || name === null) return null;
  return text(name, "conversation.kapso.contact_name", { ...NAME, min: 0 }) || null;
}

function epochMilliseconds(value: unknown, field: string): number {
  if (typeof value !== "string" || !/^[0-9]{1,11}$/.test(value)) {
    throw new MalformedBody(`${field} must be a string of 1 to 11 digits, seconds since the Unix epoch`);
  }
  return Number(value) * 1000;
}

function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) =>
    Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16),
  );
}
