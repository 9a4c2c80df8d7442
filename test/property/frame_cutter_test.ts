/** Cutting a stream of bytes gives the same frames however the stream is divided. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { FrameCutter } from "../../devices/camera/frame_cutter.ts";

Deno.test("any division of a stream gives the same frames, and the rest is counted", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 40 }),
      fc.array(fc.integer({ min: 0, max: 90 }), { maxLength: 30 }),
      (frameBytes, chunkSizes) => {
        const total = chunkSizes.reduce((sum, size) => sum + size, 0);
        const stream = Uint8Array.from({ length: total }, (_, i) => (i * 7) & 255);
        const cutter = new FrameCutter(frameBytes);
        let frames = 0;
        let offset = 0;
        for (const size of chunkSizes) {
          cutter.add(stream.subarray(offset, offset += size));
          while (cutter.cut()) {
            assert.deepEqual(cutter.frame, stream.subarray(frames * frameBytes, (frames + 1) * frameBytes));
            frames += 1;
          }
        }
        assert.equal(frames, Math.floor(total / frameBytes));
        assert.equal(cutter.partialBytes, total % frameBytes);
      },
    ),
  );
});
