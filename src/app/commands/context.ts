/** What every command is given, so that tests can bring their own. Types only. */

import type { Clock } from "../../core/clock.ts";
import type { Random } from "../../core/random.ts";
import type { Console } from "../console.ts";

/** The world of a command. */
export interface CommandContext {
  readonly console: Console;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborted when the program is asked to stop. */
  readonly signal: AbortSignal;
  /** Calls `act` at each SIGHUP, which by default would end the program, until the function that it gives is called. */
  onHangup?(act: () => void): () => void;
}
