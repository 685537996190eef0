import { text } from '../common/fields.js';
import type { SqlParams } from '../database/sql.js';

const WORDS_MAX = 10;

/** From how many characters on a word may be any part of the text. */
const PART_MIN = 3;

export function wordsOf(q: string): string[] {
  return q
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** Words to search for. */
export const wordsSchema = text(200).refine(
  (value) => wordsOf(value).length >= 1 && wordsOf(value).length <= WORDS_MAX,
  { error: `expected 1 to ${WORDS_MAX} words` },
);

/** What text search looks at in an alert, a case or a task; the trigram indexes are on this very expression. */
export const searchedText = (alias: string) =>
  `lower(' ' || ${alias}.title || ' ' || left(coalesce(${alias}.description, ''), 65536))`;

/** What a word starts after; written out one by one, for the trigram indexes know no classes. */
const WORD_STARTS = [' ', '\n', '\t'];

/** The texts any of which says that a word occurs: from three characters on anywhere, a shorter one at the start of a word. */
export function occurrencesOf(word: string): string[] {
  return word.length < PART_MIN ? WORD_STARTS.map((start) => `${start}${word}`) : [word];
}

/** The pattern of LIKE for what has the text somewhere, taken literally. */
export function patternOf(part: string): string {
  return `%${part.replace(/[\\%_]/g, '\\$&')}%`;
}

/** The conditions that every word occurs in the searched text. */
export function textConditions(
  searched: string,
  words: readonly string[],
  params: SqlParams,
): string[] {
  return words.map((word) => {
    const isThere = (part: string) => `${searched} LIKE ${params.add(patternOf(part))}`;
    return `(${occurrencesOf(word).map(isThere).join(' OR ')})`;
  });
}
