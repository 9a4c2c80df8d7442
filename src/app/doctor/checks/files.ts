/** Is the configuration valid, does every network load, and does this machine compute them right? */

import { relative } from "node:path";
import process from "node:process";
import type { Config } from "../../../config/types.ts";
import { EdgeError, formatIssue } from "../../../core/errors.ts";
import type { Network } from "../../../core/network.ts";
import { dequantise, quantise } from "../../../model/quantise.ts";
import type { KernelChoice } from "../../../simulator/choose_kernel.ts";
import { selfTestSteps } from "../../../simulator/self_test.ts";
import { openSimulator } from "../../../simulator/simulator.ts";
import { advice, type Check, failed, type Finding, hintOf, ok, plainError, skipped, warning } from "../check.ts";
import type { DoctorContext } from "../context.ts";
import { lastGoodChecks } from "./last_good.ts";

/** Large networks take the reference kernel seconds a frame. */
const SELF_TEST_MS_MAX = 60_000;

/** The configuration itself. */
export function configChecks(context: DoctorContext): Check[] {
  return [
    { id: "config", title: "configuration", group: "files", run: () => checkConfig(context) },
    ...lastGoodChecks(context),
  ];
}

/** Every network that the configuration names. */
export function networkChecks(config: Config, { network }: Pick<DoctorContext, "network">): Check[] {
  const paths = [
    ...config.cameras.map((camera) => camera.network),
    ...(config.commands?.networks ?? []).map(({ path }) => path),
  ];
  return [...new Set(paths)].flatMap((path, index): Check[] => {
    const id = `network.${index}`;
    const name = relative(process.cwd(), path);
    return [
      { id: `${id}.load`, title: `network ${index + 1}`, group: "files", run: () => checkLoad(name, network(path)) },
      {
        id: `${id}.self_test`,
        title: `network ${index + 1} computes`,
        group: "files",
        needs: [`${id}.load`],
        timeoutMs: SELF_TEST_MS_MAX,
        run: async (signal) => await checkSelfTest(await network(path), config.backend, signal),
      },
    ];
  });
}

// ---------------------------------------------------------------------------------------------------------------------

function checkConfig({ configPath, loaded, configError }: DoctorContext): Finding {
  if (configPath === null) {
    return skipped("none was named: with --config FILE, doctor also looks at its cameras, broker, networks and spool");
  }
  if (loaded === null) {
    const issues = configError instanceof EdgeError ? configError.issues : [];
    const first = issues.length === 0 ? "" : `: ${formatIssue(issues[0])}`;
    return failed(`${plainError(configError)}${first}`, advice(`validate --config ${configPath} lists every problem`));
  }
  const { config: { cameras, mqtt }, warnings } = loaded;
  if (mqtt === null) {
    return failed("valid, but without a broker: run has nowhere to publish", {
      kind: "config",
      text: "mqtt: { url: mqtt://HOST:1883 }",
    });
  }
  const count = cameras.length === 1 ? "1 camera" : `${cameras.length} cameras`;
  return warnings.length === 0 ? ok(`valid: ${count}`) : warning(`valid: ${count}; ${warnings.join("; ")}`);
}

async function checkLoad(name: string, opening: Promise<Network>): Promise<Finding> {
  try {
    const { name: title, digest, layers, labels } = await opening;
    return ok(`${title}, ${layers.length} layers, ${labels.length} classes, SHA-256 ${digest.slice(0, 12)}… (${name})`);
  } catch (error) {
    const [issue] = error instanceof EdgeError ? error.issues : [];
    const first = issue === undefined ? "" : `: ${formatIssue(issue)}`;
    return failed(`${plainError(error)}${first}`, hintOf(error));
  }
}

/**
 * The file's vectors on the reference kernel, which made them; and on the kernel that will run, held against the reference
 * over the same rounded weights. Both must agree in every output spike.
 */
async function checkSelfTest(network: Network, backend: Config["backend"], signal: AbortSignal): Promise<Finding> {
  const { selfTest } = network;
  if (selfTest === null) return warning("the file carries no self-test vectors", advice("convert the model again"));
  const outputs = network.labels.length;
  const reference = await steps(network, { kind: "reference" }, 1, signal);
  const wrong = differences(reference, selfTest.steps);
  if (wrong > 0) {
    const found = `${wrong} of ${reference.length} output spikes are at another step than the file says`;
    return failed(found, advice("copy the network file again: it was changed, or this machine computes wrongly"));
  }
  const passed = `${selfTest.count} frames, ${selfTest.count * outputs} output spikes at their steps`;
  if (backend.kind !== "simulator") return ok(`${passed} (reference kernel; for the board: parity)`);
  const { weightBits, threads } = backend;
  const rounded = await steps(dequantise(quantise(network, weightBits)), { kind: "reference" }, 1, signal);
  const used = await steps(network, { kind: "fast", weightBits }, threads, signal);
  const differing = differences(used, rounded);
  if (differing > 0) {
    return failed(
      `the ${weightBits}-bit kernel differs from the reference in ${differing} of ${used.length} output spikes`,
      advice("this is a fault of the program or of the machine: please report it"),
    );
  }
  return ok(`${passed}; the ${weightBits}-bit kernel on ${threads} thread(s) agrees`);
}

async function steps(network: Network, kernel: KernelChoice, threads: number, signal: AbortSignal) {
  const simulator = await openSimulator(network, kernel, { threads });
  // Out of time: closing ends the run that is under way.
  const stop = () => void simulator[Symbol.asyncDispose]();
  signal.addEventListener("abort", stop, { once: true });
  try {
    return await selfTestSteps(network, simulator);
  } finally {
    signal.removeEventListener("abort", stop);
    await simulator[Symbol.asyncDispose]();
  }
}

function differences(a: Int16Array, b: Int16Array): number {
  return a.reduce((count, step, i) => count + (step === b[i] ? 0 : 1), 0);
}
