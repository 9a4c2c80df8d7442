/**
 * What publishing, telemetry and the page cost a gateway at full speed: `deno task bench:overhead [--frames N] [--rounds N]
 * [--json]`. Needs the Debian packages mosquitto, mosquitto-clients and curl.
 *
 * Every figure comes from a process of its own; the kinds take turns, so that a busy machine is busy for all. The broker
 * and the viewer run beside them on the same cores, as they would not on a gateway.
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { openMosquitto } from "../../support/mosquitto.ts";

/** What runs, and how much of it is published. */
const KINDS = [
  { name: "bare", what: "bare", mode: "all" },
  { name: "telemetry, published changes", what: "telemetry", mode: "changes" },
  { name: "the same and the page", what: "full", mode: "changes" },
  { name: "the same, every result published", what: "full", mode: "all" },
] as const;

interface Figures {
  readonly framesPerS: number;
  readonly cpuUsPerFrame: number;
  readonly rssBytes: number;
  readonly hasViewer: boolean;
}

const { values } = parseArgs({
  options: { frames: { type: "string" }, rounds: { type: "string" }, json: { type: "boolean" } },
});
const frames = values.frames ?? "20000";
const rounds = Number(values.rounds ?? 5);
const found: Figures[][] = KINDS.map(() => []);
await using broker = await openMosquitto();
for (let round = 0; round < rounds; round++) {
  for (const [i, { what, mode }] of KINDS.entries()) {
    const figures = await runChild(what, mode);
    if ((what === "full") !== figures.hasViewer) throw new Error("the page had no viewer");
    found[i].push(figures);
  }
}
const rows = KINDS.map(({ name }, i) => ({
  name,
  framesPerS: median(found[i].map(({ framesPerS }) => framesPerS)),
  slowerPercent: 100 * (median(found[i].map(({ framesPerS }, round) => found[0][round].framesPerS / framesPerS)) - 1),
  cpuUsPerFrame: median(found[i].map(({ cpuUsPerFrame }) => cpuUsPerFrame)),
  rssMb: median(found[i].map(({ rssBytes }) => rssBytes / 1e6)),
  moreMb: median(found[i].map(({ rssBytes }, round) => (rssBytes - found[0][round].rssBytes) / 1e6)),
}));
if (values.json) console.log(JSON.stringify({ frames: Number(frames), rounds, rows }));
else {
  for (const { name, framesPerS, slowerPercent, cpuUsPerFrame, rssMb, moreMb } of rows) {
    console.log(
      `${name.padEnd(34)} ${framesPerS.toFixed(0).padStart(6)} frames/s, ${
        slowerPercent.toFixed(1).padStart(6)
      } % slower, ` +
        `${cpuUsPerFrame.toFixed(0).padStart(5)} us CPU a frame, ${rssMb.toFixed(0)} MB (${moreMb.toFixed(1)} more)`,
    );
  }
}

async function runChild(what: string, mode: string): Promise<Figures> {
  const script = fileURLToPath(new URL("child.ts", import.meta.url));
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const flags = ["--v8-flags=--max-semi-space-size=1", "--allow-all", "--config", config];
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, script, what, frames, broker.url, mode],
    stdout: "piped",
    stderr: "inherit",
  });
  const { stdout } = await command.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

function median(list: readonly number[]): number {
  const sorted = list.toSorted((a, b) => a - b);
  return (sorted[sorted.length - 1 >> 1] + sorted[sorted.length >> 1]) / 2;
}
