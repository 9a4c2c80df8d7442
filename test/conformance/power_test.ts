/** The suite of power meters, for each of them over a fake device: a tree of files, an HTTP server, a line, an agent. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createBoardRails } from "../../devices/power/board_rails.ts";
import { findSensors } from "../../devices/power/find.ts";
import { createHttpMeter } from "../../devices/power/http.ts";
import { createLineMeter } from "../../devices/power/line.ts";
import { nameChannels } from "../../devices/power/names.ts";
import { nodeSysfs } from "../../devices/power/sysfs.ts";
import { createSysfsMeter } from "../../devices/power/sysfs_meter.ts";
import { systemClock } from "../../src/core/clock.ts";
import { LinkError } from "../../src/core/errors.ts";
import { createRandom } from "../../src/core/random.ts";
import { createModelMeter } from "../../src/power/model_meter.ts";
import { estimateFrameEnergyUj } from "../../src/telemetry/energy_model.ts";
import { createFakeClock } from "../support/fake_clock.ts";
import { fakeMeter } from "../support/fake_meter.ts";
import {
  failingSysfs,
  type FakeSysfs,
  type Files,
  INA219,
  JETSON,
  makeSysfs,
  packageZone,
} from "../support/fake_sysfs.ts";
import { createMemoryPair } from "../support/memory_transport.ts";
import { darkOrBright } from "../support/runtime_parts.ts";
import { powerSuite } from "./power_suite.ts";

powerSuite("fake", () => {
  let powerW = 0;
  const meter = fakeMeter(() => ({ powerW }));
  return Promise.resolve({
    meter,
    draw: (watts) => Promise.resolve(void (powerW = watts)),
    [Symbol.asyncDispose]: () => meter[Symbol.asyncDispose](),
  });
});

const HWMON: readonly { title: string; files: Files; show: (watts: number) => Files }[] = [
  { title: "INA3221", files: JETSON, show: (watts) => ({ curr1_input: watts * 200 }) },
  { title: "INA219", files: INA219, show: (watts) => ({ power1_input: watts * 1e6 }) },
  {
    title: "INA226",
    files: { ...INA219, name: "ina226", update_interval: 100 },
    show: (watts) => ({ power1_input: watts * 1e6 }),
  },
  {
    title: "hwmon, power",
    files: { name: "power_meter", power1_average: 0 },
    show: (watts) => ({ power1_average: watts * 1e6 }),
  },
  {
    title: "hwmon, counter",
    files: { name: "amd_energy", energy1_input: 0, energy1_label: "Esocket0" },
    show: (watts) => ({ energy1_input: counted += watts * 1e6 }),
  },
];
let counted = 0;

for (const { title, files, show } of HWMON) {
  powerSuite(title, () =>
    sysfsHarness((tree) => {
      const folder = tree.addHwmon(3, "platform/1-0040", files);
      return (watts) => {
        for (const [name, value] of Object.entries(show(watts))) tree.write(join(folder, name), value);
      };
    }));
}

powerSuite("powercap", () =>
  sysfsHarness((tree) => {
    let energyUj = 1_000_000;
    const zone = tree.addZone("intel-rapl:0", packageZone(energyUj));
    return (watts) => tree.write(join(zone, "energy_uj"), energyUj += watts * 1e6);
  }));

for (const isCounter of [false, true]) {
  powerSuite(`HTTP, ${isCounter ? "watt-hours" : "watts"}`, async () => {
    let powerW = 0;
    let energyWh = 0;
    let isOut = false;
    const server = createServer((_request, response) => {
      if (isOut) return void response.writeHead(503).end();
      response.end(JSON.stringify({ apower: powerW, aenergy: { total: energyWh } }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const meter = createHttpMeter({
      id: "plug",
      url: `http://127.0.0.1:${port}/rpc/Switch.GetStatus?id=0`,
      username: null,
      password: null,
      powerPointer: isCounter ? null : "/apower",
      energyPointer: isCounter ? "/aenergy/total" : null,
      scale: 1,
      scope: "board",
      everyMs: 1000,
      timeoutMs: 2000,
      clock: systemClock,
    });
    return {
      meter,
      draw(watts) {
        powerW = watts;
        energyWh += watts / 3600;
        return Promise.resolve();
      },
      outage: {
        begin: () => Promise.resolve(void (isOut = true)),
        end: () => Promise.resolve(void (isOut = false)),
      },
      async [Symbol.asyncDispose]() {
        await meter[Symbol.asyncDispose]();
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  });
}

powerSuite("lines of text", () => {
  const encoder = new TextEncoder();
  let [device, host] = createMemoryPair("length");
  let isOut = false;
  const clock = createFakeClock();
  const meter = createLineMeter({
    id: "bench",
    address: "serial:/dev/ttyUSB0",
    openTransport() {
      if (isOut) return Promise.reject(new LinkError("link.open", "unplugged"));
      return Promise.resolve(host);
    },
    prefix: "P=",
    scale: 1,
    scope: "rail",
    clock,
    random: createRandom(1),
  });
  // The first line may be half a line: it is passed over.
  const say = async (text: string) => await device.write(encoder.encode(text));
  let hasBegun = false;
  return Promise.resolve({
    meter,
    async draw(watts) {
      if (!hasBegun) await say("=9\n");
      hasBegun = true;
      await say(`U=5.0 P=${watts.toFixed(1)}\r\n`);
      await new Promise((resolve) => setImmediate(resolve));
    },
    outage: {
      async begin() {
        isOut = true;
        await device.close();
        await clock.advance(1);
      },
      async end() {
        isOut = false;
        hasBegun = false;
        [device, host] = createMemoryPair("length");
        await clock.advance(120_000);
      },
    },
    async [Symbol.asyncDispose]() {
      await meter[Symbol.asyncDispose]();
      await device.close();
    },
  });
});

powerSuite("rails of a board", () => {
  const clock = createFakeClock();
  const meter = createBoardRails("twin");
  let energyUj = 0;
  return Promise.resolve({
    meter,
    draw(watts) {
      energyUj += watts * 1e6;
      const rails = ["cores", "board"].map((name) => ({ name, feeds: "it", method: "estimated" as const, energyUj }));
      meter.take({ rails }, clock.nowUs());
      return Promise.resolve();
    },
    outage: { begin: () => Promise.resolve(), end: () => Promise.resolve() },
    [Symbol.asyncDispose]: () => meter[Symbol.asyncDispose](),
  });
});

powerSuite("energy model", () => {
  const network = darkOrBright();
  const frameJ = estimateFrameEnergyUj(network) / 1e6;
  let classified = 0;
  const meter = createModelMeter(() => [{ id: "door", network, counts: { classified } }]);
  return Promise.resolve({
    meter,
    draw(watts) {
      classified += watts / frameJ;
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => meter[Symbol.asyncDispose](),
  });
});

// ---------------------------------------------------------------------------------------------------------------------

/** A meter over the only sensor of a fake tree; an outage is the kernel's EIO. */
async function sysfsHarness(fill: (tree: FakeSysfs) => (watts: number) => void) {
  const tree = makeSysfs();
  const show = fill(tree);
  let isOut = false;
  const sysfs = failingSysfs((path) =>
    isOut && path.endsWith("_input") || isOut && /energy_uj|average$/.test(path) ? "EIO" : null
  );
  const where = { sysfs: nodeSysfs, root: tree.root, folders: [] };
  const [sensor] = (await findSensors(where)).sensors;
  const findAgain = async () => (await findSensors(where)).sensors;
  const meter = createSysfsMeter({
    sensor,
    ids: nameChannels([sensor])[0],
    sysfs,
    findAgain,
    clock: createFakeClock(),
  });
  return {
    meter,
    draw: (watts: number) => Promise.resolve(show(watts)),
    outage: {
      begin: () => Promise.resolve(void (isOut = true)),
      end: () => Promise.resolve(void (isOut = false)),
    },
    async [Symbol.asyncDispose]() {
      await meter[Symbol.asyncDispose]();
      tree[Symbol.dispose]();
    },
  };
}
