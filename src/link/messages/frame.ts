/** FRAME, request: the input of one classification. The board makes spikes of it. Answered by RESULT or ERROR. */

import { choice, type Codec, u16, u32, u64, u8 } from "../codec.ts";
import { decodeLevels, encodeLevels, INPUTS_MAX, planLevels } from "../level_code.ts";

/** One frame's input. */
export interface FrameInput {
  /** Counts the frames of the session up from 0; a retry has the number of the first attempt. */
  readonly number: number;
  /** The caller's name for the frame; comes back in the result. */
  readonly frameId: number;
  /** Host's monotonic clock. */
  readonly capturedAtUs: number;
  /** The unit of the levels: a level l spikes tMax − l steps into the frame, and 0 is background. */
  readonly tMax: number;
  /** One an input, `[channels, height, width]`; see `level_code.ts`. */
  readonly levels: ArrayLike<number>;
}

const code = choice({ dense: 0, runs: 1 });

export const frame: Codec<FrameInput> = {
  form: {
    kind: "struct",
    fields: {
      number: u32.form,
      frameId: u32.form,
      capturedAtUs: u64.form,
      tMax: u16.form,
      code: code.form,
      bits: u8.form,
      count: u32.form,
      levels: { kind: "levels", countMax: INPUTS_MAX },
    },
  },
  write(writer, value, where) {
    const plan = planLevels(value.levels);
    u32.write(writer, value.number, `${where}.number`);
    u32.write(writer, value.frameId, `${where}.frameId`);
    u64.write(writer, value.capturedAtUs, `${where}.capturedAtUs`);
    u16.write(writer, value.tMax, `${where}.tMax`);
    code.write(writer, plan.code, `${where}.code`);
    u8.write(writer, plan.bits, `${where}.bits`);
    u32.write(writer, value.levels.length, `${where}.count`);
    encodeLevels(value.levels, plan, writer.room(plan.bytes));
  },
  read(reader, where) {
    const head = {
      number: u32.read(reader, `${where}.number`),
      frameId: u32.read(reader, `${where}.frameId`),
      capturedAtUs: u64.read(reader, `${where}.capturedAtUs`),
      tMax: u16.read(reader, `${where}.tMax`),
    };
    const plan = {
      code: code.read(reader, `${where}.code`),
      bits: u8.read(reader, `${where}.bits`),
      count: u32.read(reader, `${where}.count`),
    };
    return { ...head, levels: decodeLevels(reader.bytes(reader.left, where), plan) };
  },
};
