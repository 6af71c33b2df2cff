/** Runs functions: queries on a snapshot, mutations one at a time, actions as they please. */
import { setImmediate } from "node:timers/promises";
import { QueryCache, type CachedResult } from "../cache/query-cache.ts";
import { CallError, InternalError, unsupported, UserError } from "../errors.ts";
import type { Store } from "../storage/store.ts";
import { checkArguments, checkResult, parseArguments } from "../validators/function.ts";
import { normalise } from "../values/normalise.ts";
import type { ConvexJson, ConvexObject } from "../values/json.ts";
import { CallContext, mustContext, runInContext } from "./context.ts";
import { describeThrown, rethrowable, type FunctionError } from "./function-error.ts";
import type { ConvexFunction, Functions, HttpAction } from "./functions.ts";
import { inTime } from "./in-time.ts";
import { Mutex } from "./mutex.ts";
import { newRequestId } from "./request-id.ts";
import { ASYNC_SYSCALLS, SYNC_SYSCALLS, unknownSyscall } from "./syscalls.ts";

/** "public": anybody's call; "all": with the admin key, or from another function. */
export type Access = "public" | "all";

export interface Outcome {
  /** The result's Convex JSON text, when the call succeeded. */
  value?: string;
  error?: FunctionError;
  logLines: string[];
}

const IMPORTED_AT_A_TIME = 500;
const MAX_DEPTH = 8;
const MAX_NESTED_ACTIONS = 64;
/** While a mutation runs all others wait, so one that never ends must be given up. */
const MUTATION_TIMEOUT_MS = 30_000;
/** A cached result that depends on the clock is given up after this time. */
const CLOCK_RESULT_MAX_AGE_MS = 5000;

export class Executor {
  readonly #store: Store;
  readonly #functions: Functions;
  readonly #folder: string;
  readonly #writing = new Mutex();
  readonly #mutationTimeout_ms: number;
  readonly cache: QueryCache | undefined;

  constructor(
    store: Store,
    functions: Functions,
    options: { folder: string; queryCache: boolean; mutationTimeout_ms?: number },
  ) {
    this.#mutationTimeout_ms = options.mutationTimeout_ms ?? MUTATION_TIMEOUT_MS;
    this.#store = store;
    this.#functions = functions;
    this.#folder = options.folder;
    if (options.queryCache) {
      const cache = new QueryCache();
      this.cache = cache;
      store.onCommit((version, writes) => cache.committed(version, writes));
    }
    (globalThis as Record<string, unknown>)["Convex"] = {
      syscall: (name: string, args: string) => this.#syscall(name, args),
      asyncSyscall: (name: string, args: string) => this.#asyncSyscall(name, args),
      jsSyscall: (name: string) => {
        throw new Error(unknownSyscall(name).message);
      },
    };
  }

  /** Settles when no mutation is running or waiting. */
  idle(): Promise<unknown> {
    return this.#writing.idle();
  }

