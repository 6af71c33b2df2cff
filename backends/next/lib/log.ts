import { knownSecrets } from "./environment.ts";

const LONG_NUMBER = /[0-9]{7,}/g;

/** Writes one line of JSON to standard output. */
export function log(record: Record<string, unknown>): void {
  console.log(JSON.stringify({ at: new Date().toISOString(), ...record }));
}

/**
 * What a failure may say in a log: errors of the data layer quote the values they
 * were called with, so keys are taken out and anything like a phone number is cut
 * to its last three digits.
 */
export function describeError(error: unknown): string {
  let text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  if (error instanceof Error && error.cause instanceof Error) text += ` (${error.cause.message})`;
  for (const secret of knownSecrets()) text = text.replaceAll(secret, "[secret]");
  return text.replace(LONG_NUMBER, (digits) => `***${digits.slice(-3)}`);
}
