/** `replay`: the same events each time, and the same as the running gateway's. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { openReplayCamera } from "../../devices/camera/replay.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { openNetwork } from "../../src/model/load.ts";
import { createPreprocessor } from "../../src/preprocess/pipeline.ts";
import { Runtime } from "../../src/runtime/runtime.ts";
import { openSimulator } from "../../src/simulator/simulator.ts";
import { temporaryFolder } from "../support/clips.ts";
import { ffmpeg, ffmpegAvailable } from "../support/ffmpeg.ts";
import { ROOT, runTask } from "../support/program.ts";
import { keepingPublisher } from "../support/runtime_parts.ts";

const NETWORK = `${ROOT}models/mnist-lenet/network.safetensors`;
const CLIP = `${ROOT}models/mnist-lenet/clip.safetensors.gz`;
const DECISION = { threshold: 0.5, hysteresis: 0.1, votes: 2, window: 4 };

/** A folder with a configuration of two cameras. */
async function withConfig(work: (path: string, folder: string) => Promise<void>): Promise<void> {
  await using folder = await temporaryFolder();
  const path = `${folder.path}/edge.yaml`;
  await writeFile(
    path,
    `version: 1
gateway: { id: gw1 }
network: ${NETWORK}
decision: ${JSON.stringify(DECISION)}
publish: { mode: changes, heartbeat_s: 1 }
cameras:
  - { id: digits, source: { kind: mqtt, topic: cams/digits } }
  - { id: other, source: { kind: rtsp, url: "rtsp://camera.lan/1", rate_fps: 4 }, decision: { votes: 1 } }
mqtt: { url: "mqtt://127.0.0.1:1" }
`,
  );
  await work(path, folder.path);
}

async function replay(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runTask("quartz", ["replay", ...args, "--json"]);
  assert.equal(code, 0, stderr);
  return stdout;
}

const eventsOf = (output: string) => output.trim().split("\n").map((line) => JSON.parse(line));

Deno.test("replay prints the same events every time, and those that the runtime publishes", async () => {
  await withConfig(async (config) => {
    const args = [CLIP, "--config", config, "--camera", "digits"];
    const [first, second] = [await replay(args), await replay(args)];
    assert.equal(first, second);
    const events = eventsOf(first);
    const totals = events.at(-1);
    assert.deepEqual([totals.event, totals.frames, totals.malformed], ["end", 500, 0]);
    assert.ok(totals.states > 50 && totals.results > 50, JSON.stringify(totals));

    const network = await openNetwork(NETWORK);
    const backend = await openSimulator(network);
    const publisher = keepingPublisher();
    const runtime = new Runtime({
      cameras: [{
        id: "digits",
        open: () => openReplayCamera({ id: "digits", path: CLIP, rateFps: null, loop: false, clock: systemClock }),
        backend,
        preprocessor: createPreprocessor(network.input, { crop: null, resize: "auto", invert: false }),
        maxAgeMs: 10_000,
        report: { mode: "changes", sampleEveryS: 10, topK: 3, heartbeatS: 86_400, decision: DECISION },
      }],
      publisher,
      info: { kind: "info" } as never,
      clock: systemClock,
      random: createRandom(1),
      latencyEveryS: 3600,
      healthEveryS: 3600,
      rssBytes: () => 0,
    });
    await runtime.run(new AbortController().signal);
    await backend[Symbol.asyncDispose]();
    const live = publisher.messages.flatMap((message) =>
      message.kind === "result" ? [[message.frame.id, message.classId]] : []
    );
    const offline = events.filter(({ event }) => event === "result").map((event) => [event.frame, event.class]);
    assert.deepEqual(offline, live, "the frames at which the state changes, and their raw classes");
  });
});

Deno.test("replay uses the chosen camera's rate and rules, and asks when there are several", async () => {
  await withConfig(async (config) => {
    const events = eventsOf(await replay([CLIP, "--config", config, "--camera", "other"]));
    const state = events.findLast(({ event }) => event === "state");
    assert.equal(state.atS, state.frame / 4);
    const { code, stderr } = await runTask("quartz", ["replay", CLIP, "--config", config]);
    assert.equal(code, 2);
    assert.match(stderr, /--camera must be one of digits, other/);
    const crop = ["--set", "cameras.digits.crop={x: 98, y: 58, width: 124, height: 124}"];
    const cut = await runTask("quartz", ["replay", CLIP, "--config", config, "--camera", "digits", ...crop]);
    assert.match(cut.stderr, /frame 0 was passed over.*crop/, "why no frame was of use");
  });
});

Deno.test({
  name: "replay takes a video, every frame of it (needs Debian package ffmpeg)",
  ignore: !ffmpegAvailable,
  async fn() {
    await withConfig(async (config, folder) => {
      const video = `${folder}/grey.mkv`;
      ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48:r=25", "-frames:v", "40", "-c:v", "ffv1", video);
      const args = [video, "--config", config, "--camera", "digits", "--rate", "25"];
      const [first, second] = [await replay(args), await replay(args)];
      assert.equal(first, second);
      assert.equal(eventsOf(first).at(-1).frames, 40);
    });
  },
});
