/** Generated documents, queries and calls for the fixture functions. */
import fc from "fast-check";

/** Strings whose order differs between UTF-8 and UTF-16, that hold zeros, or that look like ids. */
const text = fc.oneof(
  fc.constantFrom("", "a", "aa", "b", "A", "\u0000", "a\u0000b", "\uffee", "\u{1f600}", "é", "10", "9"),
  fc.string({ maxLength: 4, unit: "grapheme" }),
);

const float = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 0.5, 1e300, -1e300, 5e-324, NaN, Infinity, -Infinity, 2 ** 53),
  fc.double(),
  fc.integer({ min: -3, max: 3 }),
);

const integer = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 127n, 128n, -128n, -129n, 32767n, -32769n, 2n ** 31n, -(2n ** 31n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);

const bytes = fc.uint8Array({ maxLength: 4 }).map((array) => array.slice().buffer);

const fieldName = fc.constantFrom("x", "y", "z", "10", "9", "A", "_x");

/** Any Convex value, small. */
export const value: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    float,
    text,
    integer,
    bytes,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(fieldName, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
})).value;

/** Few distinct values, so that equal keys and ties are common. */
const indexed = fc.oneof({ weight: 3, arbitrary: fc.constantFrom<unknown>(0, 1, 2, "a", "b", null, true, 1n) }, { weight: 2, arbitrary: value });

export const item = fc.record(
  {
    a: indexed,
    b: indexed,
    n: float,
    s: text,
    nested: fc.oneof(fc.record({ x: indexed }, { requiredKeys: [] }), value),
  },
  { requiredKeys: [] },
);

/** Documents that often do not fit the schema. */
export const typed = fc.record(
  {
    kind: fc.constantFrom<unknown>("x", "y", "z", 3, 3n),
    tags: fc.oneof(fc.array(text, { maxLength: 2 }), value),
    item: fc.oneof(fc.record({ ref: fc.nat(9) }), text),
    big: fc.oneof(integer, float),
    bytes: fc.oneof(bytes, text),
    inner: fc.oneof(fc.record({ flag: fc.boolean(), nothing: fc.constant(null) }, { requiredKeys: ["flag"] }), value),
    surplus: fc.constant(1),
  },
  { requiredKeys: ["kind", "tags"] },
);

const INDEXES: Record<string, string[]> = {
  by_a: ["a"],
  by_a_b: ["a", "b"],
  by_s_n: ["s", "n"],
  by_nested: ["nested.x", "a"],
  by_creation_time: [],
};

function valueFor(field: string): fc.Arbitrary<unknown> {
  if (field === "s") return text;
  if (field === "n") return float;
  return indexed;
}

/** Equalities on the first fields, then bounds on the next one. A missing value is undefined. */
const range = (fields: string[]) =>
  fc.nat(fields.length).chain((equalities) => {
    const bounded = fields[equalities];
    const parts = fields.slice(0, equalities).map((field) => condition("eq", field));
    if (bounded === undefined) return fc.tuple(...parts);
    const lower = fc.option(fc.constantFrom("gt", "gte").chain((op) => condition(op, bounded)));
    const upper = fc.option(fc.constantFrom("lt", "lte").chain((op) => condition(op, bounded)));
    return fc.tuple(...parts, lower, upper).map((all) => all.filter((part) => part !== null));
  });

const condition = (op: string, field: string) =>
  fc.record({ op: fc.constant(op), field: fc.constant(field), value: valueFor(field) }, { requiredKeys: ["op", "field"] });

/** Only comparisons that convex-test, too, answers by Convex's order; see README.md. */
const filter = fc.letrec<{ filter: unknown }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small" },
    fc.tuple(fc.constantFrom("eq", "neq"), fc.tuple(fc.constant("field"), fc.constantFrom("a", "b", "n", "s", "nested.x")), fc.tuple(fc.constant("value"), indexed)),
    fc.tuple(fc.constant("eq"), fc.tuple(fc.constant("field"), fc.constant("a")), fc.tuple(fc.constant("field"), fc.constant("b"))),
    fc.tuple(fc.constant("not"), tie("filter")),
    fc.tuple(fc.constantFrom("and", "or"), tie("filter"), tie("filter")),
  ),
})).filter;

