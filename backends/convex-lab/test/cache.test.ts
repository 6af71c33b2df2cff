/** The query cache must never be seen: with it and without it, every query answers the same. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { QueryCache } from "../src/cache/query-cache.ts";
import { ReadSet } from "../src/query/read-set.ts";
import { item } from "./support/arbitraries.ts";
import { Lab, temporaryFolder } from "./support/lab.ts";
import { IdMap, labSide, type Side } from "./support/oracle.ts";

const RUNS = Number(process.env["CACHE_RUNS"] ?? 10);
const TABLES = ["items", "counters"];

describe("a host with the cache and one without", () => {
  const temporary = temporaryFolder();
  const other = temporaryFolder();
  let cached: Lab;
  let plain: Lab;
  before(async () => {
    [cached, plain] = await Promise.all([Lab.start(temporary.folder), Lab.start(other.folder, { flags: ["--no-query-cache"] })]);
  });
  after(async () => {
    await Promise.all([cached.stop(), plain.stop()]);
    temporary[Symbol.dispose]();
    other[Symbol.dispose]();
  });

  // Few queries, asked again after every write: most are cached by then, and many are outdated.
  const queries: [string, Record<string, unknown>][] = [
    ["data:scan", { table: "items" }],
    ["data:scan", { table: "items", order: "desc", take: 2 }],
    ["data:scan", { table: "items", index: "by_a", take: 2 }],
    ["data:scan", { table: "items", index: "by_a", order: "desc", take: 2 }],
    ["data:scan", { table: "items", index: "by_a", range: [{ op: "eq", field: "a", value: 1 }] }],
    ["data:scan", { table: "items", index: "by_a", range: [{ op: "gt", field: "a", value: 1 }], take: 1 }],
    ["data:scan", { table: "items", index: "by_a_b", range: [{ op: "eq", field: "a", value: 0 }, { op: "lte", field: "b", value: 1 }] }],
    ["data:scan", { table: "items", filter: ["eq", ["field", "b"], ["value", 1]], take: 1 }],
    ["data:scan", { table: "items", index: "by_s_n", range: [{ op: "eq", field: "s", value: "a" }] }],
    ["data:page", { table: "items", index: "by_a", cursor: null, numItems: 2 }],
    ["data:get", { id: { ref: 0 } }],
    ["data:get", { id: { ref: 1 } }],
    ["calls:count", { name: "p" }],
  ];
  const reference = fc.record({ ref: fc.nat(5) });
  const write = fc.oneof(
    fc.record({ path: fc.constant("data:insert"), args: fc.record({ table: fc.constant("items"), value: item }) }),
    fc.record({ path: fc.constant("data:patch"), args: fc.record({ id: reference, value: item, unset: fc.subarray(["a", "b", "s"]) }) }),
    fc.record({ path: fc.constant("data:replace"), args: fc.record({ id: reference, value: item }) }),
    fc.record({ path: fc.constant("data:remove"), args: fc.record({ id: reference }) }),
    fc.record({ path: fc.constant("calls:increment"), args: fc.record({ name: fc.constantFrom("p", "q"), fail: fc.boolean() }) }),
  );

  async function perform(side: Side, writes: { path: string; args: unknown }[]): Promise<unknown[]> {
    await side.call("mutation", "data:clear", { tables: TABLES });
    const ids = new IdMap();
    const seen: unknown[] = [];
    for (const { path, args } of [{ path: "data:insert", args: { table: "items", value: { a: 1 } } }, ...writes]) {
      const result = await side.call("mutation", path, ids.resolve(args) as Record<string, unknown>);
      if (path === "data:insert" && "value" in result) ids.add(result.value as string);
      const answers = queries.map(([query, queryArgs]) => side.call("query", query, ids.resolve(queryArgs) as Record<string, unknown>));
      for (const answer of await Promise.all(answers)) {
        seen.push("value" in answer ? withoutCursor(ids.abstract(answer.value)) : "failed");
      }
    }
    return seen;
  }

  /** A cursor holds an id, so it differs between the two. */
  function withoutCursor(value: unknown): unknown {
    if (typeof value !== "object" || value === null || !("continueCursor" in value)) return value;
    return { ...value, continueCursor: null };
  }

  test("answer the same under any writes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 3, maxLength: 15, size: "max" }), async (writes) => {
        const [withCache, without] = await Promise.all([perform(labSide(cached), writes), perform(labSide(plain), writes)]);
        assert.deepStrictEqual(withCache, without);
      }),
      { numRuns: RUNS },
    );
  });

  test("answer with every acknowledged write, while reads and writes overlap", async () => {
    await cached.call("mutation", "data:clear", { tables: TABLES });
    let acknowledged = 0;
    const writer = (async () => {
      for (let i = 1; i <= 150; i++) {
        await cached.value("mutation", "calls:increment", { name: "p" });
        acknowledged = i;
      }
    })();
    let done = false;
    void writer.finally(() => (done = true));
    const readers = Array.from({ length: 4 }, async () => {
      let last = 0;
      while (!done) {
        const floor = acknowledged;
        const seen = (await cached.value("query", "calls:count", { name: "p" })) as number;
        assert.ok(seen >= floor, `saw ${seen} after ${floor} was acknowledged`);
        assert.ok(seen >= last, `saw ${seen} after having seen ${last}`);
        last = seen;
      }
    });
    await Promise.all([writer, ...readers]);
    assert.equal(await cached.value("query", "calls:count", { name: "p" }), 150);
  });

  test("a random result is not kept, one that looked at the clock is given up in time", async () => {
    const values = await Promise.all(Array.from({ length: 5 }, () => cached.value("query", "calls:random")));
    assert.equal(new Set(values).size, 5);
    const [first] = await cached.value("query", "calls:clock");
    const [again] = await cached.value("query", "calls:clock");
    assert.equal(again, first);
  });
});

