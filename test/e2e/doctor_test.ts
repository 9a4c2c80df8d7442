/** `doctor` as its users start it, and over machines with something wrong: each fault has its line, its exit code, its mend. */

import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import jpeg from "jpeg-js";
import { systemClock } from "../../src/core/clock.ts";
import { nodeFileSystem } from "../../src/core/file_system.ts";
import { loadNetwork } from "../../src/model/load.ts";
import { saveNetwork } from "../../src/model/save.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { openSpool } from "../../src/spool/spool.ts";
import { examine, makeConfig, verdicts } from "../support/doctor.ts";
import { ROOT, runTask } from "../support/program.ts";
import { makeSpool } from "../support/spools.ts";
import { startTwin } from "../support/twin.ts";

/** Every file below a folder with its content, to see that nothing was changed. */
function contentOf(folder: string): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(names.map(({ parentPath, name }) => {
    const path = join(parentPath, name);
    return [path, readFileSync(path, "latin1")];
  }));
}

Deno.test("doctor on a good configuration: nothing fails, one object of JSON, nothing is changed", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  using config = makeConfig(`mqtt: { url: "mqtt://127.0.0.1:${broker.port}" }\nspool: { path: spool }`);
  const before = contentOf(config.folder);
  const { code, stdout, stderr } = await runTask("quartz", ["doctor", "--config", config.path, "--json"]);
  const report = JSON.parse(stdout);
  assert.equal(code, 0, stdout + stderr);
  assert.equal(report.exitCode, 0);
  assert.equal(report.summary.failed, 0);
  const found = new Map(report.checks.map((check: { id: string; verdict: string }) => [check.id, check.verdict]));
  for (const id of ["config", "network.0.self_test", "camera.door.frame", "broker.connect", "permission.broker"]) {
    assert.equal(found.get(id), "ok", id);
  }
  assert.deepEqual(contentOf(config.folder), before);
  assert.equal(stderr, "");
});

Deno.test("doctor on a broken configuration names the line, still looks at the machine, and exits with 65", async () => {
  using config = makeConfig("telemetry: { latency_every_s: soon }");
  const { code, stdout } = await runTask("quartz", ["doctor", "--config", config.path]);
  assert.equal(code, 64 + 1);
  assert.match(stdout, /✗ configuration .*telemetry\.latency_every_s.*line \d+.*expected a number/);
  assert.match(stdout, /ffmpeg/);
  assert.match(stdout, /clock/);
  const missing = await runTask("quartz", ["doctor", "--config", join(config.folder, "none.yaml"), "--json"]);
  assert.equal(missing.code, 65);
  assert.match(JSON.parse(missing.stdout).checks[0].found, /no such file/);
});

