import assert from "node:assert/strict";
import { nodeFileSystem } from "../../../src/core/file_system.ts";
import { eventually } from "../../support/mqtt_listener.ts";
import { openTestPublisher } from "../../support/open_publisher.ts";
import { makeSpool } from "../../support/spools.ts";

Deno.test("a disk that does not answer shows as work of the spool's writer, until it answers", async () => {
  using spool = makeSpool();
  const { promise: answers, resolve: answer } = Promise.withResolvers<void>();
  const files = {
    ...nodeFileSystem,
    async makeFolder(path: string) {
      await answers;
      await nodeFileSystem.makeFolder(path);
    },
  };
  const { publisher } = openTestPublisher("mqtt://127.0.0.1:1", { spool: spool.terms({ files }) });
  await eventually(() => publisher.diskBusyMs > 20, "the writer waits");
  answer();
  await eventually(() => publisher.diskBusyMs === 0 && publisher.spoolCounts !== null, "the spool is open");
  await publisher.stop();
  assert.equal(publisher.diskBusyMs, 0);
});
