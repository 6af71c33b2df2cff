/**
 * The order of Convex values as bytes: two values compare like their encodings compare with
 * memcmp, across types (undefined < null < int64 < float64 < boolean < string < bytes < array <
 * object). It is the encoding of the Convex backend itself, so index keys are ordered alike.
 */
import { bytesOf, floatOf, integerOf, kindOf, sortedFields, type ConvexObject, type MaybeValue } from "./json.ts";

const UNDEFINED = 0x01;
const NULL = 0x03;
const INT_ZERO = 0x08;
const FLOAT = 0x0d;
const FALSE = 0x0e;
const TRUE = 0x0f;
const STRING = 0x10;
const BYTES = 0x11;
const ARRAY = 0x12;
const OBJECT = 0x15;
const TERMINATOR = 0x00;
const ESCAPE = 0xff;

class KeyWriter {
  buffer = Buffer.allocUnsafe(256);
  length = 0;

  reserve(bytes: number): void {
    if (this.length + bytes <= this.buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.length + bytes));
    this.buffer.copy(grown, 0, 0, this.length);
    this.buffer = grown;
  }

  byte(value: number): void {
    this.reserve(1);
    this.buffer[this.length++] = value;
  }

  escaped(bytes: Uint8Array): void {
    this.reserve(bytes.length * 2 + 1);
    for (const byte of bytes) {
      this.buffer[this.length++] = byte;
      if (byte === TERMINATOR) this.buffer[this.length++] = ESCAPE;
    }
    this.buffer[this.length++] = TERMINATOR;
  }

  string(text: string): void {
    this.reserve(text.length * 3 + 1);
    const written = this.buffer.write(text, this.length, "utf8");
    if (this.buffer.subarray(this.length, this.length + written).includes(TERMINATOR)) {
      this.escaped(Buffer.from(text, "utf8"));
      return;
    }
    this.length += written;
    this.buffer[this.length++] = TERMINATOR;
  }

  float(value: number): void {
    this.reserve(9);
    this.buffer[this.length] = FLOAT;
    const start = this.length + 1;
    this.buffer.writeDoubleBE(value, start);
    if (this.buffer[start]! & 0x80) {
      for (let i = start; i < start + 8; i++) this.buffer[i] = ~this.buffer[i]! & 0xff;
    } else {
      this.buffer[start]! |= 0x80;
    }
    this.length += 9;
  }

  integer(value: bigint): void {
    if (value === 0n) return this.byte(INT_ZERO);
    const rank = BigInt.asIntN(8, value) === value ? 1
      : BigInt.asIntN(16, value) === value ? 2
      : BigInt.asIntN(32, value) === value ? 3
      : 4;
    const size = 1 << (rank - 1);
    this.reserve(9);
    this.buffer[this.length++] = value < 0n ? INT_ZERO - rank : INT_ZERO + rank;
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(value, 0);
    bytes.copy(this.buffer, this.length, 8 - size);
    this.length += size;
  }

  value(value: MaybeValue): void {
    if (value === undefined) return this.byte(UNDEFINED);
    switch (kindOf(value)) {
      case "Null":
        return this.byte(NULL);
      case "Int64":
        return this.integer(integerOf(value));
      case "Float64":
        return this.float(floatOf(value));
      case "Boolean":
        return this.byte(value === true ? TRUE : FALSE);
      case "String":
        this.byte(STRING);
        return this.string(value as string);
      case "Bytes":
        this.byte(BYTES);
        return this.escaped(bytesOf(value));
      case "Array":
        this.byte(ARRAY);
        for (const item of value as MaybeValue[]) this.value(item);
        return this.byte(TERMINATOR);
      case "Object":
        return this.object(value as ConvexObject);
    }
  }

  object(object: ConvexObject): void {
    this.byte(OBJECT);
    for (const field of sortedFields(object)) {
      this.string(field);
      // An empty field name would otherwise read as the end of the object.
      if (field === "") this.byte(ESCAPE);
      this.value(object[field]);
    }
    this.byte(TERMINATOR);
  }
}

const writer = new KeyWriter();

/** The sort key of a sequence of values: their encodings one after the other. */
export function sortKey(values: readonly MaybeValue[]): Buffer {
  writer.length = 0;
  for (const value of values) writer.value(value);
  return Buffer.from(writer.buffer.subarray(0, writer.length));
}

export function compareValues(a: MaybeValue, b: MaybeValue): number {
  // In JSON form a plain number is finite and not -0, so subtraction orders it.
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (a === b && (typeof a === "string" || typeof a === "boolean")) return 0;
  return Buffer.compare(sortKey([a]), sortKey([b]));
}

/**
 * Greater than every key that begins with these same values, smaller than all others that follow:
 * after a complete value comes a tag, and 0xff is none. (It does follow a zero byte inside a string,
 * so "a\0b" is rightly not taken for a key that begins with "a".)
 */
export function afterPrefix(key: Uint8Array): Buffer {
  const next = Buffer.alloc(key.length + 1, ESCAPE);
  next.set(key);
  return next;
}

/** The smallest key greater than `key` itself. */
export function afterKey(key: Uint8Array): Buffer {
  const next = Buffer.alloc(key.length + 1);
  next.set(key);
  return next;
}
