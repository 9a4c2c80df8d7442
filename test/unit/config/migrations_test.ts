/** Goal: old files still load and can be brought up to date, newer ones are refused. Method: an invented former format. */

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runConfigMigrate } from "../../../src/app/commands/config_migrate.ts";
import type { CommandContext } from "../../../src/app/commands/context.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { CONFIG_VERSION, migrate, type Migration, MIGRATIONS } from "../../../src/config/migrations.ts";
import { readYaml, type YamlText } from "../../../src/config/yaml_text.ts";
import type { ConfigError } from "../../../src/core/errors.ts";

/** Two steps of formats that never were, ahead of the first. */
const INVENTED: readonly Migration[] = [
  {
    from: -1,
    description: "gateway_name became gateway.id",
    edits: () => [{ set: ["gateway"], value: {} }, { move: ["gateway_name"], to: ["gateway", "id"] }],
  },
  {
    from: 0,
    description: "sources became cameras, and speed, which did nothing, went away",
    edits: (content) => [
      { move: ["sources"], to: ["cameras"] },
      ...((content as { sources?: unknown[] }).sources ?? []).map((_, i) => ({ remove: ["cameras", i, "speed"] })),
    ],
  },
];

const OLD = `# The gate's gateway
version: -1 # of the format
gateway_name: gw7 # ours
network: n.safetensors
sources: # two of them
  # the front one
  - { id: door, speed: fast, source: { kind: replay, path: clip.safetensors } }
  - id: yard
    source: { kind: replay, path: clip.safetensors } # for now
`;

const NEW = `# The gate's gateway
version: 1 # of the format
network: n.safetensors
cameras:
  # two of them
  # the front one
  - { id: door, source: { kind: replay, path: clip.safetensors } }
  - id: yard
    source: { kind: replay, path: clip.safetensors } # for now
gateway:
  id: gw7 # ours
`;

const load = (text: string, migrations: readonly Migration[]) =>
  loadConfig("/q/edge.yaml", { migrations, env: {}, readFile: () => Promise.resolve(new TextEncoder().encode(text)) });

Deno.test("the program's own migrations lead, step by step, to the current version", () => {
  MIGRATIONS.forEach(({ from }, index) => assert.equal(from, CONFIG_VERSION - MIGRATIONS.length + index));
});

Deno.test("an old file loads as if changed, with a warning for each step, and its problems keep their places", async () => {
  const { config, warnings } = await load(OLD, INVENTED);
  assert.deepEqual([config.gateway.id, config.cameras.map(({ id }) => id)], ["gw7", ["door", "yard"]]);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0], /^version \(line 2, column 10\) is -1.*gateway_name became gateway\.id.*config migrate/);
  const wrong = OLD.replace("gw7", "GW 7").replace("id: yard", "id: door");
  await assert.rejects(load(wrong, INVENTED), (error: ConfigError) => {
    assert.deepEqual(error.issues.map(({ where }) => where), [
      "gateway.id (line 3, column 15)",
      "cameras.1.id (line 8, column 9)",
    ]);
    return true;
  });
});

Deno.test("a file of a newer version is refused with one sentence, and a version that is none by the schema", async () => {
  const newer = OLD.replace("version: -1", "version: 2");
  await assert.rejects(load(newer, INVENTED), (error: ConfigError) => {
    assert.deepEqual(error.issues, [{
      where: "version (line 2, column 10)",
      expected: "at most 1, the newest format that this program knows",
      found: "2",
      hint: "the file was written for a newer program: update this one, or bring back the file's former copy",
    }]);
    return true;
  });
  for (const version of ["-2", "one", "1.5", "null", "99999999999999999999"]) {
    await assert.rejects(load(OLD.replace("version: -1", `version: ${version}`), INVENTED), { code: "config.invalid" });
  }
});

Deno.test("a migrated file keeps its comments, and migrating it again changes nothing", () => {
  const yaml = readYaml(OLD) as YamlText;
  const first = migrate(yaml, INVENTED);
  assert.ok("yaml" in first);
  assert.equal(first.yaml.toText(), NEW);
  const again = migrate(readYaml(NEW) as YamlText, INVENTED);
  assert.ok("yaml" in again && again.steps.length === 0);
  assert.deepEqual(yaml.value, (readYaml(OLD) as YamlText).value, "what was read is as it was");
});

Deno.test("config migrate prints, or writes with a copy of the old file and the same permissions", async () => {
  const folder = await mkdtemp(join(tmpdir(), "quartz-migrate-"));
  try {
    const file = join(folder, "edge.yaml");
    await writeFile(file, OLD, { mode: 0o640 });
    const printed: string[] = [];
    const console = {
      print: (line: string) => printed.push(line),
      note: () => {},
      draw: () => {},
      isTerminal: false,
      hasColor: false,
    };
    const run = (write: boolean) =>
      runConfigMigrate(
        { verb: "config migrate", file, write, json: false },
        { console } as unknown as CommandContext,
        INVENTED,
      );
    await run(false);
    assert.equal(printed.join("\n") + "\n", NEW);
    assert.equal(await readFile(file, "utf8"), OLD);
    await run(true);
    await run(true);
    assert.equal(await readFile(file, "utf8"), NEW);
    assert.equal(await readFile(`${file}.v-1`, "utf8"), OLD);
    assert.equal((await stat(file)).mode & 0o777, 0o640);
    assert.deepEqual((await readdir(folder)).sort(), ["edge.yaml", "edge.yaml.v-1"]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
