/** From the file formats of earlier versions to this one's. */

import type { Issue } from "../core/errors.ts";
import { valueAt } from "./problems.ts";
import type { Edit, YamlText } from "./yaml_text.ts";

/** One step from a version of the format to the next. */
export interface Migration {
  /** The version that it reads; it gives the next one. */
  readonly from: number;
  /** What changed, for the owner of a file: "mqtt.host and mqtt.port became mqtt.url". */
  readonly description: string;
  /** The changes that a file needs, from its content as it is. Pure; `version` itself is changed by the caller. */
  edits(content: unknown): readonly Edit[];
}

/** The version that this program writes and its schema describes. */
export const CONFIG_VERSION = 1;

/** In order; the last one leads to `CONFIG_VERSION`. There has been one version only. */
export const MIGRATIONS: readonly Migration[] = [];

/** A file in the current format. */
export interface Migrated {
  readonly yaml: YamlText;
  /** The steps that were needed; none for a current file. */
  readonly steps: readonly Migration[];
}

/** Brings a file's content to the current version, or says why that cannot be done. A version that is none at all is left to the schema. */
export function migrate(yaml: YamlText, migrations: readonly Migration[] = MIGRATIONS): Migrated | Issue {
  const version = valueAt(yaml.value, ["version"]);
  if (typeof version !== "number" || !Number.isInteger(version)) return { yaml, steps: [] };
  if (version > CONFIG_VERSION) {
    return {
      where: yaml.where(["version"]),
      expected: `at most ${CONFIG_VERSION}, the newest format that this program knows`,
      found: String(version),
      hint: "the file was written for a newer program: update this one, or bring back the file's former copy",
    };
  }
  const steps = migrations.filter(({ from }) => from >= version);
  if (steps[0]?.from !== version) return { yaml, steps: [] };
  const migrated = steps.reduce((content, { from, edits }) => {
    return content.edited([...edits(content.value), { set: ["version"], value: from + 1 }]);
  }, yaml);
  return { yaml: migrated, steps };
}
