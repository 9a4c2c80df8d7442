/** Where a command's words go: results to standard output, everything else to standard error. */

import process from "node:process";

/** A command's two outlets, and what it may assume of them. */
export interface Console {
  /** A line of the result. */
  print(line: string): void;
  /** A line for whoever watches. */
  note(line: string): void;
  /** Raw text to whoever watches: progress bars and live pictures. */
  draw(text: string): void;
  /** True when `note` and `draw` reach a terminal that may be redrawn. */
  readonly isTerminal: boolean;
  readonly hasColor: boolean;
  /** True when `print` reaches a terminal that shows colours. */
  readonly printsColor: boolean;
}

/** The process's own outlets. Honours NO_COLOR (no-color.org) and TERM=dumb. */
export function processConsole(): Console {
  const { stdout, stderr, env } = process;
  const isTerminal = stderr.isTTY === true && env.TERM !== "dumb";
  return {
    print: (line) => void stdout.write(`${line}\n`),
    note: (line) => void stderr.write(`${line}\n`),
    draw: (text) => void stderr.write(text),
    isTerminal,
    hasColor: isTerminal && !env.NO_COLOR,
    printsColor: stdout.isTTY === true && env.TERM !== "dumb" && !env.NO_COLOR,
  };
}

/** Redraws a block of lines in place; the cursor stays below it, so that what follows is printed under the last picture. */
export class LiveBlock {
  readonly #console: Console;
  #height = 0;

  constructor(console: Console) {
    this.#console = console;
  }

  /** Draws over the block drawn before. */
  show(lines: readonly string[]): void {
    const up = this.#height === 0 ? "" : `\x1b[${this.#height}A`;
    this.#console.draw(`${up}${lines.map((line) => `\x1b[2K${line}\n`).join("")}\x1b[0J`);
    this.#height = lines.length;
  }
}

/** Shows how far a long piece of work is, at most ten times a second; silent where nobody can watch. */
export class ProgressBar {
  readonly #block: LiveBlock;
  readonly #console: Console;
  readonly #title: string;
  readonly #nowUs: () => number;
  #shownUs = -Infinity;

  constructor(console: Console, title: string, nowUs: () => number) {
    this.#console = console;
    this.#block = new LiveBlock(console);
    this.#title = title;
    this.#nowUs = nowUs;
  }

  /** `done` of `total` are done. */
  update(done: number, total: number): void {
    const nowUs = this.#nowUs();
    if (!this.#console.isTerminal || (done < total && nowUs - this.#shownUs < 100_000)) return;
    this.#shownUs = nowUs;
    const filled = Math.round(30 * done / total);
    this.#block.show([`${this.#title} ${"█".repeat(filled)}${"·".repeat(30 - filled)} ${done} / ${total}`]);
  }
}
