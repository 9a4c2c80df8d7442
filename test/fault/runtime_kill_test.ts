/**
 * A gateway killed at random points, with a broker that comes, goes and freezes: what was on disk when it died arrives, in
 * order; what arrives twice is the same message. `GATEWAY_KILLS` sets how often (100: `deno task test:fault:kill`).
 */

import assert from "node:assert/strict";
import process from "node:process";
import { createRandom } from "../../src/core/random.ts";
import { makeGateway, sceneCamera } from "../support/gateway.ts";
import { mosquittoAvailable, openMosquitto } from "../support/mosquitto.ts";
import { eventually } from "../support/mqtt_listener.ts";
import { openMqttProxy, type WireResult } from "../support/mqtt_proxy.ts";
import { bytesIn, readSpool } from "../support/spools.ts";

const KILLS = Number(process.env.GATEWAY_KILLS ?? 15);
const SEED = Number(process.env.GATEWAY_KILLS_SEED ?? 7);

const nameOf = ({ boot, seq }: { readonly boot: string; readonly seq: number }) => `${boot} ${seq}`;
const contentOf = ({ historical: _, ...rest }: WireResult) => JSON.stringify(rest);

Deno.test({
  name: `a gateway killed at ${KILLS} random points loses nothing that was synced (needs Debian package mosquitto)`,
  ignore: !mosquittoAvailable,
  async fn() {
    const random = createRandom(SEED);
    await using broker = await openMosquitto({ running: false });
    await using proxy = await openMqttProxy(broker.port);
    using gateway = makeGateway({
      cameras: [sceneCamera("bench", 300)],
      mqtt: { url: proxy.url },
      spool: { path: "spool", sync_every_ms: 20, backlog_per_s: 5000 },
    });
    /** Everything that was found on disk after a kill: name and text. */
    const synced = new Map<string, string>();
    const tally = { down: 0, up: 0, brokerKilled: 0, brokerFrozen: 0, starting: 0, torn: 0 };
    let isUp = false;
    let startMs = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const wanted = random.next() < 0.5;
      if (wanted && !isUp) await broker.start();
      else if (!wanted && isUp) await broker.kill();
      isUp = wanted;
      const startedAt = performance.now();
      await using program = gateway.start();
      const results = () => isUp ? proxy.acknowledged.length : bytesIn(gateway.spoolFolder) / RESULT_BYTES;
      // A third of the kills come anywhere from the start on, the others after a random number of results.
      if (kill > 0 && random.next() < 0.33) {
        await sleep(random.between(0, 1.2 * startMs));
        tally.starting += Number(!program.lines.some((line) => line.includes('"running"')));
      } else {
        await program.line(/"running"/);
        if (kill === 0) startMs = performance.now() - startedAt;
        const wantedResults = results() + random.integer(60);
        await eventually(() => results() >= wantedResults, "results", 20_000);
      }
      tally[isUp ? "up" : "down"]++;
      const fate = random.next();
      if (isUp && fate < 0.2) {
        await broker.kill();
        isUp = false;
        tally.brokerKilled++;
        await sleep(random.between(0, 100));
      } else if (isUp && fate < 0.6) {
        broker.freeze();
        tally.brokerFrozen++;
        await sleep(random.between(50, 200));
      }
      await program.stop("SIGKILL");
      if (isUp) broker.thaw();
      const { payloads, damaged } = await readSpool(gateway.spoolFolder);
      assert.ok(damaged <= 1, `kill ${kill}: ${damaged} damaged, more than the write that was cut off`);
      tally.torn += damaged;
      for (const text of payloads) {
        const record = JSON.parse(text);
        if (record.schema !== "quartz.result.v1") continue;
        const before = synced.get(nameOf(record));
        assert.ok(before === undefined || before === text, "a record on disk changed");
        synced.set(nameOf(record), text);
      }
    }
    if (!isUp) await broker.start();
    await using program = gateway.start();
    await program.line(/"running"/);
    const arrived = new Map<string, WireResult>();
    let read = 0;
    const missing = () => {
      for (; read < proxy.acknowledged.length; read++) {
        const result = proxy.acknowledged[read];
        if (!arrived.has(nameOf(result))) arrived.set(nameOf(result), result);
      }
      return [...synced.keys()].filter((name) => !arrived.has(name));
    };
    await eventually(() => missing().length === 0, `${missing().length} synced results arrive`, 60_000);
    const { code, tookMs } = await program.stop("SIGTERM");
    assert.equal(code, 0, program.lines.join("\n"));
    assert.ok(tookMs < 10_000, `took ${tookMs} ms`);
    assert.deepEqual((await readSpool(gateway.spoolFolder)).payloads, [], "nothing is left");
    missing();

    let repeated = 0;
    const newest = new Map<string, number>(); // by run, live and from disk apart
    const seen = new Map<string, string>();
    for (const result of proxy.acknowledged) {
      const before = seen.get(nameOf(result));
      if (before !== undefined) {
        assert.equal(contentOf(result), before, "what arrives twice is the same message");
        repeated++;
        continue;
      }
      seen.set(nameOf(result), contentOf(result));
      const stream = `${result.boot} ${result.historical === true}`;
      assert.ok(result.seq > (newest.get(stream) ?? -1), `${stream}: ${result.seq} after ${newest.get(stream)}`);
      newest.set(stream, result.seq);
    }
    for (const [name, text] of synced) assert.equal(seen.get(name), contentOf(JSON.parse(text)), "as it was synced");
    assert.ok(synced.size > 8 * KILLS, `only ${synced.size} results were ever on disk`);
    console.log(
      `${KILLS} kills (seed ${SEED}): ${JSON.stringify(tally)}; ${synced.size} results found on disk, all delivered; ` +
        `${seen.size} different ones acknowledged, ${repeated} repeated, 0 out of order`,
    );
  },
});

// ---

/** About what a result takes on disk. */
const RESULT_BYTES = 850;

function sleep(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
