/** What the doctor says of a machine's devices, on small trees of files that stand for /dev, /sys and /run. */

import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parseDemuxers, parseProtocols, parseVersion } from "../../../devices/camera/ffmpeg_ability.ts";
import { type Check, type Finding, runChecks } from "../../../src/app/doctor/check.ts";
import { checkSerial } from "../../../src/app/doctor/checks/board.ts";
import { checkDevice } from "../../../src/app/doctor/checks/cameras.ts";
import { hostChecks } from "../../../src/app/doctor/checks/host.ts";
import { checkVersion } from "../../../src/app/doctor/checks/runtime.ts";
import { sensorChecks } from "../../../src/app/doctor/checks/sensors.ts";
import { createFakeClock } from "../../support/fake_clock.ts";

/** A folder with files, by path; a text that starts with -> is a link. */
function makeRoot(files: Readonly<Record<string, string>>): { readonly root: string } & Disposable {
  const root = mkdtempSync(join(tmpdir(), "quartz-root-"));
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (text.startsWith("->")) symlinkSync(text.slice(2), file);
    else writeFileSync(file, text);
  }
  return { root, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

const nobodyMay = () => Promise.resolve(false);

async function runOne(checks: readonly Check[], id: string): Promise<Finding> {
  const results = await runChecks(checks.filter((check) => check.id === id), { clock: createFakeClock() });
  return results[0];
}

Deno.test("a camera that this user may not open comes with the line that opens it", async () => {
  using machine = makeRoot({
    "dev/video0": "",
    "dev/v4l/by-id/usb-Cam-index0": "->../../video0",
    "etc/group": "root:x:0:\nvideo:x:44:\n",
  });
  const { root } = machine;
  const path = join(root, "dev/v4l/by-id/usb-Cam-index0");
  assert.equal((await checkDevice(path, root)).verdict, "ok");
  const denied = await checkDevice(path, root, nobodyMay);
  assert.equal(denied.verdict, "failed");
  assert.match(denied.found, /for the group \S+ \(mode 644\)/);
  // The device is not the group's yet: a rule makes it so.
  assert.match(denied.mend!.text, /SUBSYSTEM=="video4linux", KERNEL=="video0", GROUP="video", MODE="0660"/);
  assert.match(denied.mend!.text, /^sudo usermod -aG video "\$USER"/m);
  const missing = await checkDevice(join(root, "dev/video9"), root);
  assert.equal(missing.verdict, "failed");
  assert.match(missing.mend!.text, /ls -l \/dev\/v4l\/by-id/);
});

Deno.test("a serial line of the right group needs no rule, and one named by its number is warned of", async () => {
  using machine = makeRoot({ "dev/ttyUSB0": "", "dev/serial/by-id/usb-FTDI-if00": "->../../ttyUSB0" });
  const { root } = machine;
  const byId = "/dev/serial/by-id/usb-FTDI-if00";
  chmodSync(join(root, "dev/ttyUSB0"), 0o660);
  mkdirSync(join(root, "etc"));
  // The test's files belong to whatever group its user has.
  writeFileSync(join(root, "etc/group"), `dialout:x:${statSync(join(root, "dev/ttyUSB0")).gid}:\n`);
  assert.equal((await checkSerial(byId, root)).verdict, "ok");
  assert.equal((await checkSerial("/dev/ttyUSB0", root)).verdict, "warning");
  const denied = await checkSerial(byId, root, nobodyMay);
  assert.equal(denied.mend!.text, 'sudo usermod -aG dialout "$USER"   # then log in again');
  assert.equal((await checkSerial("/dev/ttyUSB7", root)).verdict, "failed");
});

Deno.test("the clock: implausible, synchronised by its marker, or nobody can say", async () => {
  using machine = makeRoot({ "run/systemd/timesync/synchronized": "" });
  using bare = makeRoot({ "etc/hostname": "gw" });
  const verdict = async (root: string, wallMs: number) => {
    const clock = createFakeClock({ wallMs });
    const checks = hostChecks({ root, clock, loaded: null });
    return (await runOne(checks, "host.clock")).verdict;
  };
  assert.equal(await verdict(machine.root, 0), "failed");
  assert.equal(await verdict(machine.root, Date.UTC(2026, 5, 1)), "ok");
  assert.notEqual(await verdict(bare.root, Date.UTC(2026, 5, 1)), undefined);
});

Deno.test("sensors are told with their readings, denied ones with what opens them, and none is no failure", async () => {
  using machine = makeRoot({
    "sys/devices/i2c-1/1-0040/hwmon/hwmon3/name": "ina3221\n",
    "sys/devices/i2c-1/1-0040/hwmon/hwmon3/in1_label": "VDD_IN\n",
    "sys/devices/i2c-1/1-0040/hwmon/hwmon3/in1_input": "5000\n",
    "sys/devices/i2c-1/1-0040/hwmon/hwmon3/curr1_input": "1200\n",
    "sys/class/hwmon/hwmon3": "->../../devices/i2c-1/1-0040/hwmon/hwmon3",
  });
  const look = (root: string) => runOne(sensorChecks({ root, clock: createFakeClock(), loaded: null }), "host.sensors");
  const finding = await look(machine.root);
  assert.deepEqual([finding.verdict, finding.found], ["ok", "ina3221: vdd_in: 6.00 W (5.00 V, 1.200 A)"]);
  using empty = makeRoot({ "etc/hostname": "gw" });
  assert.match((await look(empty.root)).found, /^none/);
});

Deno.test("what ffmpeg says of itself is read from old and new forms of its lists", () => {
  assert.deepEqual(parseVersion("ffmpeg version 5.1.9-0+deb12u1 Copyright (c)").release, [5, 1]);
  assert.deepEqual(parseVersion("ffmpeg version n7.0.2 Copyright").release, [7, 0]);
  assert.equal(parseVersion("ffmpeg version N-118000-gabc Copyright").release, null);
  const old = "File formats:\n D. = Demuxing supported\n --\n D  rtsp   RTSP input\n DE data   raw\n" +
    " D  video4linux2,v4l2 Video4Linux2 device grab\n  E mpegts x\n";
  assert.deepEqual([...parseDemuxers(old)], ["rtsp", "data", "video4linux2", "v4l2"]);
  const recent =
    " D.. = Demuxing supported\n ---\n D   dts    raw DTS\n DEd alsa   ALSA audio\n D d v4l2   device grab\n";
  assert.deepEqual([...parseDemuxers(recent)], ["dts", "alsa", "v4l2"]);
  const protocols = parseProtocols("Supported file protocols:\nInput:\n  file\n  tls\nOutput:\n  icecast\n");
  assert.deepEqual([...protocols], ["file", "tls"]);
});

Deno.test("versions of the runtime are held against the oldest that is tested", () => {
  assert.equal(checkVersion({ name: "deno", version: "2.9.5" }).verdict, "ok");
  assert.equal(checkVersion({ name: "deno", version: "3.0.0" }).verdict, "ok");
  assert.equal(checkVersion({ name: "deno", version: "2.8.9" }).verdict, "failed");
  assert.equal(checkVersion({ name: "node", version: "22.18.0" }).verdict, "ok");
  assert.match(checkVersion({ name: "node", version: "20.20.2" }).mend!.text, /node@22/);
});
