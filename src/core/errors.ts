/** Errors that the outside world causes. Callers catch six things, so there are six classes. */

/** One finding of a check: where it was, what was wanted, what was found, and how to mend it. */
export interface Issue {
  /** Path to the place: `layers[2].weights`, `cameras.0.source.path`, `tensor "conv1.weight"`. */
  readonly where: string;
  readonly expected: string;
  readonly found: string;
  readonly hint?: string;
}

/** What an `EdgeError` may carry besides its message. */
export interface EdgeErrorOptions {
  /** What the reader can do about it, as one sentence. */
  readonly hint?: string;
  /** The numbers and names behind the message, for programs. Never a secret. */
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly issues?: readonly Issue[];
  readonly cause?: unknown;
}

/** Base of all expected failures; `code` is stable and may be matched by programs. */
export class EdgeError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly facts: Readonly<Record<string, unknown>>;
  readonly issues: readonly Issue[];

  constructor(code: string, message: string, options: EdgeErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
    this.facts = options.facts ?? {};
    this.issues = options.issues ?? [];
  }
}

/** A configuration, a flag or an argument is wrong. */
export class ConfigError extends EdgeError {}
/** A network file is wrong, or asks for what this version cannot do. */
export class ModelError extends EdgeError {}
/** A simulator or a board failed to load or run a network. */
export class BackendError extends EdgeError {}
/** The host link to a board failed. */
export class LinkError extends EdgeError {}
/** A broker or a publisher failed. */
export class PublishError extends EdgeError {}
/** A camera, clip or image failed. */
export class CameraError extends EdgeError {}

/** Most findings that one message prints; the rest are counted in a last line. */
const ISSUES_PRINTED_MAX = 20;

/** One finding as a line. */
export function formatIssue(issue: Issue): string {
  const hint = issue.hint === undefined ? "" : ` (${issue.hint})`;
  return `${issue.where}: expected ${issue.expected}, found ${issue.found}${hint}`;
}

/** An error as people read it: message, findings, hint; no stack. Anything that is not an `EdgeError` keeps its message only. */
export function formatError(error: unknown): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`;
  const lines = [`error: ${error.message}`];
  if (error instanceof EdgeError) {
    for (const issue of error.issues.slice(0, ISSUES_PRINTED_MAX)) lines.push(`  - ${formatIssue(issue)}`);
    const hidden = error.issues.length - ISSUES_PRINTED_MAX;
    if (hidden > 0) lines.push(`  - and ${hidden} more`);
    if (error.hint !== undefined) lines.push(`hint: ${error.hint}`);
  }
  return lines.join("\n");
}

/** An error for programs: `{code, message, hint, facts, issues}`. */
export function errorToJson(error: unknown): Record<string, unknown> {
  if (!(error instanceof EdgeError)) {
    return { code: "internal", message: error instanceof Error ? error.message : String(error) };
  }
  return { code: error.code, message: error.message, hint: error.hint, facts: error.facts, issues: error.issues };
}
