/** Sensors of the kernel in fake trees: what is found, what is read, and what happens when they misbehave. */

import assert from "node:assert/strict";
import { mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { findSensors } from "../../../devices/power/find.ts";
import { listSensors } from "../../../devices/power/list.ts";
import { nameChannels } from "../../../devices/power/names.ts";
import type { Sensor } from "../../../devices/power/sensor.ts";
import { nodeSysfs, type Sysfs } from "../../../devices/power/sysfs.ts";
import { createSysfsMeter } from "../../../devices/power/sysfs_meter.ts";
import type { PowerMeter, PowerReading } from "../../../src/ports/power_meter.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { failingSysfs, type Files, INA219, JETSON, makeSysfs, packageZone } from "../../support/fake_sysfs.ts";

const find = async (root: string, sysfs: Sysfs = nodeSysfs) => await findSensors({ sysfs, root, folders: [] });

function meterOf(sensor: Sensor, root: string, sysfs: Sysfs = nodeSysfs, clock = createFakeClock()): PowerMeter {
  const findAgain = async () => (await find(root)).sensors;
  return createSysfsMeter({ sensor, ids: nameChannels([sensor])[0], sysfs, findAgain, clock });
}

const faultOf = (reading: PowerReading | null) => reading !== null && "fault" in reading ? reading.fault : "none";

interface Case {
  readonly title: string;
  readonly files: Files;
  /** Ids, scopes, whether it covers the gateway, and readings. */
  readonly channels: readonly (readonly [string, string, boolean, PowerReading])[];
  readonly kind: string;
}

const CASES: readonly Case[] = [
  {
    title: "INA3221: product of volts and amperes, the board's input covers the gateway, NC and the sum are left out",
    files: JETSON,
    kind: "ina3221",
    channels: [
      ["vdd_in", "board", true, { powerW: 6, voltageV: 5, currentA: 1.2 }],
      ["vdd_cpu_gpu_cv", "rail", false, { powerW: 2, voltageV: 5, currentA: 0.4 }],
    ],
  },
  {
    title: "INA3221 without labels, one channel switched off",
    files: { name: "ina3221", in1_input: 5000, curr1_input: 100, in2_input: 5000, curr2_input: 1, in2_enable: 0 },
    kind: "ina3221",
    channels: [["channel_1", "rail", false, { powerW: 0.5, voltageV: 5, currentA: 0.1 }]],
  },
  {
    title: "INA219 by its driver's and its device's name",
    files: INA219,
    kind: "ina219",
    channels: [["ina219_1_0040", "rail", false, { powerW: 6, voltageV: 12, currentA: 0.5 }]],
  },
  {
    title: "INA226 with a label of the device tree; a current backwards makes the power negative",
    files: { name: "ina226", label: "vdd_main", in1_input: 5000, curr1_input: -200, power1_input: 1_000_000 },
    kind: "ina226",
    channels: [["vdd_main", "rail", false, { powerW: -1, voltageV: 5, currentA: -0.2 }]],
  },
  {
    title: "INA231 without a power file",
    files: { name: "ina231", in1_input: 3300, curr1_input: 1000 },
    kind: "ina226",
    channels: [["ina231_1_0040", "rail", false, { powerW: 3.3, voltageV: 3.3, currentA: 1 }]],
  },
  {
    title: "INA219 that lost its calibration: a voltage over the shunt, and nothing else",
    files: { ...INA219, curr1_input: 0, power1_input: 0 },
    kind: "ina219",
    channels: [["ina219_1_0040", "rail", false, {
      fault: "the chip has lost its calibration: a voltage over its shunt, but no current",
    }]],
  },
  {
    title: "ACPI power meter: an average of the whole machine",
    files: { name: "power_meter", power1_average: 123_000_000, power1_average_interval: 1000 },
    kind: "hwmon",
    channels: [["power_meter_1", "board", true, { powerW: 123, voltageV: undefined, currentA: undefined }]],
  },
  {
    title: "PMBus: input, output and a pair of volts and amperes by their labels",
    files: {
      name: "pmbus",
      power1_label: "pin",
      power1_input: 60_000_000,
      power2_label: "pout1",
      power2_input: 50_000_000,
      in1_label: "vin",
      in1_input: 12_000,
      curr1_label: "iin",
      curr1_input: 5000,
      in2_label: "vout2",
      in2_input: 1000,
      curr2_label: "iout2",
      curr2_input: 3000,
    },
    kind: "hwmon",
    channels: [
      ["pin", "rail", false, { powerW: 60, voltageV: undefined, currentA: undefined }],
      ["pout1", "rail", false, { powerW: 50, voltageV: undefined, currentA: undefined }],
      ["out2", "rail", false, { powerW: 3, voltageV: 1, currentA: 3 }],
    ],
  },
  {
    title: "a counter is preferred to a power of now",
    files: { name: "i915", energy1_input: 5_000_000, power1_input: 1 },
    kind: "hwmon",
    channels: [["i915_1", "rail", false, { counterJ: 5 }]],
  },
];

for (const { title, files, kind, channels } of CASES) {
  Deno.test(`sensors: ${title}`, async () => {
    using tree = makeSysfs();
    tree.addHwmon(0, "platform/coretemp.0", { name: "coretemp", temp1_input: 40_000, in0_input: 800 });
    tree.addHwmon(3, "platform/i2c-1/1-0040", files);
    const { sensors, unread } = await find(tree.root);
    assert.deepEqual(unread, []);
    assert.deepEqual(sensors.map((sensor) => sensor.kind), [kind]);
    await using meter = meterOf(sensors[0], tree.root);
    assert.deepEqual(
      meter.channels.map(({ id, scope, coversGateway }) => [id, scope, coversGateway]),
      channels.map(([id, scope, covers]) => [id, scope, covers]),
    );
    assert.deepEqual(await meter.read(), channels.map(([, , , reading]) => reading));
    assert.ok(meter.channels.every(({ method }) => method === "measured"));
  });
}

Deno.test("powercap: zones by name, parts by their zone's, a second view of a package left out, psys never a total by itself", async () => {
  using tree = makeSysfs();
  tree.addZone("intel-rapl:0", packageZone(1_000_000));
  tree.addZone("intel-rapl:0:0", { name: "core", energy_uj: 1, max_energy_range_uj: 262_143_328_850 });
  tree.addZone("intel-rapl:1", { name: "psys", energy_uj: 2, max_energy_range_uj: 262_143_328_850 });
  tree.addZone("intel-rapl-mmio:0", packageZone(5));
  const { sensors, unread } = await find(tree.root);
  assert.deepEqual(unread, []);
  const ids = nameChannels(sensors).flat();
  assert.deepEqual(ids, ["package_0", "package_0_core", "psys"]);
  const channels = sensors.flatMap((sensor) => meterOf(sensor, tree.root).channels);
  assert.ok(channels.every(({ coversGateway }) => !coversGateway));
  assert.deepEqual(channels.map(({ counter }) => counter), [
    { rangeJ: 262_143.32885, unmoved: "fault" },
    { rangeJ: 262_143.32885, unmoved: "unknown" },
    { rangeJ: 262_143.32885, unmoved: "fault" },
  ]);
  await using meter = meterOf(sensors[0], tree.root);
  assert.deepEqual(await meter.read(), [{ counterJ: 1 }]);
});

Deno.test("powercap that only root may read is named with the rule that mends it", async () => {
  using tree = makeSysfs();
  tree.addZone("intel-rapl:0", packageZone(1));
  const { sensors, unread } = await find(
    tree.root,
    failingSysfs((path) => path.endsWith("energy_uj") ? "EACCES" : null),
  );
  assert.deepEqual(sensors, []);
  assert.equal(unread.length, 1);
  assert.equal(unread[0].what, "package-0 (powercap)");
  assert.match(unread[0].why, /energy_uj: EACCES/);
  assert.match(unread[0].hint, /chgrp power .*energy_uj.*chmod 0440.*\n.*udevadm/);
});

Deno.test("where Deno hides /sys, the way around it is told", async () => {
  const notCapable = Object.assign(new Error('Requires all access to "/sys/class/hwmon"'), { name: "NotCapable" });
  const { unread } = await findSensors({
    sysfs: { ...nodeSysfs, list: () => Promise.reject(notCapable) },
    root: "/sys",
    folders: [],
  });
  assert.equal(unread.length, 1);
  for (const { why, hint } of unread) {
    assert.equal(why, "not permitted");
    assert.match(hint, /power\.folders/);
  }
});

for (const code of ["EAGAIN", "ENODATA", "EIO", "EBUSY", "EREMOTEIO"]) {
  Deno.test(`a sensor that answers ${code} once is at fault once, and read again`, async () => {
    using tree = makeSysfs();
    tree.addHwmon(0, "platform/1-0040", INA219);
    let fails = false;
    const sysfs = failingSysfs((path) => fails && path.endsWith("power1_input") ? code : null);
    const [sensor] = (await find(tree.root)).sensors;
    await using meter = meterOf(sensor, tree.root, sysfs);
    fails = true;
    assert.match(faultOf((await meter.read())[0]), new RegExp(`cannot be read: ${code}`));
    fails = false;
    assert.equal(faultOf((await meter.read())[0]), "none");
  });
}

Deno.test("one rail at fault leaves the others", async () => {
  using tree = makeSysfs();
  tree.addHwmon(0, "platform/1-0040", JETSON);
  const [sensor] = (await find(tree.root)).sensors;
  await using meter = meterOf(sensor, tree.root, failingSysfs((path) => path.endsWith("curr2_input") ? "EIO" : null));
  assert.deepEqual((await meter.read()).map(faultOf), ["none", "cannot be read: EIO"]);
});

Deno.test("text that is no number is a fault that shows it", async () => {
  using tree = makeSysfs();
  const folder = tree.addHwmon(0, "platform/1-0040", INA219);
  const [sensor] = (await find(tree.root)).sensors;
  await using meter = meterOf(sensor, tree.root);
  tree.write(join(folder, "power1_input"), "6.0 W");
  assert.match(faultOf((await meter.read())[0]), /power1_input must be a whole number: found "6\.0 W"/);
});

Deno.test("a sensor that vanishes is at fault, and found again under another number by its device", async () => {
  using tree = makeSysfs();
  tree.addHwmon(3, "platform/1-0040", INA219);
  // Another one of the same kind must not be taken for it.
  tree.addHwmon(4, "platform/1-0041", { ...INA219, power1_input: 1_000_000, curr1_input: 83 });
  const { sensors } = await find(tree.root);
  const clock = createFakeClock();
  await using meter = meterOf(sensors[0], tree.root, nodeSysfs, clock);
  assert.equal(faultOf((await meter.read())[0]), "none");
  tree.removeHwmon(3, "platform/1-0040");
  assert.match(faultOf((await meter.read())[0]), /platform\/1-0040 is gone/);
  tree.addHwmon(7, "platform/1-0040", { ...INA219, power1_input: 7_000_000 });
  await clock.advance(11_000);
  const [reading] = await meter.read();
  assert.deepEqual(reading, { powerW: 7, voltageV: 12, currentA: 0.5 });
});

Deno.test("ids stay when the kernel counts devices in another order", async () => {
  using one = makeSysfs();
  one.addHwmon(0, "platform/1-0040", INA219);
  one.addHwmon(1, "platform/1-0041", INA219);
  using other = makeSysfs();
  other.addHwmon(1, "platform/1-0040", INA219);
  other.addHwmon(0, "platform/1-0041", INA219);
  const idsOf = async (root: string) => {
    const { sensors } = await find(root);
    return nameChannels(sensors).map(([id], index) => [id, sensors[index].device.slice(root.length)]);
  };
  assert.deepEqual(await idsOf(one.root), await idsOf(other.root));
});

Deno.test("nameChannels() gives every channel an id of its own", () => {
  const sensor = (device: string, label: string): Sensor => ({
    kind: "hwmon",
    name: "Ä",
    folder: device,
    device,
    everyMs: 0,
    channels: [{ label, scope: "rail", coversGateway: false, note: "", counter: null }],
  });
  const sensors = ["a", "b", "c/b", "d"].map((device) => sensor(device, "VDD"));
  assert.deepEqual(nameChannels(sensors, ["vdd_d"]).flat(), ["vdd", "vdd_b", "vdd_b_2", "vdd_d_2"]);
  assert.match(nameChannels([sensor("x", "ÄÖÜ")])[0][0], /^[a-z0-9_]{1,64}$/);
});

Deno.test("a new shunt makes one reading a fault, as values before and after differ in scale", async () => {
  using tree = makeSysfs();
  const folder = tree.addHwmon(0, "platform/1-0040", INA219);
  const [sensor] = (await find(tree.root)).sensors;
  await using meter = meterOf(sensor, tree.root);
  assert.equal(faultOf((await meter.read())[0]), "none");
  tree.write(join(folder, "shunt_resistor"), 2000);
  assert.match(faultOf((await meter.read())[0]), /the shunt went from 10000 to 2000 µΩ/);
  assert.equal(faultOf((await meter.read())[0]), "none");
});

Deno.test("folders that were mounted for the program are looked into, however they are nested", async () => {
  using tree = makeSysfs();
  tree.addHwmon(3, "platform/1-0040", JETSON);
  tree.addZone("intel-rapl:0", packageZone(1_000_000));
  tree.addZone("intel-rapl:0:0", { name: "core", energy_uj: 1, max_energy_range_uj: 5 });
  const mount = join(tree.root, "mounted");
  mkdirSync(mount);
  renameSync(join(tree.root, "devices/platform/1-0040/hwmon"), join(mount, "vdd_in"));
  renameSync(join(tree.root, "devices/virtual/powercap/intel-rapl"), join(mount, "rapl"));
  const { sensors, unread } = await findSensors({ sysfs: nodeSysfs, root: null, folders: [mount] });
  assert.deepEqual(unread, []);
  assert.deepEqual(nameChannels(sensors).flat().sort(), ["package_0", "package_0_core", "vdd_cpu_gpu_cv", "vdd_in"]);
  const missing = await findSensors({ sysfs: nodeSysfs, root: null, folders: [join(mount, "nowhere")] });
  assert.match(missing.unread[0].why, /ENOENT/);
});

Deno.test("listSensors() shows a reading of each and the lines that mount it", async () => {
  using tree = makeSysfs();
  tree.addHwmon(3, "platform/1-0040", JETSON);
  const zone = tree.addZone("intel-rapl:0", packageZone(1_000_000));
  const clock = createFakeClock();
  const listing = listSensors({ sysfs: nodeSysfs, root: tree.root, folders: [], clock });
  // The counter moves while the list waits between its two readings.
  while (clock.sleepers === 0) await new Promise((resolve) => setImmediate(resolve));
  tree.write(join(zone, "energy_uj"), 2_000_000);
  await clock.advance(200);
  const { sensors } = await listing;
  assert.deepEqual(sensors.map(({ readings }) => readings), [
    ["vdd_in: 6.00 W (5.00 V, 1.200 A)", "vdd_cpu_gpu_cv: 2.00 W (5.00 V, 0.400 A)"],
    ["package_0: about 5.0 W by its counter"],
  ]);
  const mountOf = (index: number) => sensors[index].systemd.replaceAll(tree.root, "/sys");
  assert.equal(mountOf(0), "BindReadOnlyPaths=-/sys/devices/platform/1-0040/hwmon:/run/quartz-edge/sensors/vdd_in");
  assert.equal(mountOf(1), "BindReadOnlyPaths=-/sys/devices/virtual/powercap/intel-rapl:/run/quartz-edge/sensors/rapl");
});

Deno.test("a read that hangs in the kernel ends with the meter", async () => {
  using tree = makeSysfs();
  tree.addHwmon(0, "platform/1-0040", INA219);
  const [sensor] = (await find(tree.root)).sensors;
  const sysfs: Sysfs = { ...nodeSysfs, read: () => new Promise(() => {}) };
  const meter = meterOf(sensor, tree.root, sysfs);
  const reading = meter.read();
  await meter[Symbol.asyncDispose]();
  assert.deepEqual(await reading, [{ fault: "the meter is closed" }]);
});
