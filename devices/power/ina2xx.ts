/**
 * INA219, INA220, INA226, INA230, INA231 and their kin through the kernel's `ina2xx` driver: one channel, with voltage and
 * current. Files: `power1_input` µW, `in1_input` bus mV, `curr1_input` mA, `in0_input` shunt mV, `shunt_resistor` µΩ.
 */

import { BOARD_INPUT, type FolderView, type Sensor } from "./sensor.ts";
import { readInteger, readOptional } from "./sysfs.ts";

/** What the driver takes for the shunt when the device tree names none, µΩ. */
const SHUNT_DEFAULT_UOHM = 10_000;
const FIRST_GENERATION = /^ina(209|219|220)$/;

/** The sensor in this folder, or null when it is another device. */
export async function findIna2xx(view: FolderView): Promise<Sensor | null> {
  const { sysfs, folder, device, name, files } = view;
  if (!/^ina(209|2[12]\d|23\d|260|700|780)/.test(name)) return null;
  const has = (file: string) => files.has(file) ? file : undefined;
  const label = await readOptional(sysfs, `${folder}/label`) ?? await readOptional(sysfs, `${folder}/in1_label`);
  const shuntUohm = await readInteger(sysfs, `${folder}/shunt_resistor`);
  const powerFile = has("power1_input");
  const [voltageFile, currentFile] = [has("in1_input"), has("curr1_input")];
  if (powerFile === undefined && (voltageFile === undefined || currentFile === undefined)) return null;
  const isInput = label !== null && BOARD_INPUT.test(label);
  return {
    kind: FIRST_GENERATION.test(name) ? "ina219" : "ina226",
    name,
    folder,
    device,
    everyMs: await readInteger(sysfs, `${folder}/update_interval`) ?? 0,
    shuntFile: has("shunt_resistor"),
    channels: [{
      label: label ?? "",
      scope: isInput ? "board" : "rail",
      coversGateway: isInput,
      note: shuntNote(shuntUohm),
      powerFile,
      voltageFile,
      currentFile,
      shuntVoltageFile: has("in0_input"),
      counter: null,
    }],
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** A wrong shunt makes every value wrong by one factor, and the driver's default is often wrong. */
function shuntNote(shuntUohm: number | null): string {
  if (shuntUohm === null) return "shunt not known";
  const note = `shunt ${shuntUohm / 1000} mOhm`;
  return shuntUohm === SHUNT_DEFAULT_UOHM
    ? `${note}, which is also the driver's default: compare with the board`
    : note;
}
