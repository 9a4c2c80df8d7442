/** A real mosquitto for tests: loopback, a free port, its own folder, ended by process id. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import process from "node:process";

const PATH = ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"].find((path) =>
  existsSync(path)
);
/** False where the Debian packages mosquitto and mosquitto-clients are not installed. */
export const mosquittoAvailable = PATH !== undefined && existsSync("/usr/bin/mosquitto_sub");

/** A broker that can be killed, frozen and started again on the same port. */
export interface Mosquitto extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** SIGKILL: no goodbye to anyone. */
  kill(): Promise<void>;
  /** SIGSTOP: sockets stay open, nothing is answered. */
  freeze(): void;
  thaw(): void;
}

/** Starts mosquitto. `password`: only this user may connect. `running` false: only reserves the port. */
export async function openMosquitto(
  options: {
    readonly user?: string;
    readonly password?: string;
    readonly running?: boolean;
    readonly lines?: string[];
  } = {},
): Promise<Mosquitto> {
  if (PATH === undefined) throw new Error("Cannot start mosquitto as the Debian package must be installed");
  const folder = mkdtempSync(join(tmpdir(), "quartz-mosquitto-"));
  const port = await freePort();
  // mosquitto started by root would otherwise turn into a user who cannot read our files.
  const config = [
    `user ${userInfo().username}`,
    `listener ${port} 127.0.0.1`,
    "persistence false",
    "log_dest stderr",
    "log_type error",
  ];
  if (options.user !== undefined) {
    const passwords = join(folder, "passwords");
    writeFileSync(passwords, "", { mode: 0o600 });
    spawnSync("mosquitto_passwd", ["-b", passwords, options.user, options.password ?? ""]);
    config.push("allow_anonymous false", `password_file ${passwords}`);
  } else config.push("allow_anonymous true");
  writeFileSync(join(folder, "mosquitto.conf"), [...config, ...options.lines ?? []].join("\n") + "\n");

  let child: ChildProcess | null = null;
  // Not `child.kill`: after any signal Deno takes the process for ended.
  const signal = (name: NodeJS.Signals) => {
    if (child?.pid !== undefined) process.kill(child.pid, name);
  };
  const broker: Mosquitto = {
    url: `mqtt://127.0.0.1:${port}`,
    port,
    async start() {
      child = spawn(PATH, ["-c", join(folder, "mosquitto.conf")], { stdio: "ignore" });
      await answers(port);
    },
    async kill() {
      const running = child;
      child = null;
      if (running === null) return;
      const ended = new Promise((resolve) => running.once("exit", resolve));
      if (running.pid !== undefined) process.kill(running.pid, "SIGKILL");
      await ended;
    },
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
    async [Symbol.asyncDispose]() {
      await broker.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  if (options.running ?? true) await broker.start();
  return broker;
}

/** A port of this machine that nobody listens on. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number };
      server.close(() => resolve(port));
    });
  });
}

// ---

/** Resolves when something listens on the port; gives up after 5 s. */
async function answers(port: number): Promise<void> {
  for (const start = performance.now(); performance.now() - start < 5000;) {
    const ok = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1");
      socket.once("connect", () => socket.destroy());
      socket.once("error", () => socket.destroy());
      socket.once("close", (failed) => resolve(!failed));
    });
    if (ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`mosquitto does not listen on port ${port}`);
}
