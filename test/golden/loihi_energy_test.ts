/** The energy and latency model against the measured points of the authors' MNIST network on Nahuku 32. */

import assert from "node:assert/strict";
import { compileForBoard } from "../../src/loihi/compile/compile.ts";
import { AUTHORS } from "../../src/loihi/compile/recipe.ts";
import { compartmentCount } from "../../src/loihi/compile/image.ts";
import { estimateFrame, type FrameActivity } from "../../src/loihi/energy.ts";
import { LOIHI_ENERGY_MODEL } from "../../src/telemetry/energy_model.ts";
import { authorsMnistNetwork, testBoard } from "../support/loihi.ts";
import { readVectors } from "../support/vectors.ts";

interface Row {
  readonly tmax: number;
  readonly us_per_step: number;
  readonly steps: number;
  readonly core_static: number;
  readonly core_dyn: number;
  readonly x86_static: number;
  readonly x86_dyn: number;
  readonly board_total: number;
}

const ANCHORS = JSON.parse(new TextDecoder().decode(readVectors("loihi-energy.json"))).quartz_on_loihi_mnist;
const ROWS: Row[] = ANCHORS.rows;
const COUNTS = ANCHORS.counts_per_frame;
const MEASURED_CORES = 11;

Deno.test("estimates agree with the five measured points", () => {
  assert.equal(ROWS.length, 5);
  for (const row of ROWS) {
    near(row, {
      compartments: COUNTS.neurons,
      cores: MEASURED_CORES,
      steps: row.steps,
      synops: COUNTS.synops_data + COUNTS.synops_control,
      inputSpikes: COUNTS.input_spikes,
    });
  }
});

Deno.test("so do those for what our compiler makes of the same network", () => {
  for (const row of ROWS) {
    const image = compileForBoard(authorsMnistNetwork(row.tmax), testBoard(), { recipe: AUTHORS });
    near(row, {
      compartments: compartmentCount(image),
      cores: MEASURED_CORES,
      steps: image.frameSteps,
      synops: image.synopsData + image.synopsControl,
      inputSpikes: 784,
    });
  }
});

Deno.test("simulator and boards count with the same energy of an operation", () => {
  const { per_neuron_update_pj, per_synop_pj } = LOIHI_ENERGY_MODEL.coefficients;
  for (const name of ["kapoho-bay", "nahuku-8", "nahuku-32", "wolf-mountain", "twin"]) {
    const { energy } = testBoard(name);
    assert.deepEqual([energy.neuronUpdatePj.value, energy.synopPj.value], [per_neuron_update_pj, per_synop_pj], name);
  }
});

// ---------------------------------------------------------------------------------------------------------------------

function near(row: Row, activity: FrameActivity): void {
  const cost = estimateFrame(testBoard(), activity);
  const latencyMs = row.us_per_step * row.steps / 1000;
  const attributableUj = (row.core_static + row.core_dyn + row.x86_static + row.x86_dyn) * latencyMs;
  within(cost.latencyMs, latencyMs, 0.05, `t_max ${row.tmax}: latency, ms`);
  within(cost.coreDynamicUj, row.core_dyn * latencyMs, 0.2, `t_max ${row.tmax}: core-dynamic, µJ`);
  within(cost.attributableUj, attributableUj, 0.1, `t_max ${row.tmax}: attributable, µJ`);
  within(cost.boardUj!, row.board_total * latencyMs, 0.05, `t_max ${row.tmax}: board, µJ`);
  within(cost.edpUjs, attributableUj * latencyMs / 1000, 0.12, `t_max ${row.tmax}: EDP, µJ·s`);
}

function within(value: number, wanted: number, share: number, what: string): void {
  const error = value / wanted - 1;
  assert.ok(
    Math.abs(error) <= share,
    `${what}: ${value.toFixed(3)} for ${wanted.toFixed(3)}, ${(100 * error).toFixed(1)} %`,
  );
}
