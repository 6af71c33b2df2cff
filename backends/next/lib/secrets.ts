import { createHash, createHmac, timingSafeEqual } from "node:crypto";

/** Compares digests, so that neither the content nor the length of `expected` shows in the time taken. */
export function equalInConstantTime(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

/** Whether `signature` is the hex HMAC-SHA256 of the raw body under `secret`. */
export function isSigned(body: Uint8Array, signature: string | null, secret: string): boolean {
  if (signature === null || !/^[0-9a-f]{64}$/i.test(signature)) return false;
  const expected = createHmac("sha256", secret).update(body).digest();
  return timingSafeEqual(Buffer.from(signature, "hex"), expected);
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
