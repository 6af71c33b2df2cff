/**
 * The Convex CLI itself bundles this project and pushes it, here to a server that
 * takes the push and refuses it. What was pushed must then load with nothing but
 * what the Convex runtime has: no Node module, no Buffer, no process.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { createContext, SourceTextModule } from "node:vm";
import { brotliDecompressSync } from "node:zlib";

import { moduleFiles } from "./support.ts";

const PROJECT = path.join(import.meta.dirname, "..");

type PushedModule = { path: string; source: string; environment: string };
type Push = {
  functions: string;
  appDefinition: { schema: PushedModule; changedModules: PushedModule[] };
  nodeDependencies: unknown[];
};

/** What `convex deploy` sends to a self-hosted backend. */
async function deploy(): Promise<Push> {
  let push: Push | undefined;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isPush = request.url === "/api/deploy2/evaluate_push";
    if (isPush) push = JSON.parse(brotliDecompressSync(Buffer.concat(chunks)).toString());
    response.writeHead(isPush ? 400 : 200, { "Content-Type": "application/json" });
    response.end(JSON.stringify(isPush ? { code: "Refused", message: "refused" } : EMPTY_DEPLOYMENT));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const output = await runCli(url);
    assert.ok(push, `the CLI pushed nothing:\n${output}`);
    return push;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const EMPTY_DEPLOYMENT = {
  config: { functions: "convex/" },
  moduleHashes: [],
  nodeDependencies: [],
  udfServerVersion: "1.48.0",
};

async function runCli(url: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "convex-deploy-"));
  // A file and not the environment: it also outranks a developer's .env.local,
  // which may name a real deployment.
  const envFile = path.join(folder, "env");
  await writeFile(envFile, `CONVEX_SELF_HOSTED_URL=${url}\nCONVEX_SELF_HOSTED_ADMIN_KEY=test|key\n`);
  const cli = path.join(PROJECT, "node_modules", "convex", "bin", "main.js");
  const child = spawn(
    process.execPath,
    [cli, "deploy", "-y", "--codegen", "disable", "--env-file", envFile],
    {
      cwd: PROJECT,
      // CI keeps the CLI from reporting its failure, which we provoke, to its makers.
      env: { CI: "1", PATH: process.env.PATH },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let output = "";
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (output += chunk));
  await new Promise((resolve) => child.on("close", resolve));
  await rm(folder, { recursive: true });
  return output;
}

/** Loads pushed modules in a world that has the web's globals and no others. */
async function load(modules: PushedModule[]): Promise<Map<string, Record<string, unknown>>> {
  const { URL, URLSearchParams, Headers, Request, Response, TextEncoder, TextDecoder, crypto, console } =
    globalThis;
  const world = createContext({
    URL,
    URLSearchParams,
    Headers,
    Request,
    Response,
    TextEncoder,
    TextDecoder,
    crypto,
    console,
  });
  const linked = new Map(
    modules.map((module) => [
      module.path,
      new SourceTextModule(module.source, { context: world, identifier: module.path }),
    ]),
  );
  for (const module of linked.values()) {
    // Linking one module links what it imports.
    if (module.status !== "unlinked") continue;
    await module.link((specifier, from) => {
      const target = linked.get(path.posix.join(path.posix.dirname(from.identifier), specifier));
      assert.ok(target, `${from.identifier} imports ${specifier}, which was not pushed`);
      return target;
    });
  }
  for (const module of linked.values()) await module.evaluate();
  return new Map([...linked].map(([file, module]) => [file, module.namespace as Record<string, unknown>]));
}

test("the Convex CLI bundles and pushes the project, for the default runtime alone", async () => {
  const push = await deploy();
  const { schema, changedModules: modules } = push.appDefinition;
  assert.equal(push.functions, "convex/");
  assert.deepEqual(push.nodeDependencies, []);
  assert.deepEqual([...new Set(modules.map((module) => module.environment))], ["isolate"]);

  const expected = moduleFiles()
    .filter((file) => file !== "schema.ts")
    .map((file) => file.replace(/\.ts$/, ".js"));
  const pushed = modules.map((module) => module.path).filter((file) => !file.startsWith("_deps/"));
  assert.deepEqual(pushed.sort(), expected.sort());

  const loaded = await load([...modules, schema]);
  const router = loaded.get("http.js")!.default as {
    isRouter: boolean;
    getRoutes: () => [string, string, unknown][];
  };
  assert.ok(router.isRouter);
  const routes = Array.from(router.getRoutes(), ([route, method]) => `${method} ${route}`);
  assert.deepEqual(routes.sort(), ["GET /http/contacts/getByPhone", "POST /webhook/kapso"]);
  const exported = JSON.parse((loaded.get("schema.js")!.default as { export: () => string }).export());
  assert.equal(exported.schemaValidation, true);
  assert.equal(exported.tables.length, 7);
});
