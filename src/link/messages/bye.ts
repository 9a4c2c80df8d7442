/** BYE, either way, not answered: the session ends here. */

import { choice, type Codec, struct, text } from "../codec.ts";

/** The last words. */
export interface Bye {
  readonly reason: "done" | "shutdown" | "idle" | "failure";
  readonly text: string;
}

export const bye: Codec<Bye> = struct<Bye>({
  reason: choice({ done: 0, shutdown: 1, idle: 2, failure: 3 }),
  text: text(256),
});
