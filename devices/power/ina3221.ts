/**
 * INA3221: three rails, on Jetson boards and others, through the kernel's `ina3221` driver.
 *
 * There is no power file: bus voltage `in1..3_input` (mV) times `curr1..3_input` (mA). `in4..6` are shunt voltages and `in7`
 * their sum. Rails labelled `NC` are not connected. Rails nest (`VDD_IN` feeds `VDD_CPU_GPU_CV`): they are never added.
 */

import { BOARD_INPUT, type FolderView, type Sensor, type SensorChannel } from "./sensor.ts";
import { readOptional } from "./sysfs.ts";

/** The sensor in this folder, or null when it is another device. */
export async function findIna3221({ sysfs, folder, device, name, files }: FolderView): Promise<Sensor | null> {
  if (!name.startsWith("ina3221")) return null;
  const channels: SensorChannel[] = [];
  for (const rail of [1, 2, 3]) {
    const [voltageFile, currentFile] = [`in${rail}_input`, `curr${rail}_input`];
    if (!files.has(voltageFile) || !files.has(currentFile)) continue;
    const label = await readOptional(sysfs, `${folder}/in${rail}_label`) ?? `channel_${rail}`;
    if (label === "NC" || await readOptional(sysfs, `${folder}/in${rail}_enable`) === "0") continue;
    const isInput = BOARD_INPUT.test(label);
    channels.push({
      label,
      scope: isInput ? "board" : "rail",
      coversGateway: isInput,
      note: isInput ? "all that the board draws" : "one rail, may lie within another",
      voltageFile,
      currentFile,
      counter: null,
    });
  }
  return channels.length === 0 ? null : { kind: "ina3221", name, folder, device, channels, everyMs: 0 };
}
