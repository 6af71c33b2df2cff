import type { ServerResponse } from "node:http";
import { InternalError, UserError } from "../errors.ts";

export function sendJson(response: ServerResponse, status: number, text: string): void {
  sendBytes(response, status, { "content-type": "application/json" }, Buffer.from(text));
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  sendBytes(response, status, { "content-type": "text/plain; charset=utf-8" }, Buffer.from(text));
}

const ONE_WRITE_MAX_BYTES = 65_536;

/** A whole body in one go. */
export function sendBytes(
  response: ServerResponse,
  status: number,
  headers: Record<string, string | string[]>,
  body: Uint8Array,
): void {
  response.writeHead(status, { ...headers, "content-length": String(body.length) });
  // Node sends head and body in one system call when the body is a string; latin1 keeps every byte.
  if (body.length > ONE_WRITE_MAX_BYTES) response.end(body);
  else response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1"), "latin1");
}

/** The backend's form for what goes wrong outside a function: `{code, message}`. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (error instanceof UserError) {
    return sendJson(response, error.status, JSON.stringify({ code: error.code, message: error.message }));
  }
  const reason = error instanceof InternalError ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`convex-lab: internal error: ${reason}\n`);
  sendJson(
    response,
    500,
    JSON.stringify({
      code: "InternalServerError",
      message: "Your request couldn't be completed. Try again later.",
    }),
  );
}
