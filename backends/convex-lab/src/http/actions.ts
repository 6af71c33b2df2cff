/** HTTP actions: the routes of http.ts. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Executor } from "../runtime/executor.ts";
import { FunctionError } from "../runtime/function-error.ts";
import type { HttpRouter } from "../runtime/functions.ts";
import { newRequestId } from "../runtime/request-id.ts";
import { BodyTooLarge, readBody } from "./body.ts";
import { sendBytes, sendJson, sendText } from "./respond.ts";

const MAX_BODY_BYTES = 20 * 2 ** 20;
const METHODS = new Set(["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD"]);

export class HttpActions {
  readonly #executor: Executor;
  readonly #router: HttpRouter | undefined;

  constructor(executor: Executor, router: HttpRouter | undefined) {
    this.#executor = executor;
    this.#router = router;
  }

  /** `target` is the path and query as the action's route knows them. */
  async handle(request: IncomingMessage, response: ServerResponse, target: string): Promise<void> {
    const method = request.method ?? "GET";
    if (!METHODS.has(method)) return void response.writeHead(405, { "content-length": 0 }).end();
    if (this.#router === undefined) {
      return sendText(response, 404, "This Convex deployment does not have HTTP actions enabled.");
    }
    const url = urlOf(request, target);
    const found = this.#router.lookup(url.pathname, method);
    if (found === null) return sendText(response, 404, "No matching routes found");
    const [action, routeMethod, routePath] = found;
    const requestId = newRequestId();
    try {
      const webRequest = await toWebRequest(request, url, method);
      const answer = await this.#executor.http(action, `${routeMethod} ${routePath}`, webRequest, requestId);
      await sendWebResponse(response, answer, method === "HEAD");
    } catch (error) {
      if (error instanceof BodyTooLarge) {
        // The rest of the body is not wanted, so the connection cannot be used again.
        response.setHeader("connection", "close");
        return sendText(response, 413, "length limit exceeded");
      }
      if (!(error instanceof FunctionError)) throw error;
      process.stderr.write(`${routeMethod} ${routePath}: ${error.summary}`);
      sendFunctionError(response, error, requestId);
    }
  }
}

function urlOf(request: IncomingMessage, target: string): URL {
  const scheme = request.headers["x-forwarded-proto"] === "https" ? "https" : "http";
  const host = request.headers.host ?? "localhost";
  const base = `${scheme}://${host}`;
  // A target such as "//host/" must stay a path, so it is not resolved against the base.
  return URL.canParse(base + target) ? new URL(base + target) : new URL(`${scheme}://localhost${target}`);
}

async function toWebRequest(request: IncomingMessage, url: URL, method: string): Promise<Request> {
  const headers = new Headers();
  const { rawHeaders } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i]!, rawHeaders[i + 1]!);
  if (method === "GET" || method === "HEAD") return new Request(url, { method, headers });
  const body = await readBody(request, MAX_BODY_BYTES);
  return new Request(url, { method, headers, body: method === "OPTIONS" ? null : new Uint8Array(body) });
}

async function sendWebResponse(response: ServerResponse, answer: Response, headOnly: boolean): Promise<void> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of answer.headers) if (name !== "set-cookie") headers[name] = value;
  const cookies = answer.headers.getSetCookie();
  if (cookies.length > 0) headers["set-cookie"] = cookies;
  const reader = answer.body?.getReader();
  const first = headOnly ? undefined : await reader?.read();
  if (headOnly || first === undefined || first.done) {
    await reader?.cancel();
    const hasNoLength = headOnly || answer.status === 204 || answer.status === 304;
    response.writeHead(answer.status, hasNoLength ? headers : { ...headers, "content-length": "0" }).end();
    return;
  }
  // A body that is complete by now goes out in one piece, with its length; others are streamed.
  const second = reader!.read();
  const complete = await Promise.race([second, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))]);
  if (complete?.done) {
    return sendBytes(response, answer.status, headers, first.value);
  }
  response.writeHead(answer.status, headers);
  response.write(first.value);
  for (let chunk = await second; !chunk.done; chunk = await reader!.read()) response.write(chunk.value);
  response.end();
}

function sendFunctionError(response: ServerResponse, error: FunctionError, requestId: string): void {
  const body: Record<string, unknown> = {
    code: `[Request ID: ${requestId}] Server Error: ${error.headline}`,
    trace: error.trace,
  };
  if (error.data !== undefined) body["data"] = error.data;
  sendJson(response, 500, JSON.stringify(body));
}
