/** Goal: no credential of a URL gets through, and no text takes long. Method: random URLs in random texts; hostile texts. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { redactUrl } from "../../src/core/redact.ts";

/** What it was before it had to be quick: the same for texts of sane length. */
const literally = (text: string) =>
  text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)\S*@/gi, "$1***@")
    .replace(/([?&][^=&?\s]*(?:token|pass|pwd|secret|auth|key|sig)[^=&?\s]*=)[^&\s#]+/gi, "$1***");

Deno.test("redactUrl() equals its definition by patterns", () => {
  const part = fc.oneof(
    fc.constantFrom(
      "rtsp://",
      "HTTP://",
      "://",
      "@",
      "u:p@",
      "?token=x",
      "&a=b",
      "&Pass_word=y",
      " ",
      "\n",
      "#",
      "1a://",
    ),
    fc.string({ unit: fc.constantFrom(..."ab1:/@?&= #.+-"), maxLength: 8 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      assert.equal(redactUrl(text), literally(text));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("redactUrl() reads a megabyte of anything at once", () => {
  for (const unit of ["p", "a://", "?", "?pass", "&token", "a://@", "?a=", "@", " a://b?key"]) {
    const text = unit.repeat(1e6 / unit.length);
    assert.ok(redactUrl(text).length > 0);
  }
});
