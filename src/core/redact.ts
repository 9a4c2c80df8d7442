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
  return text.replace(/\S+/g, redactCredentials).replace(SECRET_PARAMETER, `$1${REDACTED}`);
}

/** A name holds no `?`, so that no character is looked at from more than one start. */
const SECRET_PARAMETER = /([?&](?=[^=&?\s]*(?:token|pass|pwd|secret|auth|key|sig))[^=&?\s]*=)[^&\s#]+/gi;
/** Bounded, as are all patterns here: a long text from outside must not take time that grows with its square. */
const SCHEME = /[a-z][a-z0-9+.-]{0,31}:\/\//i;

/** A word without what stands between its first `scheme://` and its last `@`. */
function redactCredentials(word: string): string {
  const at = word.lastIndexOf("@");
  if (at < 0) return word;
  const scheme = SCHEME.exec(word.slice(0, at));
  return scheme === null ? word : word.slice(0, scheme.index + scheme[0].length) + REDACTED + word.slice(at);
}

/** A text without the given secrets; those that are empty or undefined are passed over. */
export function redactSecrets(text: string, secrets: readonly (string | undefined)[]): string {
  let redacted = text;
  for (const secret of secrets) if (secret) redacted = redacted.replaceAll(secret, REDACTED);
  return redacted;
}
