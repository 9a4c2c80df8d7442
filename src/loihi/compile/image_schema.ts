/** The header of a board image, checked. Door of zod for images. */

import * as z from "zod";
import type { Issue } from "../../core/errors.ts";
import type { Shape } from "../../core/shape.ts";
import type { ImageHeader } from "./image.ts";

/** Most compartments of an image: every core of the largest board. */
const COMPARTMENTS_MAX = 2 ** 25;
/** Most steps of a frame: a hundred layers at the largest t_max. */
const FRAME_STEPS_MAX = 65_535;
const count = (max = COMPARTMENTS_MAX) => z.int().min(0).max(max);
const SHAPE = z.tuple([z.int().min(1).max(65536), z.int().min(1).max(65536), z.int().min(1).max(65536)]);
const NAME = z.string().max(256);

const USE = z.strictObject({
  compartments: count(),
  inputAxons: count(),
  outputAxons: count(),
  synapseWords: count(),
  compartmentProfiles: count(),
  thresholdProfiles: count(),
  synapseFormats: count(),
  delayMax: count(),
});

const HEADER = z.strictObject({
  board: NAME,
  network: z.strictObject({ name: NAME, digest: z.string().regex(/^[0-9a-f]{64}$/) }),
  recipe: z.strictObject({
    name: z.enum(["exact", "authors"]),
    weightUnit: z.int().min(2).max(256),
    rounding: z.enum(["nearest", "authors"]),
    bias: z.enum(["aligned", "authors"]),
    silence: z.enum(["self_inhibition", "refractory"]),
    rectifier: z.enum(["floor", "pulse"]),
  }),
  tMax: z.int().min(2).max(512),
  frameSteps: z.int().min(1).max(FRAME_STEPS_MAX),
  vMinExponent: z.int().min(0).max(23),
  inputShape: SHAPE,
  cores: z.array(z.strictObject({
    chip: count(65535),
    core: count(65535),
    firstCompartment: count(),
    compartments: count(),
    use: USE,
  })).max(65535),
  groups: z.array(z.strictObject({
    name: NAME,
    core: count(65535),
    first: count(),
    count: count(),
    currentDecay: z.union([z.literal(0), z.literal(4095)]),
    refractorySteps: z.int().min(1).max(64),
  })).max(2 ** 20),
  layers: z.array(z.strictObject({
    name: NAME,
    shape: SHAPE,
    first: count(),
    readoutStep: count(),
    zeroStep: count(),
    lastStep: count(),
  })).min(1).max(4096),
  synopsData: count(Number.MAX_SAFE_INTEGER),
  synopsControl: count(Number.MAX_SAFE_INTEGER),
});

/** The header from its JSON text; null, with what is wrong in `issues`, when it cannot be used. */
export function parseImageHeader(text: string | undefined, issues: Issue[]): ImageHeader | null {
  let value: unknown;
  try {
    value = JSON.parse(text ?? "null");
  } catch (error) {
    issues.push({ where: "header", expected: "JSON", found: error instanceof Error ? error.message : String(error) });
    return null;
  }
  const result = HEADER.safeParse(value);
  if (result.success) return { ...result.data, inputShape: result.data.inputShape as Shape } as ImageHeader;
  for (const issue of result.error.issues.slice(0, 20)) {
    issues.push({ where: `header ${issue.path.join(".")}`, expected: issue.message, found: "another value" });
  }
  return null;
}
