const NAME_MAX = 255;
/** Of longer ones the end is enough. */
const SENT_MAX = 4096;
/** What a name may not hold: separators, controls, and marks that turn its reading direction. */
const UNSAFE = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * The name a file is kept and offered under: the last part of what the client sent, without what could
 * deceive a reader or a file system. Never empty, at most 255 characters; the extension stays.
 */
export function cleanFileName(sent: string): string {
  const last = sent.slice(-SENT_MAX).toWellFormed().split(/[/\\]/).at(-1) ?? '';
  const name = withoutTail(last.normalize('NFC').replaceAll(UNSAFE, '').trim());
  return name === '' ? 'unnamed' : shortened(name);
}

/** Without dots and blanks at the end, which some file systems drop. */
function withoutTail(name: string): string {
  let end = name.length;
  while (end > 0 && '. '.includes(name.charAt(end - 1))) end--;
  return name.slice(0, end);
}

function shortened(name: string): string {
  if (name.length <= NAME_MAX) return name;
  const extension = /\.[^.]{1,20}$/.exec(name)?.[0] ?? '';
  return (name.slice(0, NAME_MAX - extension.length) + extension).toWellFormed();
}

/** The media type as sent, if it is one (RFC 9110 §8.3.1), else that of arbitrary bytes. */
export function cleanContentType(sent: string): string {
  return /^[\w!#$&^.+-]{1,63}\/[\w!#$&^.+-]{1,63}$/.test(sent)
    ? sent.toLowerCase()
    : 'application/octet-stream';
}
