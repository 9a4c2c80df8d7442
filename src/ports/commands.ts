/** The seam between whatever brings commands and whatever carries them out. */

/** A command as it came from outside: nothing about it has been checked. */
export interface CommandRequest {
  /** Last level of its topic. */
  readonly verb: string;
  readonly payload: Uint8Array;
  /** The broker had kept it: nobody knows for how long. */
  readonly isRetained: boolean;
}

/**
 * Takes a command. Never throws and never waits. `respond` takes the answer as JSON, once, now or later; when the
 * connection is gone by then the answer is lost, and nothing else.
 */
export type CommandSink = (request: CommandRequest, respond: (answer: string) => void) => void;
