/** What each camera holds open, a back end and perhaps its source network, and the runtime's part made from it. */

import type { CameraConfig, Config } from "../../config/types.ts";
import type { ShadowAnn } from "../../convert/shadow.ts";
import type { Network } from "../../core/network.ts";
import { openNetwork } from "../../model/load.ts";
import type { Backend } from "../../ports/backend.ts";
import { createPreprocessor } from "../../preprocess/pipeline.ts";
import type { CameraPart } from "../../runtime/runtime.ts";
import type { BackendFactory } from "./backends.ts";
import type { CameraOptions } from "./options.ts";
import { cropsItself, openCamera } from "./sources.ts";

/** One camera's resources. Disposing them is for when no frame uses them any more. */
export interface Equipment extends AsyncDisposable {
  readonly camera: CameraConfig;
  readonly backend: Backend;
  /** Digest of the network that the configuration named; a command may have given the camera another. */
  readonly configuredSha256: string;
  /** Null where the configuration wants none. */
  readonly shadow: ShadowAnn | null;
}

/** Every network once, however many cameras use it. @throws {ModelError} when one cannot be loaded */
export async function openNetworks(cameras: readonly CameraConfig[]): Promise<Map<string, Network>> {
  const networks = new Map<string, Network>();
  for (const { network } of cameras) {
    if (!networks.has(network)) networks.set(network, await openNetwork(network));
  }
  return networks;
}

/** Opens what a camera needs; nothing stays open when that fails. */
export async function equip(camera: CameraConfig, network: Network, factory: BackendFactory): Promise<Equipment> {
  const backend = await factory.open(network);
  try {
    const shadow = camera.shadow && await openShadow(camera.shadow.model, network);
    return {
      camera,
      backend,
      configuredSha256: network.digest,
      shadow,
      async [Symbol.asyncDispose]() {
        await shadow?.[Symbol.asyncDispose]();
        await backend[Symbol.asyncDispose]();
      },
    };
  } catch (error) {
    await backend[Symbol.asyncDispose]();
    throw error;
  }
}

/** The part of a runtime that is this camera. */
export function cameraPart({ camera, backend, shadow }: Equipment, config: Config, options: CameraOptions): CameraPart {
  const { crop, resize, invert, maxAgeMs, decision } = camera;
  return {
    id: camera.id,
    open: () => openCamera(config, camera, backend.network, options),
    backend,
    preprocessor: createPreprocessor(backend.network.input, {
      crop: cropsItself(camera.source) ? null : crop,
      resize,
      invert,
    }),
    maxAgeMs,
    report: { ...config.publish, decision },
    shadow: camera.shadow === null || shadow === null
      ? undefined
      : { every: camera.shadow.every, classify: (bytes) => shadow.classify(bytes) },
  };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Imported only where it is asked for: onnxruntime is by far the largest package. */
async function openShadow(model: string, network: Network): Promise<ShadowAnn> {
  return await (await import("../../convert/shadow.ts")).openShadowAnn(model, network);
}
