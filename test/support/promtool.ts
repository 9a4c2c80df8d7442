/** Prometheus' own checker, from the Debian package prometheus. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

const PATH = "/usr/bin/promtool";
/** False where the Debian package prometheus is not installed. */
export const promtoolAvailable = existsSync(PATH);

/** Runs `promtool ARGS` with `input`; all that it says, and whether it was content. */
export function promtool(args: readonly string[], input = ""): { readonly ok: boolean; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(PATH, args, { input, encoding: "utf8" });
  return { ok: status === 0, text: (stdout + stderr).trim() };
}
