/** Prometheus' text format, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/ */

/** The `Content-Type` of the format. */
export const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Name to value; values may be any text. */
export type Labels = Readonly<Record<string, string>>;

/** What a metric is. */
export interface MetricSpec {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** A cumulative histogram: how many values were at most each bound, how many there were, and their sum. */
export interface Buckets {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly count: number;
  readonly sum: number;
}

/** Collects samples of the metrics in a table and writes them metric by metric, in the table's order. */
export class ExpositionText<Name extends string> {
  readonly #specs: Readonly<Record<Name, MetricSpec>>;
  readonly #lines = new Map<Name, string[]>();

  constructor(specs: Readonly<Record<Name, MetricSpec>>) {
    this.#specs = specs;
  }

  /** A counter's or gauge's value. */
  add(name: Name, labels: Labels, value: number): void {
    this.#linesOf(name).push(`${name}${formatLabels(labels)} ${formatNumber(value)}`);
  }

  addHistogram(name: Name, labels: Labels, { bounds, counts, count, sum }: Buckets): void {
    const lines = this.#linesOf(name);
    bounds.forEach((bound, index) => {
      lines.push(`${name}_bucket${formatLabels({ ...labels, le: formatNumber(bound) })} ${counts[index]}`);
    });
    lines.push(`${name}_bucket${formatLabels({ ...labels, le: "+Inf" })} ${count}`);
    lines.push(`${name}_sum${formatLabels(labels)} ${formatNumber(sum)}`);
    lines.push(`${name}_count${formatLabels(labels)} ${count}`);
  }

  /** Everything; metrics without a sample are left out. */
  toString(): string {
    let text = "";
    for (const [name, { type, help }] of Object.entries(this.#specs) as [Name, MetricSpec][]) {
      const lines = this.#lines.get(name);
      if (lines === undefined) continue;
      text += `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.join("\n")}\n`;
    }
    return text;
  }

  #linesOf(name: Name): string[] {
    let lines = this.#lines.get(name);
    if (lines === undefined) this.#lines.set(name, lines = []);
    return lines;
  }
}

// ---------------------------------------------------------------------------------------------------------------------

function formatLabels(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeValue(value)}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

function escapeValue(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  return value === -Infinity ? "-Inf" : String(value);
}
