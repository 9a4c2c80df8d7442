/** A team of one thread that does every part in turn: what division alone changes, without the cost of threads. */

import { runShare } from "../../src/simulator/fast/share.ts";
import type { Team, TeamParts } from "../../src/simulator/fast/team.ts";

/** The parts in falling order, so that none leans on what an earlier one left. */
export function createSequentialTeam({ kernels, works }: TeamParts): Team {
  return {
    run(step) {
      for (let part = works.length - 1; part >= 0; part--) runShare(kernels, step, works[part], part, works.length);
    },
  };
}
