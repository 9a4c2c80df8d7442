/** `install-unit`: what it writes holds before systemd's own eyes. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeConfig } from "../support/doctor.ts";
import { ROOT, runTask } from "../support/program.ts";

const ignore = !existsSync("/usr/bin/systemd-analyze");
const NEEDS = "(needs Debian package systemd)";
/** 0 is best, 10 is none; what is left is the network, which a gateway needs. */
const EXPOSURE_MAX = 2;

function analyze(...args: string[]): { readonly code: number; readonly said: string } {
  const { status, stdout, stderr } = spawnSync("systemd-analyze", args, { encoding: "utf8" });
  return { code: status ?? -1, said: stdout + stderr };
}

Deno.test({
  name: `the unit of a whole gateway passes systemd-analyze, and is hardened ${NEEDS}`,
  ignore,
  async fn() {
    using config = makeConfig(`cameras:
  - { id: a, network: ${ROOT}models/mnist-lenet/network.safetensors, source: { kind: v4l2, device: usb-Cam-index0 } }
backend: { kind: loihi, link: "serial:/dev/ttyUSB0", board: twin }
spool: { path: /var/lib/quartz-edge/spool }
mqtt: { url: mqtts://broker.lan, username: gw7, password: "\${file:pass word}" }`);
    writeFileSync(join(config.folder, "pass word"), "secret\n", { mode: 0o600 });
    const { code, stdout, stderr } = await runTask("quartz", [
      ...["install-unit", "--config", config.path, "--write", config.folder, "--json"],
    ]);
    assert.equal(code, 0, stderr);
    const { path, next } = JSON.parse(stdout);
    assert.equal(path, join(config.folder, "quartz-edge.service"));
    assert.ok(next.includes("sudo systemctl enable --now quartz-edge"));
    assert.doesNotMatch(readFileSync(path, "utf8"), /secret$/m);
    const verified = analyze("verify", path);
    assert.deepEqual([verified.code, verified.said], [0, ""]);
    const { code: security, said } = analyze("security", "--offline=true", `--threshold=${EXPOSURE_MAX * 10}`, path);
    assert.equal(security, 0, said);
  },
});

Deno.test({
  name: `paths with quotes, spaces, percent and dollar signs in them pass, too ${NEEDS}`,
  ignore,
  async fn() {
    using files = makeConfig("");
    const folder = join(files.folder, `a b%c $d 'e' "f"; g:h`);
    mkdirSync(folder);
    symlinkSync(`${ROOT}models/mnist-lenet/network.safetensors`, join(folder, "net"));
    symlinkSync(`${ROOT}models/mnist-lenet/clip.safetensors.gz`, join(folder, "clip"));
    writeFileSync(join(folder, "password"), "x");
    writeFileSync(
      join(folder, "edge.yaml"),
      `version: 1
gateway: { id: gw7 }
network: net
cameras: [{ id: a, source: { kind: replay, path: clip } }]
mqtt: { url: mqtt://127.0.0.1, username: u, password: "\${file:password}" }\n`,
    );
    const { code, stdout, stderr } = await runTask("quartz", ["install-unit", "--config", join(folder, "edge.yaml")]);
    assert.equal(code, 0, stderr);
    const path = join(files.folder, "quartz-edge.service");
    writeFileSync(path, stdout);
    assert.deepEqual(analyze("verify", path), { code: 0, said: "" });
    // That systemd would have complained: the same without the escape of the colon.
    writeFileSync(path, stdout.replaceAll("g\\:h", "g:h"));
    assert.match(analyze("verify", path).said, /not absolute/i);
  },
});

Deno.test("install-unit says why it cannot write, and writes nothing of a wrong configuration", async () => {
  using config = makeConfig("");
  const nowhere = await runTask("quartz", ["install-unit", "--config", config.path, "--write", "/no/such/folder"]);
  assert.equal(nowhere.code, 78);
  assert.match(nowhere.stderr, /Cannot write \/no\/such\/folder\/quartz-edge\.service/);
  using wrong = makeConfig("spool: { path: spool }");
  const refused = await runTask("quartz", ["install-unit", "--config", wrong.path]);
  assert.equal(refused.code, 78);
  assert.match(refused.stderr, /spool\.path must be below \/var\/lib\/NAME.*\n?.*hint: Set spool\.path/s);
});
