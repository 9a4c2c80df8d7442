/** A hardened systemd unit that allows what a configuration needs, and nothing else. */

import { join } from "node:path";
import type { LoadedConfig } from "../../config/load.ts";
import { credentialName } from "../../config/credentials.ts";
import { denoFlags, type Need, needsOf, PROGRAM_FOLDER } from "../permissions.ts";
import { OWN_SOCKET } from "../service/notifier.ts";
import { bindPath, commandWord, credential } from "./escape.ts";
import { type UnitNeeds, unitNeedsOf } from "./unit_needs.ts";

/** Where a unit is written for. */
export interface UnitOptions {
  /** The runtime, and its program. */
  readonly runtime: { readonly name: "deno" | "node"; readonly path: string };
  /** Lines that show sensors to the service, `BindReadOnlyPaths=…`. */
  readonly sensorLines?: readonly string[];
}

/** A unit, and what has to be done beside it. */
export interface Unit {
  readonly name: string;
  readonly text: string;
  /** Shell lines that its runtime and its secrets need. */
  readonly preparations: readonly string[];
}

/** Name of the unit, its folders under /run and /var/cache. */
export const SERVICE = "quartz-edge";
/** Where the manager's own socket is. */
const SYSTEMD_SOCKET = "/run/systemd/notify";
/** Where values of `${env:NAME}` are taken from. */
const VALUES_FOLDER = "/etc/quartz-edge/credentials";
const WATCHDOG_S = 30;
/** Folders that a hardened service does not see, unless they are shown to it. */
const HIDDEN = /^\/(home|root|run\/user|tmp|var\/tmp)\//;
const HOMES = /^\/(home|root|run\/user)\//;

/** @throws {ConfigError} `unit.state`, `unit.text` */
export function unitFor(loaded: LoadedConfig, { runtime, sensorLines = [] }: UnitOptions): Unit {
  const { config, path, files, variables } = loaded;
  const needs = unitNeedsOf(config);
  const name = `${SERVICE}.service`;
  const secrets = [
    ...files.map((file) => credential(credentialName(file), file)),
    ...variables.map((variable) => credential(variable, join(VALUES_FOLDER, variable))),
  ];
  const videos = config.cameras.flatMap(({ source }) => source.kind === "file" ? [source.path] : []);
  const seen = [PROGRAM_FOLDER, runtime.path, path, ...readPaths(needsOf({ ...loaded, files: [] })), ...videos];
  const shown = [...new Set(seen.map((one) => one.replace(/\/$/, "")))].filter((one) => HIDDEN.test(one));
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ["Unit", [
      `Description=Quartz edge gateway ${config.gateway.id}`,
      "Wants=network-online.target",
      "After=network-online.target time-sync.target",
      "# Never gives up: it waits for brokers and cameras by itself.",
      "StartLimitIntervalSec=0",
    ]],
    ["Service", [
      "Type=notify",
      // The program systemd-notify is another process than the main one.
      `NotifyAccess=${runtime.name === "deno" ? "main" : "all"}`,
      "# Fed only while work advances: a frame may take half of this.",
      `WatchdogSec=${WATCHDOG_S}`,
      "TimeoutStartSec=120",
      "TimeoutStopSec=20",
      `ExecStart=${commandLine(loaded, runtime, name).map(commandWord).join(" ")}`,
      "# Reads the configuration again; what needs a restart it refuses by name.",
      "ExecReload=/bin/kill -HUP $MAINPID",
      "KillMode=mixed",
      "Restart=on-failure",
      "RestartSec=5",
      "# 2: the command line is wrong, 78: the configuration is.",
      "RestartPreventExitStatus=2 78",
      "Environment=NO_COLOR=1 DENO_NO_UPDATE_CHECK=1 DENO_DIR=/var/cache/quartz-edge",
      `RuntimeDirectory=${SERVICE}`,
      `CacheDirectory=${SERVICE}`,
      "# The first one keeps the last good copy of the configuration.",
      ...[...new Set([SERVICE, ...needs.stateFolders])].map((folder) => `StateDirectory=${folder}`),
      "StateDirectoryMode=0700",
      ...secrets.map((secret) => `LoadCredential=${secret}`),
      "",
      "# Whom it runs as, and what it sees",
      "DynamicUser=yes",
      ...(needs.groups.length > 0 ? [`SupplementaryGroups=${needs.groups.join(" ")}`] : ["PrivateUsers=yes"]),
      ...deviceLines(needs),
      "ProtectSystem=strict",
      `ProtectHome=${shown.some((one) => HOMES.test(one)) ? "tmpfs" : "yes"}`,
      "PrivateTmp=yes",
      ...shown.map((one) => `BindReadOnlyPaths=${bindPath(one)}`),
      ...sensorLines,
      ...addressLines(needs),
      "",
      "# What it may ask of the kernel. No MemoryDenyWriteExecute: V8 and WebAssembly compile while they run.",
      ...capabilityLines(needs),
      ...KERNEL,
    ]],
    ["Install", ["WantedBy=multi-user.target"]],
  ];
  const head = [
    `# Made by \`quartz install-unit\` from ${commandWord(path)}; make it again after changing`,
    "# cameras, broker, board, spool or secrets there.",
  ];
  const text = [...head, ...sections.flatMap(([title, lines]) => ["", `[${title}]`, ...lines]), ""].join("\n");
  const cached = runtime.path.includes("/_npx/") ? [ownRuntime(runtime)] : [];
  return { name, text, preparations: [...cached, ...variables.map(preparation)] };
}

