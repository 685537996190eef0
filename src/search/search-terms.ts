import { searchedForms } from '../observables/observable-normalization.js';
import { isFindable } from '../observables/value-text.js';
import type { RecordKind } from '../records/record-writes.js';
import { occurrencesOf, patternOf, wordsOf } from '../records/text-search.js';
import type { SearchKind } from './search.schema.js';

/** What a query asks for. */
export interface SearchTerms {
  readonly words: readonly string[];
  /** Each word in all forms that the value of an observable may have it in. */
  readonly forms: readonly (readonly string[])[];
  /** Patterns of LIKE by which a plain title has the words: as they are, as beginnings of its words, anywhere. */
  readonly whole: readonly string[];
  readonly beginnings: readonly string[];
  readonly parts: readonly string[];
  readonly number: AskedNumber | null;
  /** Whether an index of trigrams finds what has the words; else all rows would have to be read. */
  readonly isIndexed: boolean;
  /** Whether that of observables does, to which most punctuation counts as letters. */
  readonly isIndexedInValues: boolean;
}

/** A record by the number that people call it by. */
export interface AskedNumber {
  readonly kind: RecordKind | null;
  readonly tinyId: number;
}

/** What counts as a blank in plain text: it parts words. */
export const PUNCTUATION = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\t\n\r';

const NUMBER = /^(?:#|(alert|case)[\s#_-]*)?(\d{1,10})$/;
const TINY_ID_MAX = 2_147_483_647;

export function toSearchTerms(q: string): SearchTerms {
  const words = wordsOf(q);
  const forms = words.map(searchedForms);
  const plain = words.map(plainWord);
  const beginnings = plain.map((word) => patternOf(` ${word}`));
  return {
    words,
    forms,
    whole: plain.map((word) => patternOf(` ${word} `)),
    beginnings,
    // What finds a word in the text finds it in the title.
    parts: plain.map((word, index) =>
      isPart(words[index] ?? '') ? patternOf(word) : (beginnings[index] ?? ''),
    ),
    number: numberOf(words.join(' ')),
    isIndexed: words.some(hasTrigram),
    isIndexedInValues: forms.some((texts) => texts.every(isFindable)),
  };
}

/** The texts that matches of a kind are seen by. */
export function textsOf(kind: SearchKind, { words, forms }: SearchTerms): readonly string[] {
  return kind === 'observable' ? forms.flat() : words;
}

/** The number that a record of the kind is asked for by, if it is. */
export function askedNumber(kind: RecordKind, { number }: SearchTerms): number | null {
  return number === null || (number.kind ?? kind) !== kind ? null : number.tinyId;
}

/** Whether the word may be in the middle of another. */
export function isPart(word: string): boolean {
  return occurrencesOf(word).includes(word);
}

/** The word as a plain title has it; one of nothing but punctuation is in none. */
function plainWord(word: string): string {
  const plain = Array.from(word, (char) => (PUNCTUATION.includes(char) ? ' ' : char))
    .join('')
    .trim();
  return plain === '' ? word : plain;
}

function numberOf(text: string): AskedNumber | null {
  const [, kind = null, digits] = NUMBER.exec(text) ?? [];
  const tinyId = Number(digits);
  if (digits === undefined || tinyId < 1 || tinyId > TINY_ID_MAX) return null;
  return { kind: kind as AskedNumber['kind'], tinyId };
}

/** Trigrams are of letters and digits: three in a row, or fewer with the beginning or the end of a word. */
const TRIGRAM = /[\p{L}\p{N}]{3}|[^\p{L}\p{N}][\p{L}\p{N}]|[\p{L}\p{N}]{2}[^\p{L}\p{N}]/u;

function hasTrigram(word: string): boolean {
  return occurrencesOf(word).some((part) => TRIGRAM.test(part));
}
