/**
 * Document ids as Convex makes them: table number (VInt), 16 random bytes and a Fletcher-16
 * checksum, in Crockford's base32. An id therefore knows its table.
 */
import { randomFillSync } from "node:crypto";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const DECODE = new Map([...ALPHABET].map((letter, index) => [letter, index]));
const INTERNAL_ID_BYTES = 16;
const FOOTER_BYTES = 2;
const MIN_LENGTH = 31;
const MAX_LENGTH = 37;
const RANDOM_POOL_BYTES = 4096;

const pool = Buffer.allocUnsafe(RANDOM_POOL_BYTES);
let poolUsed = RANDOM_POOL_BYTES;

export function newId(tableNumber: number): string {
  if (poolUsed === RANDOM_POOL_BYTES) {
    randomFillSync(pool);
    poolUsed = 0;
  }
  const internal = pool.subarray(poolUsed, poolUsed + INTERNAL_ID_BYTES);
  poolUsed += INTERNAL_ID_BYTES;
  return encodeId(tableNumber, internal);
}

export function encodeId(tableNumber: number, internal: Uint8Array): string {
  const prefix: number[] = [];
  let rest = tableNumber;
  while (rest >= 0x80) {
    prefix.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  prefix.push(rest);
  const bytes = Buffer.alloc(prefix.length + INTERNAL_ID_BYTES + FOOTER_BYTES);
  bytes.set(prefix);
  bytes.set(internal, prefix.length);
  const footerAt = bytes.length - FOOTER_BYTES;
  bytes.writeUInt16LE(fletcher16(bytes.subarray(0, footerAt)), footerAt);
  return base32(bytes);
}

/** Rows refer to the same few ids again and again; reading one costs as much as the rest of a row's check. */
const known = new Map<string, number | undefined>();
const MAX_KNOWN = 4096;

/** The table number of a well-formed id, or undefined. */
export function tableNumberOf(id: string): number | undefined {
  let number = known.get(id);
  if (number === undefined && !known.has(id)) {
    number = readTableNumber(id);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(id, number);
  }
  return number;
}

function readTableNumber(id: string): number | undefined {
  if (id.length < MIN_LENGTH || id.length > MAX_LENGTH) return undefined;
  const bytes = fromBase32(id);
  if (bytes === undefined) return undefined;
  let tableNumber = 0;
  let position = 0;
  for (;;) {
    const byte = bytes[position];
    if (byte === undefined || position >= 5) return undefined;
    tableNumber += (byte & 0x7f) * 2 ** (7 * position);
    position++;
    if (byte < 0x80) break;
  }
  const footerAt = position + INTERNAL_ID_BYTES;
  if (bytes.length !== footerAt + FOOTER_BYTES || tableNumber === 0) return undefined;
  if (fletcher16(bytes.subarray(0, footerAt)) !== bytes.readUInt16LE(footerAt)) return undefined;
  // Several texts may decode to the same bytes; only the canonical one is an id.
  return base32(bytes) === id ? tableNumber : undefined;
}

function fletcher16(bytes: Uint8Array): number {
  let low = 0;
  let high = 0;
  for (const byte of bytes) {
    low = (low + byte) & 0xff;
    high = (high + low) & 0xff;
  }
  return (high << 8) | low;
}

function base32(bytes: Uint8Array): string {
  let out = "";
  let bits = 0;
  let held = 0;
  for (const byte of bytes) {
    held = (held << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      out += ALPHABET[(held >>> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  if (bits > 0) out += ALPHABET[(held << (5 - bits)) & 31];
  return out;
}

function fromBase32(text: string): Buffer | undefined {
  const out = Buffer.alloc(Math.floor((text.length * 5) / 8));
  let bits = 0;
  let held = 0;
  let position = 0;
  for (const letter of text) {
    const value = DECODE.get(letter);
    if (value === undefined) return undefined;
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      out[position++] = (held >>> bits) & 0xff;
      held &= (1 << bits) - 1;
    }
  }
  return out;
}
