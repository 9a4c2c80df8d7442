/** Several cameras in one gateway: each with its own network, region, rate and rules, and none in the way of another. */

import assert from "node:assert/strict";
import { openEmbeddedBroker } from "../../src/publish/embedded_broker.ts";
import { makeGateway, sceneCamera } from "../support/gateway.ts";
import { listen } from "../support/mqtt_listener.ts";
import { ROOT } from "../support/program.ts";

Deno.test("digits and clothes side by side, at their own rates, with a camera between them that is not there", async () => {
  await using broker = await openEmbeddedBroker({ port: 0 });
  const clothes = `${ROOT}models/fashion-lenet`;
  using gateway = makeGateway({
    cameras: [
      sceneCamera("digits", 40),
      { id: "gone", source: { kind: "replay", path: "nowhere.safetensors.gz", rate_fps: 10 } },
      {
        id: "clothes",
        network: `${clothes}/network.safetensors`,
        source: { kind: "replay", path: `${clothes}/clip.safetensors.gz`, rate_fps: 10, loop: true },
        decision: { threshold: 0.5, votes: 1, window: 1 },
      },
      // The same scenes as "digits", but of the corner, where nothing is.
      { ...sceneCamera("corner", 20), crop: { x: 0, y: 0, width: 28, height: 28 }, decision: { threshold: 0.99 } },
    ],
    mqtt: { url: broker.url },
  });
  await using listener = await listen(broker.url, { filter: "quartz/gw1/cam/#" });
  await using program = gateway.start();
  const of = (camera: string) =>
    listener.heard.filter(({ topic }) => topic === `quartz/gw1/cam/${camera}/result`).map(({ text }) =>
      JSON.parse(text)
    );
  await listener.until(() => of("clothes").length >= 30, 30_000);
  const status = (camera: string) =>
    listener.heard.findLast(({ topic }) => topic === `quartz/gw1/cam/${camera}/status`);
  assert.equal(status("gone")?.text, "error");
  for (const camera of ["digits", "clothes", "corner"]) assert.equal(status(camera)?.text, "online");
  const { code } = await program.stop("SIGTERM");
  assert.equal(code, 0, program.lines.join("\n"));

  const models = (camera: string) => [...new Set(of(camera).map(({ model }) => model.id))];
  assert.deepEqual([models("digits"), models("clothes"), models("corner")], [["mnist-lenet"], ["fashion-lenet"], [
    "mnist-lenet",
  ]]);
  const right = (camera: string) =>
    of(camera).filter((result) => result.class === result.truth).length / of(camera).length;
  assert.ok(right("digits") > 0.8 && right("clothes") > 0.8, `${right("digits")} ${right("clothes")}`);
  assert.ok(right("corner") < 0.5, `${right("corner")} right without seeing the digit`);
  // Frames are paced by the clock, so their ids tell the rates even where a busy machine dropped some.
  const span = (camera: string) => {
    const results = of(camera);
    const [first, last] = [results[0], results.at(-1)];
    const seconds = (Date.parse(last.frame.captured) - Date.parse(first.frame.captured)) / 1000;
    return (last.frame.id - first.frame.id) / seconds;
  };
  for (const [camera, rate] of [["digits", 40], ["clothes", 10], ["corner", 20]] as const) {
    assert.ok(Math.abs(span(camera) / rate - 1) < 0.2, `${camera}: ${span(camera)} frames a second, not ${rate}`);
  }
});
