/** What time it is on the board, by the four stamps of NTP (RFC 5905, section 8). */

/** Four stamps of one exchange, µs, two by each clock. */
export interface TimeStamps {
  readonly hostSentUs: number;
  readonly boardReceivedUs: number;
  readonly boardSentUs: number;
  readonly hostReceivedUs: number;
}

/** The board's clock as the host sees it. */
export interface BoardTime {
  /** Board's clock − host's clock, wrong by at most half of `rttUs`. */
  readonly offsetUs: number;
  /** Time on the way, both ways together. */
  readonly rttUs: number;
  /** Time steps that the chips had run. */
  readonly stepCounter: number;
  /** Host's clock at the exchange. */
  readonly syncedAtUs: number;
}

/** Offset and round trip of one exchange. */
export function clockOffset(stamps: TimeStamps): { readonly offsetUs: number; readonly rttUs: number } {
  const { hostSentUs, boardReceivedUs, boardSentUs, hostReceivedUs } = stamps;
  return {
    offsetUs: (boardReceivedUs - hostSentUs + (boardSentUs - hostReceivedUs)) / 2,
    rttUs: hostReceivedUs - hostSentUs - (boardSentUs - boardReceivedUs),
  };
}
