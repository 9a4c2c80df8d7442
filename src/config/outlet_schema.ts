/** The configuration's schemas of those who are told beside the broker's plain subscribers. */

import * as z from "zod";
import { text, topic } from "./schema_parts.ts";

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
