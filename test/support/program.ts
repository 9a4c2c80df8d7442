/** The program as its users start it: through the tasks of deno.json, with their permissions. */

import { fileURLToPath } from "node:url";
import config from "../../deno.json" with { type: "json" };

/** The project's folder. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** What a finished program left. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `deno task TASK …` to its end. */
export async function runTask(
  task: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Finished> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", task, ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A program that runs until it is told to stop; its lines are kept. */
export interface Running extends AsyncDisposable {
  readonly pid: number;
  readonly lines: string[];
  /** Resolves with the first line that matches, past or future; rejects when the program ends without one. */
  line(pattern: RegExp): Promise<string>;
  /** The exit code, once it has ended by itself. */
  readonly ended: Promise<number>;
  /** Sends a signal that does not end it. */
  signal(signal: Deno.Signal): void;
  /** Sends a signal and waits for the end. */
  stop(signal: Deno.Signal): Promise<{ code: number; tookMs: number }>;
}

/** Flags of `deno task quartz`. */
export const TASK_FLAGS = flagsOf(config.tasks.quartz.command);

function flagsOf(command: string): string[] {
  return command.slice(0, command.indexOf(" src/main.ts")).split(" ").filter((word) => /^--(?!quiet)/.test(word));
}

/** Starts `src/main.ts` without a task runner between, so that signals reach it; with the task's permissions by default. */
export function startProgram(
  args: readonly string[],
  env: Record<string, string> = {},
  flags: readonly string[] = TASK_FLAGS,
): Running {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...flags, "src/main.ts", ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let hasEnded = false;
  const reading = (async () => {
    let rest = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      const parts = (rest + text).split("\n");
      rest = parts.pop()!;
      lines.push(...parts);
      for (const check of waiting) check();
    }
    hasEnded = true;
    for (const check of waiting) check();
  })();
  return {
    pid: child.pid,
    lines,
    line(pattern) {
      return new Promise((resolve, reject) => {
        const check = () => {
          const found = lines.find((line) => pattern.test(line));
          if (found === undefined && !hasEnded) return;
          waiting.delete(check);
          if (found !== undefined) resolve(found);
          else reject(new Error(`the program ended without a line like ${pattern}:\n${lines.join("\n")}`));
        };
        waiting.add(check);
        check();
      });
    },
    ended: child.status.then(({ code }) => code),
    signal: (signal) => child.kill(signal),
    async stop(signal) {
      const start = performance.now();
      child.kill(signal);
      const { code } = await child.status;
      await reading;
      return { code, tookMs: performance.now() - start };
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGKILL");
      } catch {
        // It had ended.
      }
      await child.status;
      await reading;
    },
  };
}
