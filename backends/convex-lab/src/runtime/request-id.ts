import { randomUUID } from "node:crypto";

/** 16 hexadecimal digits, as errors quote them. */
export function newRequestId(): string {
  return randomUUID().replaceAll("-", "").slice(0, 16);
}
