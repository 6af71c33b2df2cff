/** Starting: what is wrong is said in one line, with exit code 2 and nothing left behind. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { FIXTURES, Lab, runMain, temporaryFolder } from "./support/lab.ts";

async function refused(args: string[], message: RegExp): Promise<void> {
  const { code, stdout, stderr } = await runMain(args);
  assert.equal(stdout, "");
  assert.match(stderr, message);
  assert.match(stderr, /^convex-lab: [^\n]+\n$/, "one line");
  assert.equal(code, 2);
}

/** A whole command line, in which the given flags replace or join the good ones. */
function flags(folder: string, changes: Record<string, string>): string[] {
  const all = { "--functions": FIXTURES, "--data": path.join(folder, "data.sqlite"), "--port": "0", "--site-port": "0", ...changes };
  return Object.entries(all).flat();
}

/** A functions folder with these files; `convex` is found beside convex-lab itself. */
function functionsFolder(files: Record<string, string>): { folder: string; [Symbol.dispose](): void } {
  const parent = path.join(import.meta.dirname, "..", "node_modules", ".cache", `functions-${process.pid}-${counter++}`);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(parent, name)), { recursive: true });
    writeFileSync(path.join(parent, name), text);
  }
  return { folder: parent, [Symbol.dispose]: () => rmSync(parent, { recursive: true, force: true }) };
}
let counter = 0;

describe("a bad command line", () => {
  const cases: [string, string[], RegExp][] = [
    ["nothing", [], /--functions is missing/],
    ["no data", ["--functions", FIXTURES], /--data is missing/],
    ["an unknown flag", ["--speed", "9"], /--speed/],
    ["a port that is none", ["--functions", FIXTURES, "--data", "x", "--port", "99999"], /--port 99999: not a port number/],
    ["a site port that is none", ["--functions", FIXTURES, "--data", "x", "--site-port", "http"], /--site-port http: not a port number/],
    ["a variable with its value", ["--functions", FIXTURES, "--data", "x", "--env", "KEY=secret"], /--env KEY: give the name/],
  ];
  for (const [what, args, message] of cases) test(what, () => refused(args, message));

  test("a secret given by mistake is not repeated", async () => {
    const { stderr } = await runMain(["--functions", FIXTURES, "--data", "x", "--env", "KEY=s3cret"]);
    assert.ok(!stderr.includes("s3cret"));
  });

  test("--help explains itself", async () => {
    const { code, stdout } = await runMain(["--help"]);
    assert.equal(code, 0);
    assert.match(stdout, /--functions DIR/);
  });
});

describe("bad functions", () => {
  const schema = `import { defineSchema } from "convex/server"; export default defineSchema({});`;
  const cases: [string, Record<string, string>, RegExp][] = [
    ["a folder without modules", { "readme.txt": "" }, /holds no TypeScript or JavaScript module/],
    ["a syntax error", { "a.ts": "export const = 1;" }, /a\.ts:1: /],
    ["an import that does not resolve", { "a.ts": 'import "./missing";' }, /a\.ts:1: Could not resolve "\.\/missing"/],
    ["a Node module", { "a.ts": 'import fs from "node:fs"; export const x = fs;' }, /a\.ts:1: Could not resolve "node:fs"/],
    ["a module that throws", { "schema.ts": schema, "a.ts": 'export const x = 1; throw new Error("at import");' }, /module a: failed while loading: at import/],
    ["a schema that is none", { "schema.ts": "export default 1;" }, /schema\.ts: the default export must be a defineSchema/],
    ["a router that is none", { "schema.ts": schema, "http.ts": "export default 1;" }, /http\.ts: the default export must be an httpRouter/],
  ];
  for (const [what, files, message] of cases) {
    test(what, async () => {
      using temporary = temporaryFolder();
      using functions = functionsFolder(files);
      await refused(flags(temporary.folder, { "--functions": functions.folder }), message);
    });
  }
  test("no folder at all", async () => {
    using temporary = temporaryFolder();
    await refused(flags(temporary.folder, { "--functions": "/no/such/folder" }), /--functions \/no\/such\/folder: no such folder/);
  });
});

