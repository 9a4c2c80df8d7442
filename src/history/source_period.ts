/** A period's sources of power: energy, mean power, and what an inference cost. */

import { binsOf, type Reader, rowsOf } from "./reader.ts";
import type { Row } from "./tables.ts";

/** One source of power. */
export interface SourcePeriod {
  readonly source: string;
  readonly kind: string;
  readonly scope: string;
  readonly method: string;
  readonly isTotal: boolean;
  /** Time in which it gave figures. */
  readonly validMs: number;
  readonly energyJ: number | null;
  readonly gaps: number;
  readonly inferences: number;
  readonly perInferenceJ: number | null;
  readonly dynamicPerInferenceJ: number | null;
  /** The last one known. */
  readonly idlePowerW: number | null;
  readonly bins: readonly { readonly powerW: number | null; readonly perInferenceJ: number | null }[];
}

/** Every source of the period. */
export function readSources(reader: Reader): SourcePeriod[] {
  const energy = () => ({ validMs: 0, energyJ: 0, inferences: 0, inferenceEnergyJ: 0 });
  type Energy = ReturnType<typeof energy>;
  interface Sum {
    last: Row<"power">;
    readonly all: Energy;
    readonly bins: Energy[];
    gaps: number;
    dynamicEnergyJ: number | null;
    isTotal: boolean;
  }
  const add = (sum: Energy, row: Row<"power">) => {
    sum.validMs += row.validMs ?? 0;
    sum.energyJ += row.energyJ ?? 0;
    sum.inferences += row.inferences ?? 0;
    sum.inferenceEnergyJ += row.inferenceEnergyJ ?? 0;
  };
  const sums = new Map<string, Sum>();
  for (const row of rowsOf(reader, "power")) {
    // Measured and estimated figures never meet, even if a source changed its method.
    const key = `${row.source} ${row.method}`;
    let sum = sums.get(key);
    if (sum === undefined) {
      sum = { last: row, all: energy(), bins: [], gaps: 0, dynamicEnergyJ: 0, isTotal: false };
      sums.set(key, sum);
    }
    add(sum.all, row);
    for (const i of binsOf(reader, row)) add(sum.bins[i] ??= energy(), row);
    sum.gaps += row.gaps ?? 0;
    sum.isTotal ||= row.isTotal === 1;
    if ((row.inferences ?? 0) > 0) {
      sum.dynamicEnergyJ = row.dynamicEnergyJ === null || sum.dynamicEnergyJ === null
        ? null
        : sum.dynamicEnergyJ + row.dynamicEnergyJ;
    }
    sum.last = { ...row, idlePowerW: row.idlePowerW ?? sum.last.idlePowerW };
  }
  const perInference = ({ inferenceEnergyJ, inferences }: Energy) =>
    inferences === 0 ? null : inferenceEnergyJ / inferences;
  const power = ({ energyJ, validMs }: Energy) => validMs === 0 ? null : 1000 * energyJ / validMs;
  return [...sums.values()].map(({ last, all, bins, gaps, dynamicEnergyJ, isTotal }) => ({
    source: last.source!,
    kind: last.kind!,
    scope: last.scope!,
    method: last.method!,
    isTotal,
    validMs: all.validMs,
    energyJ: all.validMs === 0 ? null : all.energyJ,
    gaps,
    inferences: all.inferences,
    perInferenceJ: perInference(all),
    dynamicPerInferenceJ: dynamicEnergyJ === null || all.inferences === 0 ? null : dynamicEnergyJ / all.inferences,
    idlePowerW: last.idlePowerW,
    bins: Array.from({ length: reader.binCount }, (_, i) => {
      const bin = bins[i] ?? energy();
      return { powerW: power(bin), perInferenceJ: perInference(bin) };
    }),
  }));
}
