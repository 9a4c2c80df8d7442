/** Numbers and times in the way people write them. */

/** Three significant digits, in the way people write numbers. */
export function formatNumber(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(1).replace("e+", "e");
  return String(Number(value.toPrecision(3)));
}

/** A share, 0 to 1. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0.999 && share < 1 ? 3 : 1)} %`;
}

/** Thousands apart by a thin space. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/** In J, mJ or µJ. */
export function formatEnergy(energyJ: number): string {
  const [factor, unit] = energyJ >= 1 ? [1, "J"] : energyJ >= 1e-3 ? [1e3, "mJ"] : [1e6, "µJ"];
  return `${formatNumber(energyJ * Number(factor))} ${unit}`;
}

/** UTC, to the second. */
export function formatTime(wallMs: number): string {
  return new Date(wallMs).toISOString().replace("T", " ").slice(0, 19);
}

/** In s, min, h or d. */
export function formatDuration(durationMs: number): string {
  const minutes = durationMs / 60_000;
  if (minutes < 1) return `${formatNumber(durationMs / 1000)} s`;
  if (minutes < 120) return `${formatNumber(minutes)} min`;
  return minutes < 2880 ? `${formatNumber(minutes / 60)} h` : `${formatNumber(minutes / 1440)} d`;
}
