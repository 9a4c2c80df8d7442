/** Certificates and keys of a configuration, which may be named or written out. */

import { resolve } from "node:path";
import type { Problem } from "./problems.ts";
import { type ReadFile, readText } from "./read_file.ts";
import { Secret } from "./secret.ts";
import type { Config, TlsConfig } from "./types.ts";

/** Longest PEM file, bytes. */
export const PEM_BYTES_MAX = 256 * 1024;

/** The configuration with `mqtt.tls` read from its files; what cannot be read goes to `problems`. */
export async function readPem(
  config: Config,
  { folder, readFile, problems }: { folder: string; readFile: ReadFile; problems: Problem[] },
): Promise<Config> {
  const tls = config.mqtt?.tls;
  if (!config.mqtt || !tls) return config;
  const read = async (name: keyof TlsConfig, value: string | null): Promise<string | null> => {
    if (value === null || isPem(value)) return value;
    const file = await readText(readFile, resolve(folder, value), PEM_BYTES_MAX);
    if ("text" in file && isPem(file.text)) return file.text;
    const found = "found" in file ? file.found : "another kind of text";
    problems.push({ path: ["mqtt", "tls", name], expected: "the path of a PEM file (-----BEGIN …)", found });
    return null;
  };
  const ca = await read("ca", tls.ca);
  const cert = await read("cert", tls.cert);
  const key = await read("key", tls.key?.reveal() ?? null);
  return { ...config, mqtt: { ...config.mqtt, tls: { ca, cert, key: key === null ? null : new Secret(key) } } };
}

/** True for the text of a PEM file, false for its name. */
export function isPem(text: string): boolean {
  return text.includes("-----BEGIN ");
}
