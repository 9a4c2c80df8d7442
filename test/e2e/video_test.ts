/**
 * A gateway as it is started, with its least permissions, on cameras that ffmpeg reads (MJPEG over HTTP, RTSP), and
 * publishing over mutual TLS.
 */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { openClip } from "../../devices/camera/clip.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { temporaryFolder } from "../support/clips.ts";
import { ffmpeg, ffmpegAvailable } from "../support/ffmpeg.ts";
import { serveMjpegByFfmpeg } from "../support/ffmpeg_server.ts";
import { makeCertificates, opensslAvailable } from "../support/certificates.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { openMjpegServer } from "../support/mjpeg_server.ts";
import { type Heard, listen } from "../support/mqtt_listener.ts";
import { ROOT, startProgram } from "../support/program.ts";
import { openRtspServer } from "../support/rtsp_server.ts";

/** Pictures of two digits of the bundled clip, 320x240 with the digit in the middle 200x200, and what they show. */
async function digitPictures(folder: string) {
  const { frames, labels } = await openClip(`${ROOT}models/mnist-lenet/clip.safetensors.gz`);
  return [0, 1].map((index) => {
    const raw = `${folder}/${index}.gray`;
    const jpeg = `${folder}/${index}.jpg`;
    Deno.writeFileSync(raw, frames.subarray(index * 784, (index + 1) * 784));
    const input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "28x28", "-i", raw];
    ffmpeg(...input, "-vf", "scale=200:200:flags=neighbor,pad=320:240:60:20", "-q:v", "2", jpeg);
    return { path: jpeg, bytes: Deno.readFileSync(jpeg), digit: String(labels![index]) };
  });
}

async function writeConfig(
  folder: string,
  source: Record<string, unknown>,
  broker: string,
  tls: Record<string, string> | null = null,
): Promise<string> {
  const path = `${folder}/edge.yaml`;
  const config = {
    version: 1,
    gateway: { id: "gw1" },
    network: `${ROOT}models/mnist-lenet/network.safetensors`,
    decision: { threshold: 0.6, votes: 3, window: 4 },
    cameras: [{ id: "desk", source, crop: { x: 60, y: 20, width: 200, height: 200 } }],
    mqtt: { url: broker, tls },
    log: { format: "json" },
  };
  await writeFile(path, JSON.stringify(config));
  return path;
}

const stateIs = (digit: string) => (heard: readonly Heard[]) => {
  const last = heard.findLast(({ topic }) => topic === "quartz/gw1/cam/desk/state");
  return last !== undefined && JSON.parse(last.text).class === digit;
};

function test(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test({
    name: `${name} (needs Debian package ffmpeg)`,
    ignore: !ffmpegAvailable,
    async fn() {
      await using folder = await temporaryFolder();
      await fn(folder.path);
    },
  });
}

test("run classifies an MJPEG camera behind a password, follows a change of scene, and stops in time", async (folder) => {
  const [first, second] = await digitPictures(folder);
  await using server = await openMjpegServer({ user: "gw", password: "s3cret/@" });
  server.show([first.bytes], 40);
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  const source = { kind: "mjpeg", url: server.url, username: "gw", password: "${env:CAMERA_PASSWORD}" };
  const config = await writeConfig(folder, source, broker.url);
  await using program = startProgram(["run", "--config", config], { CAMERA_PASSWORD: "s3cret/@" });
  await listener.until(stateIs(first.digit), 20_000);
  server.show([second.bytes], 40);
  await listener.until(stateIs(second.digit), 20_000);
  server.hangUp(); // the camera comes back by itself, and the state stands
  const resultsBefore = listener.heard.length;
  await listener.until((heard) => heard.length > resultsBefore + 5 && stateIs(second.digit)(heard), 20_000);
  const { code, tookMs } = await program.stop("SIGTERM");
  assert.equal(code, 0, program.lines.join("\n"));
  assert.ok(tookMs < 5000);
  const said = program.lines.join("\n") + listener.heard.map(({ text }) => text).join("\n");
  assert.ok(!said.includes("s3cret"), "no word of the password");
});

test("run classifies an RTSP camera", async (folder) => {
  const [first] = await digitPictures(folder);
  await using server = await openRtspServer(folder, { source: ["-loop", "1", "-framerate", "25", "-i", first.path] });
  await using broker = await openEmbeddedBroker({ port: 0 });
  await using listener = await listen(broker.url);
  const config = await writeConfig(folder, { kind: "rtsp", url: server.url, rate_fps: 10 }, broker.url);
  await using program = startProgram(["run", "--config", config]);
  await listener.until(stateIs(first.digit), 20_000);
  const { code } = await program.stop("SIGTERM");
  assert.equal(code, 0, program.lines.join("\n"));
});

Deno.test({
  name:
    "a camera that is ffmpeg itself, over HTTP, is classified and published over mutual TLS; a foreign authority is named (needs Debian packages ffmpeg, mosquitto, openssl)",
  ignore: !ffmpegAvailable || !mosquittoAvailable || !opensslAvailable,
  async fn() {
    await using folder = await temporaryFolder();
    using ours = makeCertificates();
    using theirs = makeCertificates();
    const { cert, key } = ours.server;
    // The certificate names the gateway, and its name alone may write below quartz/gw1.
    const acl = `${folder.path}/acl`;
    await writeFile(acl, "user gw7\ntopic readwrite quartz/gw1/#\n", { mode: 0o600 });
    await using broker = await openMosquitto({
      lines: [
        ...[`cafile ${ours.ca}`, `certfile ${cert}`, `keyfile ${key}`, "require_certificate true"],
        ...["use_identity_as_username true", `acl_file ${acl}`],
      ],
    });
    const url = broker.url.replace("mqtt:", "mqtts:");
    const own = { ca: ours.read(ours.ca), cert: ours.read(ours.client.cert), key: ours.read(ours.client.key) };
    await using listener = await listen(url, { filter: "quartz/gw1/#", tls: own });
    const [first] = await digitPictures(folder.path);
    await using camera = await serveMjpegByFfmpeg(first.path);
    const source = { kind: "mjpeg", url: camera.url };
    const files = { ca: ours.ca, cert: ours.client.cert, key: ours.client.key };
    const config = await writeConfig(folder.path, source, url, files);
    {
      await using program = startProgram(["run", "--config", config]);
      await listener.until(stateIs(first.digit), 20_000);
      const { code } = await program.stop("SIGTERM");
      assert.equal(code, 0, program.lines.join("\n"));
      await listener.until((heard) => heard.some(({ text }) => text === "stopped"));
    }
    await writeConfig(folder.path, { kind: "file", path: first.path }, url, { ...files, ca: theirs.ca });
    await using program = startProgram(["run", "--config", config]);
    await program.line(/must accept the connection: found .*certificate/);
    assert.equal((await program.stop("SIGTERM")).code, 0);
  },
});
