/** Every topic name, once: what is published where, how surely, and whether the broker keeps it. */

import type { Issue } from "../core/errors.ts";
import type { MessageKind } from "../core/messages.ts";

/** How a stream of messages travels. One quality of service a stream: a mix would lose the order. */
export interface Stream {
  /** Below `<base topic>/<gateway>/`; `{camera}` stands for the camera's id. */
  readonly path: string;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

/** Message kinds, and the gateway's own availability (`online`, `offline`, `stopped`). */
export type TopicKey = MessageKind | "status";

/** The topic tree. */
export const STREAMS: Readonly<Record<TopicKey, Stream>> = {
  status: { path: "status", qos: 1, retain: true },
  info: { path: "info", qos: 1, retain: true },
  health: { path: "health", qos: 1, retain: true },
  latency: { path: "cam/{camera}/latency", qos: 0, retain: false },
  power: { path: "power", qos: 0, retain: false },
  cameraStatus: { path: "cam/{camera}/status", qos: 1, retain: true },
  state: { path: "cam/{camera}/state", qos: 1, retain: true },
  result: { path: "cam/{camera}/result", qos: 1, retain: false },
  event: { path: "event", qos: 1, retain: false },
};

/** Gateways, cameras and classes: safe in topics, file names and Home Assistant ids. */
export const ID_PATTERN = /^[a-z0-9_-]{1,64}$/;
/** Longest base topic, bytes of UTF-8; with two ids and the longest path it stays far below MQTT's 65,535. */
export const BASE_TOPIC_BYTES_MAX = 256;

/** True for an id that may be part of a topic. */
export function isId(text: string): boolean {
  return ID_PATTERN.test(text);
}

/** What is wrong with the root of a topic tree; empty when nothing is. */
export function checkTopicRoot(root: { readonly baseTopic: string; readonly gatewayId: string }): Issue[] {
  const issues: Issue[] = [];
  if (!isId(root.gatewayId)) {
    issues.push({ where: "gatewayId", expected: "1 to 64 of a-z 0-9 _ -", found: JSON.stringify(root.gatewayId) });
  }
  const fault = baseTopicFault(root.baseTopic);
  if (fault !== null) issues.push({ where: "baseTopic", expected: fault, found: JSON.stringify(root.baseTopic) });
  return issues;
}

/**
 * The topic of a key. `camera` must be a checked id where the path asks for one: a `+` or `#` in an id would reach
 * over the broker's access rules.
 */
export function topicOf(
  key: TopicKey,
  root: { readonly baseTopic: string; readonly gatewayId: string },
  camera = "",
): string {
  return `${root.baseTopic}/${root.gatewayId}/${STREAMS[key].path.replace("{camera}", camera)}`;
}

/** Where commands come in, and where answers go that name no topic of their own. */
export function commandTopics(root: { readonly baseTopic: string; readonly gatewayId: string }) {
  const own = `${root.baseTopic}/${root.gatewayId}`;
  return { filter: `${own}/cmd/+`, commandPrefix: `${own}/cmd/`, responsePrefix: `${own}/rsp/` };
}

/** Whether a topic is one that a filter asks for. */
export function topicMatches(filter: string, topic: string): boolean {
  const wanted = filter.split("/");
  const found = topic.split("/");
  if (wanted.at(-1) === "#") return wanted.slice(0, -1).every((level, i) => level === "+" || level === found[i]);
  return wanted.length === found.length && wanted.every((level, i) => level === "+" || level === found[i]);
}

// ---

/** What a base topic must be that this one is not, or null. */
function baseTopicFault(baseTopic: string): string | null {
  if (baseTopic === "") return "at least one level";
  if (new TextEncoder().encode(baseTopic).length > BASE_TOPIC_BYTES_MAX) return `at most ${BASE_TOPIC_BYTES_MAX} bytes`;
  if (/[+#\0]/.test(baseTopic)) return "a topic without +, # and NUL";
  if (baseTopic.startsWith("$")) return "a topic that does not start with $, which brokers keep for themselves";
  if (baseTopic.split("/").includes("")) return "levels that are not empty (no / at either end, no //)";
  // deno-lint-ignore no-control-regex
  if (/[\u0001-\u001f\u007f-\u009f\ufffe\uffff]|\p{Surrogate}/u.test(baseTopic)) return "no control characters";
  return null;
}
