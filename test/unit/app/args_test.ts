/** Goal: every verb and flag is read strictly, and mistakes are all named. Method: lines in, commands or reports out. */

import assert from "node:assert/strict";
import { parseCommandLine } from "../../../src/app/args.ts";
import { COMMAND_TABLE, VERBS } from "../../../src/app/command_table.ts";
import type { Command, CommandOf } from "../../../src/app/command_table.ts";
import { EXIT_CODES, exitCodeOf } from "../../../src/app/exit_codes.ts";
import { helpText } from "../../../src/app/help.ts";
import { ConfigError, formatError } from "../../../src/core/errors.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");

const DEMO: CommandOf<"demo"> = {
  verb: "demo",
  frames: null,
  rateFps: null,
  network: null,
  clip: null,
  broker: null,
  page: false,
  json: false,
  plain: false,
};

/** What `run` gets when it is told nothing. */
const RUN = { set: [], state: null, strict: false, alive: null };

Deno.test("parseCommandLine() reads every verb", () => {
  const cases: readonly [line: string, command: Command][] = [
    ["", { verb: "help", topic: null }],
    ["-h", { verb: "help", topic: null }],
    ["help", { verb: "help", topic: null }],
    ["help eval", { verb: "help", topic: "eval" }],
    ["eval --nonsense --help", { verb: "help", topic: "eval" }],
    ["--version", { verb: "version", json: false }],
    ["version --json", { verb: "version", json: true }],
    ["demo", DEMO],
    ["demo --frames 10 --rate=2.5 --plain", { ...DEMO, frames: 10, rateFps: 2.5, plain: true }],
    ["demo --network n --clip c --broker ws://h/mqtt --json", {
      ...DEMO,
      network: "n",
      clip: "c",
      broker: "ws://h/mqtt",
      json: true,
    }],
    ["run --config edge.yaml", { verb: "run", config: "edge.yaml", ...RUN, json: false }],
    ["run --config=-odd.yaml", { verb: "run", config: "-odd.yaml", ...RUN, json: false }],
    ["run --config -", { verb: "run", config: "-", ...RUN, json: false }],
    [
      "run --config c --set a.b=1 --set=c=-2 --json",
      { verb: "run", config: "c", ...RUN, set: ["a.b=1", "c=-2"], json: true },
    ],
    ["config explain --config c", { verb: "config explain", config: "c", set: [], json: false }],
    ["help config", { verb: "help", topic: "config" }],
    ["discovery --help", { verb: "help", topic: "discovery" }],
    ["help config migrate", { verb: "help", topic: "config migrate" }],
    ["config migrate -h", { verb: "help", topic: "config migrate" }],
    ["inspect a.safetensors --json", { verb: "inspect", file: "a.safetensors", json: true }],
    ["inspect -- --help", { verb: "inspect", file: "--help", json: false }],
    ["eval --data d --threads 2 n", {
      verb: "eval",
      network: "n",
      data: "d",
      limit: null,
      threads: 2,
      kernel: null,
      ann: null,
      json: false,
    }],
    ["compile n --board twin -o i --frames 3", {
      verb: "compile",
      network: "n",
      board: "twin",
      out: "i",
      recipe: null,
      calibrate: null,
      frames: 3,
      json: false,
    }],
    ["twin --listen tcp:127.0.0.1:0 --faults 7", {
      verb: "twin",
      listen: "tcp:127.0.0.1:0",
      board: null,
      faults: 7,
      json: false,
    }],
    ["parity n --link serial:/dev/ttyUSB0 --full", {
      verb: "parity",
      network: "n",
      link: "serial:/dev/ttyUSB0",
      board: null,
      frames: null,
      data: null,
      full: true,
      record: null,
      json: false,
    }],
    ["schema", { verb: "schema", name: null, write: false, json: false }],
    ["schema config --write", { verb: "schema", name: "config", write: true, json: false }],
    ["validate --config c", { verb: "validate", config: "c", set: [], state: null, json: false }],
  ];
  for (const [line, command] of cases) assert.deepEqual(parseCommandLine(words(line)), command, line);
});

