/** Is the runtime new enough, and may it do what the configuration asks for? */

import { isGranted } from "../../../core/platform.ts";
import { denoFlags, type Need, needsOf } from "../../permissions.ts";
import { runtimeInfo } from "../../version.ts";
import { advice, type Check, failed, type Finding, ok } from "../check.ts";
import type { DoctorContext } from "../context.ts";

/** Oldest versions that the program is tested on, `[major, minor]`. */
const OLDEST = { deno: [2, 9], node: [22, 18] } as const;

/** Version, and permissions feature by feature. */
export function runtimeChecks({ loaded }: Pick<DoctorContext, "loaded">): Check[] {
  const needs = loaded === null ? [] : needsOf(loaded);
  const features = [...new Set(needs.map(({ feature }) => feature))];
  return [
    { id: "runtime.version", title: "version", group: "runtime", run: () => checkVersion(runtimeInfo()) },
    ...features.map((feature): Check => ({
      id: `permission.${feature.replaceAll(" ", ".")}`,
      title: `permissions: ${feature}`,
      group: "runtime",
      run: () => checkPermissions(needs.filter((need) => need.feature === feature)),
    })),
  ];
}

/** For tests, too: whether a runtime is new enough. */
export function checkVersion({ name, version }: { readonly name: "deno" | "node"; readonly version: string }): Finding {
  const [major, minor] = version.split(".").map(Number);
  const [oldestMajor, oldestMinor] = OLDEST[name];
  const isNew = major > oldestMajor || (major === oldestMajor && minor >= oldestMinor);
  if (isNew) return ok(`${name} ${version}`);
  const line = name === "deno"
    ? "npx --yes deno@2.9.5 task quartz …"
    : "npx --yes --package node@22 -- node src/main.ts …";
  return failed(`${name} ${version}, older than ${oldestMajor}.${oldestMinor}`, advice(`start it with ${line}`));
}

// ---------------------------------------------------------------------------------------------------------------------

function checkPermissions(needs: readonly Need[]): Finding {
  const missing = needs.filter((need) => !isGranted(need));
  if (missing.length === 0) {
    return ok(runtimeInfo().name === "node" ? "Node asks for none" : `granted: ${denoFlags(needs).join(" ")}`);
  }
  const flags = denoFlags(missing).join(" ");
  // Deno grants nobody a program that is not there.
  const orMissing = missing.some(({ kind }) => kind === "run") ? ", or no such program" : "";
  return failed(`missing ${flags}${orMissing}`, advice(`start with deno run ${flags} …`));
}
