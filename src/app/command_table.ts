/** Every verb, argument and flag of the command line, once: parsing, types and help all come from this table. */

/** What a flag or argument takes. */
export type ValueSpec =
  | { readonly type: "switch" }
  | { readonly type: "text"; readonly placeholder: string }
  /** May be given again and again. */
  | { readonly type: "texts"; readonly placeholder: string }
  | { readonly type: "url"; readonly placeholder: string }
  | ({ readonly type: "integer" } & Range)
  | ({ readonly type: "number" } & Range);

/** A number's placeholder in help texts and its limits, both allowed. */
export interface Range {
  readonly placeholder: string;
  readonly low: number;
  readonly high: number;
}

/** One flag, `--name VALUE` or a switch. */
export type FlagSpec = ValueSpec & FlagBase;

/** What every flag has. */
export interface FlagBase {
  /** One letter that stands for it after a single dash. */
  readonly short?: string;
  /** Name of the field in `Command` when it differs from the flag's own. */
  readonly field?: string;
  readonly required?: boolean;
  readonly about: string;
}

/** One argument without a flag. */
export interface ArgumentSpec {
  readonly name: string;
  readonly required: boolean;
  readonly about: string;
}

/** One verb. */
export interface VerbSpec {
  readonly about: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly flags: Readonly<Record<string, FlagSpec>>;
  readonly examples: readonly string[];
  /** More that its help says, a line each. */
  readonly notes?: readonly string[];
}

const json = { type: "switch", about: "print JSON, for programs" } as const;
const config = {
  type: "text",
  placeholder: "FILE",
  required: true,
  about: "configuration file (YAML or JSON)",
} as const;

const set = {
  type: "texts",
  placeholder: "KEY=VALUE",
  about: "replace one value of the file, cameras.door.max_age_ms=500; may be repeated",
} as const;

const state = {
  type: "text",
  placeholder: "FOLDER",
  about: "folder for the last good copy of the file ($STATE_DIRECTORY, which systemd sets)",
} as const;

/** What `--data` and `--calibrate` take. */
const DATA_NOTES = [
  "DATA is dir:FOLDER (PNG, JPEG, PGM or PPM, in a sub-folder a class), idx:IMAGES[,LABELS] (files",
  "like MNIST's, .gz too), clip:FILE (list-devices lists those that come with it) or",
  "raw:FILE,HEIGHTxWIDTHxCHANNELS[,LABELS].",
];

