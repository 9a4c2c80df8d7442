/** ffmpeg as a test's other side: it makes videos and streams; skipped by name where it is missing. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

/** False where the Debian package ffmpeg is not installed. */
export const ffmpegAvailable = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg"].some((path) => existsSync(path));

/** Runs ffmpeg to its end. */
export function ffmpeg(...args: readonly string[]): void {
  const { status, stderr } = spawnSync("ffmpeg", ["-nostdin", "-v", "error", "-y", ...args]);
  if (status !== 0) throw new Error(`ffmpeg: ${stderr}`);
}

/**
 * Writes a video whose frame k is the grey `levelOf(k)`, lossless, and gives its path.
 *
 * @param size `WIDTHxHEIGHT`
 */
export function makeVideo(
  folder: string,
  options: { readonly frames: number; readonly size?: string; readonly rateFps?: number; readonly name?: string },
): string {
  const { frames, size = "64x48", rateFps = 25, name = "ramp.mkv" } = options;
  const path = join(folder, name);
  const source = `color=c=black:s=${size}:r=${rateFps},format=gray,geq=lum='mod(N*10,250)'`;
  ffmpeg("-f", "lavfi", "-i", source, "-frames:v", `${frames}`, "-c:v", "ffv1", "-pix_fmt", "gray", path);
  return path;
}

/** Some JPEG pictures of one size, each a grey of its own. */
export function makeJpegs(folder: string, size: string, count: number): Uint8Array[] {
  const source = `color=c=black:s=${size}:r=25,format=gray,geq=lum='mod(N*40+20,250)'`;
  ffmpeg("-f", "lavfi", "-i", source, "-frames:v", `${count}`, "-q:v", "2", join(folder, `jpeg-${size}-%d.jpg`));
  return Array.from({ length: count }, (_, i) => Deno.readFileSync(join(folder, `jpeg-${size}-${i + 1}.jpg`)));
}

/** True while a process of this id is there, a zombie included. */
export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}
