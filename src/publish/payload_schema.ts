/** The wire contract: a strict zod schema of every JSON payload, snake_case, units last. Not used on the frame path. */

import { z } from "zod";
import { ID_PATTERN } from "./topics.ts";

const id = z.string().regex(ID_PATTERN);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);
const ms = z.number().min(0);
const share = z.number().min(0).max(1);
const time = z.iso.datetime({ precision: 3 }).describe("UTC, RFC 3339, milliseconds");
const backend = z.enum(["simulator", "loihi"]);

/** What every payload starts with. */
function envelope<Name extends string>(schema: Name) {
  return {
    schema: z.literal(schema),
    ts: time.describe("When the message was made"),
    seq: z.int().min(0).describe("Counts up over all messages of one run; a repeated delivery repeats it"),
    boot: z.string().min(1).describe("Random, one a run of the program"),
    synced: z.boolean().describe("Whether `ts` can be trusted: false while the clock was never set"),
  };
}

/** Of messages that wait on disk while the broker is away. */
const historical = z.literal(true).optional()
  .describe("Sent after a stay on disk; newer messages may have come before it");

const frames = z.strictObject({
  captured: count,
  classified: count,
  in_flight: count,
  dropped_busy: count.describe("A newer frame came first"),
  dropped_stale: count.describe("Too old when its turn came"),
  dropped_malformed: count.describe("Not an image"),
  dropped_failed: count.describe("The back end failed on it"),
}).describe("captured = classified + in_flight + all dropped (over a window: with the change of in_flight)");

const stage = z.strictObject({ n: count, p50: ms, p90: ms, p99: ms, p999: ms, max: ms });

const classified = {
  camera: id,
  class: id,
  index: z.int().min(-1).describe("Output index; -1 when the class is no output of the network"),
  confidence: share.describe("Softmax; not calibrated against observed accuracy"),
  top: z.array(z.strictObject({ class: id, p: share })).describe("Best first"),
  model: z.strictObject({ id: z.string(), sha256 }),
  backend,
  frame: z.strictObject({ id: count, captured: time, age_ms: ms.describe("From capture to this message") }),
};

const statePayload = z.strictObject({
  ...envelope("quartz.state.v1"),
  ...classified,
  since: time.describe("Since when this class has been stable"),
});

const resultPayload = z.strictObject({
  ...envelope("quartz.result.v1"),
  historical,
  ...classified,
  tie: z.boolean().describe("Another class had the same level"),
  truth: id.optional().describe("The true class, when the source knows it"),
  latency_ms: ms.describe("From capture to decision"),
  snn: z.strictObject({
    timesteps: count.describe("Steps that the whole network takes for a frame"),
    decision_step: z.int().describe("Step of the first output spike"),
    spikes: count,
    early_spikes: count.optional().describe("Absent when the back end does not count them"),
    synops_events: count.optional().describe("Absent when the back end does not count them"),
  }),
  energy: z.strictObject({
    per_inference_uj: z.number().min(0),
    method: z.enum(["measured", "estimated"]),
    scope: z.string().describe("What the number covers"),
  }).optional(),
});

const latencyPayload = z.strictObject({
  ...envelope("quartz.latency.v1"),
  window_s: z.number().positive(),
  unit: z.literal("ms").describe("Of every number under `stages`"),
  camera: id,
  frames,
  stages: z.strictObject({
    wait: stage.optional().describe("From capture to its turn"),
    decode: stage.optional().describe("Where this program decodes pictures"),
    preprocess: stage,
    encode: stage,
    infer: stage,
    decide: stage,
    end_to_end: stage.describe("From capture to decision"),
    publish: stage.optional().describe("From decision to the broker's acknowledgement"),
  }),
  snn: z.strictObject({
    timesteps: count.describe("Steps that the whole network takes for a frame"),
    decision_step_p50: z.number().describe("Step of the first output spike, which is the decision"),
    decision_step_p99: z.number().optional(),
    spikes_per_inference: z.number().min(0),
    early_spike_share: share.optional().describe("Absent when the back end does not count early spikes"),
    synops_per_inference: z.number().min(0).optional().describe("Absent when the back end does not count them"),
  }).optional(),
  shadow: z.strictObject({ frames: count, agreed: count, failed: count }).optional(),
});

const joule = z.number().min(0);
const method = z.enum(["measured", "estimated"]);
const scope = z.enum(["board", "rail", "accelerator", "inference"]).describe("What the source covers");
const energyModel = z.strictObject({ source: z.string(), coefficients: z.record(z.string(), z.number()) });

