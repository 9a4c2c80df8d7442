/** Assertions: what only a bug of ours can break. What the outside world can break is an `EdgeError`. */

/** Fails with our own bug's message when `condition` is false. Stays on in production. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`Assertion failed, which is a bug in quartz-edge: ${message}`);
}

/** For the branch of a `switch` that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`Unreachable branch, which is a bug in quartz-edge: ${JSON.stringify(value)}`);
}
