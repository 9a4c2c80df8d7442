/** The configuration's schemas of those who are told beside the broker's plain subscribers. */

import * as z from "zod";
import { integer, optionalPath, text, topic } from "./schema_parts.ts";

/** Discovery by Home Assistant. */
export const homeAssistant = z.strictObject({
  prefix: topic.default("homeassistant")
    .meta({ description: "Discovery prefix that Home Assistant listens to.", examples: ["homeassistant"] }),
  name: text(64).nullable().default(null)
    .meta({ description: "Name of the device; absent: the gateway's id.", examples: ["Gate camera"] }),
}).nullable().default(null)
  .meta({
    description: "Announce this gateway to Home Assistant; absent: no.",
    examples: [{ prefix: "homeassistant" }],
  });

/** One level of a Sparkplug topic. */
const level = z.string().regex(/^[^+#/\p{Cc}]{1,64}$/u, "1 to 64 characters without +, # and /");

/** Sparkplug B, over the broker of `mqtt` and a connection of its own. */
export const sparkplug = z.strictObject({
  group: level.meta({ description: "Group ID: which plant or line this gateway belongs to.", examples: ["plant1"] }),
  node: level.nullable().default(null)
    .meta({ description: "Edge Node ID; absent: the gateway's id.", examples: ["gw7"] }),
  primary_host: level.nullable().default(null).meta({
    description: "Host application without which nothing is published; absent: none is waited for.",
    examples: ["scada1"],
  }),
  state_file: optionalPath("File that keeps bdSeq over restarts.", "/var/lib/quartz/sparkplug.bdseq"),
  history_max: integer(1, 1_000_000).default(10_000)
    .meta({ description: "Most updates that wait while nobody is told.", examples: [10000] }),
}).nullable().default(null)
  .meta({ description: "Publish as a Sparkplug B edge node too; absent: no.", examples: [{ group: "plant1" }] });