Deno.test("parseCommandLine() names every mistake of a line", () => {
  const cases: readonly [line: string, ...issues: string[]][] = [
    ["evl", 'verb: "evl", did you mean "eval"?'],
    ["constructor", 'verb: "constructor"'],
    ["help evl", 'VERB: "evl", did you mean "eval"?'],
    ["demo --frame 3", 'flag: "--frame", did you mean "--frames"?', 'arguments: "3" as well'],
    ["demo --no-json -x", 'flag: "--no-json", did you mean "--json"?', 'flag: "-x"'],
    ["demo --toString", 'flag: "--toString"'],
    ["demo --frames --json", '--frames: the flag "--json", write --flag=VALUE for values that start with -'],
    ["demo --frames", "--frames: nothing"],
    ["demo --clip=", '--clip: ""'],
    ["demo --json=yes", '--json: "yes"'],
    ["demo --json --json", "--json: it again"],
    ["rnu", 'verb: "rnu", did you mean "run"?'],
    ["config", 'verb: "config"'],
    [
      "validate edge.yaml",
      "--config: nothing",
      'arguments: "edge.yaml" as well, write --config before a configuration\'s name',
    ],
    ["demo x://u:hunter2@h", 'arguments: "x://[redacted]" as well'],
    ["run", "--config: nothing"],
    ["run --config a --config b extra", "--config: it again", 'arguments: "extra" as well'],
    ["inspect", "FILE: nothing"],
    ["inspect a b", 'arguments: "b" as well'],
    ["eval --limit 0 --threads 1.5", '--limit: "0"', '--threads: "1.5"', "--data: nothing", "NETWORK: nothing"],
  ];
  for (const number of ["0", "-1", "1e3", "0x10", "1.5", "ten", "1_000", "10000000000", "NaN", "9".repeat(30)]) {
    assert.throws(() => parseCommandLine(["demo", `--frames=${number}`]), ConfigError, number);
  }
  for (const number of ["0", "1001", "-1", ".5", "1.", "Infinity", "1e1"]) {
    assert.throws(() => parseCommandLine(["demo", `--rate=${number}`]), ConfigError, number);
  }
  for (const [line, ...issues] of cases) {
    assert.throws(() => parseCommandLine(words(line)), (error: unknown) => {
      assert.ok(error instanceof ConfigError);
      assert.equal(error.code, "usage");
      const found = error.issues.map(({ where, found, hint }) => `${where}: ${found}${hint ? `, ${hint}` : ""}`);
      assert.deepEqual(found, issues, line);
      return true;
    });
  }
});

Deno.test("parseCommandLine() shows no password of a broker URL", () => {
  for (const line of ["demo --broker mqtt://u:hunter2@h", "demo --brokre mqtt://u:hunter2@h", "mqtt://u:hunter2@h"]) {
    assert.throws(() => parseCommandLine(words(line)), (error) => !formatError(error).includes("hunter2"), line);
  }
});

Deno.test("every example of the help text is a good command line of its verb", () => {
  for (const verb of VERBS) {
    for (const example of COMMAND_TABLE[verb].examples) {
      assert.equal(parseCommandLine(words(example)).verb, verb, example);
    }
  }
});

Deno.test("helpText() lists every verb, flag and exit code in lines of 100 characters at most", () => {
  for (const verb of VERBS) {
    assert.ok(helpText().includes(`\n  ${verb} `), verb);
    for (const flag of Object.keys(COMMAND_TABLE[verb].flags)) assert.ok(helpText(verb).includes(` --${flag}`), flag);
    for (const line of (helpText() + helpText(verb)).split("\n")) assert.ok(line.length <= 100, line);
  }
  for (const { code, about } of Object.values(EXIT_CODES)) {
    assert.match(helpText(), new RegExp(`\\n  ${code} +${about}\\n`));
  }
  assert.equal(
    helpText("eval"),
    `Measure a network's accuracy and cost on labelled frames

usage: deno task quartz eval NETWORK --data DATA [flags]

arguments:
  NETWORK  network file

flags:
  --data DATA    labelled images: idx:…, dir:…, clip:… or raw:… (required)
  --limit N      use the first N frames only, 1 to 1000000000
  --threads N    worker threads, 1 to 256
  --kernel NAME  fast (8-bit weights), fast16 or reference (float64) (fast)
  --ann MODEL    its ONNX model, to compare every answer with
  --json         print JSON, for programs

examples:
  deno task quartz eval network.safetensors --data clip:clip.safetensors.gz --limit 1000

DATA is dir:FOLDER (PNG, JPEG, PGM or PPM, in a sub-folder a class), idx:IMAGES[,LABELS] (files
like MNIST's, .gz too), clip:FILE (list-devices lists those that come with it) or
raw:FILE,HEIGHTxWIDTHxCHANNELS[,LABELS].
`,
  );
});

Deno.test("helpText() of a first word explains every verb that begins with it", () => {
  assert.equal(helpText("config"), `${helpText("config explain")}\n\n${helpText("config migrate")}`);
});

Deno.test("exitCodeOf() tells a wrong command line, a wrong configuration and everything else apart", () => {
  assert.equal(exitCodeOf(new ConfigError("usage", "")), 2);
  assert.equal(exitCodeOf(new ConfigError("config.invalid", "")), 78);
  assert.equal(exitCodeOf(new Error("")), 1);
});
