const DEPTH_MAX = 64;

/** Values a body may hold: more than any route takes, fewer than hold up the others. */
export const VALUES_MAX = 50_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/**
 * Whether a JSON text is nested at most 64 deep and holds at most `valuesMax` values.
 *
 * One pass over the bytes, before anything is parsed: parsing millions of values, or brackets, would
 * hold up every other request. Whether the text is JSON at all is the parser's business.
 */
export function isModestJson(text: Uint8Array, valuesMax: number): boolean {
  let depth = 0;
  let values = 1;
  let isInString = false;
  for (let index = 0; index < text.length; index++) {
    const byte = text[index];
    if (isInString) {
      if (byte === BACKSLASH) index++;
      else if (byte === QUOTE) isInString = false;
    } else if (byte === QUOTE) isInString = true;
    else if (byte === COMMA) {
      if (++values > valuesMax) return false;
    } else if (byte === OPEN_BRACKET || byte === OPEN_BRACE) {
      if (++depth > DEPTH_MAX) return false;
    } else if (byte === CLOSE_BRACKET || byte === CLOSE_BRACE) depth--;
  }
  return true;
}

/** The value of a JSON text that is modest; undefined when it is not, or no JSON. */
export function parseModestJson(text: string, valuesMax: number): unknown {
  if (!isModestJson(Buffer.from(text), valuesMax)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
