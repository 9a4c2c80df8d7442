/** Listing devices: names from a folder like /dev, formats and sources as ffmpeg writes them. */

import assert from "node:assert/strict";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { listById } from "../../../devices/by_id.ts";
import { listV4l2, parseFormats, parseSources } from "../../../devices/camera/v4l2_list.ts";
import { temporaryFolder } from "../../support/clips.ts";

Deno.test("formats are read from what ffmpeg says of a camera", () => {
  const text = `[video4linux2,v4l2 @ 0x55f5a940] Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 320x240
[video4linux2,v4l2 @ 0x55f5a940] Compressed:       mjpeg :          Motion-JPEG : 640x480 1280x720
[video4linux2,v4l2 @ 0x55f5a940] Raw       :     yuv420p :     Planar YUV 4:2:0 : {32-2592, 2}x{32-1944, 2}
/dev/video0: Immediate exit requested
`;
  assert.deepEqual(parseFormats(text), [
    { format: "yuyv422", compressed: false, sizes: ["640x480", "320x240"] },
    { format: "mjpeg", compressed: true, sizes: ["640x480", "1280x720"] },
    { format: "yuv420p", compressed: false, sizes: ["{32-2592, 2}x{32-1944, 2}"] },
  ]);
  assert.deepEqual(parseFormats("/dev/video0: Permission denied\n"), []);
});

Deno.test("sources are read from ffmpeg's own list", () => {
  const text = "Auto-detected sources for v4l2:\n  /dev/video0 [UVC Camera (046d:0825)]\n* /dev/video2 [USB Cam]\n";
  assert.deepEqual(parseSources(text).map(({ path, name }) => [path, name]), [
    ["/dev/video0", "UVC Camera (046d:0825)"],
    ["/dev/video2", "USB Cam"],
  ]);
  assert.deepEqual(parseSources("Auto-detected sources for v4l2:\nCannot list sources. Not implemented.\n"), []);
});

Deno.test("cameras have their stable name, or their path where they have none; without ffmpeg the list says so", async () => {
  await using root = await temporaryFolder();
  await mkdir(`${root.path}/v4l/by-id`, { recursive: true });
  for (const node of ["video0", "video1", "null"]) await writeFile(`${root.path}/${node}`, "");
  await symlink(`${root.path}/video0`, `${root.path}/v4l/by-id/usb-A_Cam-video-index0`);
  const { cameras, unseen } = await listV4l2({ root: root.path, program: "no-such-ffmpeg" });
  assert.deepEqual(cameras.map(({ device }) => device), ["usb-A_Cam-video-index0", `${root.path}/video1`]);
  assert.equal(unseen.length, 2);
  assert.match(unseen[0].why, /no-such-ffmpeg cannot be run/);
});

Deno.test("a folder of links that is not there has none; one that may not be read says why", async () => {
  await using root = await temporaryFolder();
  assert.deepEqual(await listById(`${root.path}/serial/by-id`), { links: [] });
  await writeFile(`${root.path}/file`, "");
  assert.ok("unseen" in await listById(`${root.path}/file`));
});
