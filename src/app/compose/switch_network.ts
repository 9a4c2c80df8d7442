/** Another network for one camera, by command. */

import type { CameraConfig } from "../../config/types.ts";
import { EdgeError } from "../../core/errors.ts";
import { openNetwork } from "../../model/load.ts";
import { cameraPart, equip } from "./cameras.ts";
import type { GatewayState } from "./gateway.ts";

/** Gives a camera the network that `commands.networks` has by that name; the old one serves until that is done. */
export async function switchNetwork(
  gateway: GatewayState,
  id: string,
  name: string,
): Promise<{ readonly id: string; readonly sha256: string }> {
  const { config, equipment, factory, runtime, publisher, options } = gateway;
  const networks = config.commands?.networks ?? [];
  const listed = networks.find((network) => network.name === name);
  if (listed === undefined) {
    const names = networks.map((network) => network.name).join(", ") || "none";
    throw new EdgeError("command.network", `No network "${name}" in commands.networks: there are ${names}`);
  }
  const network = await openNetwork(listed.path);
  const old = equipment.get(id);
  if (old === undefined) throw new EdgeError("command.camera", `No camera "${id}"`);
  // The source network belongs to the network that was converted from it, and not to another.
  const camera: CameraConfig = { ...old.camera, shadow: null };
  const equipped = { ...await equip(camera, network, factory), configuredSha256: old.configuredSha256 };
  try {
    await runtime.replace(id, cameraPart(equipped, config, options));
  } catch (error) {
    await equipped[Symbol.asyncDispose]();
    throw error;
  }
  equipment.set(id, equipped);
  await old[Symbol.asyncDispose]();
  gateway.publishInfo();
  const before = old.backend.network;
  const text = `Camera "${id}" went from network "${before.name}" to "${network.name}"`;
  const facts = { from_sha256: before.digest, to_sha256: network.digest };
  publisher.publish({ kind: "event", event: "network_switched", camera: id, text, facts });
  return { id: network.name, sha256: network.digest };
}
