/** The compartment against every vector of the public emulators: neurons, decays, overflows, effective weights. */

import assert from "node:assert/strict";
import {
  type CompartmentParameters,
  type CompartmentState,
  decay,
  stepCompartment,
  type StepEvents,
  V_MAX,
  wrapQ,
  wrapU,
} from "../../src/loihi/chip/compartment.ts";
import { effectiveWeight, toSynapse } from "../../src/loihi/compile/mantissas.ts";
import { readVectors } from "../support/vectors.ts";

interface NeuronVector {
  readonly name: string;
  readonly params: Readonly<Record<string, number>>;
  readonly q: number[];
  readonly u: number[];
  readonly v: number[];
  readonly s: number[];
  readonly events?: { t: number; wMant: number; wExp: number }[];
}

interface WeightRow {
  readonly numWeightBits: number;
  readonly signMode: string;
  readonly wExp: number;
  readonly mant: number[];
  readonly brian_effective: number[];
}

const VECTORS = JSON.parse(new TextDecoder().decode(readVectors("loihi-neuron.json")));

Deno.test("a compartment equals every neuron vector, step for step", () => {
  const vectors: NeuronVector[] = VECTORS.neuron_vectors;
  assert.equal(vectors.length, 16);
  for (const vector of vectors) {
    const parameters = parametersOf(vector.params);
    const state: CompartmentState = { u: 0, v: 0, refractory: 0 };
    const events: StepEvents = { spike: false, qWrapped: false, uWrapped: false, vClipped: false };
    vector.q.forEach((q, step) => {
      stepCompartment(parameters, state, q, events);
      const got = [state.u, state.v, Number(events.spike)];
      assert.deepEqual(got, [vector.u[step], vector.v[step], vector.s[step]], `${vector.name}, step ${step}`);
    });
  }
});

Deno.test("synapses sum to the vectors' input", () => {
  for (const { name, q, events } of VECTORS.neuron_vectors as NeuronVector[]) {
    if (events === undefined) continue;
    const sums = q.map(() => 0);
    for (const { t, wMant, wExp } of events) sums[t] += effectiveWeight({ mantissa: wMant, exponent: wExp });
    assert.deepEqual(sums, q, name);
  }
});

Deno.test("decay equals the table", () => {
  const { x, rows } = VECTORS.decay_table;
  for (const { d, y } of rows) assert.deepEqual(x.map((value: number) => decay(value, d) + 0), y, `decay ${d}`);
});

Deno.test("q and u wrap as the registers do", () => {
  const { q_21bit: q, u_23bit: u } = VECTORS.overflow;
  assert.deepEqual(q.x.map(wrapQ), q.nengo);
  assert.deepEqual(u.x.map(wrapU), u.nengo);
});

Deno.test("even mixed-sign mantissas with an exponent from 0 act as the table says", () => {
  const rows: WeightRow[] = VECTORS.weights.rows;
  let compared = 0;
  for (const { numWeightBits, signMode, wExp, mant, brian_effective: wanted } of rows) {
    if (numWeightBits !== 8 || signMode !== "MIXED" || wExp < 0) continue;
    mant.forEach((mantissa, i) => {
      if (mantissa % 2 !== 0 || Math.abs(mantissa) > 254) return;
      assert.equal(effectiveWeight({ mantissa, exponent: wExp }), wanted[i], `${mantissa} · 2^${wExp}`);
      const synapse = toSynapse(mantissa * 2 ** wExp);
      assert.equal(effectiveWeight(synapse!), wanted[i], "as the compiler stores it");
      compared++;
    });
  }
  assert.ok(compared > 10, `${compared} compared`);
});

// ---------------------------------------------------------------------------------------------------------------------

/** `du` of the vectors stands for a register whose core has the offset bit set; `duEff` for the effective decay. */
function parametersOf(params: Readonly<Record<string, number>>): CompartmentParameters {
  return {
    currentDecay: params.duEff ?? params.du + 1,
    voltageDecay: params.dvEff ?? params.dv,
    threshold: params.vthMant * 64,
    bias: (params.biasMant ?? 0) * 2 ** (params.biasExp ?? 0),
    refractorySteps: params.refract ?? 1,
    vMin: -V_MAX,
    vMax: V_MAX,
  };
}
