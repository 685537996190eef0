import type { SqlParams } from '../database/sql.js';
import { patternOf } from '../records/text-search.js';

/** The text of the observable `o` that a part is looked for in: as normalised, and as sent where that is another. */
const SEARCHED_TEXT = `lower(CASE WHEN o.data = o.normalized THEN o.data ELSE o.normalized || E'\\n' || o.data END)`;

/**
 * Letters for what parts the words of values: trigrams are of letters and digits, and of `.77` the index would
 * know no more than that a word begins with 77. That some meet costs a second look, no more.
 */
const LETTERS: readonly (readonly [mark: string, letter: string])[] = [
  ['.', 'q'],
  ['/', 'x'],
  ['-', 'z'],
  [':', 'j'],
  ['@', 'v'],
  ['_', 'w'],
  ['\\', 'k'],
  ['=', 'k'],
  ['?', 'k'],
  ['&', 'k'],
  ['%', 'k'],
  [' ', 'k'],
];

/** How long the parts of a text are that are looked up, and how many are weighed: of a text, and in all. */
const PART_LENGTH = 6;
const PARTS_MAX = 16;
const PARTS_MAX_IN_ALL = 64;
/** What the index finds: three letters and digits in a row, or marks that count as letters. */
const TRIGRAM = /[\p{L}\p{N}./\-:@_\\=?&% ]{3}/u;
/** How many of the newest values tell how common a part is; of these none has one that is rare. */
const SAMPLE_ROWS = 1_000;
/** How much of each of these is looked at, so that long values of anybody's do not slow down everybody. */
const SAMPLE_CHARS = 256;

/** The text with letters for punctuation; the trigram index is on this very expression. */
const INDEXED_TEXT = lettered(SEARCHED_TEXT);

const SAMPLED_TEXT = lettered(`left(${SEARCHED_TEXT}, ${SAMPLE_CHARS})`);

function lettered(text: string): string {
  return LETTERS.reduce((sql, [mark, letter]) => `replace(${sql}, '${mark}', '${letter}')`, text);
}

/** Whether the index finds what has the text; else all values would have to be read. */
export function isFindable(text: string): boolean {
  return TRIGRAM.test(text);
}

/** The condition that the value of `o` has one of the texts, without regard to case. */
export function hasOne(texts: readonly string[], params: SqlParams): string {
  return either(texts, (text) => `${SEARCHED_TEXT} LIKE lower(${params.add(patternOf(text))})`);
}

/** What the trigram index says of that: true where the condition is, and of a few others. */
export function mayHaveOne(texts: readonly string[], params: SqlParams): string {
  return either(
    texts,
    (text) => `${INDEXED_TEXT} LIKE '%' || ${lettered(`lower(${params.add(text)})`)} || '%'`,
  );
}

/**
 * What a statement needs to look texts up by their rarest parts: for each list of texts, that the value has one.
 *
 * An index asked for `c2-12345.example.com` reads the lists of trigrams that most values have, millions of
 * entries long, to find what `12345.` finds alone.
 */
export class RarestParts {
  /** The table `rarest`: how many of a sample have the rarest part of each text, and the pattern of LIKE for it. */
  readonly table: string;
  /** The conditions on the observable `o`. */
  readonly mayHaveThem: readonly string[];
  /** Whether few values have them, in whatever tenant. */
  readonly isRare: string;

  constructor(lists: readonly (readonly string[])[], params: SqlParams) {
    const texts = lists.flat();
    const partsMax = Math.max(1, Math.min(PARTS_MAX, Math.floor(PARTS_MAX_IN_ALL / texts.length)));
    const placed = lists.map((list) => list.map((text) => texts.indexOf(text) + 1));
    const isFound = (place: number) =>
      `${INDEXED_TEXT} LIKE (SELECT patterns[${place}] FROM rarest)`;
    this.mayHaveThem = placed.map((places) => either(places, isFound));
    const isEachRare = (places: readonly number[]) =>
      `(${places.map((place) => `counts[${place}] = 0`).join(' AND ')})`;
    this.isRare = `(SELECT ${either(placed, isEachRare)} FROM rarest)`;
    // A part without trigrams would read all of the index.
    this.table = `rarest AS MATERIALIZED (
      WITH sample AS MATERIALIZED (SELECT ${SAMPLED_TEXT} AS text FROM observables o ORDER BY o.created_at DESC, o.id DESC LIMIT ${SAMPLE_ROWS})
      SELECT array_agg('%' || coalesce(part.text, sought.text) || '%' ORDER BY sought.place) AS patterns,
        array_agg(coalesce(part.count, ${SAMPLE_ROWS}) ORDER BY sought.place) AS counts
      FROM (SELECT ${lettered('lower(text)')} AS text, place FROM unnest(${params.add(texts, 'text[]')}) WITH ORDINALITY x(text, place)) sought
      LEFT JOIN LATERAL (
        SELECT text, (SELECT count(*) FROM sample WHERE sample.text LIKE '%' || part.text || '%') AS count
        FROM (SELECT DISTINCT substr(sought.text, start, ${PART_LENGTH}) AS text
          FROM generate_series(1, greatest(length(sought.text) - ${PART_LENGTH - 1}, 1), 1 + length(sought.text) / ${partsMax}) start) part
        WHERE text ~ '[[:alnum:]]{3}' ORDER BY count LIMIT 1) part ON true)`;
  }
}

function either<T>(choices: readonly T[], condition: (choice: T) => string): string {
  return `(${choices.map(condition).join(' OR ')})`;
}
