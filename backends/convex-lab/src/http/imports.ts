/** Bulk import: POST /api/import, /api/import/{start_upload,upload_part,finish_upload}, /api/{perform,cancel}_import. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { unsupported, UserError } from "../errors.ts";
import { parseMode, type Imports, type Mode } from "../imports/imports.ts";
import { checkTableName, type Format } from "../imports/parse.ts";
import { onlyPost } from "./api.ts";
import type { Authenticator } from "./auth.ts";
import { BodyTooLarge, badBody, readBody, readJsonObject } from "./body.ts";
import { sendJson } from "./respond.ts";

const MAX_PART_BYTES = 2 ** 28;
const MAX_JSON_BYTES = 2 ** 21;

type Route = (request: IncomingMessage, url: URL) => Promise<unknown>;
type Fields = Record<string, unknown>;

export class ImportApi {
  readonly #imports: Imports;
  readonly #authenticator: Authenticator;
  readonly #routes: Record<string, Route>;

  constructor(imports: Imports, authenticator: Authenticator) {
    this.#imports = imports;
    this.#authenticator = authenticator;
    this.#routes = {
      "/api/import": (request, url) => this.#import(request, Object.fromEntries(url.searchParams)),
      "/api/import/start_upload": async () => ({ uploadToken: await imports.uploads.start() }),
      "/api/import/upload_part": (request, url) => this.#uploadPart(request, url),
      "/api/import/finish_upload": async (request) => this.#finishUpload(await readJsonObject(request, MAX_JSON_BYTES)),
      "/api/perform_import": async (request) => imports.perform(await importId(request)),
      "/api/cancel_import": async (request) => imports.cancel(await importId(request)),
    };
  }

  /** Answers the request, or returns false when the path is none of these. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const route = Object.hasOwn(this.#routes, url.pathname) ? this.#routes[url.pathname] : undefined;
    if (route === undefined) return false;
    if (!onlyPost(request, response)) return true;
    if (this.#authenticator.accessOf(request) !== "all") {
      throw new UserError("BadDeployKey", "The provided deploy key was invalid for this deployment.", { status: 403 });
    }
    const answer = await route(request, url);
    if (answer === undefined) response.writeHead(200, { "content-length": 0 }).end();
    else sendJson(response, 200, JSON.stringify(answer));
    return true;
  }

  /** All steps in one; an import whose client goes away before it is confirmed is never confirmed. */
  async #import(request: IncomingMessage, fields: Fields): Promise<unknown> {
    const [format, mode] = [formatOf(fields, badQuery), modeOf(fields)];
    const token = await this.#imports.uploads.start();
    await this.#imports.uploads.add(token, await readPart(request));
    const id = this.#imports.start(this.#imports.uploads.finish(token), format, mode);
    return { numWritten: await this.#imports.run(id, () => !request.socket.destroyed) };
  }

  async #uploadPart(request: IncomingMessage, { searchParams }: URL): Promise<string> {
    const [token, part] = ["uploadToken", "partNumber"].map((name) => searchParams.get(name) ?? badQuery(name));
    if (!/^\d{1,5}$/.test(part!) || Number(part) > 65_535) {
      throw new UserError("BadQueryArgs", "Failed to deserialize query string: partNumber: invalid digit found in string");
    }
    await this.#imports.uploads.add(token!, await readPart(request));
    return "";
  }

  #finishUpload(body: Fields): unknown {
    const [args, token, parts] = [body["import"], body["uploadToken"], body["partTokens"]];
    if (typeof args !== "object" || args === null) return badJson("import");
    if (typeof token !== "string") return badJson("uploadToken");
    if (!Array.isArray(parts)) return badJson("partTokens");
    const [format, mode] = [formatOf(args as Fields, badJson), modeOf(args as Fields)];
    return { importId: this.#imports.start(this.#imports.uploads.finish(token), format, mode) };
  }
}

async function readPart(request: IncomingMessage): Promise<Buffer> {
  try {
    return await readBody(request, MAX_PART_BYTES);
  } catch (error) {
    if (error instanceof BodyTooLarge) throw new UserError("ImportFailed", "failed to read request body");
    throw error;
  }
}

async function importId(request: IncomingMessage): Promise<string> {
  const id = (await readJsonObject(request, MAX_JSON_BYTES))["importId"];
  return typeof id === "string" ? id : badJson("importId");
}

function modeOf({ mode }: Fields): Mode {
  return parseMode(mode === undefined ? "requireEmpty" : String(mode));
}

function formatOf(fields: Fields, missing: (name: string) => never): Format {
  const { format, tableName, componentPath } = fields;
  if (componentPath !== undefined && componentPath !== null && componentPath !== "") {
    throw unsupported("Importing into components");
  }
  switch (format) {
    case "zip":
      if (typeof tableName === "string") throw new UserError("InvalidName", "ZIP import cannot have table name");
      return { format: "zip" };
    case "jsonLines":
      if (typeof tableName !== "string") throw new UserError("InvalidName", "JSONL import requires table name");
      if (tableName.startsWith("_")) {
        throw new UserError("InvalidTableName", `Invalid table name ${tableName} starts with metadata prefix '_'`);
      }
      checkTableName(tableName);
      return { format: "jsonl", table: tableName };
    case "csv":
    case "jsonArray":
      throw unsupported(`Importing the format ${format}`);
    default:
      return missing("format");
  }
}

function badQuery(name: string): never {
  throw new UserError("BadQueryArgs", `Failed to deserialize query string: missing field \`${name}\``);
}

function badJson(name: string): never {
  throw badBody(`Failed to deserialize the JSON body into the target type: missing field \`${name}\``);
}
