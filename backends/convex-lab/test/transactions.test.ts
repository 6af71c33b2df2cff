/** Mutations: one at a time, all or nothing, seen only when committed, there after a crash. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createInterface } from "node:readline";
import { describe, test } from "node:test";
import { InternalError } from "../src/errors.ts";
import { Store } from "../src/storage/store.ts";
import { FIXTURES, Lab, MAIN, temporaryFolder } from "./support/lab.ts";

async function withLab(body: (lab: Lab, folder: string) => Promise<void>): Promise<void> {
  using temporary = temporaryFolder();
  await using lab = await Lab.start(temporary.folder);
  await body(lab, temporary.folder);
}

test("mutations run one after the other", () =>
  withLab(async (lab) => {
    const results = await Promise.all(Array.from({ length: 60 }, () => lab.value("mutation", "calls:increment", { name: "n" })));
    assert.deepEqual(results.sort((a, b) => a - b), Array.from({ length: 60 }, (_, i) => i + 1));
  }));

test("a throw undoes everything the mutation wrote", () =>
  withLab(async (lab) => {
    const id = await lab.value("mutation", "data:insert", { table: "items", value: { a: "before" } });
    const writes = [
      { op: "patch", id, value: { a: "after" } },
      { op: "insert", table: "items", value: { a: "new" } },
      { op: "insert", table: "brandNew", value: {} },
    ];
    assert.equal((await lab.call("mutation", "data:many", { writes, fail: true })).status, "error");
    const left = await lab.value("query", "data:scan", { table: "items" });
    assert.deepEqual(left.map(({ a }: { a: string }) => a), ["before"]);
    assert.deepEqual(await lab.value("query", "data:scan", { table: "brandNew" }), []);
    assert.equal((await lab.value("mutation", "data:many", { writes, fail: false })).ids.length, 2);
    assert.equal((await lab.value("query", "data:scan", { table: "brandNew" })).length, 1);
  }));

test("a nested mutation that fails is undone alone", () =>
  withLab(async (lab) => {
    const steps = [["p", 1, false], ["p", 10, true], ["q", 100, true], ["p", 1000, false]];
    for (const parallel of [false, true]) {
      const outcome = await lab.value("mutation", "calls:nested", { steps, fail: false, parallel });
      assert.deepEqual(outcome.results.map((r: unknown) => r === "failed"), [false, true, true, false]);
      assert.deepEqual(outcome.counts, parallel ? [2002, 0] : [1001, 0]);
    }
    assert.equal((await lab.call("mutation", "calls:nested", { steps, fail: true })).status, "error");
    assert.equal(await lab.value("query", "calls:count", { name: "p" }), 2002);
  }));

test("nobody sees what is not committed yet", () =>
  withLab(async (lab) => {
    // Asked before, for on a busy machine all of the writing may fit into one question.
    const seen = new Set<number>([await lab.value("query", "calls:countItems", { name: "slow" })]);
    const writing = lab.value("mutation", "calls:slowInsert", { name: "slow", copies: 200 });
    let done = false;
    void writing.finally(() => (done = true));
    while (!done) seen.add(await lab.value("query", "calls:countItems", { name: "slow" }));
    seen.add(await lab.value("query", "calls:countItems", { name: "slow" }));
    assert.deepEqual([...seen].sort((a, b) => a - b), [0, 200]);
  }));

test("a query sees one state of the data from its start to its end", () =>
  withLab(async (lab) => {
    const writes = (async () => {
      for (let i = 0; i < 60; i++) await lab.value("mutation", "calls:increment", { name: "s" });
    })();
    const reads = Array.from({ length: 20 }, async () => assert.equal((await lab.value("query", "calls:steady", { name: "s" })).length, 1));
    await Promise.all([writes, ...reads]);
    assert.deepEqual(await lab.value("query", "calls:steady", { name: "s" }), [60]);
  }));

test("the write-ahead log stays small while reads and writes overlap", async () => {
  using temporary = temporaryFolder();
  // Without the cache, so that every read opens the data.
  await using lab = await Lab.start(temporary.folder, { flags: ["--no-query-cache"] });
  const value = { s: "wal", b: "x".repeat(50_000) };
  let done = false;
  const reads = Array.from({ length: 4 }, async () => {
    while (!done) await lab.value("query", "calls:count", { name: "none" });
  });
  // 12 MB in all, three times what SQLite keeps in its log before it is written back.
  for (let i = 0; i < 250; i++) await lab.value("mutation", "data:insert", { table: "items", value });
  done = true;
  await Promise.all(reads);
  const { size } = statSync(`${lab.data}-wal`);
  assert.ok(size < 8 * 2 ** 20, `${size} bytes`);
});

describe("after a crash", () => {
  test("kill -9 loses nothing that was acknowledged, and keeps no half of anything", async () => {
    using temporary = temporaryFolder();
    const acknowledged = new Map<string, number>();
    {
      await using lab = await Lab.start(temporary.folder);
      const clients = ["a", "b", "c", "d"].map(async (name) => {
        try {
          for (;;) acknowledged.set(name, await lab.value("mutation", "calls:increment", { name }));
        } catch (error) {
          assert.ok(error instanceof TypeError, String(error));
        }
      });
      while (acknowledged.size < 4 || Math.min(...acknowledged.values()) < 25) await new Promise((resolve) => setImmediate(resolve));
      await lab.stop("SIGKILL");
      await Promise.all(clients);
    }
    await using lab = await Lab.start(temporary.folder);
    for (const [name, value] of acknowledged) {
      const kept = await lab.value("query", "calls:count", { name });
      // The one in flight may have been committed without its answer getting through.
      assert.ok(kept === value || kept === value + 1, `${name}: ${kept} kept, ${value} acknowledged`);
    }
    await lab.stop();
    assertConsistent(lab.data);
  });

  test("creation times go on increasing after a restart", async () => {
    using temporary = temporaryFolder();
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      await using lab = await Lab.start(temporary.folder);
      await lab.value("mutation", "data:insert", { table: "items", value: {} });
      const documents = await lab.value("query", "data:scan", { table: "items" });
      times.splice(0, times.length, ...documents.map((d: { _creationTime: number }) => d._creationTime));
      await lab.stop();
    }
    assert.equal(times.length, 3);
    assert.ok(times[0]! < times[1]! && times[1]! < times[2]!);
  });
});

/** Every index holds exactly one key for every document. */
function assertConsistent(file: string): void {
  using database = new DatabaseSync(file, { readOnly: true });
  assert.deepEqual(database.prepare("PRAGMA integrity_check").all().map((row) => row["integrity_check"]), ["ok"]);
  for (const { number } of database.prepare("SELECT number FROM lab_tables").all()) {
    const seqs = database.prepare(`SELECT seq FROM d${Number(number)} ORDER BY seq`).all();
    for (const { id } of database.prepare("SELECT id FROM lab_indexes WHERE table_number = ?").all(number!)) {
      assert.deepEqual(database.prepare(`SELECT seq FROM i${Number(id)} ORDER BY seq`).all(), seqs, `index ${Number(id)}`);
    }
  }
}

