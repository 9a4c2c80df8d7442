/**
 * The least that a configuration needs to be allowed under Deno, by feature: what `doctor` checks, what `install-unit` grants,
 * and what the table in the README lists. Deno shows /dev, /proc and /sys to no process that has less than everything; V4L2
 * cameras are opened by ffmpeg, serial lines through libc, so neither needs it.
 */

import { realpathSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseLinkAddress } from "../../devices/transport/address.ts";
import type { LoadedConfig } from "../config/load.ts";
import type { BoardConfig, CameraConfig, PowerConfig, SourceConfig } from "../config/types.ts";
import type { Permission } from "../core/platform.ts";

/** Something that is needed, and by what. */
export interface Need extends Permission {
  /** `broker`, `camera door`, `spool`. */
  readonly feature: string;
}

/** The program's own folder. */
export const PROGRAM_FOLDER = fileURLToPath(new URL("../../", import.meta.url));

/** Where packages are read from: by one name or the other, should a link stand in the folder's place. */
function packagesFolders(): string[] {
  const folder = `${PROGRAM_FOLDER}node_modules`;
  try {
    return [...new Set([folder, realpathSync(folder)])];
  } catch {
    return [folder]; // not installed, or not to be seen
  }
}

/** Ports where a URL names none. */
const PORTS: Readonly<Record<string, number>> = {
  "mqtt:": 1883,
  "mqtts:": 8883,
  "ws:": 80,
  "wss:": 443,
  "http:": 80,
  "https:": 443,
  "rtsp:": 554,
  "rtsps:": 322,
};

/** Host and port of a URL that the configuration found good. */
export function endpointOf(text: string): { readonly host: string; readonly port: number } {
  const url = new URL(text);
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || PORTS[url.protocol]) };
}

/** Every need of `run` with this configuration; paths are absolute. */
export function needsOf({ config, path, files }: Pick<LoadedConfig, "config" | "path" | "files">): Need[] {
  const needs: Need[] = [
    // Threads are started from its source, and packages look at variables of their own.
    { feature: "program", kind: "read", target: `${PROGRAM_FOLDER}src` },
    { feature: "program", kind: "env" },
    { feature: "configuration", kind: "read", target: path },
    ...files.map((target): Need => ({ feature: "configuration", kind: "read", target })),
  ];
  const { mqtt, backend, spool, history, monitor, power, sparkplug, commands, cameras } = config;
  if (mqtt !== null) needs.push({ feature: "broker", kind: "net", target: hostAndPort(mqtt.url) });
  if (spool !== null) {
    needs.push({ feature: "spool", kind: "read", target: spool.path });
    needs.push({ feature: "spool", kind: "write", target: spool.path });
  }
  if (history !== null) {
    // SQLite keeps files beside its own, and the folder is made with it.
    const target = dirname(history.path);
    needs.push({ feature: "history", kind: "read", target }, { feature: "history", kind: "write", target });
  }
  if (monitor !== null) {
    needs.push({ feature: "monitor", kind: "net", target: monitor.listen });
    const packages = monitor.page ? packagesFolders() : [];
    needs.push(...packages.map((target): Need => ({ feature: "monitor", kind: "read", target })));
  }
  if (power.enabled) needs.push(...powerNeeds(power));
  if (sparkplug !== null) needs.push(...stateNeeds("sparkplug", sparkplug.stateFile));
  if (backend.kind === "loihi") needs.push(...boardNeeds(backend));
  for (const camera of cameras) {
    const feature = `camera ${camera.id}`;
    needs.push(...cameraNeeds(camera).map((need) => ({ feature, ...need })));
  }
  for (const { path } of commands?.networks ?? []) needs.push({ feature: "commands", kind: "read", target: path });
  return needs;
}

/** Needs as flags of `deno run`, each kind once. */
export function denoFlags(needs: readonly Permission[]): string[] {
  const kinds = [...new Set(needs.map(({ kind }) => kind))];
  return kinds.map((kind) => {
    const own = needs.filter((need) => need.kind === kind);
    if (own.some(({ target }) => target === undefined)) return `--allow-${kind}`;
    const targets = [...new Set(own.map(({ target }) => target!))];
    const within = (path: string) => targets.some((folder) => folder !== path && path.startsWith(`${folder}/`));
    const least = kind === "read" || kind === "write" ? targets.filter((path) => !within(path)) : targets;
    return `--allow-${kind}=${least.map(escapeComma).join(",")}`;
  });
}

// ---------------------------------------------------------------------------------------------------------------------

function hostAndPort(url: string): string {
  const { host, port } = endpointOf(url);
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Without what stands under /sys, which no flag but -A shows: sensors are mounted into `folders`. */
function powerNeeds({ folders, meters, stateFile }: PowerConfig): Need[] {
  const feature = "power";
  const needs: Need[] = folders.map((target) => ({ feature, kind: "read", target }));
  needs.push(...stateNeeds(feature, stateFile));
  for (const meter of meters) {
    const own = meter.kind === "http" ? { kind: "net" as const, target: hostAndPort(meter.url) } : linkNeed(meter.link);
    needs.push({ feature, ...own });
  }
  return needs;
}

/** A small file that is replaced by another one, in its folder, and not written in place. */
function stateNeeds(feature: string, file: string | null): Need[] {
  if (file === null) return [];
  const target = dirname(file);
  return [{ feature, kind: "read", target }, { feature, kind: "write", target }];
}

/** What opens a link. */
function linkNeed(link: string): Permission {
  const address = parseLinkAddress(link);
  // Foreign calls into libc: in effect everything that the user may do, and Deno cannot narrow it by file here.
  if (address.kind === "serial") return { kind: "ffi" };
  if (address.kind === "replay") return { kind: "read", target: address.path };
  const { host, port } = address;
  return { kind: "net", target: `${host.includes(":") ? `[${host}]` : host}:${port}` };
}

function boardNeeds({ link, board }: BoardConfig): Need[] {
  const feature = "board";
  const target = board.endsWith(".json") ? board : `${PROGRAM_FOLDER}firmware-config`;
  return [{ feature, kind: "read", target }, { feature, ...linkNeed(link) }];
}

function cameraNeeds({ network, source, shadow }: CameraConfig): Permission[] {
  const needs: Permission[] = [{ kind: "read", target: network }, ...sourceNeeds(source)];
  if (shadow !== null) {
    // onnxruntime reads its WebAssembly from its package.
    const paths = [shadow.model, ...packagesFolders()];
    needs.push(...paths.map((target): Permission => ({ kind: "read", target })));
  }
  return needs;
}

function sourceNeeds(source: SourceConfig): Permission[] {
  switch (source.kind) {
    case "replay":
      return [{ kind: "read", target: source.path }];
    case "synthetic":
      return [{ kind: "read", target: source.sprites }];
    case "snapshot":
      return [{ kind: "net", target: hostAndPort(source.url) }];
    case "mqtt":
      return []; // the broker's
    default:
      // ffmpeg opens the camera, the file or the connection itself.
      return [{ kind: "run", target: "ffmpeg" }];
  }
}

/** Deno doubles a comma that belongs to a path. */
function escapeComma(target: string): string {
  return target.replaceAll(",", ",,");
}
