/** Each verb's deed, and what its answer says. */

import type { Clock } from "../core/clock.ts";
import type { CommandVerb } from "../core/commands.ts";
import { EdgeError } from "../core/errors.ts";
import type { Controls } from "../ports/controls.ts";
import type { CommandArgs } from "./command_schema.ts";
import { encodePng } from "./png.ts";

/** What was done. */
export interface CarriedOut {
  /** For the answer; `snake_case`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What is done once the answer is on its way. */
  readonly afterwards?: (clock: Clock) => Promise<void>;
}

/** Longest picture in an answer, bytes; base64 makes it four thirds of that. */
const PNG_BYTES_MAX = 45_000;
/** Time for the answer to get out before the program ends. */
const RESTART_DELAY_MS = 500;

/** Carries out a command of checked form. Rejects with an `EdgeError` of code `command.…` when that cannot be done. */
export async function carryOut(verb: CommandVerb, args: CommandArgs, controls: Controls): Promise<CarriedOut> {
  const cameras = args.camera === undefined ? controls.cameras : [args.camera];
  for (const camera of cameras) {
    if (controls.cameras.includes(camera)) continue;
    throw new EdgeError("command.camera", `No camera "${camera}"; there are ${controls.cameras.join(", ")}`);
  }
  switch (verb) {
    case "ping":
      return { data: {} };
    case "pause":
    case "resume": {
      const deed = args.paused === false ? "resume" : verb;
      for (const camera of cameras) controls[deed](camera);
      return { data: { cameras } };
    }
    case "set_threshold": {
      const threshold = args.threshold!;
      const before = cameras.map((camera) => ({ camera, before: controls.setThreshold(camera, threshold), threshold }));
      return { data: { cameras: before } };
    }
    case "snapshot":
      return { data: await snapshot(args.camera!, controls) };
    case "switch_network": {
      const { id, sha256 } = await controls.switchNetwork(args.camera!, args.network!);
      return { data: { camera: args.camera, model: { id, sha256 } } };
    }
    case "reload":
      if (controls.reload === null) {
        throw new EdgeError(
          "command.unsupported",
          "This gateway cannot read its configuration again; restart it instead",
        );
      }
      return { data: await controls.reload() };
    case "restart":
      return {
        data: { delay_ms: RESTART_DELAY_MS },
        afterwards: async (clock) => {
          await clock.sleep(RESTART_DELAY_MS);
          controls.restart();
        },
      };
  }
}

// ---

async function snapshot(camera: string, controls: Controls): Promise<Record<string, unknown>> {
  const { frameId, classId, confidence, shape, bytes } = await controls.snapshot(camera);
  const png = encodePng(bytes, shape);
  if (png.length > PNG_BYTES_MAX) {
    throw new EdgeError("command.too_large", `The picture has ${png.length} bytes; an answer takes ${PNG_BYTES_MAX}`);
  }
  const [, height, width] = shape;
  const content = Buffer.from(png).toString("base64");
  return {
    camera,
    frame: frameId,
    class: classId,
    confidence,
    width,
    height,
    content_type: "image/png",
    base64: content,
  };
}
