import { digitsOf } from "./phone.ts";

const NAME = { min: 1, max: 256 };
const CONTENT = { min: 0, max: 65_536 };

export type KapsoMessage = {
  kapso_phone_id: string;
  phone: string;
  contact_name: string | null;
  kapso_message_id: string;
  direction: "inbound" | "outbound";
  message_type: string;
  content: string;
  sent_at_ms: number;
};

/** A body that is not of Kapso's form; the message names the first field at fault. */
export class MalformedBody extends Error {}

/** Reads Kapso's body; fields the CRM does not need are ignored. Throws MalformedBody. */
export function readKapsoBody(body: Uint8Array): KapsoMessage {
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
    direction: direction(kapso.direction, "message.kapso.direction"),
    message_type: type,
    content: text(kapso.content, "message.kapso.content", CONTENT),
    sent_at_ms: epochMilliseconds(message.timestamp, "message.timestamp"),
  };
}

function parse(body: Uint8Array): unknown {
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
  // JSON can spell both; PostgreSQL stores neither.
  if (!value.isWellFormed() || value.includes("\0")) {
    throw new MalformedBody(`${field} must be Unicode text without NUL`);
  }
  return value;
}

function direction(value: unknown, field: string): "inbound" | "outbound" {
  if (value !== "inbound" && value !== "outbound") {
    throw new MalformedBody(`${field} must be one of inbound, outbound`);
  }
  return value;
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
