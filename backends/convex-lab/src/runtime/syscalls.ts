/** The seam: what a function of the `convex` package asks of the backend it runs in. */
import { unsupported, UserError } from "../errors.ts";
import { readPage, type PageRequest } from "../query/page.ts";
import { parseQuery, SYSTEM_TABLES } from "../query/query.ts";
import type { Reader } from "../query/reader.ts";
import { QueryStream } from "../query/stream.ts";
import type { Table } from "../storage/catalog.ts";
import type { SqliteTransaction } from "../storage/transaction.ts";
import { isObject, type ConvexObject } from "../values/json.ts";
import { normalise } from "../values/normalise.ts";
import { tableNumberOf } from "../values/ids.ts";
import type { CallContext } from "./context.ts";

type Args = Record<string, unknown>;
type Syscall = (context: CallContext, args: Args) => string;

/** Answered on the spot. */
export const SYNC_SYSCALLS: Record<string, Syscall> = {
  "1.0/queryStream": (context, args) => {
    const reader = readerOf(context, "queryStream");
    const stream = new QueryStream(reader, parseQuery(args["query"]));
    return JSON.stringify({ queryId: context.addStream(stream) });
  },
  "1.0/queryCleanup": (context, args) => JSON.stringify(context.closeStream(args["queryId"] as number)),
  "1.0/db/normalizeId": (context, args) => {
    const id = args["idString"] as string;
    const number = tableNumberOf(id);
    const table = number === undefined ? undefined : readerOf(context, "normalizeId").source.catalog.byNumber(number);
    return JSON.stringify({ id: table?.name === args["table"] ? id : null });
  },
};

/** Answered on the spot too, but through a promise. */
export const ASYNC_SYSCALLS: Record<string, Syscall> = {
  "1.0/get": (context, args) => {
    if (args["isSystem"] === true) throw unsupported(SYSTEM_TABLES);
    const reader = readerOf(context, "db.get");
    const table = tableOf(reader, args, "db.get");
    return (table && reader.get(table, args["id"] as string)) ?? "null";
  },
  "1.0/queryStreamNext": (context, args) => {
    const stream = context.streams.get(args["queryId"] as number);
    if (stream === undefined) throw new UserError("QueryNotFound", "in-progress query not found");
    const value = stream.next();
    return value === undefined ? '{"value":null,"done":true}' : `{"value":${value},"done":false}`;
  },
  "1.0/queryPage": (context, args) => {
    const reader = readerOf(context, "paginate");
    if (context.paginated) {
      throw new UserError(
        "MultiplePaginatedDatabaseQueries",
        "This query or mutation function ran multiple paginated queries. Convex only supports a single paginated query in each function.",
      );
    }
    context.paginated = true;
    return readPage(reader, args as unknown as PageRequest);
  },
  "1.0/count": (context, args) => JSON.stringify(readerOf(context, "db.count").count(args["table"] as string)),
  "1.0/insert": (context, args) => {
    const table = args["table"] as string;
    checkTableName(table, "db.insert");
    const id = writerOf(context, "db.insert").insert(table, objectArgument(args, "db.insert"));
    return JSON.stringify({ _id: id });
  },
  "1.0/shallowMerge": (context, args) => {
    const [writer, table] = target(context, args, "db.patch");
    writer.patch(table, args["id"] as string, patchArgument(args));
    return "null";
  },
  "1.0/replace": (context, args) => {
    const [writer, table] = target(context, args, "db.replace");
    writer.replace(table, args["id"] as string, objectArgument(args, "db.replace"));
    return "null";
  },
  "1.0/remove": (context, args) => {
    const [writer, table] = target(context, args, "db.delete");
    writer.remove(table, args["id"] as string);
    return "null";
  },
  // Nobody can be signed in: no authentication provider is ever configured here.
  "1.0/getUserIdentity": () => "null",
  "1.0/getFunctionMetadata": (context) => JSON.stringify({ name: context.path, componentPath: "" }),
  "1.0/getDeploymentMetadata": () => JSON.stringify({ name: "convex-lab", region: null, class: "local" }),
  "1.0/getRequestMetadata": (context) =>
    JSON.stringify({ ip: null, userAgent: null, requestId: context.requestId, scheduledFunctionId: null, authToken: null }),
};

