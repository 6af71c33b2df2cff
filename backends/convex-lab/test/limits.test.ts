/** What one function may read and write. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UserError } from "../src/errors.ts";
import { ReadSet } from "../src/query/read-set.ts";
import { Usage } from "../src/storage/limits.ts";

const throws = (code: string, body: () => void) => assert.throws(body, (error) => error instanceof UserError && error.code === code);
const times = (n: number, body: (i: number) => void) => {
  for (let i = 0; i < n; i++) body(i);
};

describe("limits of a transaction", () => {
  test("32,000 documents read", () => {
    const usage = new Usage();
    times(32_000, () => usage.read(1));
    throws("TooManyDocumentsRead", () => usage.read(1));
  });
  test("16 MiB read", () => {
    const usage = new Usage();
    usage.read(1 << 24);
    throws("TooManyBytesRead", () => usage.read(1));
  });
  test("16,000 documents written", () => {
    const usage = new Usage();
    times(16_000, () => usage.write(1));
    throws("TooManyWrites", () => usage.write(1));
  });
  test("16 MiB written", () => {
    const usage = new Usage();
    usage.write(1 << 24);
    throws("TooManyBytesWritten", () => usage.write(1));
  });
  test("4,096 intervals read, where those that touch count as one", () => {
    const key = (n: number) => Uint8Array.of(n >> 8, n & 0xff);
    const read = (usage: Usage, set: ReadSet, low: number, high: number) => {
      usage.interval(() => set.merge());
      set.add(1, { low: key(low), high: key(high) });
    };
    const [adjacent, adjacentSet] = [new Usage(), new ReadSet()];
    times(10_000, (i) => read(adjacent, adjacentSet, i, i + 1));
    assert.ok(adjacentSet.merge() === 1);
    const [apart, apartSet] = [new Usage(), new ReadSet()];
    throws("TooManyReads", () => times(5000, (i) => read(apart, apartSet, 2 * i, 2 * i + 1)));
    assert.equal(apartSet.merge(), 4097);
  });
});

test("merged intervals hold the same keys", () => {
  const set = new ReadSet();
  const key = (n: number) => Uint8Array.of(n);
  for (const [low, high] of [[5, 7], [1, 3], [2, 4], [7, 8], [10, 12], [11, 11]] as const) set.add(1, { low: key(low), high: key(high) });
  set.merge();
  assert.deepEqual(set.intervals.get(1), [[1, 4], [5, 8], [10, 12]].map(([low, high]) => ({ low: key(low!), high: key(high!) })));
});
