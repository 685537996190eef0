import { occurrencesOf } from '../records/text-search.js';

/** A part of a text, which may be longer on either side. */
export interface Excerpt {
  readonly text: string;
  readonly isCutBefore: boolean;
  readonly isCutAfter: boolean;
}

export const SNIPPET_CHARS = 160;
/** How much of it comes before the first match, at most. */
const LEAD_CHARS = 60;
/** How much shorter it may be to end with a word. */
const TAIL_CHARS = 40;

type Range = readonly [start: number, end: number];

/**
 * The text around the first match as HTML: `<mark>` around each match, all else escaped, on one line.
 *
 * Of the first of the texts that has a match, else the beginning of the first that is not empty.
 */
export function snippetOf(excerpts: readonly Excerpt[], words: readonly string[]): string {
  const lines = excerpts.map(onOneLine);
  const marked = lines.map((line) => ({ line, matches: matchesIn(line, words) }));
  const chosen =
    marked.find(({ matches }) => matches.length > 0) ?? marked.find(({ line }) => line.text !== '');
  if (!chosen) return '';
  const { line, matches } = chosen;
  const [start, end] = windowOf(line.text, matches[0] ?? [0, 0]);
  return [
    line.isCutBefore || start > 0 ? '…' : '',
    htmlOf(line.text, start, end, matches),
    line.isCutAfter || end < line.text.length ? '…' : '',
  ].join('');
}

function onOneLine({ text, ...cut }: Excerpt): Excerpt {
  return { ...cut, text: text.replace(/\s+/g, ' ').trim() };
}

/** Where the words are, without regard to case; what overlaps or touches is one match. */
function matchesIn({ text, isCutBefore }: Excerpt, words: readonly string[]): Range[] {
  const { folded, rangeAt } = fold(text, isCutBefore ? NO_BLANK : ' ');
  const found = words.flatMap((word) =>
    occurrencesOf(word).flatMap((part) =>
      // Beside the word a part may hold the blank before it.
      placesOf(part, folded).map((at): Range => {
        const [start] = rangeAt(at + part.length - word.length);
        return [start, rangeAt(at + part.length - 1)[1]];
      }),
    ),
  );
  const matches: Range[] = [];
  for (const [start, end] of found.sort((a, b) => a[0] - b[0])) {
    const last = matches.at(-1);
    if (last && start <= last[1]) matches[matches.length - 1] = [last[0], Math.max(last[1], end)];
    else matches.push([start, end]);
  }
  return matches;
}

/** What no word holds: in the middle of a word it would not begin a new one. */
const NO_BLANK = '\0';

/** The text in lower case after another character, and which characters of it each place there stands for. */
function fold(
  text: string,
  before: string,
): { readonly folded: string; readonly rangeAt: (place: number) => Range } {
  const ranges: Range[] = [[0, 0]];
  let folded = before;
  let at = 0;
  for (const char of text) {
    const lower = char.toLowerCase();
    ranges.push(...Array<Range>(lower.length).fill([at, at + char.length]));
    folded += lower;
    at += char.length;
  }
  return { folded, rangeAt: (place) => ranges[place] ?? [at, at] };
}

function placesOf(part: string, text: string): number[] {
  const places: number[] = [];
  for (let at = text.indexOf(part); at !== -1; at = text.indexOf(part, at + 1)) places.push(at);
  return places;
}

/** The part of the text that is shown: from and to the ends of words, where there are any near. */
function windowOf(text: string, [matchStart, matchEnd]: Range): Range {
  if (text.length <= SNIPPET_CHARS) return [0, text.length];
  const lead = Math.min(matchStart - LEAD_CHARS, text.length - SNIPPET_CHARS);
  const start = lead <= 0 ? 0 : wordStart(text, lead, matchStart);
  const tail = Math.max(start + SNIPPET_CHARS, matchEnd);
  return [start, tail >= text.length ? text.length : wordEnd(text, tail, matchEnd)];
}

function wordStart(text: string, from: number, max: number): number {
  const blank = text.indexOf(' ', from - 1);
  return blank === -1 || blank >= max ? whole(text, from) : blank + 1;
}

function wordEnd(text: string, to: number, min: number): number {
  const blank = text.lastIndexOf(' ', to);
  return blank < Math.max(min, to - TAIL_CHARS) ? whole(text, to) : blank;
}

/** The place, or the one before it where it is within a character. */
function whole(text: string, place: number): number {
  const isLow = /^[\udc00-\udfff]/.test(text.slice(place, place + 1));
  return isLow ? place - 1 : place;
}

function htmlOf(text: string, start: number, end: number, matches: readonly Range[]): string {
  let html = '';
  let at = start;
  for (const [from, to] of matches) {
    if (from < at || to > end) continue;
    html += `${escaped(text.slice(at, from))}<mark>${escaped(text.slice(from, to))}</mark>`;
    at = to;
  }
  return html + escaped(text.slice(at, end));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? '');
}
