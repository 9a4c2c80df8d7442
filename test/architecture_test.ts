/**
 * The shape of the project, held by reading import lines: arrows point to `core`, each npm package has one door, no file is
 * dead, time and chance come in as parameters. The table here is the one in src/ARCHITECTURE.md.
 */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What a folder may import besides itself and `core`. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "src/core": [],
  "src/ports": [],
  "src/ttfs": [],
  "src/preprocess": [],
  "src/config": [],
  "src/model": ["src/ttfs"],
  "src/simulator": ["src/ports", "src/ttfs", "src/model"],
  "src/telemetry": ["src/ports", "src/ttfs"],
  "src/power": ["src/ports", "src/telemetry"],
  "src/spool": [],
  "src/publish": ["src/ports", "src/spool"],
  "src/commands": ["src/ports"],
  "src/data": ["src/model"],
  "src/link": ["src/ports"],
  "src/loihi": ["src/ports", "src/ttfs", "src/model", "src/link"],
  "src/evaluate": ["src/ports", "src/ttfs", "src/preprocess", "src/data", "src/telemetry"],
  "src/convert": [
    "src/ports",
    "src/ttfs",
    "src/model",
    "src/simulator",
    "src/preprocess",
    "src/data",
    "src/evaluate",
    "src/telemetry",
  ],
  "src/history": ["src/ports", "src/telemetry"],
  "src/report": ["src/history"],
  "src/runtime": ["src/ports", "src/ttfs", "src/preprocess", "src/telemetry"],
  "src/monitor": ["src/ports", "src/ttfs", "src/simulator", "src/telemetry", "src/publish", "src/runtime"],
  "src/app": ["*"],
  "src/main.ts": ["*"],
  // Clips are safetensors files, so their reader shares the container's.
  "devices": ["src/ports", "src/model"],
};

/** The files that may import an npm package; a folder ending in / stands for all its files. */
const DOORS: Record<string, readonly string[]> = {
  zod: [
    "src/model/manifest_schema.ts",
    "src/config/",
    "src/publish/",
    "src/commands/",
    "src/loihi/board_schema.ts",
    "src/loihi/compile/image_schema.ts",
  ],
  // Frames over MQTT have a connection of their own, so that pictures do not stand in the way of results.
  mqtt: ["src/publish/", "devices/camera/mqtt_frames.ts"],
  aedes: ["src/publish/embedded_broker.ts"],
  yaml: ["src/config/"],
  "fastest-levenshtein": ["src/config/suggest.ts"],
  "hdr-histogram-js": ["src/telemetry/latency_histogram.ts", "src/telemetry/kept_latency.ts"],
  "jpeg-js": ["devices/camera/jpeg.ts"],
  "onnxruntime-web": ["src/convert/"],
  // Its types; the browser gets its script by src/monitor/assets.ts.
  uplot: ["src/monitor/page/latency_view.ts"],
  "@bufbuild/protobuf": ["src/convert/onnx/wire.ts", "src/publish/sparkplug/codec.ts"],
  "@opentelemetry/api": ["src/telemetry/open_telemetry.ts"],
  "@serialport/stream": ["devices/transport/serial.ts"],
};

/** Files that are started and not imported. */
const ENTRIES = [
  "src/main.ts",
  "src/simulator/worker.ts",
  "src/simulator/team_worker.ts",
  "src/monitor/raster_worker.ts",
  "src/monitor/page/main.ts",
  "src/history/history_worker.ts",
  "src/monitor/page/login.ts",
];

/** Where wall time and chance may be taken from the platform. */
const CLOCK_HOME = "src/core/clock.ts";

/** Where Deno's own API is used: what only the platform knows, with an answer for Node; and foreign calls, not loaded by Node. */
const DENO_HOMES = ["src/core/platform.ts", "devices/transport/deno_serial_binding.ts"];

