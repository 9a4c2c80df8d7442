/** The configuration's power section: its secrets, its paths, and the rules between its fields. */

import assert from "node:assert/strict";
import { loadConfig } from "../../../src/config/load.ts";
import { ConfigError } from "../../../src/core/errors.ts";

const load = (power: string) =>
  loadConfig("/etc/q/edge.yaml", {
    env: { PW: "plug-secret" },
    readFile: () =>
      Promise.resolve(new TextEncoder().encode(
        `version: 1\ngateway: { id: a }\nnetwork: n\ncameras: [{ id: c, source: { kind: synthetic, sprites: s } }]\n${power}`,
      )),
  });

const issuesOf = async (power: string): Promise<string[]> => {
  try {
    await load(power);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.issues.map(({ where, expected, found }) => `${where}: ${expected}, ${found}`);
  }
  return [];
};

const meter = (fields: string) => `power: { meters: [{ kind: http, id: plug, url: "http://plug.lan/x", ${fields} }] }`;

Deno.test("a meter's password is a secret, and paths start at the file's folder", async () => {
  const { config, warnings } = await load(
    `power: { state_file: energy, folders: [sensors], sysfs: sys, meters: [{ kind: http, id: plug, url: "http://plug.lan/x", power_pointer: /w, password: "\${env:PW}", username: u }] }`,
  );
  const { meters: [plug], stateFile, folders, sysfs } = config.power;
  assert.deepEqual([stateFile, folders, sysfs], ["/etc/q/energy", ["/etc/q/sensors"], "/etc/q/sys"]);
  assert.doesNotMatch(JSON.stringify(plug), /plug-secret/);
  assert.equal(plug.kind === "http" && plug.password?.reveal(), "plug-secret");
  assert.deepEqual(warnings, []);
  const literal = await load(meter("power_pointer: /w, username: u, password: written"));
  assert.match(literal.warnings.join(), /password.* is written in the file itself/);
});

Deno.test("a meter reads either power or energy, has an id of its own, and a URL without credentials", async () => {
  assert.match((await issuesOf(meter("scale: 1"))).join(), /either power_pointer or energy_pointer, neither/);
  assert.match((await issuesOf(meter("power_pointer: /a, energy_pointer: /b"))).join(), /power_pointer or .*, both/);
  const twice = "{ kind: serial, id: plug, link: tcp:meter.lan:4001 }";
  assert.match((await issuesOf(`power: { meters: [${twice}, ${twice}] }`)).join(), /an id of its own, plug again/);
  const withPassword =
    `power: { meters: [{ kind: http, id: plug, url: "http://u:topsecret@plug.lan/x", power_pointer: /w }] }`;
  const issues = (await issuesOf(withPassword)).join();
  assert.match(issues, /without user name and password/);
  assert.doesNotMatch(issues, /topsecret/);
});
