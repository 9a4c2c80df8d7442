/** A tree of files as the kernel shows its sensors, in a temporary folder, with links where the kernel has them. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { nodeSysfs, type Sysfs } from "../../devices/power/sysfs.ts";

/** Text of each file, by its path from the device's folder. */
export type Files = Readonly<Record<string, string | number>>;

/** The tree. Disposing removes it. */
export interface FakeSysfs extends Disposable {
  /** Stands for `/sys`. */
  readonly root: string;
  /** A hwmon device: `devices/DEVICE/hwmon/hwmonN` with its link in `class/hwmon`; gives its folder. */
  addHwmon(n: number, device: string, files: Files): string;
  /** A zone of powercap with its link in `class/powercap`; gives its folder. */
  addZone(zone: string, files: Files): string;
  /** Takes a hwmon device out: its link and all. */
  removeHwmon(n: number, device: string): void;
  write(path: string, value: string | number): void;
  /** Leaves a file to nobody; root may read it all the same. */
  lock(path: string): void;
}

export function makeSysfs(): FakeSysfs {
  const root = mkdtempSync(join(tmpdir(), "quartz-sysfs-"));
  const write = (path: string, value: string | number) => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, `${value}\n`);
  };
  const link = (from: string, to: string) => {
    mkdirSync(dirname(from), { recursive: true });
    symlinkSync(relative(dirname(from), to), from);
  };
  mkdirSync(join(root, "class/hwmon"), { recursive: true });
  mkdirSync(join(root, "class/powercap"), { recursive: true });
  return {
    root,
    write,
    addHwmon(n, device, files) {
      const folder = join(root, "devices", device, "hwmon", `hwmon${n}`);
      for (const [name, value] of Object.entries(files)) write(join(folder, name), value);
      link(join(folder, "device"), join(root, "devices", device));
      link(join(root, "class/hwmon", `hwmon${n}`), folder);
      return folder;
    },
    addZone(zone, files) {
      const [control] = zone.split(":");
      const parts = zone.split(":").slice(1).map((_, index, all) => [control, ...all.slice(0, index + 1)].join(":"));
      const folder = join(root, "devices/virtual/powercap", control, ...parts);
      for (const [name, value] of Object.entries(files)) write(join(folder, name), value);
      link(join(root, "class/powercap", zone), folder);
      return folder;
    },
    removeHwmon(n, device) {
      unlinkSync(join(root, "class/hwmon", `hwmon${n}`));
      rmSync(join(root, "devices", device), { recursive: true });
    },
    lock: (path) => chmodSync(path, 0),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** The kernel's errors where `errorOf` names one for a path; everything else is read. */
export function failingSysfs(errorOf: (path: string) => string | null): Sysfs {
  return {
    ...nodeSysfs,
    read(path) {
      const code = errorOf(path);
      if (code === null) return nodeSysfs.read(path);
      return Promise.reject(Object.assign(new Error(`${code}: read ${path}`), { code }));
    },
  };
}

/** A Jetson's INA3221: the board's input, a rail within it, and one that is not connected. */
export const JETSON: Files = {
  name: "ina3221",
  in1_label: "VDD_IN",
  in1_input: 5000,
  curr1_input: 1200,
  in2_label: "VDD_CPU_GPU_CV",
  in2_input: 5000,
  curr2_input: 400,
  in3_label: "NC",
  in3_input: 0,
  curr3_input: 0,
  in4_input: 12_000,
  in7_label: "sum of shunt voltages",
  in7_input: 40_000,
};

/** An INA219 on a bus of its own. */
export const INA219: Files = {
  name: "ina219",
  in0_input: 10,
  in1_input: 12_000,
  curr1_input: 500,
  power1_input: 6_000_000,
  shunt_resistor: 10_000,
};

/** A processor's package. */
export function packageZone(energyUj: number): Files {
  return { name: "package-0", energy_uj: energyUj, max_energy_range_uj: 262_143_328_850 };
}
