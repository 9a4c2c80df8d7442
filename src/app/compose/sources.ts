/** Camera sources by configuration. The one place that knows every camera driver; each is loaded when a camera needs it. */

import type { VideoInput } from "../../../devices/camera/ffmpeg_args.ts";
import type {
  CameraConfig,
  Config,
  FileSource,
  MjpegSource,
  RtspSource,
  SourceConfig,
  V4l2Source,
} from "../../config/types.ts";
import { unreachable } from "../../core/assert.ts";
import type { Network } from "../../core/network.ts";
import type { CameraSource } from "../../ports/camera_source.ts";
import type { CameraOptions } from "./options.ts";
import { brokerTerms } from "./publisher.ts";

/** Opens a camera of the configuration. @throws {CameraError} when it cannot be opened now */
export async function openCamera(
  config: Config,
  camera: CameraConfig,
  network: Network,
  options: CameraOptions,
): Promise<CameraSource> {
  const { source, id } = camera;
  const common = { id, classes: network.labels, clock: options.clock, limit: options.frameLimit };
  switch (source.kind) {
    case "replay": {
      const { openReplayCamera } = await import("../../../devices/camera/replay.ts");
      return openReplayCamera({ ...common, path: source.path, rateFps: source.rateFps, loop: source.loop });
    }
    case "synthetic": {
      const { sprites, width, height, color, rateFps, seed } = source;
      const { openSyntheticCamera } = await import("../../../devices/camera/synthetic.ts");
      return openSyntheticCamera({ ...common, sprites, width, height, color, rateFps, seed });
    }
    case "v4l2":
    case "rtsp":
    case "mjpeg":
    case "file": {
      // ffmpeg crops and scales: the pipe carries no more pixels than the network reads.
      const [channels, height, width] = network.input.shape;
      const { crop, resize } = camera;
      const output = { width, height, channels: channels === 1 ? 1 : 3, crop, resize } as const;
      const { openFfmpegCamera } = await import("../../../devices/camera/ffmpeg.ts");
      return openFfmpegCamera({ ...common, ...output, input: videoInput(source) });
    }
    case "snapshot": {
      const { openSnapshotCamera } = await import("../../../devices/camera/http_snapshot.ts");
      return openSnapshotCamera({ ...common, ...source, password: source.password?.reveal() ?? null });
    }
    case "mqtt": {
      const { topic, share, keep, raw, bytesMax } = source;
      const channels = raw?.color === "rgb" ? 3 : 1;
      const { openMqttFrames } = await import("../../../devices/camera/mqtt_frames.ts");
      return openMqttFrames({
        ...common,
        broker: { ...brokerTerms(config.mqtt!), clientId: `${config.mqtt!.clientId}-${id}` },
        topic,
        share,
        keep,
        raw: raw && { width: raw.width, height: raw.height, channels },
        bytesMax,
      });
    }
    default:
      return unreachable(source);
  }
}

/** True when the source crops its own frames. */
export function cropsItself({ kind }: SourceConfig): boolean {
  return kind === "v4l2" || kind === "rtsp" || kind === "mjpeg" || kind === "file";
}

function videoInput(source: V4l2Source | RtspSource | MjpegSource | FileSource): VideoInput {
  switch (source.kind) {
    case "v4l2": {
      const { width, height, ...rest } = source;
      return { ...rest, captureSize: width === null || height === null ? null : { width, height } };
    }
    case "rtsp":
    case "mjpeg":
      return { transport: "tcp", ...source, password: source.password?.reveal() ?? null };
    case "file":
      return source;
  }
}