/** The table. Flags are `kebab-case`, as typed after `--`; a verb may have two words. */
export const COMMAND_TABLE = {
  demo: {
    about: "Classify bundled test digits and publish them over a broker on this machine",
    arguments: [],
    flags: {
      frames: { type: "integer", placeholder: "N", low: 1, high: 1e9, about: "stop after N frames" },
      rate: { type: "number", placeholder: "FPS", low: 0.01, high: 1000, field: "rateFps", about: "frames a second" },
      network: { type: "text", placeholder: "FILE", about: "network file in place of the bundled one" },
      clip: { type: "text", placeholder: "FILE", about: "clip in place of the bundled one" },
      broker: { type: "url", placeholder: "URL", about: "publish to this broker and start none" },
      page: { type: "switch", about: "serve a page to watch it in a browser, and print its address" },
      json,
      plain: { type: "switch", about: "one line a frame, no drawing" },
    },
    examples: ["demo", "demo --page", "demo --frames 100 --rate 10 --plain"],
  },
  run: {
    about: "Classify the frames of the configured cameras until stopped",
    arguments: [],
    flags: {
      config,
      set,
      state,
      strict: { type: "switch", about: "end with code 78 on a broken file, whatever copy of it is kept" },
      alive: { type: "text", placeholder: "FILE", about: "renew this file while work advances, for health checks" },
      json,
    },
    examples: ["run --config edge.yaml", "run --config edge.yaml --set log.level=debug"],
  },
  replay: {
    about: "Print what run would publish of a recording, with time counted in frames",
    arguments: [{ name: "CLIP", required: true, about: "clip, folder of images, or video" }],
    flags: {
      config,
      set,
      camera: { type: "text", placeholder: "ID", about: "camera whose network and rules are used" },
      rate: {
        type: "number",
        placeholder: "FPS",
        low: 0.001,
        high: 1000,
        field: "rateFps",
        about: "frames a second of the recording",
      },
      json,
    },
    examples: ["replay clip.safetensors.gz --config edge.yaml --camera door --json"],
  },
  top: {
    about: "Watch a running gateway in this terminal",
    arguments: [],
    flags: {
      url: { type: "text", placeholder: "URL", about: "the gateway's monitor (http://127.0.0.1:8480/)" },
      "token-file": { type: "text", placeholder: "FILE", about: "file with the monitor's token" },
      broker: {
        type: "url",
        placeholder: "URL",
        about: "listen at a broker instead, for any gateway that publishes there",
      },
      gateway: { type: "text", placeholder: "ID", about: "the gateway's name at the broker" },
      config: {
        type: "text",
        placeholder: "FILE",
        about: "take monitor or broker, with their secrets, from a configuration",
      },
      once: { type: "switch", about: "print the first figures and end" },
      json,
    },
    examples: [
      "top",
      "top --url http://gw7.lan:8480/ --token-file token",
      "top --broker mqtt://broker.lan --gateway gw7",
      "top --config edge.yaml --gateway gw8 --once --json",
    ],
    notes: [
      "q or Ctrl-C quits, ↑ and ↓ choose a camera. --config alone looks at the configured monitor; with",
      "--gateway, or without a monitor in it, at the configured broker. --json prints one object a second.",
    ],
  },
  "list-devices": {
    about: "List cameras with their formats, serial ports, power sensors and bundled clips",
    arguments: [],
    flags: { json },
    examples: ["list-devices --json"],
  },
  doctor: {
    about: "Look for what keeps a gateway from running, and print the lines that mend it",
    arguments: [],
    flags: {
      config: { type: "text", placeholder: "FILE", about: "configuration to look at; without it, only this machine" },
      fix: { type: "switch", about: "print the mending lines alone, as a script to read and run; nothing is run" },
      set,
      json,
    },
    examples: ["doctor", "doctor --config edge.yaml", "doctor --config edge.yaml --fix"],
    notes: [
      "Exit code: 0 when nothing failed, else 64 plus the sum of what did: 1 configuration or networks,",
      "2 runtime or permissions, 4 cameras, 8 broker, 16 board, 32 this machine. Nothing is changed.",
      "A board's agent ends the session of a running gateway, which then connects again; cameras and",
      "lines that one has open are reported as in use.",
    ],
  },
  "install-unit": {
    about: "Write a hardened systemd unit that allows what a configuration needs",
    arguments: [],
    flags: {
      config,
      write: { type: "text", placeholder: "DIR", about: "write quartz-edge.service into this folder; else print it" },
      json,
    },
    examples: ["install-unit --config edge.yaml", "install-unit --config edge.yaml --write /etc/systemd/system"],
  },
  inspect: {
    about: "Show what a network file holds: layers, sizes, accuracy, where it came from",
    arguments: [{ name: "FILE", required: true, about: "network file" }],
    flags: { json },
    examples: ["inspect models/mnist-lenet/network.safetensors"],
  },
  eval: {
    about: "Measure a network's accuracy and cost on labelled frames",
    arguments: [{ name: "NETWORK", required: true, about: "network file" }],
    flags: {
      data: {
        type: "text",
        placeholder: "DATA",
        required: true,
        about: "labelled images: idx:…, dir:…, clip:… or raw:…",
      },
      limit: { type: "integer", placeholder: "N", low: 1, high: 1e9, about: "use the first N frames only" },
      threads: { type: "integer", placeholder: "N", low: 1, high: 256, about: "worker threads" },
      kernel: {
        type: "text",
        placeholder: "NAME",
        about: "fast (8-bit weights), fast16 or reference (float64) (fast)",
      },
      ann: { type: "text", placeholder: "MODEL", about: "its ONNX model, to compare every answer with" },
      json,
    },
    examples: ["eval network.safetensors --data clip:clip.safetensors.gz --limit 1000"],
    notes: DATA_NOTES,
  },
  convert: {
    about: "Make a network file from an ONNX model and sample images",
    arguments: [{ name: "MODEL", required: true, about: "ONNX file" }],
    flags: {
      calibrate: { type: "text", placeholder: "DATA", required: true, about: "sample images, labelled if you can" },
      out: { type: "text", placeholder: "FILE", short: "o", required: true, about: "network file to write" },
      percentile: { type: "text", placeholder: "P|auto", about: "percentile that becomes 1.0, 50 to 100 (99.9)" },
      "t-max": { type: "text", placeholder: "T|auto", about: "time steps a unit, 2 to 512 (16)" },
      normalise: { type: "text", placeholder: "NAME", about: "joint, or quartz-2023 as published (joint)" },
      convention: { type: "text", placeholder: "NAME", about: "quartz-2023, or quartz-loihi for boards" },
      mean: { type: "text", placeholder: "M[,M,M]", about: "mean that the model expects taken from byte / 255 (0)" },
      std: { type: "text", placeholder: "S[,S,S]", about: "deviation that the model expects divided by (1)" },
      labels: { type: "text", placeholder: "FILE", about: "class names, one a line, in the order of the outputs" },
      frames: { type: "integer", placeholder: "N", low: 1, high: 1e9, about: "calibrate with N images, drawn evenly" },
      measure: { type: "text", placeholder: "DATA", about: "images to measure with (those of --calibrate)" },
      kernel: { type: "text", placeholder: "NAME", about: "measure by fast, fast16 or reference, as in eval (fast)" },
      "exact-bias": { type: "text", placeholder: "WHEN", about: "channels for exact biases: auto, on or off (auto)" },
      name: { type: "text", placeholder: "NAME", about: "the network's name (that of the model file)" },
      "max-loss": {
        type: "number",
        placeholder: "POINTS",
        low: 0,
        high: 100,
        about: "accuracy that auto may lose (0.5)",
      },
      "max-steps": { type: "integer", placeholder: "N", low: 1, high: 1e6, about: "most steps to a decision for auto" },
      report: { type: "text", placeholder: "FILE", about: "write an HTML report with pictures" },
      json,
    },
    examples: [
      "convert model.onnx --calibrate idx:IMAGES,LABELS -o net.safetensors",
      "convert model.onnx --calibrate dir:photos --t-max auto -o net.safetensors",
    ],
    notes: DATA_NOTES,
  },
  shadow: {
    about: "Measure how often a network answers as its ONNX model does",
    arguments: [
      { name: "NETWORK", required: true, about: "network file" },
      { name: "MODEL", required: true, about: "ONNX file" },
    ],
    flags: {
      data: { type: "text", placeholder: "DATA", required: true, about: "images, with or without classes" },
      limit: { type: "integer", placeholder: "N", low: 1, high: 1e9, about: "use the first N frames only" },
      mean: { type: "text", placeholder: "M[,M,M]", about: "as for convert (what the network was converted with)" },
      std: { type: "text", placeholder: "S[,S,S]", about: "as for convert (what the network was converted with)" },
      json,
    },
    examples: ["shadow network.safetensors model.onnx --data clip:clip.safetensors.gz"],
    notes: DATA_NOTES,
  },
  compile: {
    about: "Place a network on a board's cores and write the image that is loaded onto it",
    arguments: [{ name: "NETWORK", required: true, about: "network file" }],
    flags: {
      board: { type: "text", placeholder: "BOARD", required: true, about: "name of a board, or its .json file" },
      out: { type: "text", placeholder: "FILE", short: "o", required: true, about: "image file to write" },
      recipe: { type: "text", placeholder: "NAME", about: "exact, or authors as published (exact)" },
      calibrate: { type: "text", placeholder: "DATA", about: "sample images on which the registers are checked" },
      frames: { type: "integer", placeholder: "N", low: 1, high: 1e9, about: "calibrate with the first N images" },
      json,
    },
    examples: ["compile models/mnist-lenet/network.safetensors --board nahuku-32 -o mnist.image"],
  },
  report: {
    about: "Make an HTML report of a period from a gateway's history, to attach to a mail",
    arguments: [{ name: "HISTORY", required: false, about: "history file; instead of --config" }],
    flags: {
      config: { type: "text", placeholder: "FILE", about: "configuration whose history.path is read" },
      from: { type: "text", placeholder: "TIME", about: "UTC date or time, or how long ago: 90m, 24h, 7d (24h)" },
      to: { type: "text", placeholder: "TIME", about: "end of the period (now)" },
      out: { type: "text", placeholder: "FILE", short: "o", about: "HTML file to write (quartz-report.html)" },
      json: { type: "switch", about: "print the figures as JSON; an HTML file only with --out" },
    },
    examples: ["report /var/lib/quartz/history.sqlite --from 7d -o week.html", "report --config edge.yaml --json"],
  },
  twin: {
    about: "Be a Loihi board without hardware, on a link, until stopped",
    arguments: [],
    flags: {
      listen: {
        type: "text",
        placeholder: "ADDRESS",
        required: true,
        about: "tcp:HOST:PORT (0: any free port) or serial:PATH[?baud=RATE]",
      },
      board: { type: "text", placeholder: "BOARD", about: "name of a board, or its .json file (twin)" },
      faults: {
        type: "integer",
        placeholder: "SEED",
        low: 0,
        high: 4294967295,
        about: "lose, change, delay and repeat bytes of the link by this seed",
      },
      json: { type: "switch", about: "log as JSON, too: the address always is" },
    },
    examples: ["twin --listen tcp:127.0.0.1:9100", "twin --listen serial:/dev/ttyUSB1 --faults 7"],
  },
  parity: {
    about: "Compare a board with the simulator, spike for spike",
    arguments: [{ name: "NETWORK", required: true, about: "network file" }],
    flags: {
      link: {
        type: "text",
        placeholder: "ADDRESS",
        required: true,
        about: "tcp:HOST:PORT, serial:PATH[?baud=RATE], or replay:FILE",
      },
      board: { type: "text", placeholder: "BOARD", about: "name of the board, or its .json file (nahuku-32)" },
      frames: { type: "integer", placeholder: "N", low: 1, high: 1e9, about: "frames to compare (100)" },
      data: { type: "text", placeholder: "DATA", about: "images: idx:…, dir:…, clip:… or raw:… (the bundled digits)" },
      full: { type: "switch", about: "every neuron of every layer, where the board can tell" },
      record: { type: "text", placeholder: "FILE", about: "write down what goes over the link" },
      json,
    },
    examples: ["parity network.safetensors --link tcp:127.0.0.1:9100 --frames 300 --full"],
    notes: DATA_NOTES,
  },
  schema: {
    about: "Print the JSON Schema of a file or message format, or list them",
    arguments: [{ name: "NAME", required: false, about: "which one" }],
    flags: { write: { type: "switch", about: "write all schema files into the source tree" }, json },
    examples: ["schema", "schema --write"],
  },
  validate: {
    about: "Check a configuration file and report every problem",
    arguments: [],
    flags: { config, set, state, json },
    examples: ["validate --config edge.yaml"],
  },
  "config explain": {
    about: "Print every value of a configuration and where it came from",
    arguments: [],
    flags: { config, set, json },
    examples: ["config explain --config edge.yaml --set mqtt.url=mqtt://127.0.0.1:1883"],
  },
  "config migrate": {
    about: "Bring a configuration file to the current version of the format",
    arguments: [{ name: "FILE", required: true, about: "configuration file" }],
    flags: { write: { type: "switch", about: "change the file and keep a copy, in place of printing it" }, json },
    examples: ["config migrate edge.yaml", "config migrate edge.yaml --write"],
  },
  "discovery print": {
    about: "Print what Home Assistant is told of a gateway, without sending it",
    arguments: [],
    flags: { config, set, json },
    examples: ["discovery print --config edge.yaml"],
  },
  "discovery clear": {
    about: "Have the broker forget a gateway's device, so that Home Assistant removes it",
    arguments: [],
    flags: {
      config,
      set,
      gateway: { type: "text", placeholder: "ID", about: "id that the gateway had, where it is another than now" },
      json,
    },
    examples: ["discovery clear --config edge.yaml", "discovery clear --config edge.yaml --gateway old-id"],
  },
  version: {
    about: "Print the version",
    arguments: [],
    flags: { json },
    examples: ["version --json"],
  },
  help: {
    about: "Explain a verb, or list them",
    arguments: [{ name: "VERB", required: false, about: "which one" }],
    flags: {},
    examples: ["help eval"],
  },
} as const satisfies Record<string, VerbSpec>;

