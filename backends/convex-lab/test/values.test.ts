/** Values at the level of bytes and texts: order, ids, wording, canonical form. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { compareValues as convexCompare, convexToJson, type Value } from "convex/values";
import fc from "fast-check";
import { UserError } from "../src/errors.ts";
import { display } from "../src/values/display.ts";
import { encodeId, newId, tableNumberOf } from "../src/values/ids.ts";
import type { ConvexJson } from "../src/values/json.ts";
import { normalise } from "../src/values/normalise.ts";
import { formatBytes, sizeOf } from "../src/values/size.ts";
import { afterKey, afterPrefix, compareValues, sortKey } from "../src/values/sort-key.ts";
import { value } from "./support/arbitraries.ts";

const json = (v: unknown) => convexToJson(v as Value) as ConvexJson;

describe("sort keys", () => {
  test("order values as the convex package does, across all types", () => {
    fc.assert(
      fc.property(value, value, (a, b) => {
        const expected = Math.sign(convexCompare(a as Value, b as Value));
        assert.equal(Math.sign(Buffer.compare(sortKey([json(a)]), sortKey([json(b)]))), expected);
        assert.equal(Math.sign(compareValues(json(a), json(b))), expected);
      }),
      { numRuns: 2000 },
    );
  });

  test("types come in Convex's order", () => {
    const ordered: (ConvexJson | undefined)[] = [
      undefined, null, json(-(2n ** 63n)), json(-1n), json(0n), json(1n), json(300n), json(2n ** 63n - 1n),
      json(-Infinity), -1, json(-0), 0, 5e-324, 1, json(Infinity), json(NaN), false, true,
      "", "\u0000", "a", "a\u0000", "a\u0000b", "aa", "\uffee", "\u{1f600}",
      json(new ArrayBuffer(0)), json(new ArrayBuffer(1)), [], [null], [null, null], ["a"], {}, { a: null }, { a: 1 }, { a: 1, b: 1 }, { b: 0 },
    ];
    const keys = ordered.map((v) => sortKey([v]));
    for (let i = 1; i < keys.length; i++) {
      assert.equal(Buffer.compare(keys[i - 1]!, keys[i]!), -1, `${display(ordered[i - 1])} < ${display(ordered[i])}`);
    }
  });

  test("a sequence of values orders by the first that differs", () => {
    fc.assert(
      fc.property(value, value, value, value, (a, b, c, d) => {
        const [first, second] = [convexCompare(a as Value, c as Value), convexCompare(b as Value, d as Value)];
        const got = Buffer.compare(sortKey([json(a), json(b)]), sortKey([json(c), json(d)]));
        assert.equal(Math.sign(got), Math.sign(first || second));
      }),
      { numRuns: 1000 },
    );
  });

  test("a prefix takes in its own continuations and nothing else", () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        const prefix = sortKey([json(a)]);
        const key = sortKey([json(b), json(c)]);
        const inside = Buffer.compare(key, prefix) >= 0 && Buffer.compare(key, afterPrefix(prefix)) < 0;
        assert.equal(inside, convexCompare(a as Value, b as Value) === 0);
      }),
      { numRuns: 2000 },
    );
  });

  test("nothing fits between a key and the one after it", () => {
    const key = Buffer.from([1, 2]);
    assert.ok(Buffer.compare(key, afterKey(key)) < 0);
    assert.deepEqual(afterKey(key), Buffer.from([1, 2, 0]));
  });
});

describe("ids", () => {
  test("an id the Convex backend could have made", () => {
    // Computed from the layout by another program: VInt of the table, 16 bytes, Fletcher-16, base32.
    assert.equal(encodeId(10001, new Uint8Array(16)), "j5700000000000000000000000001qv0");
    assert.equal(encodeId(1, Uint8Array.from({ length: 16 }, (_, i) => i)), "040020g30g2gc1r81450p30d1r7qke8");
    assert.match(newId(10001), /^j5[0-9a-z]{30}$/);
    assert.match(newId(7), /^[0-9a-z]{31}$/);
  });

  test("every id leads back to its table, and no altered one does", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 }), fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(30), (number, internal, at) => {
        const id = encodeId(number, internal);
        assert.equal(tableNumberOf(id), number);
        const altered = id.slice(0, at) + (id[at] === "0" ? "1" : "0") + id.slice(at + 1);
        assert.notEqual(tableNumberOf(altered), number);
        assert.equal(tableNumberOf(id.toUpperCase()), undefined);
        assert.equal(tableNumberOf(`${id}0`), undefined);
      }),
    );
  });

  test("texts that are no ids", () => {
    for (const text of ["", "x", "0".repeat(31), "0".repeat(32), "l".repeat(32), "é".repeat(16)]) {
      assert.equal(tableNumberOf(text), undefined);
    }
  });
});

describe("canonical form", () => {
  test("what the convex package encodes is canonical already, up to the order of fields", () => {
    fc.assert(
      fc.property(value, (v) => {
        assert.deepEqual(normalise(json(v)), json(v));
      }),
    );
  });

  test("equal values have equal texts", () => {
    assert.equal(JSON.stringify(normalise({ b: 1, a: -0 })), '{"a":{"$float":"AAAAAAAAAIA="},"b":1}');
  });

  const refused: [unknown, RegExp][] = [
    [{ $integer: "AA==" }, /Received 1 bytes, expected 8 for \$integer/],
    [{ $integer: 1 }, /Malformed \$integer value/],
    [{ $bytes: "*" }, /Malformed \$bytes value/],
    [{ $float: "AAAAAAAA8D8=" }, /Float64 1 should be encoded as a number/],
    [{ $set: [] }, /Field name \$set starts with '\$', which is reserved/],
    [{ $commitTs: null }, /db\.vars\.commitTs is not supported by convex-lab/],
    [{ "é": 1, a: 1 }, /invalid character 'é'/],
    ["\ud800", /lone surrogate/],
    [Array.from({ length: 8193 }, () => 0), /Array length is too long \(8193 > maximum length 8192\)/],
    [Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`f${i}`, 0])), /Object has too many fields \(1025 > maximum number 1024\)/],
    [JSON.parse("[".repeat(70) + "]".repeat(70)), /Value is too nested/],
  ];
  for (const [json, message] of refused) {
    test(`refused: ${message.source.slice(0, 40)}`, () => {
      assert.throws(() => normalise(json), (error) => error instanceof UserError && message.test(error.message));
    });
  }

  test("a field named __proto__ is a field", () => {
    const out = normalise(JSON.parse('{"__proto__":1}')) as Record<string, unknown>;
    assert.equal(JSON.stringify(out), '{"__proto__":1}');
    assert.equal(Object.getPrototypeOf(out), Object.prototype);
  });
});

describe("wording", () => {
  test("values in error messages", () => {
    const shown = display(normalise(json({ b: [1, 1.5, -0, NaN, Infinity, 1e21, 1e-7], a: { big: 5n, bytes: new ArrayBuffer(1) }, c: 'q"' })));
    assert.equal(shown, '{a: {big: 5, bytes: b"AA=="}, b: [1.0, 1.5, -0.0, NaN, inf, 1e21, 1e-7], c: "q\\""}');
    assert.equal(display(undefined), "undefined");
  });

  test("sizes", () => {
    assert.equal(sizeOf(json({ a: "é", b: [1, null], c: new ArrayBuffer(3), d: 1n })), 2 + (2 + 4) + (2 + 12) + (2 + 5) + (2 + 9));
    assert.equal(formatBytes(1536), "1.5 KiB");
    assert.equal(formatBytes(1 << 24), "16 MiB");
  });
});
