/** A camera image on its way through the runtime. Types only. */

/** One camera image. Its pixels are lent: they are valid until the next frame is asked for. */
export interface Frame {
  /** Counts up from 0 for each camera and run. */
  readonly id: number;
  /** Monotonic clock, µs, when the driver had the whole image. */
  readonly capturedAtUs: number;
  /** Wall clock, ms since 1970 UTC, at the same moment. */
  readonly capturedAtWallMs: number;
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 RGB. */
  readonly channels: 1 | 3;
  /** `[height, width, channels]`, 0 to 255. */
  readonly pixels: Uint8Array;
  /** Class index that the source knows to be true (clips with labels, synthetic scenes); −1 when it does not. */
  readonly truth: number;
  /** How long the driver took to make pixels of a picture's bytes, µs; absent where it does not, or does not know. */
  readonly decodeUs?: number;
}
