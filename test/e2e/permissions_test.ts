/** The least permissions of each feature, as `install-unit` grants them and the README lists them: with them `run` works. */

import assert from "node:assert/strict";
import { denoFlags, needsOf } from "../../src/app/permissions.ts";
import { loadConfig } from "../../src/config/load.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { makeConfig } from "../support/doctor.ts";
import { ffmpegAvailable, makeVideo } from "../support/ffmpeg.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";
import { openPtyPair, socatAvailable } from "../support/pty.ts";
import { startTwin } from "../support/twin.ts";

const NETWORK = `${ROOT}models/mnist-lenet/network.safetensors`;
const CLIP = `${ROOT}models/mnist-lenet/clip.safetensors.gz`;
const replay = (more = "") =>
  `cameras:
  - { id: door, network: ${NETWORK}, source: { kind: replay, path: ${CLIP}, rate_fps: 20, loop: true }${more} }`;

/** Runs a configuration with its least permissions until results came; gives the flags and what was logged. */
async function runLeast(lines: string, enough: (text: string) => boolean = () => true) {
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  using config = makeConfig(`${lines}\nmqtt: { url: "mqtt://127.0.0.1:${broker.port}" }`);
  const flags = denoFlags(needsOf(await loadConfig(config.path)));
  await using program = startProgram(["run", "--config", config.path], {}, flags);
  const results = () =>
    listener.heard.filter(({ topic, text }) => topic === "quartz/gw7/cam/door/result" && enough(text));
  await Promise.race([
    listener.until(() => results().length >= 3, 30_000),
    program.ended.then((code) => assert.fail(`ended with ${code}:\n${program.lines.join("\n")}`)),
  ]);
  const { code } = await program.stop("SIGTERM");
  assert.equal(code, 0, program.lines.join("\n"));
  return { flags, logged: program.lines.join("\n") };
}

const kinds = (flags: readonly string[]) => flags.map((flag) => flag.replace(/=.*/, ""));

Deno.test("least permissions: a recorded camera and a broker", async () => {
  const { flags, logged } = await runLeast(replay());
  assert.deepEqual(kinds(flags), ["--allow-read", "--allow-env", "--allow-net"]);
  assert.doesNotMatch(logged, /NotCapable|Requires \w+ access/);
});

Deno.test("least permissions: spool, history and the monitor's page", async () => {
  const { flags, logged } = await runLeast(
    `${replay()}\nspool: { path: kept/spool }\nhistory: { path: kept/history.sqlite }\nmonitor: { listen: "127.0.0.1:0" }`,
  );
  assert.deepEqual(kinds(flags), ["--allow-read", "--allow-env", "--allow-net", "--allow-write"]);
  assert.doesNotMatch(logged, /NotCapable|Requires \w+ access|"level":"error"/);
});

Deno.test("least permissions: the source network beside the spiking one", async () => {
  const { logged } = await runLeast(replay(`, shadow: { model: ${ROOT}models/mnist-lenet/model.onnx, every: 2 }`));
  assert.doesNotMatch(logged, /NotCapable|Requires \w+ access/);
});

Deno.test({
  name: "least permissions: video through ffmpeg (needs Debian package ffmpeg)",
  ignore: !ffmpegAvailable,
  async fn() {
    using files = makeConfig("");
    const video = makeVideo(files.folder, { frames: 50 });
    const { flags } = await runLeast(`cameras:
  - { id: door, network: ${NETWORK}, source: { kind: file, path: ${video}, loop: true, realtime: true } }`);
    assert.ok(flags.includes("--allow-run=ffmpeg"));
    // ffmpeg reads the video, not this program.
    assert.ok(!flags.some((flag) => flag.includes(video)));
  },
});

Deno.test("least permissions: a board over TCP", async () => {
  const twin = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  const onBoard = (text: string) => JSON.parse(text).backend === "loihi";
  const { flags } = await runLeast(
    `${replay()}\nbackend: { kind: loihi, link: "${twin.address}", board: twin }`,
    onBoard,
  );
  await twin.kill();
  assert.deepEqual(kinds(flags), ["--allow-read", "--allow-env", "--allow-net"]);
});

Deno.test({
  name: "least permissions: a board over a serial line (needs Debian package socat)",
  ignore: !socatAvailable,
  async fn() {
    await using line = await openPtyPair();
    const twin = await startTwin(["--listen", `serial:${line.b}?baud=115200`]);
    const onBoard = (text: string) => JSON.parse(text).backend === "loihi";
    const lines = `${replay()}\nbackend: { kind: loihi, link: "serial:${line.a}", baud: 115200, board: twin }`;
    const { flags } = await runLeast(lines, onBoard);
    await twin.kill();
    assert.deepEqual(kinds(flags), ["--allow-read", "--allow-env", "--allow-net", "--allow-ffi"]);
  },
});

Deno.test("without a permission the feature fails and says which flag it wants", async () => {
  using config = makeConfig(replay());
  const flags = denoFlags(needsOf(await loadConfig(config.path)));
  const clipless = flags.map((flag) => flag.replace(`,${CLIP}`, ""));
  assert.notDeepEqual(clipless, flags);
  await using program = startProgram(["run", "--config", config.path], {}, clipless);
  assert.match(await program.line(/Requires read access/), /clip\.safetensors\.gz/);
});
