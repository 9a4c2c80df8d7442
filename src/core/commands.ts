/** Commands that a gateway may take from outside, by name. */

/** Every verb; which of them a gateway takes is up to its configuration. */
export const COMMAND_VERBS = [
  "ping",
  "pause",
  "resume",
  "snapshot",
  "set_threshold",
  "switch_network",
  "reload",
  "restart",
] as const;

/** One of `COMMAND_VERBS`. */
export type CommandVerb = (typeof COMMAND_VERBS)[number];

/** Taken unless the configuration says otherwise: what can be taken back, and shows nothing. */
export const COMMAND_VERBS_DEFAULT = ["ping", "pause", "resume"] as const satisfies readonly CommandVerb[];
