/** A sensor of the kernel as it was found: which files its channels are read from, and what it is known by. */

import type { PowerScope } from "../../src/core/messages.ts";
import type { CounterRule } from "../../src/ports/power_meter.ts";
import type { Sysfs } from "./sysfs.ts";

/** One device: a folder with files. */
export interface Sensor {
  readonly kind: "hwmon" | "ina219" | "ina226" | "ina3221" | "powercap";
  /** As the driver calls itself: `ina3221`, `package-0`. */
  readonly name: string;
  /** The folder as it is now; `hwmon3` may be `hwmon2` after the next boot. */
  readonly folder: string;
  /** What stays: the device's path, without the number that the kernel counts up. */
  readonly device: string;
  readonly channels: readonly SensorChannel[];
  /** Shortest time between two new values, ms; 0: not known. */
  readonly everyMs: number;
  /** µΩ, where the driver says what it divides by; a change of it changes every value. */
  readonly shuntFile?: string;
}

/** One channel: names of files in the sensor's folder. */
export interface SensorChannel {
  /** What it measures, as the device tree or the driver has it; the id is made of it. */
  readonly label: string;
  readonly scope: PowerScope;
  readonly coversGateway: boolean;
  /** For `info`, beside kind, name and path. */
  readonly note: string;
  /** µW. */
  readonly powerFile?: string;
  /** mV and mA; with no `powerFile` their product is the power. */
  readonly voltageFile?: string;
  readonly currentFile?: string;
  /** mV over the shunt: tells an unloaded sensor from one that has lost its calibration. */
  readonly shuntVoltageFile?: string;
  /** µJ. */
  readonly counterFile?: string;
  readonly counter: CounterRule | null;
}

/** Something that is there and gives nothing, and the way to mend it. */
export interface Unread {
  readonly what: string;
  readonly why: string;
  readonly hint: string;
}

/** What one folder of devices holds. */
export interface Finds {
  readonly sensors: readonly Sensor[];
  readonly unread: readonly Unread[];
}

/** A folder's files, for those who look for sensors in it. */
export interface FolderView {
  readonly sysfs: Sysfs;
  readonly folder: string;
  /** What the device is known by. */
  readonly device: string;
  /** Text of the file `name`. */
  readonly name: string;
  readonly files: ReadonlySet<string>;
}

/** Rails through which all of a gateway's power comes, by the names that Jetson boards give them. */
export const BOARD_INPUT = /^(VDD_IN|POM_5V_IN|VIN_SYS_5V0_IN)$/i;
