/** Rules between fields. They look at the unchecked value, so that they are reported together with all other problems. */

import { checkMonitor } from "./monitor_schema.ts";
import { isTlsUrl } from "./mqtt_url.ts";
import { show } from "./problems.ts";
import type { Problem } from "./problems.ts";

/** Every broken rule. `value` may be anything; parts of the wrong type are left to the schema. `shown` is what errors may print. */
export function crossChecks(value: unknown, shown: unknown): Problem[] {
  const root = asRecord(value);
  if (root === null) return [];
  return [
    ...checkCameras(root, shown),
    ...checkSources(root),
    ...checkDecisions(root),
    ...checkBoard(root),
    ...checkMqtt(asRecord(root.mqtt)),
    ...checkMonitor(asRecord(root.monitor)),
    ...checkPower(asRecord(root.power)),
  ];
}

function checkCameras(root: Record<string, unknown>, shown: unknown): Problem[] {
  const problems: Problem[] = [];
  const firstWithId = new Map<string, number>();
  if (!Array.isArray(root.cameras)) return problems;
  root.cameras.forEach((item, index) => {
    const camera = asRecord(item);
    if (camera === null) return;
    if ((camera.network ?? root.network ?? null) === null) {
      problems.push({
        path: ["cameras", index, "network"],
        expected: "a network file",
        found: "none, here or at the top level",
        hint: "set network: models/mnist-lenet/network.safetensors at the top level",
      });
    }
    if (typeof camera.id !== "string") return;
    const first = firstWithId.get(camera.id);
    if (first === undefined) firstWithId.set(camera.id, index);
    else {
      const path = ["cameras", index, "id"];
      problems.push({ path, expected: "an id of its own", found: `${show(shown, path)}, the id of cameras.${first}` });
    }
  });
  return problems;
}

function checkSources(root: Record<string, unknown>): Problem[] {
  const problems: Problem[] = [];
  const has = (value: unknown) => value !== undefined && value !== null;
  for (const { source, path } of sourcesOf(root)) {
    if (source.kind === "v4l2" && has(source.width) !== has(source.height)) {
      const missing = has(source.width) ? "height" : "width";
      problems.push({ path: [...path, missing], expected: "width and height together, or neither", found: "one" });
    }
    if (has(source.password) && !has(source.username)) {
      problems.push({ path: [...path, "username"], expected: "a user name beside the password", found: "none" });
    }
    if (source.kind === "mqtt") problems.push(...checkMqttSource(source, path, root));
  }
  return problems;
}

function checkMqttSource(
  { topic, kind }: Record<string, unknown>,
  path: readonly (string | number)[],
  root: Record<string, unknown>,
): Problem[] {
  const mqtt = asRecord(root.mqtt);
  if (mqtt === null) {
    return [{ path: [...path, "kind"], expected: "a broker under mqtt for pictures over MQTT", found: `${kind}` }];
  }
  const own = `${mqtt.base_topic ?? "quartz"}/${asRecord(root.gateway)?.id}/`;
  if (typeof topic !== "string" || !topic.startsWith(own)) return [];
  return [{
    path: [...path, "topic"],
    expected: `a topic outside ${own}, where this gateway publishes`,
    found: JSON.stringify(topic),
  }];
}

/** A board holds one network at a time. */
function checkBoard(root: Record<string, unknown>): Problem[] {
  if (asRecord(root.backend)?.kind !== "loihi" || !Array.isArray(root.cameras)) return [];
  const networks = root.cameras.map((camera) => asRecord(camera)?.network ?? root.network);
  const index = networks.findIndex((network) => network !== networks[0]);
  if (index < 0) return [];
  const expected = "the network of the first camera, as a board holds one at a time";
  return [{ path: ["cameras", index, "network"], expected, found: JSON.stringify(networks[index]) }];
}

/** Votes of a window, at the top and where a camera differs from it. */
function checkDecisions(root: Record<string, unknown>): Problem[] {
  const top = asRecord(root.decision) ?? {};
  const places: { rules: Record<string, unknown>; path: readonly (string | number)[] }[] = [
    { rules: top, path: ["decision", "votes"] },
  ];
  if (Array.isArray(root.cameras)) {
    root.cameras.forEach((item, index) => {
      const own = asRecord(asRecord(item)?.decision);
      if (own !== null) places.push({ rules: { ...top, ...own }, path: ["cameras", index, "decision", "votes"] });
    });
  }
  return places.flatMap(({ rules: { votes = 1, window = 1 }, path }) =>
    typeof votes !== "number" || typeof window !== "number" || votes <= window ? [] : [{
      path,
      expected: `at most the window, ${window}`,
      found: `${votes}`,
      hint: "set window to the number of frames of which so many must agree",
    }]
  );
}

function* sourcesOf(root: Record<string, unknown>) {
  if (!Array.isArray(root.cameras)) return;
  for (const [index, item] of root.cameras.entries()) {
    const source = asRecord(asRecord(item)?.source);
    if (source !== null) yield { source, path: ["cameras", index, "source"] as const };
  }
}

function checkMqtt(mqtt: Record<string, unknown> | null): Problem[] {
  if (mqtt === null) return [];
  const problems: Problem[] = [];
  const tls = asRecord(mqtt.tls);
  const has = (value: unknown) => value !== undefined && value !== null;
  if (tls !== null && typeof mqtt.url === "string" && !isTlsUrl(mqtt.url)) {
    problems.push({
      path: ["mqtt", "tls"],
      expected: "no certificates, as the URL is not encrypted",
      found: "some",
      hint: "use mqtts or wss in mqtt.url",
    });
  }
  if (tls !== null && has(tls.cert) !== has(tls.key)) {
    const [there, missing] = has(tls.cert) ? ["cert", "key"] : ["key", "cert"];
    problems.push({ path: ["mqtt", "tls", missing], expected: `a ${missing} beside the ${there}`, found: "none" });
  }
  if (has(mqtt.password) && !has(mqtt.username) && mqtt.protocol !== "5") {
    // MQTT 3.1.1 allows a password only with a user name [MQTT-3.1.2-22].
    problems.push({
      path: ["mqtt", "username"],
      expected: "a user name beside the password",
      found: "none",
      hint: 'set username, or protocol: "5"',
    });
  }
  return problems;
}

function checkPower(power: Record<string, unknown> | null): Problem[] {
  if (!Array.isArray(power?.meters)) return [];
  const problems: Problem[] = [];
  const ids = new Set<unknown>();
  power.meters.forEach((item, index) => {
    const meter = asRecord(item);
    if (meter === null) return;
    if (ids.has(meter.id)) {
      problems.push({
        path: ["power", "meters", index, "id"],
        expected: "an id of its own",
        found: `${meter.id} again`,
      });
    }
    ids.add(meter.id);
    const has = (value: unknown) => value !== undefined && value !== null;
    if (meter.kind === "http" && has(meter.power_pointer) === has(meter.energy_pointer)) {
      problems.push({
        path: ["power", "meters", index, "power_pointer"],
        expected: "either power_pointer or energy_pointer",
        found: has(meter.power_pointer) ? "both" : "neither",
      });
    }
  });
  return problems;
}

function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
}
