import type { ServerResponse } from "node:http";
import { InternalError, UserError } from "../errors.ts";

export function sendJson(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length });
  response.end(body);
}

export function sendText(response: ServerResponse, status: number, text: string): void {
  const body = Buffer.from(text);
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "content-length": body.length });
  response.end(body);
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
