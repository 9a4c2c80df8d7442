/** The configuration's schema of power meters. */

import * as z from "zod";
import { checkCameraUrl } from "../core/camera_url.ts";
import { choice, id, integer, optionalPath, path, text } from "./schema_parts.ts";

const scope = choice(["board", "rail", "accelerator"], "What it measures; board: all that this gateway draws.");
const scale = z.number().positive().default(1)
  .meta({ description: "What the number is multiplied by to be W or Wh.", examples: [0.001] });
const pointer = (description: string, example: string) =>
  z.string().regex(/^(\/[^\p{Cc}]{1,100}){1,16}$/u, "a JSON pointer such as /apower").nullable().default(null)
    .meta({ description, examples: [example] });

const meter = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("http").meta({ description: "A smart plug or any meter that answers HTTP requests with JSON." }),
    id: id("Name of the meter in power messages.", "plug"),
    url: z.string().superRefine((url, context) => {
      const problem = checkCameraUrl(url, "snapshot");
      if (problem !== null) context.addIssue({ code: "custom", params: { ...problem } });
    }).meta({
      description: "Address; no user name or password here.",
      examples: ["http://plug.lan/rpc/Switch.GetStatus?id=0"],
    }),
    username: text(1024).nullable().default(null).meta({ description: "User name at the meter.", examples: ["admin"] }),
    password: z.string().min(1).max(1024).nullable().default(null)
      .meta({ description: "Password at the meter, best by reference.", examples: ["${env:PLUG_PASSWORD}"] }),
    power_pointer: pointer("JSON pointer to the power.", "/apower"),
    energy_pointer: pointer("JSON pointer to a counter of energy, where there is no power.", "/aenergy/total"),
    scale,
    scope,
    every_ms: integer(200, 3_600_000).default(1000)
      .meta({ description: "Time between two requests, ms.", examples: [1000] }),
    timeout_ms: integer(50, 60_000).default(2000)
      .meta({ description: "Longest wait for an answer, ms.", examples: [2000] }),
  }),
  z.strictObject({
    kind: z.literal("serial").meta({ description: "A meter that writes lines of text." }),
    id: id("Name of the meter in power messages.", "bench"),
    link: z.string().regex(/^(tcp:\[?[^\s\]]+\]?:\d{1,5}|serial:\/[^\s?]+)$/, "tcp:HOST:PORT or serial:/dev/…")
      .meta({ description: "Where its lines come from.", examples: ["serial:/dev/ttyUSB1", "tcp:meter.lan:4001"] }),
    baud: integer(50, 12_000_000).default(9600).meta({
      description: "Rate of a serial line, bit/s.",
      examples: [9600],
    }),
    prefix: z.string().max(100).default("")
      .meta({ description: "What stands before the number; empty: the line begins with it.", examples: ["P="] }),
    scale,
    scope,
  }),
]);

/** How power is measured. */
export const power = z.strictObject({
  enabled: z.boolean().default(true).meta({ description: "Publish power and energy.", examples: [true] }),
  every_ms: integer(100, 60_000).default(1000)
    .meta({ description: "Time between two samples of a meter, ms.", examples: [1000] }),
  window_s: z.number().min(1).max(3600).default(10)
    .meta({ description: "Time between two power messages, s.", examples: [10] }),
  sysfs: optionalPath("Where sensors are looked for; null: nowhere.", "/sys").default("/sys"),
  folders: z.array(path("Folder with sensors mounted into it.", "/run/quartz-edge/sensors")).max(32).default([])
    .meta({
      description: "Further folders with sensors in them, for a program that may not read /sys.",
      examples: [["/run/quartz-edge/sensors"]],
    }),
  meters: z.array(meter).max(16).default([]).meta({
    description: "Meters that cannot be found by looking.",
    examples: [[{
      kind: "http",
      id: "plug",
      url: "http://plug.lan/rpc/Switch.GetStatus?id=0",
      power_pointer: "/apower",
    }]],
  }),
  total: z.string().regex(/^[a-z0-9_-]{1,64}$/, "1 to 64 of a-z, 0-9, _ and -").nullable().default(null).meta({
    description: "Source that covers the whole gateway; null: the first one that does.",
    examples: ["vdd_in"],
  }),
  max_w: z.number().positive().max(100_000).default(500)
    .meta({ description: "Readings above this are not believed, W.", examples: [500] }),
  frozen_after_s: z.number().min(1).max(86_400).default(60)
    .meta({ description: "A counter that must move and has not for so long has stopped, s.", examples: [60] }),
  idle_at_start_s: z.number().min(0).max(60).default(0)
    .meta({ description: "Time before the cameras open in which the idle power is measured, s.", examples: [5] }),
  state_file: optionalPath(
    "Where energies are kept over restarts; null: they begin at 0 with each start.",
    "/var/lib/quartz/energy",
  ),
});
