/** Goal: whatever a power cut, an editor or an enemy left in the file, it is refused in words. Method: odd files, one line each. */

import assert from "node:assert/strict";
import { CONFIG_BYTES_MAX, loadConfig } from "../../../src/config/load.ts";
import { ConfigError, formatError } from "../../../src/core/errors.ts";

const GOOD = `version: 1
gateway: { id: gw }
network: n
cameras: [{ id: a, source: { kind: replay, path: p } }]
`;

const bytesOf = (text: string) => new TextEncoder().encode(text);
const load = (content: string | Uint8Array) =>
  loadConfig("/q/edge.yaml", {
    env: {},
    readFile: () => Promise.resolve(typeof content === "string" ? bytesOf(content) : content),
  });

const BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" +
  [..."bcdefgh"].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${"abcdefg"[i]}`)}]`).join("\n");

const ODD: readonly [name: string, content: string | Uint8Array, pattern: RegExp][] = [
  ["nothing", "", /found an empty file/],
  ["NUL bytes, as after a power cut", new Uint8Array(4096), /found a NUL byte at offset 0/],
  ["a tail of NUL bytes", GOOD + "\0".repeat(100), /found a NUL byte at offset 98/],
  ["half of it", GOOD.slice(0, 60), /line 4, column 19: expected/],
  ["UTF-16", Uint8Array.from([...bytesOf(GOOD)].flatMap((byte) => [byte, 0])), /NUL byte/],
  ["Latin-1", Uint8Array.of(...bytesOf(GOOD), 35, 0xe4, 10), /not UTF-8/],
  ["only comments", "# x\n".repeat(1000), /expected a mapping \(key: value\), found null/],
  [
    "a tab",
    GOOD.replace("gateway: { id: gw }", "gateway:\n\tid: gw"),
    /line 3, column 1: expected spaces as indentation/,
  ],
  ["a key twice", `${GOOD}network: m\n`, /network \(line 5, column 1\): expected each key once/],
  ["two documents", `${GOOD}---\n${GOOD}`, /line 5, column 1: expected one document/],
  ["aliases that unfold", BOMB, /aliases: expected at most 100/],
  ["an alias of itself", "a: &a [*a]", /expected an alias of something else/],
  ["a tag", `${GOOD}log: !!js/function x\n`, /expected no !tags/],
  ["__proto__", `${GOOD}__proto__: { mqtt: 1 }\n`, /__proto__ \(line 5, column 1\): expected a known key/],
  ["constructor", `${GOOD}constructor: { prototype: 1 }\n`, /constructor \(line 5, column 1\): expected a known key/],
  ["deep nesting", "[".repeat(5000), /less nesting/],
  ["too much of anything", "#".repeat(CONFIG_BYTES_MAX + 1), /found more than 262144 bytes/],
];

Deno.test("loadConfig() refuses odd files in words, and takes a byte order mark", async () => {
  for (const [name, content, pattern] of ODD) {
    const error = await load(content).then(() => null, (reason: unknown) => reason);
    assert.ok(error instanceof ConfigError, `${name}: ${error}`);
    assert.match(formatError(error), pattern, name);
  }
  assert.equal((await load(`\ufeff${GOOD}`)).config.gateway.id, "gw");
  assert.equal(({} as Record<string, unknown>).mqtt, undefined, "nothing was polluted");
});
