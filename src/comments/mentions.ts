const MENTIONS_MAX = 50;

/** An address after an `@` that begins a word; what ends a sentence is no part of it. */
const MENTION = /(?<![\w@.+-])@([\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,8})/gi;

/** The addresses that a comment mentions as `@user@example.org`, in lower case, each once, at most fifty. */
export function mentionedEmails(body: string): string[] {
  const found = new Set<string>();
  for (const [, email] of body.matchAll(MENTION)) {
    if (email) found.add(email.toLowerCase());
    if (found.size === MENTIONS_MAX) break;
  }
  return [...found];
}
