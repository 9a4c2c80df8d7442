/** `M` or `M,M,M` on a command line. */

/** The numbers between the commas, or null when a part is none. How many there must be is the caller's to check. */
export function parseNumberList(text: string): number[] | null {
  // Number() alone also takes "", "0x10", "1e3" and spaces.
  const values = text.split(",").map((part) => (/^-?\d{1,9}(\.\d{1,9})?$/.test(part) ? Number(part) : NaN));
  return values.some(Number.isNaN) ? null : values;
}
