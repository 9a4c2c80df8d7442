/** ERROR messages as errors and the other way round. */

import { EdgeError, LinkError } from "../core/errors.ts";
import {
  type BoardError,
  type BoardErrorCode,
  ERROR_TEXT_BYTES_MAX,
  type ErrorScope,
  NO_FRAME,
} from "./messages/error.ts";

/** Scope of each code, and whether the same request may succeed a little later. */
const FACTS: Readonly<Record<BoardErrorCode, { readonly scope: ErrorScope; readonly retryable?: boolean }>> = {
  version: { scope: "link" },
  session: { scope: "link" },
  malformed: { scope: "link" },
  unsupported: { scope: "link" },
  no_image: { scope: "image" },
  image_size: { scope: "image" },
  image_hash: { scope: "image" },
  image_refused: { scope: "image" },
  frame_busy: { scope: "frame", retryable: true },
  frame_refused: { scope: "frame" },
  frame_failed: { scope: "frame" },
  chip_stuck: { scope: "chip" },
  out_of_step: { scope: "chip" },
  reset_failed: { scope: "chip" },
  internal: { scope: "link" },
};

/** An error for a handler of a board to throw: the host gets its code and text, and throws the same. */
export function boardError(code: BoardErrorCode, text: string): LinkError {
  return new LinkError(`link.${code}`, text, { facts: { boardError: code } });
}

/** What a handler threw, as the message to send. */
export function toBoardError(error: unknown, fallback: BoardErrorCode, frame: number = NO_FRAME): BoardError {
  const named = error instanceof LinkError ? error.facts.boardError : undefined;
  const code = typeof named === "string" && Object.hasOwn(FACTS, named) ? named as BoardErrorCode : fallback;
  const { scope, retryable = false } = FACTS[code];
  const text = cut(error instanceof Error ? error.message : String(error));
  const severity = scope === "chip" || code === "internal" ? "fatal" : "error";
  return { code, severity, scope, marks: { retryable }, frame, text };
}

/** A message that came, as the error to throw. */
export function fromBoardError(error: BoardError): LinkError {
  const { code, severity, scope, marks, frame, text } = error;
  const facts = {
    boardError: code,
    severity,
    scope,
    retryable: marks.retryable,
    ...(frame === NO_FRAME ? {} : { frame }),
  };
  return new LinkError(`link.${code}`, `The board says: ${text}`, { facts });
}

/** The name of an error, for one that was thrown elsewhere. */
export function reasonOf(error: unknown): string {
  return error instanceof EdgeError ? error.code : "internal";
}

/** As much of a text as a message holds, with a sign that there was more. */
function cut(text: string): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= ERROR_TEXT_BYTES_MAX) return text;
  return `${new TextDecoder().decode(bytes.subarray(0, ERROR_TEXT_BYTES_MAX - 8)).replace(/\uFFFD+$/, "")} …`;
}
