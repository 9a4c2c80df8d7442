/** SIGTERM at bad moments: the program is gone in less than 10 s, says `stopped` where it can, and keeps what is left on disk. */

import assert from "node:assert/strict";
import { temporaryFolder } from "../support/clips.ts";
import { ffmpegAvailable, makeJpegs } from "../support/ffmpeg.ts";
import { makeGateway, sceneCamera } from "../support/gateway.ts";
import { openMjpegServer } from "../support/mjpeg_server.ts";
import { type Mosquitto, mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { listen } from "../support/mqtt_listener.ts";
import type { Running } from "../support/program.ts";
import { readSpool } from "../support/spools.ts";
import { childrenOf } from "../soak/watch.ts";

const ignore = !mosquittoAvailable;
const NEEDS = "(needs Debian package mosquitto)";
const SPOOL = { path: "spool", sync_every_ms: 100, backlog_per_s: 100 };
const RESULTS = "quartz/gw1/cam/+/result";

/** Ends the program; what its last lines said: results published, kept on disk, and frames by camera. */
async function stop(program: Running) {
  const { code, tookMs } = await program.stop("SIGTERM");
  assert.equal(code, 0, program.lines.join("\n"));
  assert.ok(tookMs < 10_000, `took ${tookMs} ms`);
  const said = program.lines.map((line) => JSON.parse(line));
  const cameras = said.filter(({ msg }) => msg === "camera stopped");
  const kept = said.findLast(({ msg }) => msg.startsWith("Stopped publishing")).kept as number;
  const sum = (key: string): number => cameras.reduce((total, line) => total + line[key], 0);
  assert.equal(sum("captured"), sum("classified") + sum("dropped"), "no frame is left in flight");
  return { tookMs, kept, classified: sum("classified") };
}

const resultsIn = async (folder: string) =>
  (await readSpool(folder)).payloads.filter((text) => text.startsWith('{"schema":"quartz.result')).length;

async function heardStopped(broker: Mosquitto): Promise<void> {
  await using listener = await listen(broker.url, { filter: "quartz/gw1/status" });
  await listener.until((heard) => heard.at(-1)?.text === "stopped");
}

Deno.test({
  name: `SIGTERM while frames are inferred as fast as they can be and published: nothing is lost ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    using gateway = makeGateway({ cameras: [sceneCamera("fast", null)], mqtt: { url: broker.url }, spool: SPOOL });
    await using listener = await listen(broker.url, { filter: RESULTS });
    await using program = gateway.start();
    await listener.until((heard) => heard.length > 200, 20_000);
    const { classified, kept, tookMs } = await stop(program);
    await heardStopped(broker);
    const onDisk = await resultsIn(gateway.spoolFolder);
    const arrived = () => new Set(listener.heard.map(({ text }) => JSON.parse(text).seq)).size;
    await listener.until(() => arrived() + onDisk === classified);
    console.log(
      `inferring: ${classified} classified, ${arrived()} delivered, ${kept} on disk; ${Math.round(tookMs)} ms`,
    );
  },
});

Deno.test({
  name: `SIGTERM with a frozen broker, and then with a backlog on its way: all of it stays on disk or arrives ${NEEDS}`,
  ignore,
  async fn() {
    await using broker = await openMosquitto();
    using gateway = makeGateway({ cameras: [sceneCamera("bench", 100)], mqtt: { url: broker.url }, spool: SPOOL });
    const all = new Set<string>();
    let classified: number;
    {
      await using listener = await listen(broker.url, { filter: RESULTS });
      await using program = gateway.start();
      await listener.until((heard) => heard.length > 20, 20_000);
      broker.freeze();
      await new Promise((resolve) => setTimeout(resolve, 1500));
      const stopped = await stop(program);
      assert.ok(stopped.kept > 20, `${stopped.kept} kept`);
      assert.equal(
        (await readSpool(gateway.spoolFolder)).payloads.length,
        stopped.kept,
        "what it says it kept is there",
      );
      classified = stopped.classified;
      console.log(`frozen broker: ${classified} classified, ${stopped.kept} on disk; ${Math.round(stopped.tookMs)} ms`);
      broker.thaw();
      await new Promise((resolve) => setTimeout(resolve, 100)); // what was on its way is passed on
      for (const { text } of listener.heard) all.add(nameOf(text));
    }
    {
      await using listener = await listen(broker.url, { filter: RESULTS });
      await using program = gateway.start();
      await listener.until((heard) => heard.some(({ text }) => text.includes('"historical":true')), 20_000);
      const stopped = await stop(program);
      await heardStopped(broker);
      assert.ok(stopped.kept > 0, "the backlog was not through");
      classified += stopped.classified;
      for (const { text } of listener.heard) all.add(nameOf(text));
      for (const text of (await readSpool(gateway.spoolFolder)).payloads) {
        if (text.startsWith('{"schema":"quartz.result')) all.add(nameOf(text));
      }
      console.log(`backlog on its way: ${stopped.kept} still on disk; ${Math.round(stopped.tookMs)} ms`);
    }
    assert.equal(all.size, classified, "every result of both runs has arrived or is on disk");
  },
});

Deno.test({
  name: "SIGTERM with a frozen ffmpeg and no broker: gone in time, results on disk, no process left (needs ffmpeg)",
  ignore: !ffmpegAvailable,
  async fn() {
    await using folder = await temporaryFolder();
    await using server = await openMjpegServer();
    server.show(makeJpegs(folder.path, "64x48", 2));
    const cameras = [{ id: "yard", source: { kind: "mjpeg", url: server.url } }];
    using gateway = makeGateway({ cameras, mqtt: { url: "mqtt://127.0.0.1:1" }, spool: SPOOL });
    await using program = gateway.start();
    await program.line(/"running"/);
    for (let i = 0; i < 1000 && await resultsIn(gateway.spoolFolder) < 10; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const [pid] = childrenOf(program.pid, "ffmpeg");
    Deno.kill(pid, "SIGSTOP");
    const { classified, kept, tookMs } = await stop(program);
    assert.ok(kept >= classified, `${kept} kept`); // and what is told of the camera
    assert.equal(await resultsIn(gateway.spoolFolder), classified);
    assert.throws(() => Deno.kill(pid, "SIGCONT"), "ffmpeg is gone");
    console.log(`frozen ffmpeg: ${classified} classified, all on disk; ${Math.round(tookMs)} ms`);
  },
});

// ---

function nameOf(text: string): string {
  const { boot, seq } = JSON.parse(text);
  return `${boot} ${seq}`;
}
