/** What compiling gave, for people: each core's use against its limits, and the registers' ranges. */

import { sizeOf } from "../../core/shape.ts";
import type { Board, CoreLimits } from "../board.ts";
import { type BoardImage, compartmentCount } from "./image.ts";
import type { CoreUse } from "./partition.ts";
import type { FrameRanges, LayerRange, RegisterRange } from "./ranges.ts";

/** A core's use of one limit. */
export interface Use {
  readonly used: number;
  readonly available: number;
}

/** One core of the report. */
export interface CoreReport {
  readonly chip: number;
  readonly core: number;
  /** Populations on it and their compartments there. */
  readonly populations: readonly { readonly name: string; readonly compartments: number }[];
  readonly use: Readonly<Record<keyof CoreUse, Use>>;
}

/** Every core's use, in order. */
export function coreReports(image: BoardImage, limits: CoreLimits): CoreReport[] {
  return image.cores.map(({ chip, core, use }, index) => ({
    chip,
    core,
    populations: image.groups.filter((group) => group.core === index).map(({ name, count }) => ({
      name,
      compartments: count,
    })),
    use: Object.fromEntries(
      (Object.keys(use) as (keyof CoreUse)[]).map((limit) => [limit, { used: use[limit], available: limits[limit] }]),
    ) as Record<keyof CoreUse, Use>,
  }));
}

/** The report as text, a line a core. */
export function formatReport(
  image: BoardImage,
  board: Board,
  ranges: readonly LayerRange[],
  frames: FrameRanges | null = null,
): string {
  const { network, recipe, tMax, frameSteps, cores } = image;
  const lines = [
    `${network.name} on ${board.name}: ${cores.length} of ${board.chips * board.coresPerChip} cores, ` +
    `${compartmentCount(image)} compartments, recipe ${recipe.name}, t_max ${tMax}, ${frameSteps} steps a frame`,
    `${image.synopsData} data and ${image.synopsControl} control synapses act a frame on ${
      sizeOf(image.inputShape)
    } inputs; ` +
    `image ${image.bytes.length} bytes, SHA-256 ${image.sha256}`,
    "",
    ["chip.core", "compartments", "in-axons", "out-axons", "synapse words", "formats", "thresholds", "populations"]
      .map((name, i) => name.padEnd(COLUMNS[i])).join(""),
  ];
  for (const { chip, core, populations, use } of coreReports(image, board.limits)) {
    const cells = [
      use.compartments,
      use.inputAxons,
      use.outputAxons,
      use.synapseWords,
      use.synapseFormats,
      use.thresholdProfiles,
    ];
    const names = populations.map(({ name, compartments }) => `${name} ${compartments}`).join(", ");
    lines.push(
      [`${chip}.${core}`, ...cells.map(formatUse), names].map((cell, i) => cell.padEnd(COLUMNS[i])).join("").trimEnd(),
    );
  }
  lines.push("", "Registers, worst input that there could be (share of what they hold):");
  for (const { name, q, u, v } of ranges) {
    lines.push(
      `  ${name.padEnd(16)} q ${share(q)}  u ${share(u)}  v ${share(v)}${q.worst > q.limit ? "  q could wrap" : ""}`,
    );
  }
  if (frames !== null) {
    lines.push(
      `Over ${frames.frames} frames: ${frames.qOverflows} sums and ${frames.uOverflows} currents wrapped, ` +
        `${frames.vClips} potentials clipped, ${frames.lateNeurons} neurons late, ${frames.silentNeurons} neurons silent, ${frames.repeatedNeurons} fired twice`,
    );
  }
  return lines.join("\n");
}

// ---------------------------------------------------------------------------------------------------------------------

const COLUMNS = [11, 16, 16, 16, 18, 10, 12, 0];

function formatUse({ used, available }: Use): string {
  return available < 100 ? `${used}` : `${used} (${Math.round(100 * used / available)} %)`;
}

function share({ worst, limit }: RegisterRange): string {
  return `${(100 * worst / limit).toFixed(0)} %`.padStart(6);
}
