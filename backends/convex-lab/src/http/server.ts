/** The two ports: the main one (API, /version, HTTP actions under /http) and the site (HTTP actions). */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf, StartupError } from "../errors.ts";
import type { FunctionsApi } from "./api.ts";
import type { HttpActions } from "./actions.ts";
import type { ImportApi } from "./imports.ts";
import { sendError, sendText } from "./respond.ts";

export interface Handlers {
  api: FunctionsApi;
  imports: ImportApi;
  actions: HttpActions;
  version: string;
}

const KEEP_ALIVE_MS = 75_000;
const TIDY_MS = 20;
const GRACE_MS = 5000;

/** Requests that arrive before the functions are loaded wait for `handlers`. */
export class HttpServer {
  readonly #server: Server;

  constructor(route: (request: IncomingMessage, response: ServerResponse) => Promise<void>) {
    this.#server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
      response.shouldKeepAlive &&= this.#server.listening;
      route(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else sendError(response, error);
      });
    });
  }

  /** Throws StartupError when the port is taken or the address is not this machine's. */
  async listen(flag: string, host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, host, resolve);
    }).catch((error: unknown) => {
      throw new StartupError(`${flag} ${port}: cannot listen on ${host} (${messageOf(error)}); choose a free port, or 0 for any`);
    });
    return (this.#server.address() as AddressInfo).port;
  }

  /** Finishes what is in flight, but does not wait for ever for a client that sends no end. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    // A connection that is kept alive becomes idle only when its answer has gone out.
    const tidying = setInterval(() => this.#server.closeIdleConnections(), TIDY_MS);
    const impatient = setTimeout(() => this.#server.closeAllConnections(), GRACE_MS);
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
    clearInterval(tidying);
    clearTimeout(impatient);
  }
}

export async function routeMain(
  request: IncomingMessage,
  response: ServerResponse,
  { api, imports, actions, version }: Handlers,
): Promise<void> {
  const target = request.url ?? "/";
  if (target === "/http" || target.startsWith("/http/") || target.startsWith("/http?")) {
    const rest = target.slice("/http".length);
    return actions.handle(request, response, rest.startsWith("/") ? rest : `/${rest}`);
  }
  const base = "http://localhost";
  if (!URL.canParse(base + target)) return sendText(response, 400, "Bad request target");
  const url = new URL(base + target);
  if (url.pathname === "/version" && request.method === "GET") return sendText(response, 200, version);
  if (await api.handle(request, response, url)) return;
  if (await imports.handle(request, response, url)) return;
  response.writeHead(404, { "content-length": 0 }).end();
}
