/** A pair of pseudo terminals joined by socat: a serial line without hardware. */

import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Whether socat is installed (Debian package socat). */
export const socatAvailable = spawnSync("socat", ["-V"]).status === 0;

/** Two paths that are the ends of one line. */
export interface PtyPair extends AsyncDisposable {
  readonly a: string;
  readonly b: string;
  /** Both ends hang up, as when a USB plug is pulled. */
  unplug(): Promise<void>;
}

/** Makes a line. */
export async function openPtyPair(): Promise<PtyPair> {
  const folder = mkdtempSync(join(tmpdir(), "quartz-pty-"));
  const [a, b] = [join(folder, "a"), join(folder, "b")];
  const child = spawn("socat", [`pty,raw,echo=0,link=${a}`, `pty,raw,echo=0,link=${b}`], { stdio: "ignore" });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  for (let tries = 0; !(existsSync(a) && existsSync(b)); tries++) {
    if (tries > 1000) throw new Error("socat made no terminals within 5 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const unplug = async () => {
    child.kill("SIGKILL");
    await gone;
  };
  return {
    a,
    b,
    unplug,
    async [Symbol.asyncDispose]() {
      await unplug();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
