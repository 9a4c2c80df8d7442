/** What the program tells the shell. */

import { ConfigError } from "../core/errors.ts";

/** The exit codes and what each means; 78 is `EX_CONFIG` of sysexits.h, on which a service manager can decide not to restart. */
export const EXIT_CODES = {
  ok: { code: 0, about: "done" },
  failure: { code: 1, about: "a camera, network, broker or board failed" },
  usage: { code: 2, about: "the command line is wrong" },
  restart: { code: 75, about: "a command asked for a restart: start it again" },
  config: { code: 78, about: "the configuration is wrong" },
} as const;

/** The exit code for an error that ends the program. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof ConfigError)) return EXIT_CODES.failure.code;
  return error.code === "usage" ? EXIT_CODES.usage.code : EXIT_CODES.config.code;
}
