import type { IncomingMessage } from "node:http";
import { messageOf, UserError } from "../errors.ts";

export class BodyTooLarge extends Error {
  override readonly name = "BodyTooLarge";
}

/** The whole body. Throws BodyTooLarge as soon as it is longer than `limit` bytes. */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw new BodyTooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > limit) throw new BodyTooLarge();
    chunks.push(chunk);
  }
  return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks);
}

const JSON_TYPE = /^application\/(?:[^;]*\+)?json\s*(?:;|$)/i;

/** The body as a JSON object. Throws UserError, worded as the backend does, when it is none. */
export async function readJsonObject(request: IncomingMessage, limit: number): Promise<Record<string, unknown>> {
  if (!JSON_TYPE.test(request.headers["content-type"] ?? "")) {
    throw badBody("Expected request with `Content-Type: application/json`");
  }
  let body: Buffer;
  try {
    body = await readBody(request, limit);
  } catch (error) {
    if (error instanceof BodyTooLarge) throw badBody("Failed to buffer the request body: length limit exceeded");
    throw error;
  }
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw badBody(`Failed to parse the request body as JSON: ${messageOf(error)}`);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw badBody("Failed to deserialize the JSON body into the target type: expected an object");
  }
  return json as Record<string, unknown>;
}

export function badBody(message: string): UserError {
  return new UserError("BadJsonBody", message);
}