// ---------------------------------------------------------------------------------------------------------------------

/** For the last good copy of the configuration. */
const STATE_FOLDER = `/var/lib/${SERVICE}`;

const KERNEL = [
  "NoNewPrivileges=yes",
  "LockPersonality=yes",
  "ProtectClock=yes",
  "ProtectControlGroups=yes",
  "ProtectHostname=yes",
  "ProtectKernelLogs=yes",
  "ProtectKernelModules=yes",
  "ProtectKernelTunables=yes",
  "ProtectProc=invisible",
  "RemoveIPC=yes",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "SystemCallArchitectures=native",
  "SystemCallErrorNumber=EPERM",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged",
  "KeyringMode=private",
  "UMask=0077",
];

/** A service starts once and stays: no cache of code, a small young generation. Together some 30 MB of memory less. */
export const LEAN_FLAGS = ["--node-modules-dir=manual", "--no-code-cache", "--v8-flags=--max-semi-space-size=1"];

function commandLine(loaded: LoadedConfig, runtime: UnitOptions["runtime"], name: string): string[] {
  const run = [join(PROGRAM_FOLDER, "src/main.ts"), "run", "--config", loaded.path, "--state", STATE_FOLDER];
  if (runtime.name === "node") return [runtime.path, ...run];
  // Secrets are read from copies: the files themselves stay root's.
  const hasSecrets = loaded.files.length + loaded.variables.length > 0;
  const socket = `/run/${SERVICE}/${OWN_SOCKET}`;
  const needs: Need[] = [
    ...needsOf({ ...loaded, files: [] }),
    ...(hasSecrets ? [{ feature: "secrets", kind: "read", target: `/run/credentials/${name}` } as const] : []),
    ...(["read", "write"] as const).flatMap((kind) =>
      [`/run/${SERVICE}`, SYSTEMD_SOCKET, STATE_FOLDER].map((target) => ({ feature: "service", kind, target }))
    ),
    ...[socket, SYSTEMD_SOCKET].map((path) => ({ feature: "service", kind: "net", target: `unix:${path}` } as const)),
  ];
  const fixed = ["--no-prompt", "--cached-only", "--frozen", "--unstable-net"];
  return [runtime.path, "run", ...fixed, ...LEAN_FLAGS, ...denoFlags(needs), ...run];
}

function readPaths(needs: readonly Need[]): string[] {
  return needs.flatMap(({ kind, target, feature }) => {
    const isMade = ["spool", "history", "power", "sparkplug"].includes(feature); // by systemd, not by who installs it
    return kind === "read" && target !== undefined && !isMade ? [target] : [];
  });
}

function deviceLines({ devices }: UnitNeeds): string[] {
  if (devices.length === 0) return ["PrivateDevices=yes"];
  return ["DevicePolicy=closed", ...devices.map((device) => `DeviceAllow=${device} rw`)];
}

function addressLines({ addresses }: UnitNeeds): string[] {
  const families = "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX";
  if (addresses === null) {
    return [families, "# Hosts are named, not numbered: Deno holds the program to them, by --allow-net."];
  }
  const plain = addresses.map((address) => address === "localhost" ? "127.0.0.1 ::1" : address);
  return [families, "IPAddressDeny=any", ...(plain.length > 0 ? [`IPAddressAllow=${plain.join(" ")}`] : [])];
}

function capabilityLines({ listensLow }: UnitNeeds): string[] {
  if (!listensLow) return ["CapabilityBoundingSet=", "AmbientCapabilities="];
  return ["CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE"];
}

/** npm may empty the folder that npx keeps programs in. */
function ownRuntime({ name, path }: UnitOptions["runtime"]): string {
  return `sudo install -m 0755 '${path}' /usr/local/bin/${name}   # then make the unit with /usr/local/bin/${name}`;
}

function preparation(variable: string): string {
  return `sudo install -D -m 0600 /dev/stdin ${VALUES_FOLDER}/${variable}   # then type the value and Ctrl-D`;
}
