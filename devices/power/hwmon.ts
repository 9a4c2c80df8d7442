/**
 * Any hwmon device that tells power or energy: `powerM_average` or `powerM_input` (µW), `energyM_input` (µJ), or a voltage
 * and a current that belong together by their labels (`vout1`, `iout1`).
 *
 * A counter says more than a power of now, so where both have the same number the counter is used. Counters may be 32 bits
 * wide: they are taken to start again at 2^32 µJ as long as they are below that.
 */

import { BOARD_INPUT, type FolderView, type Sensor, type SensorChannel } from "./sensor.ts";
import { readInteger, readOptional } from "./sysfs.ts";

const COUNTER_32_J = 2 ** 32 / 1e6;
/** The ACPI power meter stands between the wall and everything. */
const WHOLE_MACHINE = "power_meter";

/** The sensor in this folder, or null when it has neither power nor energy. */
export async function findHwmon(view: FolderView): Promise<Sensor | null> {
  const { sysfs, folder, device, name, files } = view;
  const channels: SensorChannel[] = [];
  const taken = new Set<string>();
  for (const index of indices(files, /^(?:power(\d+)_(?:input|average)|energy(\d+)_input)$/)) {
    const power = [`power${index}_average`, `power${index}_input`].find((file) => files.has(file));
    const energy = files.has(`energy${index}_input`) ? `energy${index}_input` : undefined;
    const label = await labelOf(view, [`power${index}_label`, `energy${index}_label`]);
    taken.add(label?.replace(/^p/, "") ?? "");
    channels.push({
      ...describe(name, label ?? `${name}_${index}`),
      ...(energy === undefined ? { powerFile: power } : { counterFile: energy }),
      counter: energy === undefined ? null : { rangeJ: COUNTER_32_J, unmoved: "unknown" },
    });
  }
  for (const index of indices(files, /^curr(\d+)_input$/)) {
    // Voltages and currents of one device need not belong together: only labels say so.
    const current = await readOptional(sysfs, `${folder}/curr${index}_label`);
    const stem = current?.replace(/^i/, "");
    if (current === null || stem === undefined || taken.has(stem)) continue;
    for (const other of indices(files, /^in(\d+)_input$/)) {
      const voltage = await readOptional(sysfs, `${folder}/in${other}_label`);
      if (voltage !== current && voltage !== `v${stem}`) continue;
      channels.push({
        ...describe(name, stem),
        voltageFile: `in${other}_input`,
        currentFile: `curr${index}_input`,
        counter: null,
      });
    }
  }
  if (channels.length === 0) return null;
  return { kind: "hwmon", name, folder, device, channels, everyMs: await updateInterval(view) };
}

// ---------------------------------------------------------------------------------------------------------------------

function describe(name: string, label: string): Pick<SensorChannel, "label" | "scope" | "coversGateway" | "note"> {
  const isInput = name === WHOLE_MACHINE || BOARD_INPUT.test(label);
  const note = isInput ? "all that the machine draws" : "one device or rail";
  return { label, scope: isInput ? "board" : "rail", coversGateway: isInput, note };
}

function indices(files: ReadonlySet<string>, pattern: RegExp): number[] {
  const found = new Set<number>();
  for (const file of files) {
    const [, first, second] = pattern.exec(file) ?? [];
    if (first !== undefined || second !== undefined) found.add(Number(first ?? second));
  }
  return [...found].sort((a, b) => a - b);
}

async function labelOf({ sysfs, folder, files }: FolderView, names: readonly string[]): Promise<string | null> {
  const name = names.find((one) => files.has(one));
  if (name !== undefined) return await readOptional(sysfs, `${folder}/${name}`);
  return await readOptional(sysfs, `${folder}/label`);
}

/** hwmon gives ms for devices that convert at a set pace, and `powerM_average_interval` for averages. */
async function updateInterval({ sysfs, folder }: FolderView): Promise<number> {
  const own = await readInteger(sysfs, `${folder}/update_interval`);
  return Math.max(0, own ?? await readInteger(sysfs, `${folder}/power1_average_interval`) ?? 0);
}
