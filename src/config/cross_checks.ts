/** Rules between fields. They look at the unchecked value, so that they are reported together with all other problems. */

import { isTlsUrl } from "./mqtt_url.ts";
import { show } from "./problems.ts";
import type { Problem } from "./problems.ts";

/** Every broken rule. `value` may be anything; parts of the wrong type are left to the schema. `shown` is what errors may print. */
export function crossChecks(value: unknown, shown: unknown): Problem[] {
  const root = asRecord(value);
  return root === null ? [] : [...checkCameras(root, shown), ...checkMqtt(asRecord(root.mqtt))];
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

function asRecord(value: unknown): Record<string, unknown> | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : null;
}
