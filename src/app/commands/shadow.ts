/** `shadow`: how often a network answers as the source network does, on images that need no classes. */

import { openShadowAnn } from "../../convert/shadow.ts";
import { measureNetwork } from "../../convert/measure.ts";
import { ConfigError } from "../../core/errors.ts";
import type { Network } from "../../core/network.ts";
import type { Dataset } from "../../data/dataset.ts";
import { openDataset } from "../../data/open.ts";
import { createImageReader } from "../../evaluate/image_reader.ts";
import { openNetwork } from "../../model/load.ts";
import { createKernel, DEFAULT_KERNEL } from "../../simulator/choose_kernel.ts";
import type { CommandOf } from "../command_table.ts";
import { ProgressBar } from "../console.ts";
import { imageDecoders } from "../image_decoders.ts";
import { parseNumberList } from "../number_list.ts";
import type { CommandContext } from "./context.ts";

/** Runs both networks on every image and prints how often they agree. */
export async function runShadow(command: CommandOf<"shadow">, context: CommandContext): Promise<number> {
  const { console, clock, signal } = context;
  const network = await openNetwork(command.network);
  const data = await openDataset(command.data, imageDecoders);
  checkSize(network, data);
  const pixels = { mean: numbers("--mean", command.mean), std: numbers("--std", command.std) };
  const predictions = new Int32Array(Math.min(data.count, command.limit ?? data.count));
  const read = createImageReader(data, network);
  const bar = (title: string) => {
    const progress = new ProgressBar(console, title, () => clock.nowUs());
    return (done: number) => {
      signal.throwIfAborted();
      progress.update(done, predictions.length);
    };
  };
  const ann = await openShadowAnn(command.model, network, pixels);
  try {
    const tick = bar("source network");
    for (let i = 0; i < predictions.length; i++) {
      predictions[i] = await ann.classify(read(i).bytes);
      tick(i + 1);
    }
  } finally {
    await ann[Symbol.asyncDispose]();
  }
  const images = { data, count: predictions.length, pixels: { mean: [], std: [] } };
  const { agreement, ties } = await measureNetwork(network, images, {
    createKernel: (made) => createKernel(made, DEFAULT_KERNEL),
    predictions,
    tick: bar("spiking network"),
  });
  const result = {
    network: network.name,
    model: command.model,
    data: data.name,
    frames: images.count,
    agreement,
    ties,
  };
  const percent = (100 * agreement!).toFixed(2);
  if (command.json) console.print(JSON.stringify(result));
  else {
    console.print(
      `${network.name} agrees with ${command.model} on ${percent} % of ${images.count} frames, ties ${ties}`,
    );
  }
  return 0;
}

// ---------------------------------------------------------------------------------------------------------------------

function checkSize(network: Network, data: Dataset): void {
  const [channels, height, width] = network.input.shape;
  const [wanted, found] = [[height, width, channels].join("x"), data.shape.join("x")];
  if (wanted === found) return;
  const message = `Cannot compare on ${JSON.stringify(data.name)} as its images must be ${wanted}: found ${found}`;
  throw new ConfigError("shadow.shape", message, { hint: "Give images of the network's input size" });
}

function numbers(flag: string, text: string | null): number[] | undefined {
  if (text === null) return undefined;
  const values = parseNumberList(text);
  if (values !== null) return values;
  const issues = [{ where: flag, expected: "one number or three, with commas between", found: JSON.stringify(text) }];
  throw new ConfigError("usage", "Cannot read the command line of shadow", { issues, hint: "See: help shadow" });
}
