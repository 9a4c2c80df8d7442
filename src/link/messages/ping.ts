/** PING, request of the host: are you there? Answered by PONG; a board takes silence of the host for its end. */

import { type Codec, struct } from "../codec.ts";

/** A sign of life; has no fields. */
export type Ping = Readonly<Record<never, never>>;

export const ping: Codec<Ping> = struct<Ping>({});
