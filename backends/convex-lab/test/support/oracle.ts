/** The same functions in two places: in convex-test, within this process, and in a host of ours. */
import { convexTest } from "convex-test";
import { makeFunctionReference, type GenericSchema, type SchemaDefinition } from "convex/server";
import { convexToJson, jsonToConvex, type Value } from "convex/values";
import { loadFunctions } from "../../src/runtime/bundle.ts";
import { installGlobals } from "../../src/runtime/globals.ts";
import { temporaryFolder, type Lab } from "./lab.ts";

export type Result = { value: unknown } | { failed: string };

export interface Side {
  call(kind: "query" | "mutation" | "action", path: string, args: Record<string, unknown>): Promise<Result>;
}

/** Loads a functions folder once, for any number of `oracle`s. */
export async function loadForOracle(folder: string, environment: Record<string, string> = {}) {
  installGlobals(environment, () => {});
  using temporary = temporaryFolder();
  const modules = await loadFunctions(folder, temporary.folder);
  const schema = modules.find(({ name }) => name === "schema")!.exports["default"];
  const entries = modules.map(({ name, exports }) => [`../convex/${name}.ts`, async () => exports] as const);
  return {
    schema: schema as SchemaDefinition<GenericSchema, boolean>,
    // convex-test finds the functions' root by this folder.
    modules: Object.fromEntries([["../convex/_generated/api.js", async () => ({})], ...entries]),
  };
}

type Loaded = Awaited<ReturnType<typeof loadForOracle>>;

/** A fresh, empty convex-test. */
export function oracle({ schema, modules }: Loaded): Side & { backend: ReturnType<typeof convexTest> } {
  const backend = convexTest(schema, modules);
  return {
    backend,
    async call(kind, path, args) {
      try {
        const reference = makeFunctionReference(path) as never;
        const value: unknown = await (backend[kind] as (f: never, a: never) => Promise<unknown>)(reference, args as never);
        // What crosses a real API has no undefined fields.
        return { value: value === undefined ? null : jsonToConvex(convexToJson(value as Value)) };
      } catch (error) {
        return { failed: (error as Error).message };
      }
    },
  };
}

export function labSide(lab: Lab): Side {
  return {
    async call(kind, path, args) {
      const answer = await lab.call(kind, path, convexToJson(args as Value), { admin: true });
      if (answer.status === "error") return { failed: answer.errorMessage! };
      return { value: jsonToConvex(answer.value) };
    },
  };
}

/** Ids are each side's own: what corresponds is the document inserted as the k-th. */
export class IdMap {
  readonly ids: string[] = [];
  readonly #tokens = new Map<string, string>();

  add(id: string): void {
    this.#tokens.set(id, `@${this.ids.length}`);
    this.ids.push(id);
  }

  /** Puts this side's ids in place of `{ref: k}`. */
  resolve(value: unknown): unknown {
    return mapValues(value, (object) =>
      typeof object["ref"] === "number" ? this.ids[object["ref"] % this.ids.length] ?? "no-such-id" : undefined,
    );
  }

  /** Puts "@k" in place of this side's ids, and a mark in place of creation times. */
  abstract(value: unknown): unknown {
    if (typeof value === "string") return this.#tokens.get(value) ?? value;
    if (Array.isArray(value)) return value.map((item) => this.abstract(item));
    if (!isPlain(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([field, item]) => [field, field === "_creationTime" ? typeof item : this.abstract(item)]),
    );
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function mapValues(value: unknown, replace: (object: Record<string, unknown>) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => mapValues(item, replace));
  if (!isPlain(value)) return value;
  const replaced = replace(value);
  if (replaced !== undefined) return replaced;
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, mapValues(item, replace)]));
}
