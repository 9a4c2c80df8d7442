/** What a configuration wants of the machine beside Deno's permissions: devices, groups, folders, addresses. Pure. */

import { isIP } from "node:net";
import { basename } from "node:path";
import { parseLinkAddress } from "../../../devices/transport/address.ts";
import type { Config } from "../../config/types.ts";
import { ConfigError } from "../../core/errors.ts";
import { endpointOf } from "../permissions.ts";

/** What a unit must allow. */
export interface UnitNeeds {
  /** Classes of devices, as `DeviceAllow=` names them. */
  readonly devices: readonly string[];
  readonly groups: readonly string[];
  /** Names below /var/lib. */
  readonly stateFolders: readonly string[];
  /** Addresses that are connected to; null where a host is named, whose address nobody knows beforehand. */
  readonly addresses: readonly string[] | null;
  /** True: it listens on a port that only root may have. */
  readonly listensLow: boolean;
}

/** @throws {ConfigError} `unit.state` when something is to be kept outside /var/lib/NAME */
export function unitNeedsOf(config: Config): UnitNeeds {
  const devices = new Set<string>();
  const groups = new Set<string>();
  if (config.cameras.some(({ source }) => source.kind === "v4l2")) {
    devices.add("char-video4linux");
    groups.add("video");
  }
  for (const path of serialPaths(config)) {
    for (const device of serialClasses(path)) devices.add(device);
    groups.add("dialout");
  }
  const { spool, history, monitor, power, sparkplug } = config;
  const kept = [
    ["spool.path", spool?.path],
    ["history.path", history?.path],
    ["power.state_file", power.enabled ? power.stateFile ?? undefined : undefined],
    ["sparkplug.state_file", sparkplug?.stateFile ?? undefined],
  ] as const;
  const stateFolders = kept.flatMap(([where, path]) => path === undefined ? [] : [stateFolder(where, path)]);
  const hosts = hostsOf(config);
  return {
    devices: [...devices],
    groups: [...groups],
    stateFolders: [...new Set(stateFolders)],
    addresses: hosts.every((host) => isIP(host) !== 0 || host === "localhost") ? [...new Set(hosts)] : null,
    listensLow: monitor !== null && portOf(monitor.listen) > 0 && portOf(monitor.listen) < 1024,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Links of the board and of power meters. */
function linksOf({ backend, power }: Config) {
  const meters = power.enabled ? power.meters : [];
  const links = meters.flatMap((meter) => meter.kind === "serial" ? [meter.link] : []);
  return [...(backend.kind === "loihi" ? [backend.link] : []), ...links].map(parseLinkAddress);
}

function serialPaths(config: Config): string[] {
  return linksOf(config).flatMap((address) => address.kind === "serial" ? [address.path] : []);
}

/** Names of drivers in /proc/devices: the class stays when the device is plugged in again under another number. */
function serialClasses(path: string): string[] {
  const kind = /^\/dev\/(tty(?:USB|ACM|AMA|THS|mxc|O|S))\d+$/.exec(path)?.[1];
  return kind === undefined ? ["char-ttyUSB", "char-ttyACM"] : [`char-${kind}`];
}

/** The first folder below /var/lib, which systemd makes and gives to the service. */
function stateFolder(where: string, path: string): string {
  const name = /^\/var\/lib\/([A-Za-z0-9][\w.-]*)\/./.exec(path)?.[1];
  if (name !== undefined && name !== "private") return name;
  const message = `Cannot write a unit as ${where} must be below /var/lib/NAME, where systemd makes a folder for the ` +
    `service: found ${JSON.stringify(path)}`;
  throw new ConfigError("unit.state", message, {
    hint: `Set ${where}: /var/lib/quartz-edge/${basename(path) || where}`,
  });
}

function hostsOf(config: Config): string[] {
  const { mqtt, cameras, monitor, power } = config;
  const hosts = linksOf(config).flatMap((address) => address.kind === "tcp" ? [address.host] : []);
  if (mqtt !== null) hosts.push(endpointOf(mqtt.url).host);
  for (const meter of power.meters) if (meter.kind === "http") hosts.push(endpointOf(meter.url).host);
  for (const { source } of cameras) if ("url" in source) hosts.push(endpointOf(source.url).host);
  // Whoever looks at the page may come from anywhere, unless it is for this machine alone.
  if (monitor !== null) {
    const host = monitor.listen.slice(0, monitor.listen.lastIndexOf(":")).replace(/^\[|\]$/g, "");
    hosts.push(["127.0.0.1", "::1", "localhost"].includes(host) ? host : "anyone");
  }
  return hosts;
}

function portOf(listen: string): number {
  return Number(listen.slice(listen.lastIndexOf(":") + 1));
}