/** What a command line begins with. */
export type Verb = keyof typeof COMMAND_TABLE;

/** The first word of verbs that have two. */
export type VerbGroup = Verb extends infer V ? V extends `${infer Group} ${string}` ? Group : never : never;

/** All verbs, in the order of the table. */
export const VERBS = Object.keys(COMMAND_TABLE) as Verb[];

type CamelCase<S> = S extends `${infer Head}-${infer Tail}` ? `${Head}${Capitalize<CamelCase<Tail>>}` : S;
type Optional<F, T> = F extends { readonly required: true } ? T : T | null;
type FlagValue<F> = F extends { readonly type: "switch" } ? boolean
  : F extends { readonly type: "texts" } ? readonly string[]
  : Optional<F, F extends { readonly type: "integer" | "number" } ? number : string>;
type Flags<F> = {
  readonly [K in keyof F as F[K] extends { readonly field: infer Field extends string } ? Field : CamelCase<K>]:
    FlagValue<
      F[K]
    >;
};
type Arguments<A extends readonly ArgumentSpec[]> = {
  readonly [K in A[number] as Lowercase<K["name"]>]: Optional<K, string>;
};
type CommandOfVerb<V extends Verb> = V extends "help"
  ? { readonly verb: "help"; readonly topic: Verb | VerbGroup | null }
  :
    & { readonly verb: V }
    & Arguments<(typeof COMMAND_TABLE)[V]["arguments"]>
    & Flags<(typeof COMMAND_TABLE)[V]["flags"]>;

/** A checked command line; `verb` tells which. Flags that were left out are `null`, switches `false`. */
export type Command = { [V in Verb]: CommandOfVerb<V> }[Verb];

/** The command of one verb: `CommandOf<"eval">` is `{verb, network: string, data: string, limit: number | null, …}`. */
export type CommandOf<V extends Verb> = Extract<Command, { readonly verb: V }>;