const UNSUPPORTED: [RegExp, string][] = [
  [/^(?:1\.0\/)?storage/, "File storage (ctx.storage)"],
  [/schedule|cancel_job/, "The scheduler (ctx.scheduler)"],
  [/vectorSearch/, "Vector search (ctx.vectorSearch)"],
  [/createFunctionHandle/, "Function handles"],
  [/componentArgument/, "Components"],
  [/signJwt|createServiceToken|getServiceUrl/, "Service tokens"],
  [/[aA]uditLog/, "Audit logs"],
  [/getTransactionMetrics|getSnapshotTs/, "Transaction metadata (ctx.meta)"],
];

export function unknownSyscall(name: string): UserError {
  const what = UNSUPPORTED.find(([pattern]) => pattern.test(name))?.[1];
  return what === undefined ? new UserError("UnknownOperation", `Unknown operation ${name}`) : unsupported(what);
}

function readerOf(context: CallContext, name: string): Reader {
  if (context.reader !== undefined) return context.reader;
  throw new UserError("UnknownOperation", `${name} can only be called from a query or a mutation`);
}

function writerOf(context: CallContext, name: string): SqliteTransaction {
  if (context.transaction !== undefined) return context.transaction;
  throw new UserError("UnknownOperation", `${name} can only be called from a mutation`);
}

function target(context: CallContext, args: Args, name: string): [SqliteTransaction, Table] {
  const writer = writerOf(context, name);
  const table = tableOf(readerOf(context, name), args, name);
  if (table === undefined) {
    throw invalidArgument("id", name, `Unable to find the table of the ID ${JSON.stringify(args["id"])}`);
  }
  return [writer, table];
}

/** The table that an id argument belongs to; undefined when that table does not exist. */
function tableOf(reader: Reader, args: Args, name: string): Table | undefined {
  const number = typeof args["id"] === "string" ? tableNumberOf(args["id"]) : undefined;
  if (number === undefined) {
    throw invalidArgument("id", name, `Unable to decode ID: ${JSON.stringify(args["id"])} is no document ID`);
  }
  const table = reader.source.catalog.byNumber(number);
  const expected = args["table"];
  if (table !== undefined && expected !== undefined && expected !== table.name) {
    throw invalidArgument("id", name, `expected to be an Id<"${String(expected)}">, got Id<"${table.name}"> instead.`);
  }
  return table;
}

function objectArgument(args: Args, name: string): ConvexObject {
  const value = asArgument("value", name, () => normalise(args["value"]));
  if (!isObject(value)) throw invalidArgument("value", name, "Value must be an Object");
  return value;
}

/** Like objectArgument, but top-level fields may be `{"$undefined": null}`: they are to be removed. */
function patchArgument(args: Args): ConvexObject {
  const { value } = args;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalidArgument("value", "db.patch", "Value must be an Object");
  }
  const removed: ConvexObject = {};
  const kept: Record<string, unknown> = {};
  for (const [field, item] of Object.entries(value as ConvexObject)) {
    if (typeof item === "object" && item !== null && "$undefined" in item) removed[field] = item;
    else kept[field] = item;
  }
  return { ...objectArgument({ value: kept }, "db.patch"), ...removed };
}

function checkTableName(table: string, name: string): void {
  if (!/^[A-Za-z][A-Za-z0-9_]{0,63}$/.test(table)) {
    throw invalidArgument("table", name, `Invalid table name ${table}: it must start with a letter and can only contain letters, digits, and underscores`);
  }
}

function asArgument<T>(argument: string, name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof UserError) throw invalidArgument(argument, name, error.message);
    throw error;
  }
}

function invalidArgument(argument: string, name: string, cause: string): UserError {
  return new UserError("InvalidArgument", `Invalid argument \`${argument}\` for \`${name}\`: ${cause}`);
}
