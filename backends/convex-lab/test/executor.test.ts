/** A mutation that never ends. */
import assert from "node:assert/strict";
import path from "node:path";
import { test } from "node:test";
import { mutationGeneric, queryGeneric } from "convex/server";
import { Executor } from "../src/runtime/executor.ts";
import { Functions } from "../src/runtime/functions.ts";
import { Store } from "../src/storage/store.ts";
import { temporaryFolder } from "./support/lab.ts";

test("is given up and undone, touches nothing afterwards, and lets the others go on", async () => {
  using temporary = temporaryFolder();
  const store = new Store(path.join(temporary.folder, "data.sqlite"));
  const release = Promise.withResolvers<void>();
  const late = Promise.withResolvers<unknown>();
  const functions = new Functions([
    {
      name: "m",
      exports: {
        hang: mutationGeneric({
          handler: async (ctx) => {
            await ctx.db.insert("items", { by: "hang" });
            await release.promise;
            await ctx.db.insert("items", { by: "late" }).then(late.resolve, late.resolve);
          },
        }),
        insert: mutationGeneric({
          handler: async (ctx) => {
            await ctx.db.insert("items", { by: "other" });
            // The one that was given up wakes in the middle of this transaction.
            release.resolve();
            await late.promise;
          },
        }),
        list: queryGeneric({ handler: async (ctx) => (await ctx.db.query("items").collect()).map(({ by }) => by as string) }),
      },
    },
  ]);
  const executor = new Executor(store, functions, { folder: temporary.folder, queryCache: true, mutationTimeout_ms: 1000 });
  const hanging = executor.mutation("m:hang", {}, "public");
  const other = executor.mutation("m:insert", {}, "public");
  assert.match((await hanging).error!.headline, /^Function execution timed out \(maximum duration: 1s\)$/);
  assert.equal((await other).value, "null");
  assert.match(String(await late.promise), /the function has already returned/);
  assert.equal((await executor.query("m:list", {}, "public")).value, '["other"]');
  store.close();
});
