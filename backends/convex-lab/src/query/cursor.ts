/** Pagination cursors: opaque to functions, tied to the query that made them. */
import { createHash } from "node:crypto";
import { UserError } from "../errors.ts";

/** After the row with this key, or at the end of the query. */
export type Position = Uint8Array | "end";

const FINGERPRINT_BYTES = 16;
const AFTER = 0;
const END = 1;

export function fingerprint(query: unknown, indexFields: readonly string[]): Buffer {
  return createHash("sha256").update(JSON.stringify([query, indexFields])).digest().subarray(0, FINGERPRINT_BYTES);
}

export function writeCursor(position: Position, mark: Uint8Array): string {
  const parts = position === "end" ? [Uint8Array.of(END), mark] : [Uint8Array.of(AFTER), mark, position];
  return Buffer.concat(parts).toString("base64url");
}

/** Throws UserError when it is no cursor, or a cursor of another query. */
export function readCursor(cursor: string, mark: Uint8Array): Position {
  const bytes = Buffer.from(cursor, "base64url");
  const kind = bytes[0];
  if (bytes.toString("base64url") !== cursor || bytes.length <= FINGERPRINT_BYTES || (kind !== AFTER && kind !== END)) {
    throw new UserError("InvalidCursor", "Failed to parse cursor");
  }
  if (!bytes.subarray(1, FINGERPRINT_BYTES + 1).equals(mark)) {
    throw new UserError(
      "InvalidCursor",
      "InvalidCursor: Tried to run a query starting from a cursor, but it looks like this cursor is from a different query.",
      { data: { isConvexSystemError: true, paginationError: "InvalidCursor" } },
    );
  }
  return kind === END ? "end" : bytes.subarray(FINGERPRINT_BYTES + 1);
}
