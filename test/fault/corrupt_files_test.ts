/** Files as a power cut leaves them: a configuration or a network that is damaged is refused, damaged state never is a reason not to run. */

import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import { ConfigError, ModelError } from "../../src/core/errors.ts";
import { createRandom } from "../../src/core/random.ts";
import { openNetwork } from "../../src/model/load.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { encodeRecords } from "../../src/spool/record.ts";
import { temporaryFolder } from "../support/clips.ts";
import { makeGateway, sceneCamera } from "../support/gateway.ts";
import { eventually, listen } from "../support/mqtt_listener.ts";
import { openTestPublisher } from "../support/open_publisher.ts";
import { ROOT } from "../support/program.ts";
import { sampleResult } from "../support/sample_messages.ts";
import { makeSpool } from "../support/spools.ts";

const NETWORK = `${ROOT}models/mnist-lenet/network.safetensors`;
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What a file may look like after a power cut, besides being cut off. */
function ruins(whole: Uint8Array): Record<string, Uint8Array> {
  const random = createRandom(1);
  const half = whole.slice();
  half.fill(0, half.length >> 1);
  return {
    "empty": new Uint8Array(0),
    "all NUL": new Uint8Array(whole.length),
    "NUL from the middle on": half,
    "NUL after its end": Uint8Array.from([...whole, ...new Uint8Array(512)]),
    "random bytes": Uint8Array.from({ length: whole.length }, () => random.integer(256)),
    "a file system's block of another file": readFileSync(`${ROOT}LICENSE`),
  };
}

Deno.test("a damaged configuration is refused with what is wrong with it: never a part of it, never defaults", async () => {
  using gateway = makeGateway({ cameras: [sceneCamera("bench", 10)], mqtt: { url: "mqtt://127.0.0.1:1" } });
  const whole = readFileSync(gateway.path);
  await loadConfig(gateway.path);
  const cuts = Array.from({ length: whole.length }, (_, length) => [`cut off at ${length}`, whole.subarray(0, length)]);
  const cases = [...Object.entries(ruins(whole)), ...cuts as [string, Uint8Array][]];
  for (const [name, bytes] of cases) {
    writeFileSync(gateway.path, bytes);
    await assert.rejects(loadConfig(gateway.path), (error: ConfigError) => {
      assert.ok(error instanceof ConfigError, `${name}: ${error}`);
      assert.ok(error.issues !== undefined && error.issues.length > 0, name);
      return true;
    });
  }
  console.log(`${cases.length} damaged configurations, all refused`);
});

Deno.test("a damaged network is refused with what is wrong with it", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "network.safetensors");
  const whole = readFileSync(NETWORK);
  const cuts = Array.from({ length: 64 }, (_, i) => Math.floor(i * whole.length / 64));
  const cases = [...Object.values(ruins(whole)), ...cuts.map((length) => whole.subarray(0, length))];
  for (const bytes of cases) {
    writeFileSync(path, bytes);
    await assert.rejects(openNetwork(path), ModelError);
  }
  console.log(`${cases.length} damaged networks, all refused`);
});

/** What may be found where the spool should be. */
const STATES: Readonly<Record<string, (folder: string) => void>> = {
  "an empty cursor": (folder) => writeFileSync(join(folder, "cursor"), ""),
  "a cursor of NUL": (folder) => writeFileSync(join(folder, "cursor"), new Uint8Array(100)),
  "a cursor of something else": (folder) => cpSync(`${ROOT}LICENSE`, join(folder, "cursor")),
  "half a new cursor": (folder) => writeFileSync(join(folder, "cursor.tmp"), "0badc0de {"),
  "a folder for a new cursor": (folder) => mkdirSync(join(folder, "cursor.tmp", "x"), { recursive: true }),
  "an empty segment": (folder) => writeFileSync(segment(folder, 50), ""),
  "a segment of NUL": (folder) => writeFileSync(segment(folder, 50), new Uint8Array(5000)),
  "a segment of something else": (folder) => cpSync(`${ROOT}LICENSE`, segment(folder, 50)),
  "a folder for a segment": (folder) => mkdirSync(segment(folder, 50)),
  "files of others": (folder) => cpSync(`${ROOT}LICENSE`, join(folder, "LICENSE")),
  "records of another program": (folder) =>
    writeFileSync(
      segment(folder, 50),
      encodeRecords([{ id: 50, wallMs: Date.now(), payload: bytesOf('{"schema":1}') }]),
    ),
};

