/** `compile`: a network placed on a board's cores, as an image file, with a report of every core. */

import { resolve } from "node:path";
import { atomicWrite } from "../../core/atomic_write.ts";
import { ConfigError } from "../../core/errors.ts";
import { nodeFileSystem } from "../../core/file_system.ts";
import type { Network } from "../../core/network.ts";
import { sizeOf } from "../../core/shape.ts";
import { openBoard } from "../../loihi/board_file.ts";
import { createChip } from "../../loihi/chip/chip_fast.ts";
import { boardNetwork } from "../../loihi/compile/board_network.ts";
import { compileWithRanges } from "../../loihi/compile/compile.ts";
import type { BoardImage } from "../../loihi/compile/image.ts";
import { countRanges, type FrameRanges } from "../../loihi/compile/ranges.ts";
import { AUTHORS, EXACT, type Recipe } from "../../loihi/compile/recipe.ts";
import { coreReports, formatReport } from "../../loihi/compile/report.ts";
import { openNetwork } from "../../model/load.ts";
import { openBoardFrames } from "../board_frames.ts";
import type { CommandOf } from "../command_table.ts";
import type { CommandContext } from "./context.ts";

/** Images that are run unless told otherwise. */
const CALIBRATION_FRAMES = 100;

/** Compiles, writes the image, and prints the report or one JSON object. */
export async function runCompile(command: CommandOf<"compile">, { console }: CommandContext): Promise<number> {
  const recipe = readRecipe(command.recipe);
  const network = await openNetwork(command.network);
  const board = await openBoard(command.board);
  if (network.convention !== "quartz-loihi") {
    console.note(
      `note: ${network.name} was made for ${network.convention}; boards run quartz-loihi, so it is compiled as that, ` +
        `with its normalised weights. Expect other spike times than the simulator's, and about the same accuracy.`,
    );
  }
  const { image, ranges } = compileWithRanges(network, board, { recipe });
  const frames = await calibrate(network, image, command);
  await atomicWrite(nodeFileSystem, resolve(command.out), image.bytes);
  if (command.json) {
    const { sha256, bytes, tMax, frameSteps, synopsData, synopsControl } = image;
    const facts = { network: network.name, digest: network.digest, board: board.name, recipe: recipe.name };
    const size = { bytes: bytes.length, tMax, frameSteps, synopsData, synopsControl };
    const cores = coreReports(image, board.limits);
    console.print(JSON.stringify({ ...facts, image: command.out, sha256, ...size, cores, ranges, frames }));
  } else {
    console.print(formatReport(image, board, ranges, frames));
    console.print(`wrote ${command.out}`);
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

function readRecipe(name: string | null): Recipe {
  if (name === null || name === EXACT.name) return EXACT;
  if (name === AUTHORS.name) return AUTHORS;
  const message = `Cannot compile as --recipe must be exact or authors: found ${JSON.stringify(name)}`;
  throw new ConfigError("usage", message, { hint: "exact: the simulator's spikes; authors: the published network's" });
}

/** What sample images do to the registers; null when none are named. */
async function calibrate(
  network: Network,
  image: BoardImage,
  { calibrate, frames }: CommandOf<"compile">,
): Promise<FrameRanges | null> {
  if (calibrate === null) return null;
  const source = await openBoardFrames(boardNetwork(network), calibrate);
  const levels = new Int16Array(sizeOf(network.input.shape));
  const count = Math.min(frames ?? CALIBRATION_FRAMES, source.count);
  return countRanges(createChip(image), readAll());

  function* readAll() {
    for (let i = 0; i < count; i++) {
      source.read(i, levels);
      yield levels;
    }
  }
}
