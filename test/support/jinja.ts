/** Renders templates with Jinja2 itself, the engine of Home Assistant, from the Debian package python3-jinja2. */

import { spawnSync } from "node:child_process";

/** A template and what it may refer to. */
export interface Rendering {
  readonly template: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

/** As Home Assistant renders: a sandbox and its clock; but strict, so that a field that is not there is an error. */
const SCRIPT = `
import json, sys
from datetime import datetime, timezone
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
env = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
env.globals["utcnow"] = lambda: datetime.now(timezone.utc)
def render(one):
    try:
        return {"text": env.from_string(one["template"]).render(**one["variables"]).strip()}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
json.dump([render(one) for one in json.load(sys.stdin)], sys.stdout)
`;

const PYTHON = ["/usr/bin/python3", "python3"].find((python) =>
  spawnSync(python, ["-c", "import jinja2"], { stdio: "ignore" }).status === 0
);
/** False where the Debian package python3-jinja2 is not installed. */
export const jinjaAvailable = PYTHON !== undefined;

/** The text of each, in order. @throws {Error} naming the first template that cannot be rendered */
export function renderTemplates(renderings: readonly Rendering[]): string[] {
  const { stdout, stderr, status } = spawnSync(PYTHON!, ["-c", SCRIPT], {
    input: JSON.stringify(renderings),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`python3: ${stderr}`);
  const results = JSON.parse(stdout) as { text?: string; error?: string }[];
  return results.map(({ text, error }, index) => {
    if (text === undefined) throw new Error(`${error} in ${renderings[index].template}`);
    return text;
  });
}