describe("a data file that cannot be used", () => {
  const cases: [string, (folder: string) => string, RegExp][] = [
    ["in a folder that does not exist", (folder) => path.join(folder, "none", "x.sqlite"), /cannot be opened for writing/],
    ["a folder", (folder) => folder, /cannot be opened for writing/],
    ["no SQLite file", (folder) => written(folder, "rubbish ".repeat(100)), /cannot be opened for writing \(file is not a database\)/],
    ["another program's SQLite file", (folder) => sqlite(folder, "CREATE TABLE t (a)"), /was not written by convex-lab/],
    ["of a newer format", (folder) => sqlite(folder, "PRAGMA application_id = 0x64726167; PRAGMA user_version = 99; CREATE TABLE t (a)"), /written by a newer convex-lab \(format 99/],
  ];
  for (const [what, make, message] of cases) {
    test(what, async () => {
      using temporary = temporaryFolder();
      await refused(flags(temporary.folder, { "--data": make(temporary.folder) }), message);
    });
  }

  test("in use by another host", async () => {
    using temporary = temporaryFolder();
    await using lab = await Lab.start(temporary.folder);
    await refused(flags(temporary.folder, {}), /another convex-lab is using this file/);
    assert.equal(await lab.value("query", "calls:noArgs"), null);
    await lab.stop("SIGKILL");
    await using next = await Lab.start(temporary.folder);
    assert.equal(await next.stop(), 0);
  });
});

function written(folder: string, text: string): string {
  const file = path.join(folder, "x.sqlite");
  writeFileSync(file, text);
  return file;
}

function sqlite(folder: string, sql: string): string {
  const file = path.join(folder, "x.sqlite");
  using database = new DatabaseSync(file);
  database.exec(sql);
  return file;
}

test("a port that is taken", async () => {
  using temporary = temporaryFolder();
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = String((server.address() as AddressInfo).port);
  try {
    await refused(flags(temporary.folder, { "--port": port }), new RegExp(`--port ${port}: cannot listen`));
    await refused(flags(temporary.folder, { "--site-port": port }), new RegExp(`--site-port ${port}: cannot listen`));
  } finally {
    server.close();
  }
});

describe("a schema that changes between starts", () => {
  const schemaText = (table: string) => `
    import { defineSchema, defineTable } from "convex/server";
    import { v } from "convex/values";
    export default defineSchema({ things: ${table} });`;
  const functions = `
    import { mutationGeneric, queryGeneric } from "convex/server";
    export const add = mutationGeneric({ handler: (ctx, value) => ctx.db.insert("things", value) });
    export const list = queryGeneric({ handler: async (ctx, { index, value }) =>
      (await ctx.db.query("things").withIndex(index, (q) => q.gte("n", value)).collect()).map(({ n }) => n) });`;

  async function withSchema(data: string, table: string, body: (lab: Lab) => Promise<void>): Promise<void> {
    using folder = functionsFolder({ "schema.ts": schemaText(table), "things.ts": functions });
    await using lab = await Lab.start("", { data, functions: folder.folder });
    await body(lab);
    await lab.stop();
  }

  test("indexes are built, rebuilt and dropped; a document that does not fit stops the start", async () => {
    using temporary = temporaryFolder();
    const data = path.join(temporary.folder, "data.sqlite");
    await withSchema(data, "defineTable(v.any())", async (lab) => {
      for (const n of [3, 1, 2]) await lab.value("mutation", "things:add", { n, m: -n });
      assert.equal((await lab.call("query", "things:list", { index: "by_n", value: 2 })).status, "error");
    });
    await withSchema(data, `defineTable(v.any()).index("by_n", ["n"])`, async (lab) => {
      assert.deepEqual(await lab.value("query", "things:list", { index: "by_n", value: 2 }), [2, 3]);
      await lab.value("mutation", "things:add", { n: 2.5 });
    });
    await withSchema(data, `defineTable(v.any()).index("by_n", ["n", "m"])`, async (lab) => {
      assert.deepEqual(await lab.value("query", "things:list", { index: "by_n", value: 2 }), [2, 2.5, 3]);
    });
    {
      using folder = functionsFolder({ "schema.ts": schemaText("defineTable({ n: v.number(), m: v.number() })"), "things.ts": functions });
      await refused(
        flags(temporary.folder, { "--functions": folder.folder }),
        /schema\.ts: document with ID "[0-9a-z]{32}" in table "things" does not match the schema: Object is missing the required field `m`/,
      );
    }
    await withSchema(data, `defineTable({ n: v.number(), m: v.optional(v.number()) }).index("by_n", ["n", "m"])`, async (lab) => {
      assert.deepEqual(await lab.value("query", "things:list", { index: "by_n", value: 2 }), [2, 2.5, 3]);
      assert.equal((await lab.call("mutation", "things:add", { n: "x" })).status, "error");
    });
  });
});

test("SIGTERM finishes what is in flight, keeps no connection waiting, and exits 0", async () => {
  using temporary = temporaryFolder();
  await using lab = await Lab.start(temporary.folder);
  await lab.value("query", "calls:noArgs");
  const writing = lab.value("mutation", "calls:slowInsert", { name: "last", copies: 300 });
  await lab.value("query", "calls:noArgs");
  assert.equal(await lab.stop(), 0);
  assert.equal(await writing, null);
  assert.deepEqual(readdirSync(temporary.folder).sort(), ["data.sqlite", "data.sqlite.lock"]);
  await using next = await Lab.start(temporary.folder);
  assert.equal(await next.value("query", "calls:countItems", { name: "last" }), 300);
});
