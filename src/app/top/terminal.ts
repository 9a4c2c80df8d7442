/** A whole terminal for one picture: other screen, no cursor, keys as they are pressed; and all of it given back. */

import process from "node:process";
import type { Console } from "../console.ts";

/** A terminal that is ours until it is disposed. */
export interface Terminal extends Disposable {
  readonly columns: number;
  readonly rows: number;
  /** Draws over what was drawn before. */
  draw(lines: readonly string[]): void;
}

/** What the keys mean. */
export interface TerminalKeys {
  onQuit(): void;
  /** −1: up, 1: down. */
  onMove(by: -1 | 1): void;
  onResize(): void;
}

/** Takes the terminal over. */
export function openTerminal(console: Console, keys: TerminalKeys): Terminal {
  const { stdin, stderr } = process;
  const isRaw = stdin.isTTY === true;
  const onKey = (chunk: Uint8Array | string) => {
    const text = chunk.toString();
    if (text.startsWith("\x1b[A") || text === "k") keys.onMove(-1);
    else if (text.startsWith("\x1b[B") || text === "j" || text === "\t") keys.onMove(1);
    // In raw mode Ctrl-C is a character like any other.
    // deno-lint-ignore no-control-regex
    else if (/[qQ\x03\x04]/.test(text)) keys.onQuit();
  };
  if (isRaw) {
    stdin.setRawMode(true);
    stdin.on("data", onKey);
    stdin.resume();
  }
  process.on("SIGWINCH", keys.onResize);
  console.draw("\x1b[?1049h\x1b[?25l");
  return {
    get columns() {
      return stderr.columns || 80;
    },
    get rows() {
      return stderr.rows || 24;
    },
    draw(lines) {
      console.draw(`\x1b[H${lines.map((line) => `${line}\x1b[K`).join("\r\n")}\x1b[J`);
    },
    [Symbol.dispose]() {
      process.removeListener("SIGWINCH", keys.onResize);
      if (isRaw) {
        stdin.off("data", onKey);
        stdin.setRawMode(false);
        stdin.pause();
      }
      console.draw("\x1b[?25h\x1b[?1049l");
    },
  };
}