const powerPayload = z.strictObject({
  ...envelope("quartz.power.v1"),
  window_s: z.number().positive(),
  sources: z.array(z.strictObject({
    id,
    kind: z.string(),
    scope,
    method,
    state: z.enum(["ok", "stale"]).describe("stale: no valid sample in this window"),
    problem: z.string().optional(),
    power_w: z.number().min(0).nullable().describe("Mean over the window; null when stale"),
    energy_j: joule.nullable().describe("Of the window; null when stale"),
    energy_total_j: joule.nullable().describe("Since the counter began, over restarts"),
    voltage_v: z.number().optional(),
    current_a: z.number().optional(),
    samples: count,
    gaps: count.describe("Stretches without a sample for more than two intervals"),
  })).describe("May overlap: never add them"),
  total: z.strictObject({ source: id, power_w: z.number().min(0), method }).nullable()
    .describe("The source that covers the whole gateway"),
  per_inference: z.array(z.strictObject({
    source: id,
    scope,
    method,
    inferences: z.int().min(1),
    energy_j: joule.describe("Energy of the window over its inferences"),
    idle_power_w: z.number().min(0).nullable().describe("Measured while no frame was run; null: not yet"),
    dynamic_energy_j: z.number().nullable().describe("Beyond idling; null without an idle power"),
    edp_js: z.number().min(0).describe("energy_j times the median end-to-end latency of the window"),
  })).describe("Empty when the window had no inference"),
});

const healthPayload = z.strictObject({
  ...envelope("quartz.health.v1"),
  status: z.enum(["ok", "degraded"]),
  problems: z.array(z.strictObject({ what: z.string(), since: time, text: z.string() })),
  uptime_s: z.number().min(0),
  rss_bytes: count,
  broker: z.strictObject({
    state: z.enum(["connecting", "online", "offline"]),
    queued: count,
    dropped: count,
    published: count,
  }),
  cameras: z.array(
    z.strictObject({
      camera: id,
      status: z.enum(["online", "offline", "paused", "error"]),
      threshold: share.describe("Confidence below which a frame votes for unknown, as it is now"),
      frames,
    }),
  ).describe("Counts since the program started"),
});

const eventPayload = z.strictObject({
  ...envelope("quartz.event.v1"),
  historical,
  event: z.enum([
    "camera_lost",
    "camera_back",
    "network_switched",
    "config_reloaded",
    "spool_dropped",
    "energy_restarted",
  ]),
  camera: id.optional(),
  text: z.string(),
  facts: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
});

const infoPayload = z.strictObject({
  ...envelope("quartz.info.v1"),
  version: z.string(),
  model: z.strictObject({
    id: z.string(),
    sha256,
    t_max: z.int().min(2),
    convention: z.enum(["quartz-2023", "quartz-loihi"]),
    labels: z.array(id),
    input: z.strictObject({ shape: z.tuple([count, count, count]), color: z.enum(["grey", "rgb"]) }),
  }),
  backend,
  config_sha256: sha256,
  runtime: z.strictObject({ name: z.enum(["deno", "node"]), version: z.string() }),
  mqtt: z.strictObject({ protocol: z.enum(["5", "3.1.1"]) }).nullable().describe("null before the first connection"),
  cameras: z.array(z.strictObject({ camera: id, source: z.string() })),
  energy_model: energyModel.nullable(),
  power: z.strictObject({
    every_ms: z.number().positive().describe("Time between two samples"),
    edp_convention: z.string(),
    idle_baseline: z.string(),
    meters: z.array(z.strictObject({
      id,
      kind: z.string(),
      scope,
      method,
      detail: z.string(),
      model: energyModel.optional(),
    })),
  }).optional().describe("Where the figures of power come from; absent when power is off"),
});

/** Schema of each message kind's JSON payload; `cameraStatus` and the gateway's status are plain text. */
export const PAYLOADS = {
  info: infoPayload,
  health: healthPayload,
  latency: latencyPayload,
  power: powerPayload,
  state: statePayload,
  result: resultPayload,
  event: eventPayload,
} as const;

/** A message kind's payload as TypeScript sees it. */
export type Payload<Kind extends keyof typeof PAYLOADS> = z.infer<(typeof PAYLOADS)[Kind]>;

/** Every payload's JSON Schema (draft 2020-12) by schema name: `quartz.result.v1`, … */
export function payloadJsonSchemas(): Record<string, object> {
  return Object.fromEntries(
    Object.values(PAYLOADS).map((payload) => [payload.shape.schema.value, z.toJSONSchema(payload)]),
  );
}
