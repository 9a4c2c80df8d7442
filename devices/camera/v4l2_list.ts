/** The cameras of this machine and what they can send. */

import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { DEV_HINT, listById } from "../by_id.ts";

/** One camera. */
export interface V4l2Camera {
  /** What the configuration's `device` takes: a name under `/dev/v4l/by-id`, or a path where there is none. */
  readonly device: string;
  readonly path: string;
  /** As the driver calls it; null when nobody said. */
  readonly name: string | null;
  readonly formats: readonly V4l2Format[];
}

/** A form in which a camera sends pictures. */
export interface V4l2Format {
  /** For the configuration's `input_format`. */
  readonly format: string;
  readonly compressed: boolean;
  /** `640x480`, or a range such as `{32-2592, 2}x{32-1944, 2}`. */
  readonly sizes: readonly string[];
}

/** Something that could not be seen, and what to do about it. */
export interface Unseen {
  readonly what: string;
  readonly why: string;
  readonly hint: string;
}

/** Longest wait for one camera's answer, ms, and longest answer, bytes. */
const ANSWER_MS_MAX = 5000;
const ANSWER_BYTES_MAX = 1024 * 1024;

/** Lists cameras: by name where the folder of devices may be read, else as far as ffmpeg sees them. */
export async function listV4l2(
  { root = "/dev", program = "ffmpeg" }: { readonly root?: string; readonly program?: string } = {},
): Promise<{ cameras: V4l2Camera[]; unseen: Unseen[] }> {
  const unseen: Unseen[] = [];
  const found: Omit<V4l2Camera, "formats">[] = [];
  const byId = await listById(join(root, "v4l/by-id"));
  if ("links" in byId) {
    for (const { id, path } of byId.links) found.push({ device: id, path, name: null });
    const named = new Set(byId.links.map(({ target }) => target));
    for (const path of await videoNodes(root)) {
      if (!named.has(path)) found.push({ device: path, path, name: null });
    }
  } else {
    unseen.push({ what: "names under /dev/v4l/by-id", why: byId.unseen, hint: byId.hint });
    const answer = await ask(program, ["-hide_banner", "-sources", "v4l2"]);
    if ("why" in answer) unseen.push({ what: "cameras", ...answer });
    else found.push(...parseSources(answer.stdout));
  }
  const cameras: V4l2Camera[] = [];
  for (const camera of found) {
    const answer = await listFormats(camera.path, program);
    if ("why" in answer) unseen.push({ what: `formats of ${camera.device}`, ...answer });
    cameras.push({ ...camera, formats: "why" in answer ? [] : answer.formats });
  }
  return { cameras, unseen };
}

/** The formats of one camera, at least one; or why nobody can tell. */
export async function listFormats(
  path: string,
  program = "ffmpeg",
): Promise<{ readonly formats: readonly V4l2Format[] } | Omit<Unseen, "what">> {
  const answer = await ask(program, ["-hide_banner", "-f", "v4l2", "-list_formats", "all", "-i", path]);
  if ("why" in answer) return answer;
  const formats = parseFormats(answer.stderr);
  if (formats.length > 0) return { formats };
  const why = answer.stderr.trim().split("\n").at(-1) ?? "no answer";
  return { why, hint: "Is the user of this process in the group video?" };
}

/** Reads `ffmpeg -sources v4l2`: a line a camera, `  /dev/video0 [UVC Camera]`. */
export function parseSources(stdout: string): { device: string; path: string; name: string }[] {
  return [...stdout.matchAll(/^[* ] (\/\S+) \[([^\]\n]*)\]/gm)].map(([, path, name]) => ({ device: path, path, name }));
}

/** Reads `ffmpeg -list_formats all`: `[…] Compressed:       mjpeg :          Motion-JPEG : 640x480 1280x720`. */
export function parseFormats(stderr: string): V4l2Format[] {
  const line = /\] (Raw|Compressed) *: +(\S+) : .*? : (.+)$/gm;
  return [...stderr.matchAll(line)].map(([, kind, format, sizes]) => ({
    format,
    compressed: kind === "Compressed",
    sizes: sizes.match(/\{[^}]*\}x\{[^}]*\}|\d+x\d+/g) ?? [],
  }));
}

// ---------------------------------------------------------------------------------------------------------------------

async function videoNodes(root: string): Promise<string[]> {
  const names = await readdir(root).catch(() => []);
  return names.filter((name) => /^video\d{1,3}$/.test(name)).sort().map((name) => join(root, name));
}

/** What ffmpeg says; it ends with an error code even when it said what it was asked for. */
function ask(program: string, args: string[]): Promise<{ stdout: string; stderr: string } | Omit<Unseen, "what">> {
  return new Promise((resolve) => {
    const missing = (error: Error) =>
      resolve({
        why: `${program} cannot be run: ${error.message}`,
        hint: `Install the Debian package ffmpeg, and under Deno grant --allow-run=ffmpeg. ${DEV_HINT}`,
      });
    try {
      const options = {
        timeout: ANSWER_MS_MAX,
        maxBuffer: ANSWER_BYTES_MAX,
        env: { PATH: process.env.PATH ?? "" },
        encoding: "utf8",
      } as const;
      execFile(program, args, options, (error, stdout, stderr) => {
        if (error !== null && typeof error.code === "string") missing(error);
        else resolve({ stdout, stderr });
      });
    } catch (error) {
      missing(error as Error); // Deno without the permission to run it
    }
  });
}
