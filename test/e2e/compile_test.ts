/** `compile` as its users start it: a report, an image that can be read back, errors that name the limit. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readImage } from "../../src/loihi/compile/image_file.ts";
import { ROOT, runTask } from "../support/program.ts";

const NETWORK = "models/mnist-lenet/network.safetensors";

Deno.test("compile writes an image and reports every core, calibrated on images", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quartz-compile-"));
  try {
    const out = join(folder, "mnist.image");
    const calibrate = ["--calibrate", "clip:models/mnist-lenet/clip.safetensors.gz", "--frames", "20"];
    const words = ["compile", NETWORK, "--board", "nahuku-32", "-o", out];
    const { code, stdout, stderr } = await runTask("quartz", [...words, ...calibrate, "--json"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /was made for quartz-2023; boards run quartz-loihi/);
    const report = JSON.parse(stdout);
    const image = readImage(readFileSync(out), out);
    assert.equal(report.sha256, image.sha256);
    assert.equal(report.cores.length, image.cores.length);
    for (const { use } of report.cores) {
      for (const { used, available } of Object.values(use) as { used: number; available: number }[]) {
        assert.ok(used <= available);
      }
    }
    assert.equal(report.frames.frames, 20);
    assert.equal(report.frames.qOverflows + report.frames.uOverflows + report.frames.lateNeurons, 0);

    const text = await runTask("quartz", words);
    assert.match(text.stdout, /mnist-lenet on nahuku-32: \d+ of 4096 cores/);
    assert.match(text.stdout, /fc1 10/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

Deno.test("compile names board, layer and limit when a network does not fit", async () => {
  const folder = mkdtempSync(join(tmpdir(), "quartz-compile-"));
  try {
    const board = JSON.parse(readFileSync(join(ROOT, "firmware-config/kapoho-bay.json"), "utf8"));
    const small = join(folder, "small.json");
    writeFileSync(small, JSON.stringify({ ...board, name: "small", chips: 1, cores_per_chip: 4, $schema: undefined }));
    const out = join(folder, "x.image");
    const { code, stderr } = await runTask("quartz", ["compile", NETWORK, "--board", small, "-o", out]);
    assert.equal(code, 1);
    assert.match(stderr, /cores.*4/);
    const unknown = await runTask("quartz", ["compile", NETWORK, "--board", "nahuku", "-o", out]);
    assert.equal(unknown.code, 78);
    assert.match(unknown.stderr, /nahuku-32/);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
