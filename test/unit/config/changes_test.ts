/** Goal: every difference of two configurations is found and named, also in secrets, and what a restart needs is told. */

import assert from "node:assert/strict";
import { compareCameras, compareConfigs, sameValue } from "../../../src/config/changes.ts";
import { parseConfig } from "../../../src/config/schema.ts";
import { Secret } from "../../../src/config/secret.ts";

const base = {
  version: 1,
  gateway: { id: "gw" },
  network: "n",
  cameras: [
    { id: "door", source: { kind: "mjpeg", url: "http://h/", username: "u", password: "one" } },
    { id: "yard", source: { kind: "replay", path: "p" } },
  ],
  mqtt: { url: "mqtt://h", username: "u", password: "one" },
};
type Base = typeof base;
const changed = (change: (value: Base & Record<string, unknown>) => void) => {
  const value = structuredClone(base) as Base & Record<string, unknown>;
  change(value);
  return compareConfigs(parseConfig(base), parseConfig(value));
};
const NONE = { keys: [], restartKeys: [], added: [], removed: [] };

Deno.test("compareConfigs() names what differs, and what of it needs a restart", () => {
  assert.deepEqual(changed(() => {}), NONE);
  assert.deepEqual(changed((value) => value.cameras.reverse()), NONE, "order is no change of a camera");
  assert.deepEqual(changed((value) => value.publish = { top_k: 5, mode: "changes" }).keys, [
    "publish.mode",
    "publish.top_k",
  ]);
  const password = changed((value) => value.mqtt.password = "two");
  assert.deepEqual([password.keys, password.restartKeys], [["mqtt.password"], ["mqtt.password"]]);
  assert.deepEqual(changed((value) => value.spool = { path: "s" }).restartKeys, ["spool"]);
  // The session's name follows the gateway's.
  assert.deepEqual(changed((value) => value.gateway.id = "other").restartKeys, ["gateway.id", "mqtt.client_id"]);
  assert.deepEqual(changed((value) => value.commands = {}), { ...NONE, keys: ["commands"] });
  assert.deepEqual(changed((value) => value.cameras[0].source.password = "two").keys, ["cameras.door.source.password"]);
  assert.deepEqual(changed((value) => value.cameras[1].id = "gate"), {
    ...NONE,
    keys: ["cameras.yard", "cameras.gate"],
    added: ["gate"],
    removed: ["yard"],
  });
  assert.deepEqual(changed((value) => value.decision = { votes: 2, window: 3 }).keys, [
    "cameras.door.decision.votes",
    "cameras.door.decision.window",
    "cameras.yard.decision.votes",
    "cameras.yard.decision.window",
  ]);
});

Deno.test("compareCameras() tells rules, which a camera takes while it runs, from the rest", () => {
  const camera = (more: object) => parseConfig({ ...base, cameras: [{ ...base.cameras[0], ...more }] }).cameras[0];
  const before = camera({});
  assert.equal(compareCameras(before, camera({})), "same");
  assert.equal(compareCameras(before, camera({ network: "elsewhere" })), "same", "whoever loads it compares content");
  assert.equal(compareCameras(before, camera({ max_age_ms: 5 })), "rules");
  assert.equal(compareCameras(before, camera({ decision: { threshold: 0.5 } })), "rules");
  assert.equal(compareCameras(before, camera({ invert: true })), "all");
  assert.equal(compareCameras(before, camera({ source: { ...base.cameras[0].source, password: "two" } })), "all");
});

Deno.test("two secrets are the same when their texts are", () => {
  assert.ok(sameValue({ a: new Secret("x") }, { a: new Secret("x") }));
  assert.ok(!sameValue({ a: new Secret("x") }, { a: new Secret("y") }));
  assert.ok(!sameValue({ a: new Secret("x") }, { a: null }));
});