function segment(folder: string, firstId: number): string {
  return join(folder, `${String(firstId).padStart(16, "0")}.spool`);
}

for (const [name, ruin] of Object.entries(STATES)) {
  Deno.test(`a spool with ${name} in it keeps nothing from running, and gives what is whole`, async () => {
    using spool = makeSpool();
    mkdirSync(spool.folder);
    const payload = bytesOf(JSON.stringify({ schema: "quartz.result.v1", seq: 1, camera: "door", frame: { id: 7 } }));
    writeFileSync(segment(spool.folder, 1), encodeRecords([{ id: 1, wallMs: Date.now(), payload }]));
    ruin(spool.folder);
    await using broker = await openEmbeddedBroker({ port: 0 });
    await using listener = await listen(broker.url, { filter: "quartz/gw/cam/door/result" });
    const { publisher } = openTestPublisher(broker.url, { spool: spool.terms() });
    await using _ = publisher;
    publisher.publish(sampleResult(8));
    const ids = () => listener.heard.map(({ text }) => JSON.parse(text).frame.id).sort();
    await eventually(() => ids().length === 2, "the old one and the new one");
    assert.deepEqual(ids(), [7, 8]);
  });
}

const NO_SPOOL: Readonly<Record<string, (folder: string) => void>> = {
  "a file in its place": (folder) => writeFileSync(folder, "a file"),
  "a folder in its cursor's place": (folder) => mkdirSync(join(folder, "cursor"), { recursive: true }),
};

for (const [name, ruin] of Object.entries(NO_SPOOL)) {
  Deno.test(`a spool with ${name} is named, and results go on without it`, async () => {
    using spool = makeSpool();
    ruin(spool.folder);
    await using broker = await openEmbeddedBroker({ port: 0 });
    const { publisher } = openTestPublisher(broker.url, { spool: spool.terms() });
    await using _ = publisher;
    publisher.publish(sampleResult());
    await eventually(() => publisher.counts.published === 1, "delivered");
    await eventually(() => publisher.problem?.what === "spool", "named");
  });
}

Deno.test("run refuses a ruined configuration and a ruined network by name, and starts on a ruined spool", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  using gateway = makeGateway({
    network: "network.safetensors",
    cameras: [sceneCamera("bench", 20)],
    mqtt: { url: broker.url },
    spool: { path: "spool" },
  });
  const network = join(gateway.folder, "network.safetensors");
  mkdirSync(gateway.spoolFolder);
  for (const name of ["a cursor of NUL", "half a new cursor", "a segment of NUL", "files of others"]) {
    STATES[name](gateway.spoolFolder);
  }
  writeFileSync(network, new Uint8Array(150_000));
  await refused(gateway, 1, /network\.safetensors/);
  cpSync(NETWORK, network);
  {
    await using listener = await listen(broker.url, { filter: "quartz/gw1/cam/bench/result" });
    await using program = gateway.start();
    await listener.until((heard) => heard.length > 5, 20_000);
    assert.equal((await program.stop("SIGTERM")).code, 0, program.lines.join("\n"));
  }
  writeFileSync(gateway.path, new Uint8Array(400));
  await refused(gateway, 78, /edge\.yaml/);
});

// ---

async function refused(gateway: ReturnType<typeof makeGateway>, code: number, pattern: RegExp): Promise<void> {
  await using program = gateway.start();
  assert.equal(await program.ended, code, program.lines.join("\n"));
  await program.line(pattern);
}
