/** `deno task soak --minutes N [--seed S] [--svg FILE] [--json]`: see soak.ts. Exits with 1 when anything was wrong. */

import { writeFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import { processConsole, ProgressBar } from "../../src/app/console.ts";
import { ffmpegAvailable } from "../support/ffmpeg.ts";
import { mosquittoAvailable } from "../support/mosquitto.ts";
import { soakSvg, soakText } from "./report.ts";
import { runSoak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    svg: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
const console = processConsole();
if (!(minutes > 0 && minutes <= 60 * 24 * 30) || !Number.isSafeInteger(seed)) {
  console.note("--minutes takes a number above 0, --seed a whole number");
  process.exit(2);
}
if (!ffmpegAvailable || !mosquittoAvailable) {
  console.note("Install the Debian packages mosquitto, mosquitto-clients and ffmpeg: a soak runs with real ones");
  process.exit(1);
}
const bar = new ProgressBar(console, "soak, s", () => performance.now() * 1000);
// Not left to the platform: a broker, a gateway and its ffmpegs would be left behind.
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
const report = await runSoak({
  minutes,
  seed,
  signal: stop.signal,
  onProgress: (done, total) => bar.update(done, total),
});
if (values.svg !== undefined) writeFileSync(values.svg, soakSvg(report));
if (values.json) console.print(JSON.stringify({ ...report, samples: report.samples.length }));
else console.print(soakText(report));
process.exitCode = report.failures.length === 0 ? 0 : 1;
