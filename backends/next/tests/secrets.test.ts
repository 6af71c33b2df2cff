import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";

import { equalInConstantTime, isSigned } from "../lib/secrets.ts";

test("keys are equal as a whole or not at all", () => {
  assert.ok(equalInConstantTime("key", "key"));
  for (const given of ["", "ke", "keyy", "Key", "key "]) assert.ok(!equalInConstantTime(given, "key"), given);
});

test("a body is signed by the hex HMAC-SHA256 of its bytes", () => {
  const body = new TextEncoder().encode('{"a": "é"}');
  const signature = createHmac("sha256", "secret").update(body).digest("hex");

  assert.ok(isSigned(body, signature, "secret"));
  assert.ok(isSigned(body, signature.toUpperCase(), "secret"));
  assert.ok(!isSigned(body, signature, "other"));
  assert.ok(!isSigned(new TextEncoder().encode('{"a":"é"}'), signature, "secret"));
  for (const malformed of [null, "", "zz", signature.slice(1), `${signature}00`, `sha256=${signature}`]) {
    assert.ok(!isSigned(body, malformed, "secret"), String(malformed));
  }
});
