/** The manifest inside a network file: its zod schema, and the only place where model keys change between snake_case and camelCase. */

import { z } from "zod";
import type { Issue } from "../core/errors.ts";
import type { Convention, InputSpec, Provenance } from "../core/network.ts";
import type { Padding, Pair, Shape } from "../core/shape.ts";

/** Most layers in a network. */
export const LAYERS_MAX = 1024;
/** Most classes, and most inputs of an `add`. */
const LABELS_MAX = 65536;
const ADD_INPUTS_MAX = 8;
/** Most inputs of a `concat`. */
export const CONCAT_INPUTS_MAX = 128;
const SIZE_MAX = 65536;
const WINDOW_MAX = 4096;

const name = z.string().min(1).max(256);
const count = z.int().min(1).max(SIZE_MAX);
const size = z.int().min(1).max(2 ** 26);
const pair = z.tuple([z.int().min(1).max(WINDOW_MAX), z.int().min(1).max(WINDOW_MAX)]);
const pad = z.int().min(0).max(WINDOW_MAX);
const finite = z.number();
const share = z.number().min(0).max(1);
/** One number a channel of the input. */
const channels = (number: typeof finite) => z.array(number).min(1).max(3);

const base = { name, inputs: z.array(name).min(1).max(CONCAT_INPUTS_MAX), shape: z.tuple([size, count, count]) };
const tensors = {
  weights: name,
  bias: name.nullable().default(null),
  scale: z.number().positive().default(1),
  rectify: z.boolean(),
};
const sliding = {
  kernel: pair,
  stride: pair.default([1, 1]),
  padding: z.tuple([pad, pad, pad, pad]).default([0, 0, 0, 0]),
};

const layer = z.discriminatedUnion("kind", [
  z.strictObject({
    ...base,
    ...tensors,
    ...sliding,
    kind: z.literal("conv2d"),
    dilation: pair.default([1, 1]),
    groups: size.default(1),
  }),
  z.strictObject({ ...base, ...tensors, kind: z.literal("dense") }),
  z.strictObject({ ...base, ...sliding, kind: z.literal("max_pool") }),
  z.strictObject({
    ...base,
    ...sliding,
    kind: z.literal("avg_pool"),
    count_padding: z.boolean().default(false),
    rectify: z.boolean(),
  }),
  z.strictObject({ ...base, kind: z.literal("global_avg_pool"), rectify: z.boolean() }),
  z.strictObject({ ...base, kind: z.literal("flatten") }),
  z.strictObject({ ...base, kind: z.literal("concat") }),
  z.strictObject({
    ...base,
    kind: z.literal("add"),
    weights: z.array(finite).min(2).max(ADD_INPUTS_MAX),
    rectify: z.boolean(),
  }),
]);

const manifest = z.strictObject({
  format_version: z.literal(1),
  name,
  convention: z.enum(["quartz-2023", "quartz-loihi"]),
  t_max: z.int().min(2).max(512),
  input: z.strictObject({
    shape: z.tuple([z.int().min(1).max(3), count, count]),
    color: z.enum(["grey", "rgb"]),
    mean: channels(finite),
    std: channels(z.number().positive()),
  }),
  layers: z.array(layer).min(1).max(LAYERS_MAX),
  output_scale: z.number().positive().default(1),
  normalisation: z.strictObject({ method: name, percentile: z.number().min(0).max(100).nullable() }),
  labels: z.array(z.string().regex(/^[a-z0-9_-]{1,64}$/)).min(1).max(LABELS_MAX),
  provenance: z.strictObject({
    source: z.string().max(1024),
    source_sha256: z.string().regex(/^[0-9a-f]{64}$/).or(z.literal("")),
    source_pixels: z.strictObject({ mean: channels(finite), std: channels(z.number().positive()) }).optional(),
    converter: z.string().max(256),
    calibration_frames: z.int().min(0),
    ann_accuracy: share.nullable(),
    snn_accuracy: share.nullable(),
    snn_accuracy_frames: z.int().min(1).nullable(),
  }),
  self_test: z.strictObject({ frames: name, steps: name }).nullable().default(null),
});

