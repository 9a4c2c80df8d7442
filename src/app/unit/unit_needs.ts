/** What a configuration wants of the machine beside Deno's permissions: devices, groups, folders, addresses. Pure. */

import { isIP } from "node:net";
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
  const { spool, history, monitor } = config;
  const kept = [["spool.path", spool?.path], ["history.path", history?.path]] as const;
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

function serialPaths({ backend }: Config): string[] {
  if (backend.kind !== "loihi") return [];
  const address = parseLinkAddress(backend.link);
  return address.kind === "serial" ? [address.path] : [];
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
  throw new ConfigError("unit.state", message, { hint: `Set ${where}: /var/lib/quartz-edge/${where.split(".")[0]}` });
}

function hostsOf({ mqtt, backend, cameras, monitor }: Config): string[] {
  const hosts: string[] = [];
  if (mqtt !== null) hosts.push(endpointOf(mqtt.url).host);
  if (backend.kind === "loihi") {
    const address = parseLinkAddress(backend.link);
    if (address.kind === "tcp") hosts.push(address.host);
  }
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
