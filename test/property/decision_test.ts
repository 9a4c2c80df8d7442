/** Laws of the decision over any results, and the rules one by one. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { Decision, DECISION_PLAIN, type DecisionOptions, UNKNOWN } from "../../src/runtime/decision.ts";

const CLASSES = 4;

/** A result: probabilities that sum to 1, and the lowest index of the best. */
const result = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: CLASSES, maxLength: CLASSES }).map((weights) => {
  const sum = weights.reduce((a, b) => a + b, 0) || 1;
  const probabilities = Float64Array.from(weights, (weight) => weight / sum);
  return { index: probabilities.indexOf(Math.max(...probabilities)), probabilities };
});
const results = fc.array(result, { minLength: 1, maxLength: 80 });
const options = fc.record({
  threshold: fc.integer({ min: 0, max: 10 }).map((value) => value / 10),
  hysteresis: fc.integer({ min: 0, max: 5 }).map((value) => value / 10),
  window: fc.integer({ min: 1, max: 8 }),
  share: fc.integer({ min: 1, max: 8 }),
}).map(({ share, ...rest }): DecisionOptions => ({ ...rest, votes: Math.min(share, rest.window) }));

Deno.test("the class changes only to the newest vote, and only with k votes in the last n frames", () => {
  fc.assert(fc.property(options, results, (rules, frames) => {
    const decision = new Decision(rules);
    const votes: number[] = [];
    for (const frame of frames) {
      const before = decision.stable;
      votes.push(decision.voteOf(frame));
      const after = decision.decide(frame);
      const newest = votes.at(-1)!;
      const agreeing = votes.slice(-rules.window).filter((vote) => vote === newest).length;
      assert.equal(after, agreeing >= rules.votes ? newest : before);
    }
  }));
});

Deno.test("a class that comes to stand has the threshold, and is better by the hysteresis than the one it replaces", () => {
  fc.assert(fc.property(options, results, (rules, frames) => {
    const decision = new Decision(rules);
    for (const frame of frames) {
      const before = decision.stable;
      const after = decision.decide(frame);
      if (after === before) continue;
      const { probabilities } = frame;
      if (after !== UNKNOWN) assert.ok(probabilities[after] >= rules.threshold);
      if (after !== UNKNOWN && before !== UNKNOWN) {
        assert.ok(probabilities[after] >= probabilities[before] + rules.hysteresis);
      }
      // A class is given up for `unknown` only when even its advantage does not bring it to the threshold.
      if (after === UNKNOWN) assert.ok(probabilities[before] + rules.hysteresis < rules.threshold);
    }
  }));
});

Deno.test("plain rules follow every frame", () => {
  fc.assert(fc.property(results, (frames) => {
    const decision = new Decision(DECISION_PLAIN);
    for (const frame of frames) assert.equal(decision.decide(frame), frame.index);
  }));
});

Deno.test("the same results give the same decisions, and more hysteresis never gives more changes of a two-class scene", () => {
  const twoClasses = fc.array(
    fc.integer({ min: 0, max: 100 }).map((percent) => {
      const probabilities = Float64Array.of(percent / 100, 1 - percent / 100);
      return { index: probabilities[0] >= probabilities[1] ? 0 : 1, probabilities };
    }),
    { minLength: 1, maxLength: 60 },
  );
  const run = (rules: DecisionOptions, frames: readonly { index: number; probabilities: Float64Array }[]) => {
    const decision = new Decision(rules);
    return frames.map((frame) => decision.decide(frame));
  };
  const changes = (states: readonly number[]) => states.filter((state, i) => i > 0 && state !== states[i - 1]).length;
  fc.assert(fc.property(options, twoClasses, (rules, frames) => {
    assert.deepEqual(run(rules, frames), run(rules, frames));
    const loose = { ...DECISION_PLAIN, hysteresis: rules.hysteresis };
    const tight = { ...DECISION_PLAIN, hysteresis: rules.hysteresis + 0.2 };
    assert.ok(changes(run(tight, frames)) <= changes(run(loose, frames)));
  }));
});

Deno.test("a flickering scene is quiet with three votes of five, and a real change comes through after three frames", () => {
  const decision = new Decision({ threshold: 0.6, hysteresis: 0, votes: 3, window: 5 });
  const see = (index: number, p = 0.9) => {
    const probabilities = Float64Array.of((1 - p) / 2, (1 - p) / 2, (1 - p) / 2);
    probabilities[index] = p;
    return decision.decide({ index, probabilities });
  };
  assert.deepEqual([see(0), see(0), see(0)], [UNKNOWN, UNKNOWN, 0]);
  assert.deepEqual([see(1), see(0), see(2), see(0), see(1), see(0)], [0, 0, 0, 0, 0, 0]);
  assert.deepEqual([see(1), see(1), see(1)], [0, 1, 1], "with the vote two frames earlier");
  assert.deepEqual([see(1, 0.5), see(1, 0.5), see(1, 0.5)], [1, 1, UNKNOWN]);
  decision.rules = { ...decision.rules, threshold: 0.4 };
  assert.deepEqual([see(1, 0.5), see(1, 0.5), see(1, 0.5)], [UNKNOWN, UNKNOWN, 1]);
});

Deno.test("another window keeps what stands and the newest votes, and goes on as if it had always been so long", () => {
  const vote = fc.integer({ min: 0, max: 2 });
  const rules = fc.integer({ min: 1, max: 9 }).chain((window) =>
    fc.record({ window: fc.constant(window), votes: fc.integer({ min: 1, max: window }) })
  );
  const see = (decision: Decision, index: number) => {
    const probabilities = new Float64Array(3).fill(0.05);
    probabilities[index] = 0.9;
    return decision.decide({ index, probabilities });
  };
  fc.assert(fc.property(rules, rules, fc.array(vote), fc.array(vote), (first, second, early, late) => {
    const plain = { threshold: 0, hysteresis: 0 };
    const decision = new Decision({ ...plain, ...first });
    for (const index of early) see(decision, index);
    const stood = decision.stable;
    decision.rules = { ...plain, ...second };
    assert.equal(decision.stable, stood);
    // Literally: the votes that both windows hold, and then the new ones.
    const votes = early.slice(-first.window).slice(-second.window);
    let expected = stood;
    for (const index of late) {
      votes.push(index);
      const count = votes.slice(-second.window).filter((one) => one === index).length;
      if (index !== expected && count >= second.votes) expected = index;
      assert.equal(see(decision, index), expected);
    }
  }));
});
