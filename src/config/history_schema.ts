/** The configuration's schema of the local history. */

import * as z from "zod";
import { integer, path } from "./schema_parts.ts";

const MIB = 1024 * 1024;

/** What `report` reads. */
export const history = z.strictObject({
  path: path("SQLite file of this gateway's own; made when it is not there.", "/var/lib/quartz/history.sqlite"),
  days_max: integer(1, 3660).default(90)
    .meta({ description: "Older rows leave, days.", examples: [90] }),
  bytes_max: integer(MIB, 64 * 1024 * MIB).default(128 * MIB).meta({
    description: "Most bytes on disk, beside a write-ahead log of 4 MiB; the oldest rows go first.",
    examples: [134217728],
  }),
  every_s: integer(10, 3600).default(60)
    .meta({ description: "Time that a row stands for, s.", examples: [60] }),
}).nullable().default(null)
  .meta({
    description: "Keeps figures and events on this machine, for `report`; absent: no.",
    examples: [{ path: "/var/lib/quartz/history.sqlite" }],
  });
