/**
 * Words to the service manager (sd_notify(3)): a datagram to the socket that NOTIFY_SOCKET names, sent natively where Deno may
 * (`--unstable-net`), else by the program `systemd-notify`, whose words count only with `NotifyAccess=all`.
 */

import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { type DatagramSender, openDatagramSender } from "../../core/platform.ts";

/** Environment variables, as far as they are asked for here. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Tells the service manager. */
export interface Notifier extends AsyncDisposable {
  /** How words get out. */
  readonly way: "datagram" | "systemd-notify";
  /** Sends assignments such as `READY=1`, one a line. Resolves with what went wrong, or null; never rejects. */
  send(lines: readonly string[]): Promise<string | null>;
}

/** The socket's name beside ours, in the service's own folder under /run, where there is one. */
export const OWN_SOCKET = "notify.sock";
const PROGRAM = "systemd-notify";
const PROGRAM_MS_MAX = 5000;

/** A notifier; null where nobody asked to be told. */
export async function openNotifier(env: Environment = process.env): Promise<Notifier | null> {
  const to = env.NOTIFY_SOCKET;
  if (to === undefined || to === "") return null;
  const folder = env.RUNTIME_DIRECTORY?.split(":")[0];
  const own = folder === undefined
    ? join(tmpdir(), `quartz-edge-${process.pid}-${OWN_SOCKET}`)
    : join(folder, OWN_SOCKET);
  // Of a run that was killed. A socket without a name in the file system (@…) only the program can reach.
  await rm(own, { force: true }).catch(() => {});
  const sender = to.startsWith("/") ? openDatagramSender({ own, to }) : null;
  return sender === null ? byProgram(to) : byDatagram(sender, own);
}

// ---------------------------------------------------------------------------------------------------------------------

function byDatagram(sender: DatagramSender, own: string): Notifier {
  return {
    way: "datagram",
    send: (lines) => sender.send(text(lines)).then(() => null, (error: Error) => error.message),
    async [Symbol.asyncDispose]() {
      sender.close();
      await rm(own, { force: true }).catch(() => {});
    },
  };
}

function byProgram(socket: string): Notifier {
  const env = { PATH: process.env.PATH ?? "", NOTIFY_SOCKET: socket };
  return {
    way: PROGRAM,
    send: (lines) =>
      new Promise((resolve) => {
        try {
          execFile(PROGRAM, [...lines], { env, timeout: PROGRAM_MS_MAX }, (error) => resolve(error?.message ?? null));
        } catch (error) {
          resolve((error as Error).message); // Deno without the permission to run it
        }
      }),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** One assignment a line: a value never goes over its line's end. */
function text(lines: readonly string[]): string {
  return lines.map((line) => `${line.replaceAll(/[\r\n]+/g, " ")}\n`).join("");
}
