import { RE2JS } from 're2js';

/** A pattern that values of a type have as a whole. */
export type ValuePattern = (value: string) => boolean;

export const PATTERN_CHARS_MAX = 512;
/** Instructions of the compiled pattern: what bounds the time of a match. */
const INSTRUCTIONS_MAX = 600;
/** Longer values fit no pattern, unread. */
const VALUE_CHARS_MAX = 4096;

/**
 * The pattern in RE2 syntax, matched in time linear in the value: it knows neither back-references nor
 * look-around, and so cannot backtrack. A text that is none is answered by what is wrong with it.
 */
export function compilePattern(text: string): ValuePattern | { readonly fault: string } {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(text, RE2JS.DOTALL);
  } catch (error) {
    const { message } = error as Error;
    return { fault: `is no pattern of RE2 (${message.replace('error parsing regexp: ', '')})` };
  }
  if (compiled.programSize() > INSTRUCTIONS_MAX) {
    return { fault: 'repeats too much: use smaller counts' };
  }
  return (value) => value.length <= VALUE_CHARS_MAX && compiled.testExact(value);
}
