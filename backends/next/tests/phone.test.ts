import assert from "node:assert/strict";
import { test } from "node:test";

import { digitsOf, maskedPhone } from "../lib/phone.ts";

test("only ASCII digits are digits", () => {
  assert.equal(digitsOf("+62 (812) 34-56"), "628123456");
  assert.equal(digitsOf("٣٤ ６"), "");
  assert.equal(digitsOf("a\n1\u0000 2"), "12");
});

test("a masked phone shows three digits at most, and never all of them", () => {
  assert.equal(maskedPhone("6281234567890"), "***890");
  assert.equal(maskedPhone("1234"), "***234");
  assert.equal(maskedPhone("123"), "***");
});
