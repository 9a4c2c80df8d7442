/** Goal: slips of the finger get a suggestion, other words do not. */

import assert from "node:assert/strict";
import { didYouMean, suggest } from "../../../src/config/suggest.ts";

Deno.test("suggest() finds the name that was meant, and none for another word", () => {
  const names = ["network", "source", "max_age_ms", "id", "rate_fps"];
  const cases: readonly [word: string, meant: string | undefined][] = [
    ["netwrok", "network"],
    ["maxAgeMs", "max_age_ms"],
    ["MAX-AGE-MS", "max_age_ms"],
    ["ids", "id"],
    ["di", "id"],
    ["suorce", "source"],
    ["fps", undefined],
    ["x", undefined],
    ["", undefined],
    ["n".repeat(100_000), undefined],
  ];
  for (const [word, meant] of cases) assert.equal(suggest(word, names), meant, word.slice(0, 20));
  assert.equal(suggest("a", []), undefined);
  assert.equal(didYouMean("soruce", names), 'did you mean "source"?');
});
