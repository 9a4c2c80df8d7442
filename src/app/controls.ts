/** What commands may do to a composed gateway: the runtime's own controls, and a change of network. */

import type { CameraConfig, CommandsConfig } from "../config/types.ts";
import { EdgeError } from "../core/errors.ts";
import type { Network } from "../core/network.ts";
import type { Backend } from "../ports/backend.ts";
import type { Controls } from "../ports/controls.ts";
import type { Publisher } from "../ports/publisher.ts";
import type { CameraPart, Runtime } from "../runtime/runtime.ts";

/** What controls work on. */
export interface ControlParts {
  readonly runtime: Runtime;
  readonly publisher: Publisher;
  readonly cameras: readonly CameraConfig[];
  readonly commands: CommandsConfig;
  /** In camera order; an entry is exchanged with its camera's network. */
  readonly backends: Backend[];
  /** Loads a network file. */
  openNetwork(path: string): Promise<Network>;
  openBackend(network: Network): Promise<Backend>;
  cameraPart(camera: CameraConfig, backend: Backend): CameraPart;
  /** Says anew what this gateway runs. */
  publishInfo(): void;
  /** Ends the program for a restart. */
  restart(): void;
}

/** The controls of a gateway. */
export function createControls(parts: ControlParts): Controls {
  const { runtime, cameras } = parts;
  // One change after the other: two at once could leave a back end that nobody disposes of.
  let last: Promise<unknown> = Promise.resolve();
  return {
    cameras: cameras.map(({ id }) => id),
    pause: (camera) => runtime.pause(camera),
    resume: (camera) => runtime.resume(camera),
    setThreshold: (camera, threshold) => runtime.setThreshold(camera, threshold),
    snapshot: (camera) => runtime.snapshot(camera),
    switchNetwork(camera, name) {
      const change = last.then(() => switchNetwork(parts, camera, name));
      last = change.catch(() => {});
      return change;
    },
    restart: parts.restart,
    reload: null,
  };
}

// ---------------------------------------------------------------------------------------------------------------------

async function switchNetwork(parts: ControlParts, id: string, name: string): Promise<{ id: string; sha256: string }> {
  const { runtime, publisher, cameras, commands, backends } = parts;
  const listed = commands.networks.find((network) => network.name === name);
  if (listed === undefined) {
    const names = commands.networks.map((network) => network.name).join(", ") || "none";
    throw new EdgeError("command.network", `No network "${name}" in commands.networks: there are ${names}`);
  }
  const index = cameras.findIndex((camera) => camera.id === id);
  const network = await parts.openNetwork(listed.path);
  const backend = await parts.openBackend(network);
  let old: Backend;
  try {
    old = await runtime.replace(id, parts.cameraPart(cameras[index], backend));
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw error;
  }
  backends[index] = backend;
  await old[Symbol.asyncDispose]();
  parts.publishInfo();
  const text = `Camera "${id}" went from network "${old.network.name}" to "${network.name}"`;
  const facts = { from_sha256: old.network.digest, to_sha256: network.digest };
  publisher.publish({ kind: "event", event: "network_switched", camera: id, text, facts });
  return { id: network.name, sha256: network.digest };
}
