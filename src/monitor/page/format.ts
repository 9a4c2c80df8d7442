/** Figures as people read them, with their units; for the page and for the terminal. */

/** A whole number in groups of three: `1,234,567`. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

/** Three digits or so: `0.123`, `1.23`, `12.3`, `123`. */
export function figure(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.0005) return value.toExponential(1);
  const digits = size < 1 ? 3 : size < 10 ? 2 : size < 100 ? 1 : 0;
  return digits === 0 ? count(value) : value.toFixed(digits);
}

/** `93 %` of a share of 1. */
export function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}

const PREFIXES: readonly [factor: number, prefix: string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
  [1, ""],
  [1e-3, "m"],
  [1e-6, "µ"],
  [1e-9, "n"],
];

/** A value with the prefix that suits it: `31.0 µJ`, `6.42 W`. */
export function withPrefix(value: number, unit: string): string {
  const [factor, prefix] = PREFIXES.find(([one]) => Math.abs(value) >= one) ?? [1, ""];
  return `${figure(value / factor)} ${prefix}${unit}`;
}

/** `2 d 3 h`, `4 h 5 min`, `6 min 7 s`, `8 s`. */
export function duration(seconds: number): string {
  const whole = Math.floor(seconds);
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

/** `85 MB`. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(0)} MB`;
}

/** What a scope covers, in words. */
export function scopeWords(scope: string): string {
  const words: Record<string, string> = {
    board: "the whole board",
    rail: "one rail",
    accelerator: "the accelerator",
    inference: "inference alone",
    loihi_core_dynamic: "the cores of a Loihi board",
  };
  return words[scope] ?? scope.replaceAll("_", " ");
}

/** Counts of frames as the wire has them. */
interface Counts {
  readonly captured: number;
  readonly classified: number;
  readonly in_flight: number;
  readonly dropped_busy: number;
  readonly dropped_stale: number;
  readonly dropped_malformed: number;
  readonly dropped_failed: number;
}

/** Dropped for any reason, and whether every captured frame is accounted for. */
export function account(frames: Counts): { readonly dropped: number; readonly addsUp: boolean } {
  const dropped = frames.dropped_busy + frames.dropped_stale + frames.dropped_malformed + frames.dropped_failed;
  return { dropped, addsUp: frames.captured === frames.classified + dropped + frames.in_flight };
}