describe("when the disk is full", () => {
  test("the transaction fails as a whole, even if the function goes on", () => {
    using temporary = temporaryFolder();
    const store = new Store(path.join(temporary.folder, "data.sqlite"));
    const first = store.begin();
    first.insert("items", { a: 1 });
    first.connection.exec(`PRAGMA max_page_count = ${pageCount(first.connection.database) + 8}`);
    store.commit(first);
    const transaction = store.begin();
    const insertMany = () => {
      for (let i = 0; i < 50; i++) transaction.insert("items", { b: "x".repeat(4000) });
    };
    assert.throws(insertMany, (error) => error instanceof InternalError && /full/.test(error.message));
    // SQLite may have rolled back by itself: a write now would be a transaction of its own.
    assert.throws(() => transaction.insert("items", { a: 2 }), InternalError);
    assert.throws(() => store.commit(transaction), InternalError);
    transaction.close();
    const after = store.begin();
    after.insert("items", { a: 3 });
    store.commit(after);
    const [count] = after.connection.prepare("SELECT count(*) FROM d10001").get() as unknown as [number];
    assert.equal(count, 2);
    store.close();
  });

  test("the answer is a 500, nothing is written, and reading goes on", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "convex-lab-test-"));
    try {
      await limitedHost(folder, 2000, async (url) => {
        const call = (kind: string, functionPath: string, args: unknown) =>
          fetch(`${url}/api/${kind}`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ path: functionPath, args, format: "json" }),
          });
        assert.equal((await call("mutation", "data:insert", { table: "items", value: { s: "small" } })).status, 200);
        const refused = await call("mutation", "calls:stubborn", { size: 100_000, copies: 60 });
        assert.equal(refused.status, 500);
        assert.deepEqual(await refused.json(), { code: "InternalServerError", message: "Your request couldn't be completed. Try again later." });
        const counted = await call("query", "calls:countItems", { name: "stubborn" });
        assert.deepEqual(await counted.json(), { status: "success", value: 0 });
      });
      assertConsistent(path.join(folder, "data.sqlite"));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

function pageCount(database: DatabaseSync): number {
  return Number(database.prepare("PRAGMA page_count").get()!["page_count"]);
}

/** A host whose files cannot grow beyond so many KiB. */
async function limitedHost(folder: string, limitKiB: number, body: (url: string) => Promise<void>): Promise<void> {
  const data = path.join(folder, "data.sqlite");
  const command = `trap '' XFSZ; ulimit -f ${limitKiB}; exec "$0" "$@"`;
  const args = [MAIN, "--functions", FIXTURES, "--data", data, "--port", "0", "--site-port", "0"];
  const child = spawn("bash", ["-c", command, process.execPath, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  child.stderr.resume();
  try {
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    await body(`http://127.0.0.1:${(JSON.parse(line) as { port: number }).port}`);
  } finally {
    child.kill("SIGTERM");
    await once(child, "exit");
  }
}
