/** A query as the `convex` package sends it through the seam. */
import { unsupported, UserError } from "../errors.ts";
import type { Order } from "../storage/rows.ts";
import type { ConvexObject, MaybeValue } from "../values/json.ts";
import { normalise } from "../values/normalise.ts";

export interface RangeExpression {
  type: "Eq" | "Gt" | "Gte" | "Lt" | "Lte";
  fieldPath: string;
  value: MaybeValue;
}

export type Operator = { filter: ConvexObject } | { limit: number };

export interface Query {
  tableName: string;
  /** Undefined for a scan of the whole table. */
  indexName: string | undefined;
  range: RangeExpression[];
  order: Order;
  operators: Operator[];
}

export const SYSTEM_TABLES = "Reading system tables (db.system)";

const MAX_OPERATORS = 256;

interface QueryJson {
  source: {
    type: string;
    tableName?: string;
    indexName?: string;
    range?: { type: RangeExpression["type"]; fieldPath: string; value: unknown }[];
    order?: Order | null;
  };
  operators: Operator[];
}

/** Throws UserError for a query that cannot be run here. */
export function parseQuery(json: unknown): Query {
  const { source, operators } = json as QueryJson;
  if (source.type === "Search") throw unsupported("Text search (withSearchIndex)");
  if (operators.length > MAX_OPERATORS) {
    throw new UserError("TooManyOperators", `Query has too many operators: ${operators.length} > ${MAX_OPERATORS}`);
  }
  const order = source.order ?? "asc";
  const [tableName, indexName] = (source.tableName ?? source.indexName!).split(".", 2) as [string, string | undefined];
  if (tableName.startsWith("_")) throw unsupported(SYSTEM_TABLES);
  if (source.type === "FullTableScan") return { tableName, indexName: undefined, range: [], order, operators };
  const range = source.range!.map(({ type, fieldPath, value }) => ({ type, fieldPath, value: maybeValue(value) }));
  return { tableName, indexName, range, order, operators };
}

/** A value, or undefined where the JSON says `{"$undefined": null}`. */
export function maybeValue(json: unknown): MaybeValue {
  if (typeof json === "object" && json !== null && "$undefined" in json) return undefined;
  return normalise(json);
}
