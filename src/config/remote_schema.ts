/** The configuration's schemas of the spool and of commands. */

import * as z from "zod";
import { COMMAND_VERBS, COMMAND_VERBS_DEFAULT } from "../core/commands.ts";
import { id, integer, path } from "./schema_parts.ts";

const MIB = 1024 * 1024;

/** Where messages wait while the broker is away. */
export const spool = z.strictObject({
  path: path("Folder of this gateway's own; made when it is not there.", "/var/lib/quartz/spool"),
  bytes_max: integer(2 * MIB, 1024 * MIB).default(64 * MIB)
    .meta({ description: "Most bytes on disk; the oldest go first.", examples: [67108864] }),
  age_max_s: integer(1, 366 * 86_400).default(7 * 86_400)
    .meta({ description: "Older messages are dropped, s.", examples: [604800] }),
  sync_every_ms: integer(10, 60_000).default(1000).meta({
    description:
      "Time between two writes, ms: what a power cut may cost. With a broker that answers nothing is written.",
    examples: [1000],
  }),
  backlog_per_s: integer(1, 10_000).default(200)
    .meta({ description: "Most messages from disk sent a second, beside the live ones.", examples: [200] }),
}).nullable().default(null)
  .meta({
    description: "Keeps results and events on disk while the broker is away; absent: in memory.",
    examples: [{ path: "/var/lib/quartz/spool" }],
  });

/** What may be commanded from outside. */
export const commands = z.strictObject({
  allow: z.array(z.enum(COMMAND_VERBS)).max(COMMAND_VERBS.length).default([...COMMAND_VERBS_DEFAULT])
    .meta({ description: "Commands that are taken.", examples: [["ping", "pause", "resume"]] }),
  max_age_s: integer(1, 3600).default(60)
    .meta({ description: "Commands given longer ago are refused, s.", examples: [60] }),
  rate_per_min: integer(1, 6000).default(30)
    .meta({ description: "Most commands a minute; the others are ignored.", examples: [30] }),
  networks: z.array(z.strictObject({
    name: id("Name of the network in switch_network.", "night"),
    path: path("The network.", "networks/night.safetensors"),
  })).max(64).default([])
    .meta({
      description: "Networks that switch_network may choose from.",
      examples: [[{ name: "night", path: "networks/night.safetensors" }]],
    }),
}).nullable().default(null)
  .meta({ description: "Commands over MQTT; absent: none is listened to.", examples: [{ allow: ["ping"] }] });
