/** The host's half of an image upload: begin, chunks from the high-water mark, commit, wait until it is loaded. */

import type { Clock } from "../core/clock.ts";
import { LinkError } from "../core/errors.ts";
import type { ImageStatus } from "./messages/image_status.ts";
import type { RequestLimits, Requests } from "./requests.ts";

/** Chunks under way at a time; a slow line stays busy while the answers come. */
const CHUNKS_IN_FLIGHT = 8;
/** Rounds of chunks without a byte of progress until the upload is given up. */
const IDLE_ROUNDS_MAX = 5;
/** Pauses between asking a board that is loading: doubling, since most loads are either very short or take seconds. */
const LOAD_POLL_MS_MIN = 5;
const LOAD_POLL_MS_MAX = 200;
/** An ordinary chunk: short enough that noise on a serial line leaves most of them whole. */
export const CHUNK_BYTES = 4096;

/** What became of an upload. */
export interface UploadReport {
  /** The board had it: no byte was sent. */
  readonly cached: boolean;
  /** Bytes that an earlier upload had brought. */
  readonly resumedAtBytes: number;
  /** Bytes sent, those sent twice counted once. */
  readonly sentBytes: number;
  /** What the board says about the loaded image. */
  readonly report: string;
}

/** An image and how to send it. */
export interface UploadOptions {
  readonly bytes: Uint8Array;
  readonly sha256: string;
  readonly chunkBytes: number;
  readonly limits: RequestLimits;
  /** Longest time for loading, after all bytes are there. */
  readonly loadTimeoutMs: number;
  readonly clock: Clock;
  /** Ends the wait for loading; the next request then fails with the reason. */
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Uploads and loads an image. @throws {LinkError} the board's reason, `link.timeout`, or the end of the link */
export async function uploadImage(requests: Requests, options: UploadOptions): Promise<UploadReport> {
  const { bytes, sha256, limits, onProgress } = options;
  const totalBytes = bytes.length;
  let status = await requests.request("image_begin", { sha256, totalBytes }, "image_status", limits);
  const resumedAtBytes = status.state === "receiving" ? status.highWaterBytes : totalBytes;
  onProgress?.(resumedAtBytes, totalBytes);
  let idleRounds = 0;
  while (status.state === "receiving") {
    const before = status.highWaterBytes;
    status = await sendRound(requests, options, before);
    idleRounds = status.highWaterBytes > before ? 0 : idleRounds + 1;
    if (idleRounds > IDLE_ROUNDS_MAX) {
      throw new LinkError(
        "link.timeout",
        `Cannot upload the image as bytes must arrive: stuck at ${before} of ${totalBytes}`,
      );
    }
    onProgress?.(status.state === "receiving" ? status.highWaterBytes : totalBytes, totalBytes);
  }
  const { report } = await commit(requests, options);
  const sentBytes = totalBytes - resumedAtBytes;
  return { cached: sentBytes === 0, resumedAtBytes, sentBytes, report };
}

// ---------------------------------------------------------------------------------------------------------------------

/** Some chunks at once; the farthest status. */
async function sendRound(requests: Requests, options: UploadOptions, from: number): Promise<ImageStatus> {
  const { bytes, sha256, chunkBytes, limits } = options;
  const image = sha256.slice(0, 16);
  const sends: Promise<ImageStatus>[] = [];
  for (let offset = from; offset < bytes.length && sends.length < CHUNKS_IN_FLIGHT; offset += chunkBytes) {
    const chunk = { image, offset, bytes: bytes.subarray(offset, offset + chunkBytes) };
    sends.push(requests.request("image_chunk", chunk, "image_status", limits));
  }
  const settled = await Promise.allSettled(sends);
  const failed = settled.find((one) => one.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  const statuses = settled.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  return statuses.find(({ state }) => state !== "receiving") ??
    statuses.reduce((best, one) => (one.highWaterBytes > best.highWaterBytes ? one : best));
}

async function commit(requests: Requests, options: UploadOptions): Promise<ImageStatus> {
  const { sha256, limits, clock, signal, loadTimeoutMs } = options;
  const startUs = clock.nowUs();
  for (let pauseMs = LOAD_POLL_MS_MIN;; pauseMs = Math.min(2 * pauseMs, LOAD_POLL_MS_MAX)) {
    const status = await requests.request("image_commit", { sha256 }, "image_status", limits);
    if (status.state === "ready") return status;
    if (status.state === "receiving") {
      throw new LinkError("link.protocol", "Cannot commit the image as the board must have all of it: it lost some", {
        hint: "Upload it again",
      });
    }
    if (clock.nowUs() - startUs > loadTimeoutMs * 1000) {
      throw new LinkError(
        "link.timeout",
        `Cannot load the image as it must take at most ${loadTimeoutMs} ms: found more`,
      );
    }
    await clock.sleep(pauseMs, signal);
  }
}
