/** A reader of Prometheus' text format, written from its description and not from our writer. */

import assert from "node:assert/strict";

/** One line of figures. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A text taken apart. */
export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/s;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/gy;

/** @throws {AssertionError} on any line that is not of the format, and on a sample without a type. */
export function readExposition(text: string): Exposition {
  assert.ok(text.endsWith("\n"), "the last line must end with a line feed");
  const types = new Map<string, string>();
  const samples: Sample[] = [];
  for (const line of text.slice(0, -1).split("\n")) {
    if (line.startsWith("# HELP ")) continue;
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) {
      assert.ok(!types.has(type[1]), `${type[1]} has two types`);
      types.set(type[1], type[2]);
      continue;
    }
    const match = SAMPLE.exec(line);
    assert.ok(match !== null, `not a sample: ${line}`);
    const [, name, inner = "", value] = match;
    const family = [name, name.replace(/_(bucket|sum|count)$/, "")].find((one) => types.has(one));
    assert.ok(family !== undefined, `${name} comes before its type`);
    samples.push({ name, labels: readLabels(inner, line), value: Number(value.replace("Inf", "Infinity")) });
  }
  return { types, samples };
}

// ---

function readLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {};
  let end = 0;
  LABEL.lastIndex = 0;
  for (let match = LABEL.exec(text); match !== null; match = LABEL.exec(text)) {
    assert.ok(!(match[1] in labels), `a label twice: ${line}`);
    labels[match[1]] = match[2].replace(/\\([\\"n])/g, (_, letter) => letter === "n" ? "\n" : letter);
    end = LABEL.lastIndex;
    if (end === text.length) break;
  }
  assert.equal(end, text.length, `labels: ${line}`);
  return labels;
}
