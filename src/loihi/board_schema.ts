/** Board files, checked: the only place that knows their `snake_case` keys. Door of zod for boards. */

import * as z from "zod";
import { ConfigError, type Issue } from "../core/errors.ts";
import type { Board } from "./board.ts";

/**
 * Checks a board file's value.
 *
 * @param name what to call the file in errors
 * @throws {ConfigError} `board.invalid` with every problem
 */
export function parseBoard(value: unknown, name: string): Board {
  const result = BOARD.safeParse(value);
  if (result.success) return camelKeys(result.data) as Board;
  const issues: Issue[] = result.error.issues.map((issue) => ({
    where: issue.path.join(".") || "file",
    expected: issue.message,
    found: foundAt(value, issue.path),
  }));
  throw new ConfigError("board.invalid", `Cannot use ${JSON.stringify(name)} as it must be a board file`, { issues });
}

/** The schema for editors: JSON Schema, draft 2020-12, of a board file as it is written. */
export function boardJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(BOARD, { io: "input" }) as Record<string, unknown>;
  return { $schema, title: "Board of quartz-edge", ...rest };
}

// ---------------------------------------------------------------------------------------------------------------------

const text = (description: string) => z.string().min(1).max(1000).meta({ description });
const whole = (max: number, description: string) => z.int().min(1).max(max).meta({ description });
const amount = (description: string) => z.number().min(0).meta({ description });
const coefficient = (unit: string, description: string) =>
  z.strictObject({ value: amount(`In ${unit}`), source: text("Where the number comes from") }).meta({ description });

const LIMITS = z.strictObject({
  compartments: whole(1024, "Compartments of a core"),
  input_axons: whole(4096, "Distribution lists of a core"),
  output_axons: whole(
    4096,
    "Entries in a core's output table: 1 a discrete axon, 2 a population axon, 1 more off the chip",
  ),
  synapse_words: whole(16384, "Words of 64 bits of synaptic memory"),
  synapse_words_per_axon: whole(256, "Words that one axon can reach"),
  synapses_per_entry: whole(64, "Synapses in one memory entry"),
  compartment_profiles: whole(32, "Compartment profiles of a core"),
  threshold_profiles: whole(16, "Threshold profiles of a core"),
  synapse_formats: whole(15, "Synapse formats of a core; index 0 is not usable"),
  delay_max: z.int().min(0).max(62).meta({
    description: "Longest synaptic delay in steps with every compartment in use",
  }),
});

const LINK = z.strictObject({
  kind: z.enum(["serial", "tcp"]),
  baud_rate_bps: z.int().min(9600).max(12_000_000).nullable().meta({ description: "Serial only, 8N1" }),
  port: z.int().min(1).max(65535).nullable().meta({ description: "TCP only" }),
  packet_bytes_max: z.int().min(64).max(1 << 20),
  protocol_version: z.int().min(1).max(255),
});

const BOARD = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().regex(/^[a-z0-9-]{1,64}$/, "1 to 64 of a-z, 0-9 and -").meta({
    description: "Name of the board, also of its file",
  }),
  description: text("What it is"),
  emulated: z.boolean().meta({ description: "True: a model of the chip and no hardware" }),
  chips: whole(1024, "Chips that may be used"),
  cores_per_chip: whole(128, "Neuro-cores of a chip"),
  x86_per_chip: whole(6, "Embedded processors of a chip"),
  limits: LIMITS,
  links: z.array(LINK).min(1).max(8),
  step_duration: z.strictObject({
    input_spike_us: amount("µs a host spike"),
    frame_us: amount("µs a frame besides its steps"),
    step_us: amount("µs a time step"),
    source: text("Where the numbers come from"),
  }).meta({ description: "A frame takes max(input spikes · input_spike_us, frame_us + steps · step_us)" }),
  rails: z.array(
    z.strictObject({
      name: text("Name of the supply"),
      covers: text("What it feeds"),
      method: z.enum(["measured", "estimated"]),
    }),
  ).max(32),
  energy: z.strictObject({
    neuron_update_pj: coefficient("pJ", "A compartment's update in one step"),
    synop_pj: coefficient("pJ", "One spike over one synapse"),
    core_static_mw: coefficient("mW", "A core in use, leakage"),
    x86_static_mw: coefficient("mW", "An embedded processor, leakage"),
    x86_clock_mw: coefficient("mW", "An embedded processor's clocks while a network runs"),
    x86_code_mw: coefficient("mW", "An embedded processor's code when it never waits; scaled by how busy it is"),
    x86_busy_us: coefficient("µs", "Time for which an embedded processor is busy for each host spike"),
    board_idle_mw: coefficient("mW", "The whole board, idle; null when not known").nullable(),
  }),
  sources: z.array(text("Where the facts come from, and what is not known")).min(1),
});

/** Keys from `snake_case` to camelCase, all the way down; the link to the schema is left out. */
function camelKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => key !== "$schema");
  return Object.fromEntries(
    entries.map(([key, item]) => [key.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase()), camelKeys(item)]),
  );
}

function foundAt(value: unknown, path: readonly PropertyKey[]): string {
  let item = value;
  for (const key of path) {
    if (typeof item !== "object" || item === null) return "nothing";
    item = (item as Record<PropertyKey, unknown>)[key];
  }
  const shown = JSON.stringify(item) ?? "nothing";
  return shown.length > 60 ? `${shown.slice(0, 60)}…` : shown;
}
