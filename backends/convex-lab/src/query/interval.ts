/** From an index and range expressions to the one interval of keys that they select. */
import { UserError } from "../errors.ts";
import type { Index } from "../storage/catalog.ts";
import type { Interval } from "../storage/rows.ts";
import { display } from "../values/display.ts";
import type { MaybeValue } from "../values/json.ts";
import { afterPrefix, sortKey } from "../values/sort-key.ts";
import type { RangeExpression } from "./query.ts";

const DOCS = "https://docs.convex.dev/using/indexes";
const COMPARATOR = { Eq: "==", Gt: ">", Gte: ">=", Lt: "<", Lte: "<=" };

interface Bound {
  value: MaybeValue;
  included: boolean;
}

interface Split {
  equalities: Map<string, MaybeValue>;
  inequalityField: string | undefined;
  lower: Bound | undefined;
  upper: Bound | undefined;
}

/** Throws UserError when the expressions do not fit the index. */
export function compileInterval(index: Index, range: readonly RangeExpression[]): Interval {
  const { equalities, inequalityField, lower, upper } = split(index, range);
  const fields = [...index.fields, "_id"];
  const prefix = orderedPrefix(index, fields, equalities, inequalityField);
  const low = lower === undefined ? sortKey(prefix) : lowKey([...prefix, lower.value], lower.included);
  const high = upper === undefined
    ? afterPrefix(sortKey(prefix))
    : upper.included
      ? afterPrefix(sortKey([...prefix, upper.value]))
      : sortKey([...prefix, upper.value]);
  return { low, high };
}

function lowKey(values: MaybeValue[], included: boolean): Buffer {
  const key = sortKey(values);
  return included ? key : afterPrefix(key);
}

function split(index: Index, range: readonly RangeExpression[]): Split {
  const out: Split = { equalities: new Map(), inequalityField: undefined, lower: undefined, upper: undefined };
  for (const { type, fieldPath, value } of range) {
    if (type === "Eq") {
      if (out.equalities.has(fieldPath)) throw alreadyDefined("equality", fieldPath, "==", out.equalities.get(fieldPath));
      out.equalities.set(fieldPath, value);
      continue;
    }
    const side = type === "Lt" || type === "Lte" ? "upper" : "lower";
    if (out[side] !== undefined) throw alreadyDefined(side, fieldPath, COMPARATOR[type], value);
    if (out.inequalityField !== undefined && out.inequalityField !== fieldPath) {
      throw boundsOnMultipleFields(index, out.inequalityField, fieldPath);
    }
    out.inequalityField = fieldPath;
    out[side] = { value, included: type === "Lte" || type === "Gte" };
  }
  const { inequalityField } = out;
  if (inequalityField !== undefined && out.equalities.has(inequalityField)) {
    throw alreadyDefined("inequality", inequalityField, "==", out.equalities.get(inequalityField));
  }
  return out;
}

/** The values of the equalities, which must cover the index's first fields without a gap. */
function orderedPrefix(
  index: Index,
  fields: string[],
  equalities: Map<string, MaybeValue>,
  inequalityField: string | undefined,
): MaybeValue[] {
  const rankOf = (field: string): number => {
    const rank = fields.indexOf(field);
    if (rank < 0) throw notInIndex(index, field);
    return rank;
  };
  const used = [...equalities.keys()].sort((a, b) => rankOf(a) - rankOf(b));
  if (equalities.size === 1) rankOf(used[0]!);
  if (inequalityField !== undefined) {
    rankOf(inequalityField);
    used.push(inequalityField);
  }
  used.forEach((field, i) => {
    if (fields[i] !== field) throw invalidRange(index, used, field);
  });
  return used.slice(0, equalities.size).map((field) => equalities.get(field));
}

function alreadyDefined(bound: string, field: string, comparator: string, value: MaybeValue): UserError {
  return new UserError(
    "AlreadyDefinedBound",
    `Already defined ${bound} bound in index range. Can't add ${JSON.stringify(field)} ${comparator} ${display(value)}.`,
  );
}

function boundsOnMultipleFields(index: Index, first: string, second: string): UserError {
  return new UserError(
    "BoundsOnMultipleFields",
    `Upper and lower bounds in \`range\` can only be applied to a single index field. This query against index ${index} attempted to set a range bound on both ${JSON.stringify(first)} and ${JSON.stringify(second)}. Consider using \`filter\` instead. See ${DOCS} for more info.`,
  );
}

function notInIndex(index: Index, field: string): UserError {
  return new UserError(
    "FieldNotInIndex",
    `The index range included a comparison with ${JSON.stringify(field)}, but ${index} with fields ${JSON.stringify(index.fields)} doesn't index this field. For more information see ${DOCS}.`,
  );
}

function invalidRange(index: Index, used: string[], wrong: string): UserError {
  return new UserError(
    "InvalidIndexRange",
    `Tried to query index ${index} but the query didn't use the index fields in order.\n` +
      `Index fields: [${index.fields.join(", ")}]\nQuery fields: [${used.join(", ")}]\n` +
      `First incorrect field: ${wrong}\nFor more information see ${DOCS}.`,
  );
}
