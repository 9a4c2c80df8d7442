/** The seam between the host link and whatever carries its bytes: a serial line, a socket, a recording. */

/**
 * An open pair of byte streams, one each way.
 *
 * Bytes arrive in the order in which they were written, but may be split or joined on the way: what one `write` took may
 * come out of many `read`s and the other way round. A socket loses nothing; a serial line may lose or change bytes and
 * does not say so. Opening is a factory's business and rejects with `LinkError` `link.open`.
 */
export interface Transport extends AsyncDisposable {
  /** For logs and errors: `tcp 127.0.0.1:9100`, `serial /dev/ttyUSB0`. */
  readonly name: string;
  /**
   * How packets are told apart on it: `cobs` where bytes may be lost (zero bytes stand between packets), `length` where
   * none are.
   */
  readonly framing: Framing;
  /**
   * The next bytes, at least one; null when the other side ended in good order or this side was closed, and ever after.
   * One read at a time: a second one while the first is pending is a bug of the caller and throws. The bytes are the
   * reader's to keep.
   *
   * @throws {LinkError} `link.lost` when the connection broke: reset, unplugged. Every later read throws the same.
   */
  read(): Promise<Uint8Array | null>;
  /**
   * Hands bytes over; resolves when the transport can take more, which is how a slow line slows its writer. Writes go
   * out in the order of the calls. The bytes must not change before the promise settles.
   *
   * @throws {LinkError} `link.closed` after, or cut short by, `close`; `link.lost` when the connection broke.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Closes at once, dropping what was not handed over yet. A pending read resolves to null, pending writes reject. Never
   * rejects; a second call returns when the first has. Disposing is the same as closing.
   */
  close(): Promise<void>;
}

/** How packets are told apart on a transport. */
export type Framing = "cobs" | "length";

/** Something that accepts transports, such as a listening socket. */
export interface TransportListener extends AsyncDisposable {
  /** Where it listens, as `tcp:127.0.0.1:9100`; with the true port when port 0 was asked for. */
  readonly address: string;
  /** Stops accepting. Transports accepted before stay open. Never rejects. */
  close(): Promise<void>;
}
