/** RESET, request and, as a reply, that it was done. */

import { choice, type Codec, struct } from "../codec.ts";

/** What to forget. */
export interface Reset {
  /** `state`: currents and voltages of all cores. `image`: that, and the loaded image. */
  readonly scope: ResetScope;
}

/** See `Reset.scope`. */
export type ResetScope = "state" | "image";

export const reset: Codec<Reset> = struct<Reset>({ scope: choice({ state: 0, image: 1 }) });
