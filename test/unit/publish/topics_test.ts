import assert from "node:assert/strict";
import { checkTopicRoot, isId, STREAMS, type TopicKey, topicOf } from "../../../src/publish/topics.ts";

const ROOT = { baseTopic: "quartz", gatewayId: "gw7" };

Deno.test("topicOf() spells the topic tree", () => {
  const topics = (Object.keys(STREAMS) as TopicKey[]).map((key) => topicOf(key, ROOT, "door"));
  assert.deepEqual(topics, [
    "quartz/gw7/status",
    "quartz/gw7/info",
    "quartz/gw7/health",
    "quartz/gw7/cam/door/latency",
    "quartz/gw7/power",
    "quartz/gw7/cam/door/status",
    "quartz/gw7/cam/door/state",
    "quartz/gw7/cam/door/result",
    "quartz/gw7/event",
  ]);
});

Deno.test("isId() takes 1 to 64 of a-z 0-9 _ - and nothing that means something in a topic", () => {
  for (const good of ["a", "door-1_b", "0".repeat(64)]) assert.ok(isId(good), good);
  for (const bad of ["", "Door", "a/b", "+", "#", "a\0", "$sys", "0".repeat(65), "a\n"]) assert.ok(!isId(bad), bad);
});

Deno.test("checkTopicRoot() finds every wrong part at once", () => {
  assert.deepEqual(checkTopicRoot(ROOT), []);
  assert.deepEqual(checkTopicRoot({ ...ROOT, baseTopic: "site/quartz é" }), []);
  assert.deepEqual(checkTopicRoot({ baseTopic: "a/#", gatewayId: "GW" }).map(({ where }) => where), [
    "gatewayId",
    "baseTopic",
  ]);
  for (const bad of ["", "a+", "#", "a\0b", "$SYS/x", "/a", "a/", "a//b", "a\nb", "\ud800", "é".repeat(129)]) {
    assert.equal(checkTopicRoot({ ...ROOT, baseTopic: bad }).length, 1, JSON.stringify(bad));
  }
});