const source = fc.constantFrom(undefined, ...Object.keys(INDEXES)).chain((index) =>
  fc.record(
    {
      table: fc.constant("items"),
      index: fc.constant(index),
      range: index === undefined ? fc.constant([]) : range(INDEXES[index]!),
      order: fc.constantFrom("asc", "desc"),
      filter,
    },
    { requiredKeys: ["table", "index", "range"] },
  ),
).map(({ index, range, ...rest }) => (index === undefined ? rest : { ...rest, index, range }));

const reference = fc.record({ ref: fc.nat(9) });

const writes = fc.oneof(
  fc.record({ op: fc.constant("insert"), table: fc.constant("items"), value: item }),
  fc.record({ op: fc.constant("patch"), id: reference, value: item }),
  fc.record({ op: fc.constant("replace"), id: reference, value: item }),
  fc.record({ op: fc.constant("delete"), id: reference }),
);

export type Step =
  | { kind: "query" | "mutation" | "action"; path: string; args: Record<string, unknown> }
  | { kind: "pages"; args: Record<string, unknown> };

const step = (kind: "query" | "mutation" | "action", path: string, args: Record<string, fc.Arbitrary<unknown>>, requiredKeys?: string[]) =>
  fc.record({
    kind: fc.constant(kind),
    path: fc.constant(path),
    args: requiredKeys === undefined ? fc.record(args) : fc.record(args, { requiredKeys }),
  }) as fc.Arbitrary<Step>;

const counterStep = fc.tuple(fc.constantFrom("p", "q"), fc.integer({ min: -2, max: 2 }), fc.boolean());

export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: step("mutation", "data:insert", { table: fc.constant("items"), value: item }) },
    { weight: 2, arbitrary: step("mutation", "data:insert", { table: fc.constant("typed"), value: typed }) },
    { weight: 2, arbitrary: step("mutation", "data:patch", { id: reference, value: item, unset: fc.subarray(["a", "b", "n", "s"]) }) },
    { weight: 1, arbitrary: step("mutation", "data:replace", { id: reference, value: fc.oneof(item, typed) }) },
    { weight: 1, arbitrary: step("mutation", "data:remove", { id: reference }) },
    { weight: 1, arbitrary: step("query", "data:get", { id: reference }) },
    { weight: 1, arbitrary: step("query", "data:count", { table: fc.constantFrom("items", "typed", "counters", "unknown") }) },
    { weight: 1, arbitrary: step("query", "data:normalizeId", { table: fc.constantFrom("items", "typed"), id: reference }) },
    { weight: 2, arbitrary: step("mutation", "data:many", { writes: fc.array(writes, { maxLength: 4 }), fail: fc.boolean() }) },
    {
      weight: 6,
      arbitrary: source.chain((query) =>
        fc.record({
          kind: fc.constant("query" as const),
          path: fc.constant("data:scan"),
          args: fc.record({ take: fc.nat(4), mode: fc.constantFrom("first", "unique") }, { requiredKeys: [] })
            .map((extra) => ({ ...query, ...extra }) as Record<string, unknown>),
        }),
      ),
    },
    {
      weight: 3,
      arbitrary: source.chain((query) =>
        fc.record({
          kind: fc.constant("pages" as const),
          args: fc.integer({ min: 1, max: 4 }).map((numItems) => ({ ...query, numItems }) as Record<string, unknown>),
        }),
      ),
    },
    { weight: 1, arbitrary: step("query", "calls:echo", { value }) },
    { weight: 1, arbitrary: step("query", "calls:typedArgs", { n: float, s: fc.oneof(text, float), item: fc.oneof(reference, text), big: fc.oneof(integer, float) }, []) },
    { weight: 1, arbitrary: step("query", "calls:badResult", { value: fc.oneof(fc.record({ n: float }), value) }) },
    { weight: 1, arbitrary: step("mutation", "calls:increment", { name: fc.constantFrom("p", "q"), by: fc.integer({ min: -2, max: 2 }), fail: fc.boolean() }) },
    { weight: 1, arbitrary: step("mutation", "calls:nested", { steps: fc.array(counterStep, { maxLength: 4 }), fail: fc.boolean() }) },
    { weight: 1, arbitrary: step("action", "calls:action", { name: fc.constantFrom("p", "q") }) },
  ),
  { minLength: 5, maxLength: 40, size: "max" },
);