/** A manifest as it stands in the file: layer inputs and tensors are still names. */
export interface Manifest {
  readonly name: string;
  readonly convention: Convention;
  readonly tMax: number;
  readonly input: InputSpec;
  readonly layers: readonly ManifestLayer[];
  readonly outputScale: number;
  readonly normalisation: { readonly method: string; readonly percentile: number | null };
  readonly labels: readonly string[];
  readonly provenance: Provenance;
  readonly selfTest: { readonly frames: string; readonly steps: string } | null;
}

interface ManifestBase {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly shape: Shape;
}
interface ManifestTensors {
  readonly weights: string;
  readonly bias: string | null;
  readonly scale: number;
  readonly rectify: boolean;
}
interface ManifestSliding {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Padding;
}
/** One layer of a manifest. */
export type ManifestLayer =
  & ManifestBase
  & (
    | (
      & { readonly kind: "conv2d"; readonly dilation: Pair; readonly groups: number }
      & ManifestTensors
      & ManifestSliding
    )
    | ({ readonly kind: "dense" } & ManifestTensors)
    | ({ readonly kind: "max_pool" } & ManifestSliding)
    | ({ readonly kind: "avg_pool"; readonly countPadding: boolean; readonly rectify: boolean } & ManifestSliding)
    | { readonly kind: "global_avg_pool"; readonly rectify: boolean }
    | { readonly kind: "flatten" }
    | { readonly kind: "concat" }
    | { readonly kind: "add"; readonly weights: readonly number[]; readonly rectify: boolean }
  );

/** Checks a parsed JSON value; on failure pushes every problem to `issues` and returns null. */
export function parseManifest(value: unknown, issues: Issue[]): Manifest | null {
  const result = manifest.safeParse(value);
  if (!result.success) {
    for (const problem of result.error.issues) {
      const where = problem.path.length === 0 ? "manifest" : problem.path.map(String).join(".");
      issues.push({ where, expected: problem.message, found: describe(valueAt(value, problem.path)) });
    }
    return null;
  }
  const m = result.data;
  const p = m.provenance;
  return {
    name: m.name,
    convention: m.convention,
    tMax: m.t_max,
    input: m.input,
    layers: m.layers.map((item) => {
      if (item.kind !== "avg_pool") return item;
      const { count_padding: countPadding, ...rest } = item;
      return { ...rest, countPadding };
    }),
    outputScale: m.output_scale,
    normalisation: m.normalisation,
    labels: m.labels,
    provenance: {
      source: p.source,
      sourceSha256: p.source_sha256,
      sourcePixels: p.source_pixels ?? null,
      converter: p.converter,
      calibrationFrames: p.calibration_frames,
      annAccuracy: p.ann_accuracy,
      snnAccuracy: p.snn_accuracy,
      snnAccuracyFrames: p.snn_accuracy_frames,
    },
    selfTest: m.self_test,
  };
}

/** The manifest as it goes into a file: the inverse of `parseManifest`. Equal manifests give equal text, keys in the schema's order. */
export function manifestToJson(m: Manifest): Record<string, unknown> {
  const p = m.provenance;
  return manifest.parse({
    format_version: 1,
    name: m.name,
    convention: m.convention,
    t_max: m.tMax,
    input: m.input,
    layers: m.layers.map((item) => {
      if (item.kind !== "avg_pool") return item;
      const { countPadding, ...rest } = item;
      return { ...rest, count_padding: countPadding };
    }),
    output_scale: m.outputScale,
    normalisation: m.normalisation,
    labels: m.labels,
    provenance: {
      source: p.source,
      source_sha256: p.sourceSha256,
      ...(p.sourcePixels !== null && { source_pixels: p.sourcePixels }),
      converter: p.converter,
      calibration_frames: p.calibrationFrames,
      ann_accuracy: p.annAccuracy,
      snn_accuracy: p.snnAccuracy,
      snn_accuracy_frames: p.snnAccuracyFrames,
    },
    self_test: m.selfTest,
  });
}

/** JSON Schema (draft 2020-12) of the manifest, for editors and other tools. */
export function manifestJsonSchema(): Record<string, unknown> {
  return { title: "quartz-edge network manifest", ...z.toJSONSchema(manifest, { io: "input" }) };
}

/** What stands at a path; zod's own report of a wrong `kind` is the whole layer. */
function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let found = value;
  for (const key of path) found = (found as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return found;
}

function describe(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
