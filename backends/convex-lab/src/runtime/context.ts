/** Which call is running: functions share one process, so each call carries its own context. */
import { AsyncLocalStorage } from "node:async_hooks";
import { ReadSet } from "../query/read-set.ts";
import { Reader } from "../query/reader.ts";
import type { QueryStream } from "../query/stream.ts";
import { Usage } from "../storage/limits.ts";
import type { Snapshot } from "../storage/snapshots.ts";
import type { SqliteTransaction } from "../storage/transaction.ts";

export type FunctionKind = "Query" | "Mutation" | "Action" | "HttpAction";

const MAX_LOG_LINES = 256;
const MAX_LOG_LINE_LENGTH = 32_768;

export class CallContext {
  readonly kind: FunctionKind;
  readonly path: string;
  readonly requestId: string;
  readonly logLines: string[];
  /** Calls above this one within a transaction, or from action to action. */
  readonly depth: number;
  /** What Date.now() says in a query or mutation: time stands still there. */
  readonly startedAt_ms: number;
  /** Set in queries and mutations only. */
  readonly reader: Reader | undefined;
  /** Set in mutations only. */
  readonly transaction: SqliteTransaction | undefined;
  readonly streams = new Map<number, QueryStream>();
  #nextStream = 0;
  readTime = false;
  readRandom = false;
  paginated = false;
  /** A call that has ended must not touch the database any more. */
  ended = false;
  /** Settles when the nested call that has the transaction now gives it back. */
  busy: Promise<unknown> | undefined;

  private constructor(
    kind: FunctionKind,
    path: string,
    parent: { requestId: string; logLines: string[]; depth: number; startedAt_ms: number },
    reader?: Reader,
    transaction?: SqliteTransaction,
  ) {
    this.kind = kind;
    this.path = path;
    this.requestId = parent.requestId;
    this.logLines = parent.logLines;
    this.depth = parent.depth;
    this.startedAt_ms = parent.startedAt_ms;
    this.reader = reader;
    this.transaction = transaction;
  }

  static query(path: string, requestId: string, snapshot: Snapshot): CallContext {
    return new CallContext("Query", path, root(requestId), new Reader(snapshot, new Usage(), new ReadSet()));
  }

  static mutation(path: string, requestId: string, transaction: SqliteTransaction): CallContext {
    const reader = new Reader(transaction, transaction.usage, new ReadSet());
    return new CallContext("Mutation", path, root(requestId), reader, transaction);
  }

  static action(kind: "Action" | "HttpAction", path: string, requestId: string, depth = 0): CallContext {
    return new CallContext(kind, path, { ...root(requestId), depth });
  }

  /** A call inside this one, on the same data. */
  nested(kind: "Query" | "Mutation", path: string): CallContext {
    const transaction = kind === "Mutation" ? this.transaction : undefined;
    return new CallContext(kind, path, { ...this, depth: this.depth + 1 }, this.reader, transaction);
  }

  get isDeterministic(): boolean {
    return this.kind === "Query" || this.kind === "Mutation";
  }

  addStream(stream: QueryStream): number {
    const id = this.#nextStream++;
    this.streams.set(id, stream);
    return id;
  }

  closeStream(id: number): boolean {
    const stream = this.streams.get(id);
    stream?.recordReads();
    return this.streams.delete(id);
  }

  log(level: string, message: string): void {
    const line = `[${level}] ${message}`;
    if (this.logLines.length < MAX_LOG_LINES) this.logLines.push(line.slice(0, MAX_LOG_LINE_LENGTH));
  }

  end(): void {
    this.ended = true;
    for (const id of [...this.streams.keys()]) this.closeStream(id);
  }
}

function root(requestId: string) {
  return { requestId, logLines: [] as string[], depth: 0, startedAt_ms: Date.now() };
}

const storage = new AsyncLocalStorage<CallContext>();

export function runInContext<T>(context: CallContext, body: () => T): T {
  return storage.run(context, body);
}

/** The running call, or undefined while modules load. */
export function currentContext(): CallContext | undefined {
  return storage.getStore();
}

/** The running call. Throws while modules load, when there is none. */
export function mustContext(): CallContext {
  const context = currentContext();
  if (context === undefined) {
    throw new Error("Convex functions can only be run while a function is being executed, not while modules load");
  }
  return context;
}
