/** What this program is called in its own messages. A test holds it against deno.json. */

import process from "node:process";

/** Version of the program. */
export const VERSION = "0.1.0";

/** The runtime underneath. Under Deno `process.versions.node` is only what it imitates. */
export function runtimeInfo(): { readonly name: "deno" | "node"; readonly version: string } {
  const { deno, node } = process.versions;
  return deno === undefined ? { name: "node", version: node } : { name: "deno", version: deno };
}
