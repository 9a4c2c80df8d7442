/** ffmpeg as an HTTP camera: one picture, ten times a second, to whoever asks. */

import { type ChildProcess, spawn } from "node:child_process";
import { freePort } from "./mosquitto.ts";

/** A camera server; disposing ends it. */
export interface FfmpegServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves the picture at `path` as MJPEG. ffmpeg serves one viewer, and is started again for the next one. */
export async function serveMjpegByFfmpeg(path: string): Promise<FfmpegServer> {
  const url = `http://127.0.0.1:${await freePort()}/video.mjpg`;
  let isOver = false;
  let child: ChildProcess;
  let ended: Promise<void>;
  const start = () => {
    child = spawn("ffmpeg", [
      ...["-nostdin", "-v", "error", "-re", "-loop", "1", "-framerate", "10", "-i", path],
      ...["-c:v", "mjpeg", "-q:v", "2", "-f", "mpjpeg", "-listen", "1"],
      ...["-content_type", "multipart/x-mixed-replace;boundary=ffmpeg", url],
    ], { stdio: "ignore" });
    ended = new Promise((resolve) => child.once("exit", () => (isOver ? resolve() : (start(), ended.then(resolve)))));
  };
  start();
  return {
    url,
    async [Symbol.asyncDispose]() {
      isOver = true;
      child.kill("SIGKILL");
      await ended;
    },
  };
}
