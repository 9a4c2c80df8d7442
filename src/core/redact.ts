/** Keeps secrets out of logs and messages. */

/** What stands where a secret was. */
const REDACTED = "***";

/**
 * A URL, or a text with URLs in it, without user names, passwords and secret-looking query parameters.
 *
 * Prefers taking too much to too little: passwords with an unescaped `/`, `?`, `#` or `@` are found too, at the price of
 * a path in which an `@` stands.
 */
export function redactUrl(text: string): string {
  return text
    .replace(/([a-z][a-z0-9+.-]*:\/\/)\S*@/gi, `$1${REDACTED}@`)
    .replace(/([?&][^=&\s]*(?:token|pass|pwd|secret|auth|key|sig)[^=&\s]*=)[^&\s#]+/gi, `$1${REDACTED}`);
}

/** A text without the given secrets; those that are empty or undefined are passed over. */
export function redactSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  let redacted = text;
  for (const secret of secrets) if (secret) redacted = redacted.replaceAll(secret, REDACTED);
  return redacted;
}
