/** Class names: as a data set has them, as a network may have them, and which is which. */

import { ConfigError } from "../core/errors.ts";
import type { Dataset } from "./dataset.ts";

/** Turns any name into a class id: lower case, `[a-z0-9_-]`, at most 64 characters. */
export function classId(name: string): string {
  const plain = name.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[^a-z0-9_-]+/g, "_").replace(
    /^_+(?=.)|(?<=.)_+$/g,
    "",
  );
  return plain.slice(0, 64) || "_";
}

/**
 * The data set with its classes in the order of `labels`: by name where the data set names its classes, else by index.
 *
 * @throws {ConfigError} `data.classes` when a class is not among the labels
 */
export function withClasses(data: Dataset, labels: readonly string[]): Dataset {
  const ids = labels.map(classId);
  const unknown = (what: string) => {
    const message = `Cannot use data ${JSON.stringify(data.name)} as its classes must be those of the network: ` +
      `found ${what}, which is not among ${ids.slice(0, 20).join(", ")}`;
    return new ConfigError("data.classes", message, { facts: { labels: ids, classes: data.labels } });
  };
  const places = data.labels?.map((name) => {
    const place = ids.indexOf(classId(name));
    if (place < 0) throw unknown(JSON.stringify(name));
    return place;
  });
  return {
    name: data.name,
    count: data.count,
    shape: data.shape,
    labels: ids,
    frame(index, out) {
      const label = data.frame(index, out);
      if (label < 0) return -1;
      const place = places === undefined ? label : places[label];
      if (place === undefined || place >= ids.length) throw unknown(`class ${label} of image ${index}`);
      return place;
    },
  };
}
