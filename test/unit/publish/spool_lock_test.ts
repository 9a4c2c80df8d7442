/** One spool folder has one gateway: a second one keeps its results in memory, says so, and takes over when the first ends. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/mqtt_listener.ts";
import { openTestPublisher } from "../../support/open_publisher.ts";
import { makeSpool } from "../../support/spools.ts";

Deno.test("a folder that another gateway uses is left alone, until that one ends", async () => {
  using spool = makeSpool();
  const { publisher: first } = openTestPublisher("mqtt://127.0.0.1:1", { spool: spool.terms() });
  await eventually(() => first.spoolCounts !== null, "the first has the folder");
  const { publisher: second, logged } = openTestPublisher("mqtt://127.0.0.1:1", { spool: spool.terms() });
  await eventually(
    () => logged.some(({ text }) => /another gateway uses this folder/.test(text)),
    "the second says so",
  );
  assert.equal(second.spoolCounts, null);
  await first.stop();
  await eventually(() => second.spoolCounts !== null, "the second has the folder");
  await second.stop();
  assert.equal(readFileSync(join(spool.folder, "lock")).length, 0);
});
