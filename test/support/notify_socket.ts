/** A service manager's end of sd_notify: a unix socket that takes datagrams, by Python, which `node:` APIs cannot. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What came, line by line. */
export interface NotifySocket extends AsyncDisposable {
  readonly path: string;
  readonly folder: string;
  readonly lines: string[];
  /** Resolves when `condition` holds, asked after each line; rejects after `withinMs` with what came. */
  until(condition: (lines: readonly string[]) => boolean, withinMs?: number): Promise<void>;
}

/** Whether Python is installed (Debian package python3). */
export const pythonAvailable = spawnSync("python3", ["--version"]).status === 0;

/** Prints what comes; descriptors that come along are closed, which is what systemd-notify waits for (BARRIER=1). */
const RECEIVER = `
import os, socket, struct, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind(sys.argv[1])
while True:
    text, ancillary, _, _ = receiver.recvmsg(65536, 256)
    for _, _, data in ancillary:
        for (descriptor,) in struct.iter_unpack("i", data):
            os.close(descriptor)
    sys.stdout.write(text.decode().rstrip("\\n") + "\\n")
    sys.stdout.flush()
`;

/** Opens one. */
export async function openNotifySocket(): Promise<NotifySocket> {
  const folder = mkdtempSync(join(tmpdir(), "quartz-notify-"));
  const path = join(folder, "systemd.sock");
  const child: ChildProcess = spawn("python3", ["-c", RECEIVER, path], { stdio: ["ignore", "pipe", "ignore"] });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    lines.push(...text.split("\n").filter((line) => line !== "" && line !== "BARRIER=1"));
    for (const check of waiting) check();
  });
  for (let tries = 0; !existsSync(path); tries++) {
    if (tries > 2000) throw new Error("python3 opened no socket within 10 s");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return {
    path,
    folder,
    lines,
    until(condition, withinMs = 15_000) {
      return new Promise((resolve, reject) => {
        const end = (finish: () => void) => {
          clearTimeout(timer);
          waiting.delete(check);
          finish();
        };
        const check = () => condition(lines) && end(resolve);
        const timer = setTimeout(
          () => end(() => reject(new Error(`not told within ${withinMs} ms:\n${lines.join("\n")}`))),
          withinMs,
        );
        waiting.add(check);
        check();
      });
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