  query(path: string, args: unknown, access: Access, requestId = newRequestId()): Promise<Outcome> {
    return this.#outcome([], async (logLines) => {
      const fn = this.#functions.find(path, "Query", access);
      const result = await this.#runQuery(fn, this.#checkArgs(fn, args), requestId, logLines);
      return result;
    });
  }

  mutation(path: string, args: unknown, access: Access, requestId = newRequestId()): Promise<Outcome> {
    return this.#outcome([], (logLines) => {
      const fn = this.#functions.find(path, "Mutation", access);
      const text = this.#checkArgs(fn, args);
      return this.#writing.run(() => this.#runMutation(fn, text, requestId, logLines));
    });
  }

  action(path: string, args: unknown, access: Access, requestId = newRequestId(), depth = 0): Promise<Outcome> {
    return this.#outcome([], (logLines) => {
      const fn = this.#functions.find(path, "Action", access);
      const text = this.#checkArgs(fn, args);
      const context = CallContext.action("Action", fn.path, requestId, depth);
      return this.#invoke(fn, text, context).finally(() => logLines.push(...context.logLines));
    });
  }

  /** Inserts all documents or none, in a mutation's place but without a function. Throws UserError. */
  importRows(tableName: string, rows: ConvexObject[]): Promise<void> {
    return this.#writing.run(async () => {
      const transaction = this.#store.begin();
      try {
        for (const [i, row] of rows.entries()) {
          // Queries are answered meanwhile.
          if (i % IMPORTED_AT_A_TIME === 0) await setImmediate();
          transaction.importDocument(tableName, row);
        }
        this.#store.commit(transaction);
      } catch (error) {
        transaction.close();
        throw error;
      }
    });
  }

  /** Whatever kind of function it is. */
  any(path: string, args: unknown, access: Access, requestId = newRequestId()): Promise<Outcome> {
    let kind: ConvexFunction["kind"];
    try {
      kind = this.#functions.findAny(path, access).kind;
    } catch (error) {
      return this.#outcome([], () => Promise.reject(error));
    }
    if (kind === "Query") return this.query(path, args, access, requestId);
    return kind === "Mutation" ? this.mutation(path, args, access, requestId) : this.action(path, args, access, requestId);
  }

  /** Throws FunctionError when the action throws or answers with something else than a Response. */
  async http(action: HttpAction, route: string, request: Request, requestId: string): Promise<Response> {
    const context = CallContext.action("HttpAction", route, requestId);
    try {
      const response = await runInContext(context, () => action.invokeHttpAction(request));
      if (response instanceof Response) return response;
      throw new CallError("Uncaught Error: Expected a Response object from the HTTP action");
    } catch (error) {
      throw describeThrown(error, this.#folder);
    }
  }

  /** Turns what the function did wrong into an outcome; a failure of the host stays an exception. */
  async #outcome(logLines: string[], run: (logLines: string[]) => Promise<string>): Promise<Outcome> {
    try {
      return { value: await run(logLines), logLines };
    } catch (error) {
      if (error instanceof UserError && error.code === "BadConvexFunctionIdentifier") throw error;
      if (error instanceof InternalError) throw error;
      return { error: describeThrown(error, this.#folder), logLines };
    }
  }

  #checkArgs(fn: ConvexFunction, args: unknown): string {
    const values = parseArguments(fn.path, args);
    checkArguments(fn.args, values, (number) => this.#store.catalog.byNumber(number)?.name);
    return JSON.stringify(values);
  }

  async #runQuery(fn: ConvexFunction, args: string, requestId: string, logLines: string[]): Promise<string> {
    const key = `${fn.path}\n${args}`;
    const cached = this.cache?.get(key, this.#store.version);
    if (cached !== undefined) {
      logLines.push(...cached.logLines);
      return cached.value;
    }
    const snapshot = this.#store.acquire();
    const context = CallContext.query(fn.path, requestId, snapshot);
    try {
      const value = await this.#invoke(fn, args, context);
      this.#keep(key, { value, logLines: context.logLines }, context, snapshot.version);
      return value;
    } finally {
      this.#store.release(snapshot);
      logLines.push(...context.logLines);
    }
  }

  #keep(key: string, result: CachedResult, context: CallContext, version: number): void {
    if (context.readRandom) return;
    const expiresAt_ms = context.readTime ? context.startedAt_ms + CLOCK_RESULT_MAX_AGE_MS : Infinity;
    this.cache?.put(key, result, context.reader!.readSet, version, expiresAt_ms);
  }

  async #runMutation(fn: ConvexFunction, args: string, requestId: string, logLines: string[]): Promise<string> {
    const transaction = this.#store.begin();
    const context = CallContext.mutation(fn.path, requestId, transaction);
    try {
      const value = await inTime(this.#invoke(fn, args, context), this.#mutationTimeout_ms);
      this.#store.commit(transaction);
      return value;
    } catch (error) {
      // Also after a timeout: what the function still does must not reach the next transaction.
      transaction.close();
      context.end();
      throw error;
    } finally {
      logLines.push(...context.logLines);
    }
  }

  /** Calls the function in its context and checks what it returns. */
  async #invoke(fn: ConvexFunction, args: string, context: CallContext): Promise<string> {
    try {
      const text = await runInContext(context, () => fn.invoke(args, context.requestId));
      // Wait for a nested call that the function did not wait for: it still has the transaction.
      await context.busy;
      if (fn.returns !== null) {
        checkResult(fn.returns, JSON.parse(text) as ConvexJson, (number) => this.#tableName(number, context));
      }
      return text;
    } finally {
      context.end();
      // The function may have caught the error: the result is worth nothing all the same.
      throwIfFailed(context);
    }
  }

  #tableName(number: number, context: CallContext): string | undefined {
    const catalog = context.reader?.source.catalog ?? this.#store.catalog;
    return catalog.byNumber(number)?.name;
  }

  #syscall(name: string, argsText: string): string {
    const context = mustContext();
    const syscall = SYNC_SYSCALLS[name];
    if (syscall === undefined) throw new Error(unknownSyscall(name).message);
    return syscall(context, JSON.parse(argsText) as Record<string, unknown>);
  }

  async #asyncSyscall(name: string, argsText: string): Promise<string> {
    const context = mustContext();
    const args = JSON.parse(argsText) as Record<string, unknown>;
    const syscall = ASYNC_SYSCALLS[name];
    if (syscall !== undefined) {
      while (context.busy !== undefined) await context.busy;
      if (context.ended) throw new Error(`${name}: the function has already returned`);
      return syscall(context, args);
    }
    switch (name) {
      case "1.0/actions/query":
        return this.#fromAction(context, (path) => this.query(path, args["args"], "all", context.requestId), args);
      case "1.0/actions/mutation":
        return this.#fromAction(context, (path) => this.mutation(path, args["args"], "all", context.requestId), args);
      case "1.0/actions/action":
        return this.#fromAction(
          context,
          (path) => this.action(path, args["args"], "all", context.requestId, context.depth + 1),
          args,
        );
      case "1.0/runUdf":
        return this.#runNested(context, args);
      default:
        throw unknownSyscall(name);
    }
  }

  async #fromAction(
    context: CallContext,
    call: (path: string) => Promise<Outcome>,
    args: Record<string, unknown>,
  ): Promise<string> {
    if (context.isDeterministic) throw new UserError("UnknownOperation", "runAction can only be called from an action");
    if (context.depth >= MAX_NESTED_ACTIONS) throw new UserError("MaximumCallDepthExceeded", DEPTH_MESSAGE);
    const { value, error, logLines } = await call(nameOf(args));
    context.logLines.push(...logLines);
    if (error !== undefined) throw rethrowable(error);
    return value!;
  }

  /** A query or mutation called from a query or mutation, on the caller's data. */
  async #runNested(context: CallContext, args: Record<string, unknown>): Promise<string> {
    const udfType = args["udfType"] as string;
    if (udfType === "snapshotQuery") throw unsupported("useStaleSnapshot");
    const kind = udfType === "mutation" ? "Mutation" : "Query";
    if (!context.isDeterministic || (kind === "Mutation" && context.kind !== "Mutation")) {
      throw new UserError("InvalidFunctionCall", `Cannot call a ${kind} function from a ${context.kind} function`);
    }
    if (context.depth >= MAX_DEPTH) throw new UserError("MaximumCallDepthExceeded", DEPTH_MESSAGE);
    while (context.busy !== undefined) await context.busy;
    if (context.ended) throw new Error("runUdf: the function has already returned");
    const run = this.#invokeNested(context, kind, nameOf(args), args["args"]);
    context.busy = run.then(
      () => (context.busy = undefined),
      () => (context.busy = undefined),
    );
    return run;
  }

  async #invokeNested(context: CallContext, kind: "Query" | "Mutation", path: string, args: unknown): Promise<string> {
    let fn: ConvexFunction;
    let text: string;
    try {
      fn = this.#functions.find(path, kind, "all");
      const values = parseArguments(fn.path, normalise(args));
      checkArguments(fn.args, values, (number) => this.#tableName(number, context));
      text = JSON.stringify(values);
    } catch (error) {
      if (error instanceof CallError) throw new UserError("InvalidArgs", error.message);
      throw error;
    }
    const nested = context.nested(kind, fn.path);
    try {
      const { transaction } = nested;
      return await (transaction === undefined
        ? this.#invoke(fn, text, nested)
        : transaction.nested(() => this.#invoke(fn, text, nested)));
    } catch (error) {
      if (error instanceof InternalError) throw error;
      throw rethrowable(describeThrown(error, this.#folder));
    } finally {
      context.readTime ||= nested.readTime;
      context.readRandom ||= nested.readRandom;
    }
  }
}

function throwIfFailed({ reader, transaction }: CallContext): void {
  const failure = transaction?.failure ?? reader?.failure;
  if (failure !== undefined) throw failure;
}

const DEPTH_MESSAGE = "Cross component call depth limit exceeded. Do you have an infinite loop in your app?";

function nameOf(args: Record<string, unknown>): string {
  const name = args["name"];
  if (typeof name === "string") return name;
  throw unsupported("Calling components or function handles");
}