Deno.test("doctor without ffmpeg says so, with the line that installs it, and --fix prints that line alone", async () => {
  using config = makeConfig(`cameras:
  - { id: yard, network: ${ROOT}models/mnist-lenet/network.safetensors, source: { kind: file, path: yard.mkv } }`);
  const noPrograms = join(config.folder, "bin");
  mkdirSync(noPrograms);
  const { code, stdout } = await runTask("quartz", ["doctor", "--config", config.path, "--fix"], { PATH: noPrograms });
  assert.equal(code & 4, 4, stdout);
  assert.match(stdout, /^# ffmpeg: not installed, and cameras of kind file need it\nsudo apt-get install -y ffmpeg$/m);
  const commands = stdout.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert.ok(commands.every((line) => line.startsWith("sudo ")), stdout);
});

Deno.test("doctor names a network file that was cut, and one whose vectors do not come out", async () => {
  using files = makeConfig("");
  const whole = readFileSync(`${ROOT}models/mnist-lenet/network.safetensors`);
  const cut = join(files.folder, "cut.safetensors");
  writeFileSync(cut, whole.subarray(0, 100_000));
  // One expected step is another: the file is whole, and its vectors do not come out.
  const changed = join(files.folder, "changed.safetensors");
  const network = loadNetwork(whole, "whole");
  const steps = network.selfTest!.steps.slice();
  steps[0] ^= 1;
  writeFileSync(changed, saveNetwork({ ...network, selfTest: { ...network.selfTest!, steps } }));
  const camera = (id: string, network: string) =>
    `  - { id: ${id}, network: ${network}, source: { kind: replay, path: clip } }`;
  const results = await examine(`cameras:\n${camera("a", cut)}\n${camera("b", changed)}`, ["files"]);
  assert.deepEqual(verdicts(results), [
    "config ok",
    "network.0.load failed",
    "network.0.self_test skipped",
    "network.1.load ok",
    "network.1.self_test failed",
  ]);
  assert.equal(
    results.get("network.1.self_test")!.found,
    "1 of 80 output spikes are at another step than the file says",
  );
});

Deno.test("doctor reads a spool without changing it, and counts what is damaged", async () => {
  using spool = makeSpool();
  const { folder } = spool;
  const written = await openSpool({
    folder,
    bytesMax: 16 * 1024 * 1024,
    ageMaxMs: 3_600_000,
    files: nodeFileSystem,
    clock: systemClock,
    onLost: () => {},
  });
  await written.append(Array.from({ length: 20 }, (_, i) => new TextEncoder().encode(`{"n":${i}}`)));
  await written.close();
  const look = async () => (await examine(`spool: { path: "${folder}" }`, ["host"])).get("host.spool")!;
  const whole = await look();
  assert.deepEqual([whole.verdict, whole.found], ["ok", "1 segment(s), 20 record(s), 20 to be delivered"]);
  const segment = join(folder, readdirSync(folder).find((name) => name.endsWith(".spool"))!);
  const bytes = readFileSync(segment);
  bytes[bytes.length / 2 | 0] ^= 0x10;
  writeFileSync(segment, bytes);
  const before = contentOf(folder);
  const damaged = await look();
  assert.deepEqual([damaged.verdict, damaged.found], [
    "failed",
    "1 segment(s), 19 record(s), 19 to be delivered, 1 damaged",
  ]);
  assert.deepEqual(contentOf(folder), before);
});

Deno.test("doctor says when the disk has less room than the spool may take", async () => {
  using spool = makeSpool();
  const results = await examine(`spool: { path: "${spool.folder}", bytes_max: 2097152 }`, ["host"]);
  assert.match(results.get("host.disk")!.verdict, /ok|warning/);
  assert.match(results.get("host.spool")!.found, /none yet/);
});

Deno.test("doctor looks at a camera over HTTP step by step: name, port, first frame", async () => {
  const picture = jpeg.encode({ width: 8, height: 8, data: new Uint8Array(8 * 8 * 4).fill(128) }, 90).data;
  const server = createServer((request, response) => {
    if (request.url === "/snapshot.jpg") response.writeHead(200, { "content-type": "image/jpeg" }).end(picture);
    else response.writeHead(404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { readonly port: number };
  const camera = (id: string, url: string) =>
    `  - { id: ${id}, network: ${ROOT}models/mnist-lenet/network.safetensors, source: { kind: snapshot, url: "${url}" } }`;
  try {
    const results = await examine(
      `cameras:
${camera("good", `http://127.0.0.1:${port}/snapshot.jpg`)}
${camera("path", `http://127.0.0.1:${port}/other.jpg`)}
${camera("port", "http://127.0.0.1:1/snapshot.jpg")}
${camera("host", "http://no-such-camera.invalid/snapshot.jpg")}`,
      ["cameras"],
    );
    const found = (id: string) => `${results.get(id)!.verdict}: ${results.get(id)!.found}`;
    assert.match(found("camera.good.frame"), /^ok: 8x8, \d channel/);
    assert.match(found("camera.path.frame"), /^failed: .*404/);
    assert.match(found("camera.port.tcp"), /^failed: 127\.0\.0\.1:1: nothing listens there/);
    assert.equal(found("camera.port.frame"), "skipped: as camera.port.tcp failed");
    assert.match(found("camera.host.dns"), /^failed: nobody knows no-such-camera\.invalid/);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

Deno.test("doctor asks the board's agent for HELLO, and names a link on which nobody answers", async () => {
  const twin = await startTwin(["--listen", "tcp:127.0.0.1:0"]);
  const board = (link: string) => `backend: { kind: loihi, link: "${link}", board: twin }`;
  const results = await examine(board(twin.address), ["board"]);
  await twin.kill();
  assert.deepEqual(verdicts(results), ["board.file ok", "board.dns ok", "board.tcp ok", "board.hello ok"]);
  assert.match(results.get("board.hello")!.found, /no image loaded/);
  const away = await examine(board(twin.address), ["board"]);
  assert.equal(away.get("board.tcp")!.verdict, "failed");
  const noLine = await examine(board("serial:/dev/quartz-no-such-line"), ["board"]);
  assert.match(noLine.get("board.serial")!.mend!.text, /ls -l \/dev\/serial\/by-id/);
});
