/**
 * Frames a second of the host link over a serial line of some rate, with the twin behind it. Not part of the tests.
 *
 *   deno run --allow-read --allow-env test/bench/link_speed.ts [network file] [frames] [baud …]
 */

import process from "node:process";
import { createFaultyTransport } from "../../devices/transport/faulty.ts";
import { systemClock } from "../../src/core/clock.ts";
import { createRandom } from "../../src/core/random.ts";
import { createImageShelf, serveAgent } from "../../src/link/agent_link.ts";
import { openBoardLink } from "../../src/loihi/board_link.ts";
import { createTwinBoard } from "../../src/loihi/twin/twin_board.ts";
import { openNetwork } from "../../src/model/load.ts";
import { openBoardFrames } from "../../src/app/board_frames.ts";
import { testBoard } from "../support/loihi.ts";
import { createMemoryPair } from "../support/memory_transport.ts";

const [path = "models/mnist-lenet/network.safetensors", frames = "300", ...bauds] = process.argv.slice(2);
const clock = systemClock;
const board = testBoard("twin");
const network = await openNetwork(path);

for (const baudRate of bauds.length > 0 ? bauds.map(Number) : [1_000_000, 3_000_000]) {
  for (const isInstant of [false, true]) {
    const random = createRandom(1);
    const twin = createTwinBoard({ board, clock, random, name: "twin" });
    // A board that answers at once shows what the link alone can do.
    let known: Awaited<ReturnType<typeof twin.runFrame>> | null = null;
    const handlers = isInstant
      ? {
        ...twin,
        runFrame: async (...job: Parameters<typeof twin.runFrame>) => known ??= await twin.runFrame(...job),
      }
      : twin;
    const shelf = createImageShelf(handlers);
    const [host, agent] = createMemoryPair("cobs").map((end) =>
      createFaultyTransport(end, { faults: {}, random, clock, baudRate })
    );
    const served = serveAgent(agent, { clock, handlers, shelf });
    const startUs = clock.nowUs();
    const link = await openBoardLink(network, {
      board,
      openTransport: () => Promise.resolve(host),
      clock,
      random,
      log: () => {},
      name: "bench",
      awayWaitMs: 0,
      mustConnect: true,
    });
    const uploadS = (clock.nowUs() - startUs) / 1e6;
    const source = await openBoardFrames(link.network, null);
    const levels = Array.from({ length: Number(frames) }, (_, index) => {
      const frame = new Int16Array(network.input.shape.reduce((a, b) => a * b));
      source.read(index, frame);
      return frame;
    });
    const { stats } = link.session!;
    const before = { tx: stats.txBytes, rx: stats.rxBytes };
    const latencies: number[] = [];
    const framesUs = clock.nowUs();
    let next = 0;
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (next < levels.length) {
        const sentUs = clock.nowUs();
        await link.runFrame(levels[next++]);
        latencies.push(clock.nowUs() - sentUs);
      }
    }));
    const tookS = (clock.nowUs() - framesUs) / 1e6;
    const bytes = [stats.txBytes - before.tx, stats.rxBytes - before.rx].map((sum) => (sum / levels.length).toFixed(0));
    const p50 = latencies.sort((a, b) => a - b)[latencies.length >> 1] / 1000;
    console.log(
      `${baudRate / 1e6} Mbaud, ${isInstant ? "board that answers at once" : "twin"}: ${
        (levels.length / tookS).toFixed(0)
      } frames/s, ` +
        `${bytes[0]} bytes out and ${bytes[1]} in a frame, median ${p50.toFixed(1)} ms with 4 under way; ` +
        `image of ${(link.image.bytes.length / 1e6).toFixed(2)} MB in ${uploadS.toFixed(1)} s`,
    );
    await link[Symbol.asyncDispose]();
    await served.close();
  }
}