describe("QueryCache", () => {
  const key = (n: number) => Uint8Array.of(n);
  const reads = (index: number, low: number, high: number) => {
    const set = new ReadSet();
    set.add(index, { low: key(low), high: key(high) });
    return set;
  };
  const result = (value: string) => ({ value, logLines: [] });

  test("keeps a result until a key that it read is written", () => {
    const cache = new QueryCache();
    cache.put("q", result("1"), reads(1, 10, 20), 0);
    cache.committed(1, new Map([[1, [key(9), key(20)]], [2, [key(15)]]]));
    assert.equal(cache.get("q", 1)?.value, "1");
    cache.committed(2, new Map([[1, [key(10)]]]));
    assert.equal(cache.get("q", 2), undefined);
    assert.equal(cache.size, 0);
    assert.equal(cache.bytes, 0);
  });

  test("does not keep a result that was outdated before it was put", () => {
    const cache = new QueryCache();
    cache.committed(1, new Map([[1, [key(10)]]]));
    cache.put("q", result("old"), reads(1, 10, 20), 0);
    assert.equal(cache.get("q", 1), undefined);
  });

  test("does not replace a newer result by an older one", () => {
    const cache = new QueryCache();
    cache.put("q", result("new"), reads(1, 10, 20), 5);
    cache.put("q", result("old"), reads(1, 10, 20), 4);
    assert.equal(cache.get("q", 5)?.value, "new");
  });

  test("expires what looked at the clock", () => {
    const cache = new QueryCache();
    cache.put("q", result("1"), reads(1, 10, 20), 0, Date.now() - 1);
    assert.equal(cache.get("q", 0), undefined);
  });

  test("stays within its memory, dropping the least recently used", () => {
    const cache = new QueryCache({ maxBytes: 10_000 });
    for (let i = 0; i < 100; i++) {
      cache.put(`q${i}`, result("x".repeat(100)), reads(1, 10, 20), 0);
      cache.get("q0", 0);
      assert.ok(cache.bytes <= 10_000);
    }
    assert.ok(cache.size > 2 && cache.size < 20);
    assert.ok(cache.get("q0", 0));
    assert.equal(cache.get("q1", 0), undefined);
    cache.put("huge", result("x".repeat(20_000)), reads(1, 10, 20), 0);
    assert.equal(cache.get("huge", 0), undefined);
  });

  test("agrees with a cache that remembers every write, however short its log", () => {
    const event = fc.oneof(
      fc.record({ type: fc.constant("write" as const), index: fc.nat(2), keys: fc.array(fc.nat(9), { minLength: 1, maxLength: 3 }) }),
      fc.record({ type: fc.constant("put" as const), query: fc.nat(4), index: fc.nat(2), low: fc.nat(9), length: fc.integer({ min: 1, max: 4 }), lag: fc.nat(3) }),
      fc.record({ type: fc.constant("get" as const), query: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60, size: "max" }), fc.integer({ min: 1, max: 12 }), (events, keysPerGeneration) => {
        const cache = new QueryCache({ keysPerGeneration });
        const writes: { version: number; index: number; key: number }[] = [];
        const puts = new Map<string, { version: number; index: number; low: number; high: number }[]>();
        let version = 0;
        for (const event of events) {
          if (event.type === "write") {
            version++;
            cache.committed(version, new Map([[event.index, event.keys.map(key)]]));
            for (const k of event.keys) writes.push({ version, index: event.index, key: k });
          } else if (event.type === "put") {
            const put = { version: Math.max(0, version - event.lag), index: event.index, low: event.low, high: event.low + event.length };
            const name = `q${event.query}`;
            cache.put(name, result(JSON.stringify(put)), reads(put.index, put.low, put.high), put.version);
            puts.set(name, [...(puts.get(name) ?? []), put]);
          } else {
            const hit = cache.get(`q${event.query}`, version);
            if (hit === undefined) continue;
            const put = JSON.parse(hit.value) as { version: number; index: number; low: number; high: number };
            const stale = writes.some((w) => w.version > put.version && w.index === put.index && w.key >= put.low && w.key < put.high);
            assert.ok(!stale, `a result of version ${put.version} was outdated at ${version}`);
          }
        }
      }),
      { numRuns: 2000 },
    );
  });
});
