/** What is published of a row of results, for each publishing mode. */

import assert from "node:assert/strict";
import { createInferenceOutput } from "../../../src/core/results.ts";
import { createResult, type FrameResult } from "../../../src/runtime/classifier.ts";
import { DECISION_PLAIN } from "../../../src/runtime/decision.ts";
import { Reporter, type ReporterOptions } from "../../../src/runtime/reporter.ts";
import { createClassification } from "../../../src/ttfs/decode.ts";
import { createFakeClock } from "../../support/fake_clock.ts";
import { darkOrBright, keepingPublisher } from "../../support/runtime_parts.ts";

const network = darkOrBright();
const PLAIN: ReporterOptions = {
  camera: "cam",
  mode: "all",
  sampleEveryS: 10,
  topK: 2,
  heartbeatS: 60,
  decision: DECISION_PLAIN,
};

/** Reports answers (class, confidence) two seconds apart; gives `result:frame` and `state:class` in order. */
async function report(
  options: Partial<ReporterOptions>,
  answers: readonly (readonly [index: number, confidence: number])[],
) {
  const clock = createFakeClock();
  const publisher = keepingPublisher();
  const reporter = new Reporter({ ...PLAIN, ...options }, { network, publisher, clock });
  for (const [frameId, [index, confidence]] of answers.entries()) {
    const classification = createClassification(2);
    classification.index = index;
    classification.confidence = classification.probabilities[index] = confidence;
    classification.probabilities[1 - index] = 1 - confidence;
    const output = createInferenceOutput(network);
    const result: FrameResult = {
      ...createResult({ name: "simulator", network }),
      frameId,
      capturedAtWallMs: clock.wallMs(),
      latencyUs: 1500,
      classification,
      output,
    };
    reporter.report(result);
    await clock.advance(2000);
  }
  const said = publisher.messages.map((message) =>
    message.kind === "result"
      ? `result:${message.frame.id}`
      : message.kind === "state"
      ? `state:${message.classId}`
      : message.kind
  );
  return { said, messages: publisher.messages };
}

const DARK = [0, 0.9] as const;
const BRIGHT = [1, 0.8] as const;
const UNSURE = [1, 0.55] as const;

const CASES: {
  name: string;
  options: Partial<ReporterOptions>;
  answers: (readonly [number, number])[];
  said: string[];
}[] = [
  {
    name: "all: every result, and the state when it changes",
    options: {},
    answers: [DARK, DARK, BRIGHT],
    said: ["result:0", "state:dark", "result:1", "result:2", "state:bright"],
  },
  {
    name: "changes: only results that change the class",
    options: { mode: "changes" },
    answers: [DARK, DARK, BRIGHT, BRIGHT],
    said: ["result:0", "state:dark", "result:2", "state:bright"],
  },
  {
    name: "sampled: one result a period",
    options: { mode: "sampled", sampleEveryS: 4 },
    answers: [DARK, DARK, DARK, DARK, DARK],
    said: ["result:0", "state:dark", "result:2", "result:4"],
  },
  {
    name: "the state is repeated as a heartbeat",
    options: { mode: "changes", heartbeatS: 4 },
    answers: [DARK, DARK, DARK],
    said: ["result:0", "state:dark", "state:dark"],
  },
  {
    name: "below the threshold the state is unknown",
    options: { mode: "changes", decision: { ...DECISION_PLAIN, threshold: 0.6 } },
    answers: [DARK, UNSURE, BRIGHT],
    said: ["result:0", "state:dark", "result:1", "state:unknown", "result:2", "state:bright"],
  },
  {
    name: "results are raw and the state is debounced: two votes of three",
    options: { decision: { ...DECISION_PLAIN, votes: 2, window: 3 } },
    answers: [DARK, DARK, BRIGHT, DARK, BRIGHT, BRIGHT],
    said: [
      "result:0",
      "state:unknown",
      "result:1",
      "state:dark",
      "result:2",
      "result:3",
      "result:4",
      "state:bright",
      "result:5",
    ],
  },
];

for (const { name, options, answers, said } of CASES) {
  Deno.test(`reporter, ${name}`, async () => {
    assert.deepEqual((await report(options, answers)).said, said);
  });
}

Deno.test("top lists the best classes first, as many as asked for", async () => {
  const { messages } = await report({ topK: 1 }, [BRIGHT]);
  assert.deepEqual(messages[0].kind === "result" && messages[0].top, [{ classId: "bright", p: 0.8 }]);
});

Deno.test("a state tells since when it holds, however often it is repeated", async () => {
  const { messages } = await report({ heartbeatS: 2 }, [DARK, DARK, BRIGHT]);
  const states = messages.filter((message) => message.kind === "state");
  const start = Date.UTC(2026, 0, 1);
  assert.deepEqual(states.map(({ sinceWallMs }) => sinceWallMs - start), [0, 0, 4000]);
});

Deno.test("a state's confidence is that of the class that stands, not of the frame's own", async () => {
  const decision = { ...DECISION_PLAIN, votes: 2, window: 2 };
  const { messages } = await report({ heartbeatS: 2, decision }, [DARK, DARK, BRIGHT]);
  const last = messages.findLast((message) => message.kind === "state")!;
  assert.deepEqual([last.classId, Number(last.confidence.toFixed(3))], ["dark", 0.2]);
});
