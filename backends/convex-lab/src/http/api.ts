/** The functions API: POST /api/query, /api/mutation, /api/action, /api/function, /api/run/…, and GET /api/query. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { UserError } from "../errors.ts";
import type { Access, Executor, Outcome } from "../runtime/executor.ts";
import { newRequestId } from "../runtime/request-id.ts";
import { systemQuery } from "../imports/system-queries.ts";
import type { Imports } from "../imports/imports.ts";
import { exportClean, exportText, parseFormat, type ValueFormat } from "../values/export.ts";
import type { Authenticator } from "./auth.ts";
import { badBody, readJsonObject } from "./body.ts";
import { sendJson } from "./respond.ts";

const MAX_REQUEST_BYTES = (1 << 24) + 2000;

type Call = (path: string, args: unknown, access: Access, requestId: string) => Promise<Outcome>;

export class FunctionsApi {
  readonly #executor: Executor;
  readonly #authenticator: Authenticator;
  readonly #calls: Record<string, Call>;

  constructor(executor: Executor, authenticator: Authenticator, imports: Imports) {
    this.#executor = executor;
    this.#authenticator = authenticator;
    this.#calls = {
      "/api/query": async (path, args, access, id) =>
        systemQuery(imports, path, args, access) ?? (await executor.query(path, args, access, id)),
      "/api/mutation": (path, args, access, id) => executor.mutation(path, args, access, id),
      "/api/action": (path, args, access, id) => executor.action(path, args, access, id),
      "/api/function": (path, args, access, id) => executor.any(path, args, access, id),
    };
  }

  /** Answers the request, or returns false when the path is none of the API's. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { pathname } = url;
    if (pathname === "/api/query" && request.method === "GET") {
      await this.#queryByUrl(request, response, url);
    } else if (pathname.startsWith("/api/run/")) {
      if (!onlyPost(request, response)) return true;
      await this.#run(request, response, pathname.slice("/api/run/".length));
    } else if (Object.hasOwn(this.#calls, pathname)) {
      if (!onlyPost(request, response)) return true;
      await this.#post(request, response, this.#calls[pathname]!);
    } else {
      return false;
    }
    return true;
  }

  async #post(request: IncomingMessage, response: ServerResponse, call: Call): Promise<void> {
    const body = await readJsonObject(request, MAX_REQUEST_BYTES);
    const path = field(body, "path");
    if (typeof path !== "string") throw badBody(wrongType("path", "a string"));
    await this.#answer(request, response, call, path, field(body, "args"), body["format"]);
  }

  async #queryByUrl(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const path = url.searchParams.get("path");
    const args = url.searchParams.get("args");
    if (path === null || args === null) {
      throw new UserError("BadQueryArgs", `Failed to deserialize query string: missing field \`${path === null ? "path" : "args"}\``);
    }
    let parsed: unknown;
    try {
      parsed = JSON.parse(args);
    } catch {
      throw new UserError("BadQueryArgs", "Failed to deserialize query string: args is not JSON");
    }
    const format = url.searchParams.get("format") ?? undefined;
    await this.#answer(request, response, this.#calls["/api/query"]!, path, parsed, format);
  }

  async #run(request: IncomingMessage, response: ServerResponse, identifier: string): Promise<void> {
    const body = await readJsonObject(request, MAX_REQUEST_BYTES);
    const parts = decodeParts(identifier);
    if (parts === undefined || parts.length < 2) {
      throw new UserError("MissingIdentifier", "Path or function name not provided in path, e.g. /api/run/messages/list");
    }
    const path = `${parts.slice(0, -1).join("/")}:${parts.at(-1)}`;
    const call: Call = (...args) => this.#executor.any(...args);
    await this.#answer(request, response, call, path, field(body, "args"), body["format"] ?? "json");
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    call: Call,
    path: string,
    args: unknown,
    formatName: unknown,
  ): Promise<void> {
    const requestId = newRequestId();
    const access = this.#authenticator.accessOf(request);
    const outcome = await call(path, args, access, requestId);
    // The backend, too, looks at the format only after it has run the function.
    const format = parseFormat(formatName) ?? defaultFormat(request);
    sendJson(response, 200, outcomeText(outcome, format, requestId));
  }
}

function decodeParts(identifier: string): string[] | undefined {
  try {
    return identifier.split("/").map(decodeURIComponent);
  } catch {
    return undefined;
  }
}

/** The `convex` package's clients expect lossless values; others get plain JSON unless they ask. */
function defaultFormat(request: IncomingMessage): ValueFormat {
  return request.headers["convex-client"] === undefined ? "clean" : "encoded";
}

function outcomeText({ value, error, logLines }: Outcome, format: ValueFormat, requestId: string): string {
  const logs = logLines.length === 0 ? "" : `,"logLines":${JSON.stringify(logLines)}`;
  if (error === undefined) return `{"status":"success","value":${exportText(value!, format)}${logs}}`;
  const message = JSON.stringify(`[Request ID: ${requestId}] Server Error\n${error.trace}`);
  const data = error.data === undefined ? undefined : format === "clean" ? exportClean(error.data) : error.data;
  const dataText = data === undefined ? "" : `,"errorData":${JSON.stringify(data)}`;
  return `{"status":"error","errorMessage":${message}${dataText}${logs}}`;
}

export function onlyPost(request: IncomingMessage, response: ServerResponse): boolean {
  if (request.method === "POST") return true;
  response.writeHead(405, { allow: "POST", "content-length": 0 }).end();
  return false;
}

function field(body: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(body, name)) return body[name];
  throw badBody(`Failed to deserialize the JSON body into the target type: missing field \`${name}\``);
}

function wrongType(name: string, expected: string): string {
  return `Failed to deserialize the JSON body into the target type: ${name}: expected ${expected}`;
}
