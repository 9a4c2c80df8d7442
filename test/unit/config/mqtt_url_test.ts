/** Goal: broker URLs are checked, and their credentials never come back out. */

import assert from "node:assert/strict";
import { checkMqttUrl, redactBrokenUrl } from "../../../src/config/mqtt_url.ts";

Deno.test("checkMqttUrl() takes broker URLs", () => {
  for (const url of ["mqtt://h", "mqtt://127.0.0.1:1883/", "mqtts://[::1]:8883", "ws://h/mqtt", "wss://h:443/a/b"]) {
    assert.equal(checkMqttUrl(url), null, url);
  }
});

Deno.test("checkMqttUrl() refuses other texts and shows no credentials", () => {
  const bad: readonly [url: string, found: string][] = [
    ["", '""'],
    ["host:1883", '"host:1883"'],
    ["http://h", '"http://h"'],
    ["mqtt://", '"mqtt://"'],
    ["mqtt:h", '"mqtt:h"'],
    ["mqtt://h:99999", '"mqtt://h:99999"'],
    ["mqtt://h /", '"mqtt://h /"'],
    ["mqtt://h/path", '"mqtt://h/path"'],
    ["ws://h/mqtt?token=hunter2", '"ws://h/mqtt?[redacted]"'],
    ["mqtt://u:hunter2@h", '"mqtt://[redacted]"'],
    ["mqtt://u:hun@ter2", '"mqtt://[redacted]"'],
    ["u:hunter2@h", '"[redacted]"'],
    [`mqtt://${"h".repeat(2000)}`, "2007 characters"],
  ];
  for (const [url, found] of bad) assert.equal(checkMqttUrl(url)?.found, found, url);
  assert.equal(redactBrokenUrl("mqtt://u:pa?ss@h"), "mqtt://[redacted]");
});
