/**
 * The globals that functions see in place of Node's: time stands still in queries and mutations,
 * the network and timers are for actions only, the environment holds just what was allowed.
 */
import { createHash, webcrypto } from "node:crypto";
import { inspect } from "node:util";
import { currentContext } from "./context.ts";

/** Where bundled functions find these globals; see `injected` in bundle.ts. */
export const GLOBALS_SYMBOL = Symbol.for("convex-lab.globals");

/** Names that exist in Node but not in Convex's runtime. */
export const ABSENT_GLOBALS = ["Buffer", "global", "require", "module", "exports", "__dirname", "__filename", "setImmediate", "clearImmediate"];

export const PRESENT_GLOBALS = ["Date", "Math", "console", "process", "crypto", "fetch", "setTimeout", "setInterval", "queueMicrotask"];

export type LogSink = (path: string, level: string, message: string) => void;

export function installGlobals(environment: Record<string, string>, sink: LogSink): void {
  (globalThis as Record<symbol, unknown>)[GLOBALS_SYMBOL] = {
    Date: LabDate(),
    Math: LabMath(),
    console: labConsole(sink),
    crypto: labCrypto(),
    process: { env: Object.freeze({ ...environment }) },
    fetch: actionsOnly("fetch()", globalThis.fetch),
    setTimeout: actionsOnly("setTimeout", contained(globalThis.setTimeout as Callback, sink)),
    setInterval: actionsOnly("setInterval", contained(globalThis.setInterval as Callback, sink)),
    queueMicrotask: contained(globalThis.queueMicrotask as Callback, sink),
  };
}

type Callback = (...args: unknown[]) => unknown;

/** What a callback throws, when nobody is left to catch it, must not take the host down. */
function contained(schedule: Callback, sink: LogSink): Callback {
  return (callback, ...rest) => {
    const path = currentContext()?.path ?? "import";
    const guarded = (...args: unknown[]) => {
      try {
        return (callback as Callback)(...args);
      } catch (error) {
        sink(path, "ERROR", `uncaught in a callback: ${String(error)}`);
      }
    };
    return schedule(guarded, ...rest);
  };
}

function now(): number {
  const context = currentContext();
  if (context === undefined || !context.isDeterministic) return Date.now();
  context.readTime = true;
  return context.startedAt_ms;
}

function LabDate(): DateConstructor {
  function LabDate(this: unknown, ...args: unknown[]): unknown {
    if (new.target === undefined) return new Date(now()).toString();
    const date = args.length === 0 ? new Date(now()) : new (Date as unknown as new (...args: unknown[]) => Date)(...args);
    return new.target === (LabDate as unknown) ? date : Object.setPrototypeOf(date, new.target.prototype as object);
  }
  return Object.assign(LabDate, {
    now,
    parse: Date.parse,
    UTC: Date.UTC,
    // The same prototype, so that `instanceof Date` holds for dates made on either side.
    prototype: Date.prototype,
  }) as unknown as DateConstructor;
}

function LabMath(): Math {
  const math = Object.create(Object.prototype, Object.getOwnPropertyDescriptors(Math)) as Math;
  math.random = () => {
    const context = currentContext();
    if (context !== undefined) context.readRandom = true;
    return Math.random();
  };
  return math;
}

/** Node hands each digest to another thread, which takes longer than the digest of a small text. */
function labCrypto(): webcrypto.Crypto {
  const subtle = withOwn(webcrypto.subtle, "digest", digest);
  return withOwn(webcrypto, "subtle", subtle) as webcrypto.Crypto;
}

/** The same object but for one property; methods keep the `this` that they insist on. */
function withOwn<T extends object>(real: T, name: string, own: unknown): T {
  return new Proxy(real, {
    get: (_, wanted) => {
      if (wanted === name) return own;
      const value: unknown = Reflect.get(real, wanted);
      return typeof value === "function" ? value.bind(real) : value;
    },
  });
}

async function digest(algorithm: webcrypto.AlgorithmIdentifier, data: webcrypto.BufferSource): Promise<ArrayBuffer> {
  const name = typeof algorithm === "string" ? algorithm : algorithm.name;
  if (!/^sha-256$/i.test(name)) return webcrypto.subtle.digest(algorithm, data);
  const bytes = ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : new Uint8Array(data);
  return new Uint8Array(createHash("sha256").update(bytes).digest()).buffer;
}

function labConsole(sink: LogSink): Console {
  const write = (level: string) => (...args: unknown[]) => {
    const message = args.map((arg) => inspect(arg, { depth: 6, breakLength: Infinity })).join(" ");
    const context = currentContext();
    context?.log(level, message);
    sink(context?.path ?? "import", level, message);
  };
  const console = {
    debug: write("DEBUG"), error: write("ERROR"), info: write("INFO"), log: write("LOG"), warn: write("WARN"),
    trace: write("LOG"), time: () => {}, timeLog: () => {}, timeEnd: () => {},
  };
  return console as unknown as Console;
}

function actionsOnly<F extends (...args: any[]) => unknown>(name: string, real: F): F {
  const guarded = (...args: Parameters<F>): unknown => {
    if (currentContext()?.isDeterministic) {
      throw new Error(
        `Can't use ${name} in queries and mutations. Please consider using an action. See https://docs.convex.dev/functions/actions for more details.`,
      );
    }
    return real(...args);
  };
  return guarded as F;
}
