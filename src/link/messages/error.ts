/** ERROR, reply to any request, or unasked: what went wrong, for programs and for people. */

import { choice, type Codec, flags, struct, text, u32 } from "../codec.ts";

/** What went wrong. */
export type BoardErrorCode =
  | "version"
  | "session"
  | "malformed"
  | "unsupported"
  | "no_image"
  | "image_size"
  | "image_hash"
  | "image_refused"
  | "frame_busy"
  | "frame_refused"
  | "frame_failed"
  | "chip_stuck"
  | "out_of_step"
  | "reset_failed"
  | "internal";

/** What it touches: the connection, the image, one frame, or the chips. */
export type ErrorScope = "link" | "image" | "frame" | "chip";

/** One trouble. */
export interface BoardError {
  readonly code: BoardErrorCode;
  readonly severity: "warning" | "error" | "fatal";
  readonly scope: ErrorScope;
  readonly marks: {
    /** The same request may succeed a little later. */
    readonly retryable: boolean;
  };
  /** Number of the FRAME that it is about, 0xFFFFFFFF for none. */
  readonly frame: number;
  /** Wanted, found, and what to do. */
  readonly text: string;
}

/** Longest text. */
export const ERROR_TEXT_BYTES_MAX = 1024;
/** `BoardError.frame` when it is about none. */
export const NO_FRAME = 0xffffffff;

export const error: Codec<BoardError> = struct<BoardError>({
  code: choice<BoardErrorCode>({
    version: 1,
    session: 2,
    malformed: 3,
    unsupported: 4,
    no_image: 16,
    image_size: 17,
    image_hash: 18,
    image_refused: 19,
    frame_busy: 32,
    frame_refused: 33,
    frame_failed: 34,
    chip_stuck: 48,
    out_of_step: 49,
    reset_failed: 50,
    internal: 255,
  }),
  severity: choice({ warning: 0, error: 1, fatal: 2 }),
  scope: choice({ link: 0, image: 1, frame: 2, chip: 3 }),
  marks: flags(1, { retryable: 0 }),
  frame: u32,
  text: text(ERROR_TEXT_BYTES_MAX),
});
