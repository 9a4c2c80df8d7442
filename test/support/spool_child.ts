/**
 * Writes to a spool as fast as it can and says what is safe, until it is killed. Begins when a line with the number of its
 * first record comes in, so that a test can start the next one while the last one is being looked at:
 * `deno run spool_child.ts <folder>`.
 */

import process from "node:process";
import { createInterface } from "node:readline";
import { writeSync } from "node:fs";
import { systemClock } from "../../src/core/clock.ts";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import { openSpool, SPOOL_BYTES_MIN } from "../../src/spool/spool.ts";

const [folder] = process.argv.slice(2);
const lines = createInterface({ input: process.stdin });
const first = await new Promise<string>((resolve) => lines.once("line", resolve));
const spool = await openSpool({
  folder,
  bytesMax: SPOOL_BYTES_MIN,
  ageMaxMs: 3_600_000,
  files: nodeFileSystem,
  clock: systemClock,
  onLost: ({ records }) => records.forEach(({ payload }) => say("lost", Number(new TextDecoder().decode(payload)))),
});
for (let next = Number(first);;) {
  const batch = Array.from({ length: 1 + (next % 7) }, (_, i) => String(next + i).padEnd(40 + ((next * 37) % 9000)));
  const ids = await spool.append(batch.map((text) => new TextEncoder().encode(text)));
  next += ids.length;
  say("safe", next - 1);
  // Every other round delivers a little, so that the cursor moves and segments go.
  if (next % 2 === 0) continue;
  for (const { id, payload } of await spool.read(5)) {
    spool.done(id);
    say("done", Number(new TextDecoder().decode(payload)));
  }
  await spool.maintain();
}

/** Straight to the pipe: what was said before SIGKILL is said. */
function say(word: string, number: number): void {
  writeSync(1, `${word} ${number}\n`);
}
