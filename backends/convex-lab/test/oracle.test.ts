/** Generated calls on generated data: convex-test and the host must answer alike. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { steps, type Step } from "./support/arbitraries.ts";
import { FIXTURES, Lab, temporaryFolder } from "./support/lab.ts";
import { IdMap, labSide, loadForOracle, oracle, type Result, type Side } from "./support/oracle.ts";

const RUNS = Number(process.env["ORACLE_RUNS"] ?? 50);
const TABLES = ["items", "typed", "scores", "counters"];

/** So that `{ref: k}` always has an id to stand for. */
const FIRST: Step = { kind: "mutation", path: "data:insert", args: { table: "items", value: {} } };

const temporary = temporaryFolder();
let lab: Lab;
let loaded: Awaited<ReturnType<typeof loadForOracle>>;
before(async () => {
  loaded = await loadForOracle(FIXTURES);
  lab = await Lab.start(temporary.folder);
});
after(async () => {
  await lab.stop();
  temporary[Symbol.dispose]();
});

test("same functions, same calls, same answers", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const all = [FIRST, ...sequence];
      const expected = await perform(oracle(loaded), all);
      const ours = labSide(lab);
      assert.ok("value" in (await ours.call("mutation", "data:clear", { tables: TABLES })));
      const actual = await perform(ours, all);
      all.forEach((step, i) => assertAlike(actual[i]!, expected[i]!, step));
    }),
    { numRuns: RUNS, ...seedFromEnvironment() },
  );
});

/** A failure prints its seed and path; they can be given back here. */
function seedFromEnvironment(): { seed?: number; path?: string; endOnFailure?: boolean } {
  const { ORACLE_SEED: seed, ORACLE_PATH: path } = process.env;
  return { ...(seed ? { seed: Number(seed) } : {}), ...(path ? { path, endOnFailure: true } : {}) };
}

async function perform(side: Side, sequence: Step[]): Promise<Result[]> {
  const ids = new IdMap();
  const results: Result[] = [];
  for (const step of sequence) {
    const result = await performOne(side, step, ids.resolve(step.args) as Record<string, unknown>);
    if ("value" in result) learnIds(ids, result.value);
    results.push("value" in result ? { value: ids.abstract(result.value) } : result);
  }
  return results;
}

async function performOne(side: Side, step: Step, args: Record<string, unknown>): Promise<Result> {
  if (step.kind !== "pages") return side.call(step.kind, step.path, args);
  // Where a page ends exactly with the query, only the real backend and ours need one page more to
  // find out; so the pages are compared joined.
  const documents: unknown[] = [];
  let cursor: string | null = null;
  for (;;) {
    const result = await side.call("query", "data:page", { ...args, cursor });
    if ("failed" in result) return result;
    const { page, isDone, continueCursor } = result.value as { page: unknown[]; isDone: boolean; continueCursor: string };
    documents.push(...page);
    if (isDone) return { value: documents };
    assert.equal(page.length, args["numItems"], "only the last page may be short");
    cursor = continueCursor;
  }
}

/** New ids come as the result of an insert, or as a list of them. */
function learnIds(ids: IdMap, value: unknown): void {
  const found = typeof value === "string" ? [value] : ((value as { ids?: string[] } | null)?.ids ?? []);
  for (const id of found) if (/^[0-9a-z]{31,32}$/.test(id) || /^\d+[a-z]+$/.test(id)) ids.add(id);
}

function assertAlike(actual: Result, expected: Result, step: Step): void {
  const context = () => `${JSON.stringify(step, (_, v) => (typeof v === "bigint" ? `${v}n` : v))}\nours: ${show(actual)}\nconvex-test: ${show(expected)}`;
  assert.equal("failed" in actual, "failed" in expected, context());
  if ("value" in actual && "value" in expected) {
    try {
      assert.deepStrictEqual(actual.value, expected.value);
    } catch {
      assert.fail(context());
    }
  }
}

function show(result: Result): string {
  return JSON.stringify(result, (_, v) => (typeof v === "bigint" ? `${v}n` : Object.is(v, -0) ? "-0" : v));
}
