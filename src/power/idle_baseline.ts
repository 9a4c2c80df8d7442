/** What a channel draws while no frame is run: a running mean over the newest minutes of such times. */

/** Least idle time before there is a figure, µs. */
export const IDLE_US_MIN = 2_000_000;
/** Older idle times fade: the mean is over about so much of them, µs. */
const IDLE_US_KEPT = 300_000_000;
/** After the last frame, until the device has calmed down, µs. */
export const SETTLE_US = 2_000_000;

/** Idle power of one channel. */
export class IdleBaseline {
  #energyJ = 0;
  #idleUs = 0;

  /**
   * Takes a stretch of energy if it lies wholly in an idle time.
   *
   * @param quietSinceUs when the last frame ended; null while one is run
   */
  add(
    stretch: { readonly fromUs: number; readonly coveredUs: number; readonly energyJ: number },
    quietSinceUs: number | null,
  ): void {
    if (quietSinceUs === null || stretch.fromUs < quietSinceUs + SETTLE_US) return;
    const kept = Math.min(1, IDLE_US_KEPT / Math.max(1, this.#idleUs));
    this.#energyJ = this.#energyJ * kept + stretch.energyJ;
    this.#idleUs = this.#idleUs * kept + stretch.coveredUs;
  }

  /** W; null before there has been enough idle time. */
  get powerW(): number | null {
    return this.#idleUs < IDLE_US_MIN ? null : this.#energyJ / this.#idleUs * 1e6;
  }
}
