/** "Did you mean": the known name nearest to a mistyped one. */

import { distance } from "fastest-levenshtein";

/** Longer words are not compared: the cost grows with the square, and no name of ours is longer. */
const WORD_LENGTH_MAX = 64;

/** The candidate that `word` was most likely meant to be, or `undefined` when none is near. Case, `_` and `-` do not count. */
export function suggest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > WORD_LENGTH_MAX) return undefined;
  const plain = simplify(word);
  let best: string | undefined;
  let bestDistance = Infinity;
  for (const candidate of candidates) {
    const edits = editsBetween(plain, simplify(candidate));
    if (edits < bestDistance) [best, bestDistance] = [candidate, edits];
  }
  // One edit in three letters still reads as a slip; more is another word.
  const editsMax = Math.max(1, Math.floor(plain.length / 3));
  return bestDistance <= editsMax && bestDistance < plain.length ? best : undefined;
}

/** `did you mean "x"?`, or `undefined` when nothing is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const name = suggest(word, candidates);
  return name === undefined ? undefined : `did you mean ${JSON.stringify(name)}?`;
}

/** Insertions, deletions and changes of letters; two neighbours that changed places, the commonest slip, count as one. */
function editsBetween(word: string, candidate: string): number {
  const at = [...candidate].findIndex((letter, index) => letter !== word[index]);
  const swapped = at < 0 ? word : word.slice(0, at) + (word[at + 1] ?? "") + (word[at] ?? "") + word.slice(at + 2);
  return swapped === candidate && word !== candidate ? 1 : distance(word, candidate);
}

function simplify(word: string): string {
  return word.toLowerCase().replaceAll(/[_-]/g, "");
}
