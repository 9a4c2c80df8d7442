/** `run` under a service manager: its words on a real datagram socket, and a watchdog that is not fed when a frame hangs. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openService } from "../../src/app/service/service.ts";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { makeConfig } from "../support/doctor.ts";
import { createFakeClock } from "../support/fake_clock.ts";
import { eventually } from "../support/mqtt_listener.ts";
import { openNotifySocket, pythonAvailable } from "../support/notify_socket.ts";
import { ROOT, startProgram } from "../support/program.ts";

const LOOP = `cameras:
  - id: door
    network: ${ROOT}models/mnist-lenet/network.safetensors
    source: { kind: replay, path: ${ROOT}models/mnist-lenet/clip.safetensors.gz, rate_fps: 20, loop: true }`;
const NEEDS = "(needs Debian package python3)";
const NEEDS_PROGRAM = "(needs Debian packages python3, systemd)";

Deno.test({
  name: `run says READY without a broker, feeds the watchdog with its status, and says STOPPING ${NEEDS}`,
  ignore: !pythonAvailable,
  async fn() {
    await using systemd = await openNotifySocket();
    using config = makeConfig(LOOP);
    const flags = [
      "--unstable-net",
      "--allow-env",
      `--allow-read=${ROOT},${config.folder},${systemd.folder}`,
      `--allow-write=${systemd.folder}`,
      `--allow-net=127.0.0.1:1,unix:${systemd.folder}/notify.sock,unix:${systemd.path}`,
    ];
    const env = { NOTIFY_SOCKET: systemd.path, RUNTIME_DIRECTORY: systemd.folder, WATCHDOG_USEC: "600000" };
    await using program = startProgram(["run", "--config", config.path], env, flags);
    const count = (word: string) => systemd.lines.filter((line) => line === word).length;
    await systemd.until(() => count("WATCHDOG=1") >= 5, 30_000);
    assert.equal(systemd.lines[0], "READY=1");
    assert.match(
      systemd.lines[1],
      /^STATUS=\d of 1 cameras online, broker (connecting|offline), \d+ frames classified$/,
    );
    assert.equal(count("READY=1"), 1);
    program.signal("SIGHUP");
    await systemd.until(() => count("RELOADING=1") === 1 && count("READY=1") === 2);
    const { code } = await program.stop("SIGTERM");
    assert.equal(code, 0);
    await systemd.until((lines) => lines.includes("STOPPING=1"));
    assert.ok(!existsSync(join(systemd.folder, "notify.sock")), "its own socket is gone");
  },
});

Deno.test({
  name: `without datagrams of its own, run tells by the program systemd-notify ${NEEDS_PROGRAM}`,
  ignore: !pythonAvailable || !existsSync("/usr/bin/systemd-notify"),
  async fn() {
    await using systemd = await openNotifySocket();
    await using broker = await openEmbeddedBroker({ port: 0 });
    using config = makeConfig(`${LOOP}\nmqtt: { url: "mqtt://127.0.0.1:${broker.port}" }`);
    const flags = [
      "--allow-env",
      `--allow-read=${ROOT},${config.folder}`,
      "--allow-net=127.0.0.1",
      "--allow-run=systemd-notify",
    ];
    const env = { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: "1500000" };
    await using program = startProgram(["run", "--config", config.path], env, flags);
    await systemd.until((lines) => lines.filter((line) => line.includes("WATCHDOG=1")).length >= 2, 30_000);
    await program.stop("SIGTERM");
    await systemd.until((lines) => lines.some((line) => line.includes("STOPPING=1")));
    assert.match(systemd.lines.join(" "), /READY=1.*broker online/s);
  },
});

Deno.test({
  name: `the watchdog is not fed while a frame hangs, and STATUS says which ${NEEDS_PROGRAM}`,
  ignore: !pythonAvailable || !existsSync("/usr/bin/systemd-notify"),
  async fn() {
    await using systemd = await openNotifySocket();
    const clock = createFakeClock();
    const alive = join(systemd.folder, "alive");
    let hangs: string | null = null;
    const gateway = {
      whatHangs: () => hangs,
      runtime: { cameras: [{ status: "online" as const, counts: { classified: 7 } }] },
      publisher: { state: "online" as const },
    };
    const logged: string[] = [];
    const service = await openService(gateway, {
      clock,
      log: (_level, text) => logged.push(text),
      aliveFile: alive,
      // The program stands in for datagrams, which need a flag that tests do not have.
      env: { NOTIFY_SOCKET: systemd.path, WATCHDOG_USEC: "30000000", PATH: "/usr/bin" },
    });
    const fed = () => systemd.lines.filter((line) => line.includes("WATCHDOG=1")).length;
    const look = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await eventually(() => clock.sleepers > 0, "the watchdog has looked");
        await clock.advance(10_000);
      }
      await eventually(() => clock.sleepers > 0, "the watchdog has looked");
    };
    await look(2);
    await systemd.until(() => fed() === 3);
    assert.match(readFileSync(alive, "utf8"), /1 of 1 cameras online, broker online, 7 frames classified\n$/);
    const before = { fed: fed(), alive: readFileSync(alive, "utf8") };
    hangs = "camera door at one frame for 16 s";
    await look(6);
    await systemd.until((lines) => lines.some((line) => line.includes(`STATUS=hangs: ${hangs}`)));
    assert.deepEqual({ fed: fed(), alive: readFileSync(alive, "utf8") }, before);
    assert.match(logged.join("\n"), /not fed, as something hangs: camera door/);
    hangs = null;
    await look(1);
    await systemd.until(() => fed() === before.fed + 1);
    assert.notEqual(readFileSync(alive, "utf8"), before.alive);
    await service[Symbol.asyncDispose]();
  },
});