/** The module named by an import or export statement, or by a lazy import. */
const IMPORT = /^\s*(?:import|export)\b[^;"']*?from\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
const TYPE_IMPORT = /^\s*(?:import|export) type\b[^;"']*?from\s+["']([^"']+)["']/gm;

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

const FILES = [...sourceFiles("src"), ...sourceFiles("devices")];

Deno.test("imports follow the direction of the architecture", () => {
  const wrong: string[] = [];
  for (const file of FILES) {
    const from = folderOf(file.path);
    const allowed = MAY_IMPORT[from];
    assert.ok(allowed !== undefined, `${file.path}: add its folder to the table of imports`);
    for (const target of localImports(file)) {
      const to = folderOf(target);
      const fine = to === from || to === "src/core" || allowed.includes("*") || allowed.includes(to);
      if (!fine) {
        wrong.push(`${file.path} imports ${target}: ${from} may import ${["src/core", ...allowed].join(", ")}`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("every npm package has its door", () => {
  const wrong: string[] = [];
  for (const file of FILES) {
    for (const name of file.imports) {
      if (name.startsWith(".") || name.startsWith("node:")) continue;
      const doors = DOORS[packageOf(name)];
      const fine = doors?.some((door) => (door.endsWith("/") ? file.path.startsWith(door) : file.path === door));
      if (!fine) wrong.push(`${file.path} imports ${name}: its doors are ${doors?.join(", ") ?? "not in the table"}`);
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("the tests run the product on the packages that it ships with", () => {
  const importsOf = (path: string): Record<string, string> =>
    JSON.parse(readFileSync(join(ROOT, path), "utf8")).imports;
  const shipped = importsOf("deno.json");
  const tested = importsOf("test/deno.json");
  for (const [name, version] of Object.entries(shipped)) {
    assert.equal(tested[name], version, `${name} in test/deno.json`);
  }
});

Deno.test("no file of the product is dead", () => {
  const imported = new Set(FILES.flatMap((file) => localImports(file)));
  // A slow twin is imported by tests only; its fast twin stands beside it.
  const dead = FILES.filter((file) =>
    !imported.has(file.path) && !ENTRIES.includes(file.path) && !file.path.endsWith("_reference.ts")
  );
  assert.deepEqual(dead.map((file) => file.path), []);
});

Deno.test("no imports in a circle", () => {
  const graph = new Map(FILES.map((file) => [file.path, localImports(file, true)]));
  const state = new Map<string, "open" | "done">();
  const visit = (path: string, trail: string[]): void => {
    if (state.get(path) === "done") return;
    assert.notEqual(state.get(path), "open", `circle: ${[...trail, path].join(" -> ")}`);
    state.set(path, "open");
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    state.set(path, "done");
  };
  for (const file of FILES) visit(file.path, []);
});

Deno.test("time and chance are parameters outside core", () => {
  const pattern = /\b(Date\.now|new Date\(\)|performance\.now|setTimeout|setInterval|Math\.random)\b/;
  const wrong = FILES.filter((file) => file.path !== CLOCK_HOME && pattern.test(withoutComments(file.text)));
  assert.deepEqual(wrong.map((file) => file.path), []);
});

Deno.test("the product is written on node: APIs", () => {
  const wrong = FILES.filter((file) =>
    !DENO_HOMES.includes(file.path) && /(?<!["'])\bDeno\./.test(withoutComments(file.text))
  );
  assert.deepEqual(wrong.map((file) => file.path), []);
});

Deno.test("the product has no `using` declarations, which Node 22 does not know", () => {
  const wrong = FILES.filter((file) => /^\s*(?:await )?using \w+ =/m.test(withoutComments(file.text)));
  assert.deepEqual(wrong.map((file) => file.path), []);
});

Deno.test("the table of imports is the one in src/ARCHITECTURE.md", () => {
  const text = readFileSync(join(ROOT, "src/ARCHITECTURE.md"), "utf8");
  for (const [folder, allowed] of Object.entries(MAY_IMPORT)) {
    const name = folder.replace("src/", "");
    const row = text.split("\n").find((line) => line.replaceAll(/ +/g, " ").startsWith(`| \`${name}\` |`));
    assert.ok(row !== undefined, `ARCHITECTURE.md lacks a row for ${name}`);
    const wanted = allowed.includes("*") ? ["everything"] : allowed.map((item) => item.replace("src/", ""));
    const found = row.split("|")[2].split(",").map((item) => item.replaceAll("`", "").trim()).filter((item) =>
      item !== "" && item !== "–"
    );
    assert.deepEqual(found, wanted, `row of ${name}`);
  }
});

// ---------------------------------------------------------------------------------------------------------------------

function sourceFiles(folder: string): SourceFile[] {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  return names
    // AssemblyScript sources are another language with the same ending.
    .filter((name) => name.endsWith(".ts") && !name.includes("wasm/"))
    .map((name) => {
      const path = join(folder, name);
      const text = readFileSync(join(ROOT, path), "utf8");
      return { path, text, imports: [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2]) };
    });
}

/** Paths from the root; with `valuesOnly`, without those that only types come from. */
function localImports(file: SourceFile, valuesOnly = false): string[] {
  const types = valuesOnly ? new Set([...file.text.matchAll(TYPE_IMPORT)].map((match) => match[1])) : new Set<string>();
  return file.imports
    .filter((name) => name.startsWith(".") && !types.has(name))
    .map((name) => relative(ROOT, join(ROOT, dirname(file.path), name)));
}

function folderOf(path: string): string {
  const parts = path.split("/");
  return parts[0] === "devices" ? "devices" : parts.slice(0, 2).join("/");
}

function packageOf(name: string): string {
  return name.split("/").slice(0, name.startsWith("@") ? 2 : 1).join("/");
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "").replace(/\s\/\/ .*$/gm, "");
}
