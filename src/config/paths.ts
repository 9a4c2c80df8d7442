/** Relative paths of a configuration, which start at its file's folder. */

import { resolve } from "node:path";
import type { Config, SourceConfig } from "./types.ts";

/** The configuration with absolute paths. */
export function resolvePaths(config: Config, folder: string): Config {
  const cameras = config.cameras.map((camera) => ({
    ...camera,
    network: resolve(folder, camera.network),
    source: resolveSource(camera.source, folder),
    shadow: camera.shadow && { ...camera.shadow, model: resolve(folder, camera.shadow.model) },
  }));
  const backend = config.backend.kind === "loihi" && config.backend.board.endsWith(".json")
    ? { ...config.backend, board: resolve(folder, config.backend.board) }
    : config.backend;
  const spool = config.spool && { ...config.spool, path: resolve(folder, config.spool.path) };
  const history = config.history && { ...config.history, path: resolve(folder, config.history.path) };
  const networks = config.commands?.networks.map((network) => ({ ...network, path: resolve(folder, network.path) }));
  const commands = config.commands && { ...config.commands, networks: networks ?? [] };
  const power = {
    ...config.power,
    sysfs: config.power.sysfs && resolve(folder, config.power.sysfs),
    folders: config.power.folders.map((path) => resolve(folder, path)),
    stateFile: config.power.stateFile && resolve(folder, config.power.stateFile),
  };
  const sparkplug = config.sparkplug && {
    ...config.sparkplug,
    stateFile: config.sparkplug.stateFile && resolve(folder, config.sparkplug.stateFile),
  };
  return { ...config, backend, cameras, spool, history, commands, power, sparkplug };
}

function resolveSource(source: SourceConfig, folder: string): SourceConfig {
  if (source.kind === "synthetic") return { ...source, sprites: resolve(folder, source.sprites) };
  return "path" in source ? { ...source, path: resolve(folder, source.path) } : source;
}
