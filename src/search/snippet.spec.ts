import fc from 'fast-check';
import { SNIPPET_CHARS, snippetOf } from './snippet.js';
import type { Excerpt } from './snippet.js';

const whole = (text: string): Excerpt => ({ text, isCutBefore: false, isCutAfter: false });

const LONG = Array.from({ length: 60 }, (_, index) => `word${index}`).join(' ');

describe('snippetOf', () => {
  it.each([
    ['powershell', 'Started PowerShell here', 'Started <mark>PowerShell</mark> here'],
    ['power', 'PowerShell, POWER', '<mark>Power</mark>Shell, <mark>POWER</mark>'],
    ['shell power', 'PowerShell', '<mark>PowerShell</mark>'],
    ['wer she', 'PowerShell', 'Po<mark>werShe</mark>ll'],
    ['ws', 'news on WS-1', 'news on <mark>WS</mark>-1'],
    ['ws', 'WS-1', '<mark>WS</mark>-1'],
    ['a', 'a b aa', '<mark>a</mark> b <mark>a</mark>a'],
    ['<b>', '<b>bold</b>', '<mark>&lt;b&gt;</mark>bold&lt;/b&gt;'],
    ['amp', 'a & b &amp; c', 'a &amp; b &amp;<mark>amp</mark>; c'],
    [`"'`, `say "'`, 'say <mark>&quot;&#39;</mark>'],
    ['mark', '<mark>', '&lt;<mark>mark</mark>&gt;'],
    ['.*', 'a.*b', 'a.*b'],
    ['.*', 'a .*b', 'a <mark>.*</mark>b'],
    ['büro', 'Im BÜRO', 'Im <mark>BÜRO</mark>'],
    ['тревога', 'Это ТРЕВОГА', 'Это <mark>ТРЕВОГА</mark>'],
    ['istanbul', 'İİ Istanbul', 'İİ <mark>Istanbul</mark>'],
    ['🙂🙂', 'a🙂🙂b', 'a<mark>🙂🙂</mark>b'],
    ['two', 'one\n\n\ttwo\r\nthree', 'one <mark>two</mark> three'],
    ['none', '  as it  is ', 'as it is'],
    ['none', '', ''],
  ])('marks %j in %j', (q, text, html) => {
    expect(snippetOf([whole(text)], q.split(' '))).toBe(html);
  });

  it('is of the first text that has a match, else of the first that is not empty', () => {
    const texts = [whole(''), whole('beginning'), whole('a match')];
    expect(snippetOf(texts, ['match'])).toBe('a <mark>match</mark>');
    expect(snippetOf(texts, ['nothing'])).toBe('beginning');
    expect(snippetOf([], ['nothing'])).toBe('');
  });

  it('says on which sides text was left out, and keeps words whole', () => {
    expect(snippetOf([whole(LONG)], ['word0 '.trim()])).toMatch(
      /^<mark>word0<\/mark> word1 .*\d…$/,
    );
    expect(snippetOf([whole(LONG)], ['word30'])).toMatch(
      /^…word\d+ .*<mark>word30<\/mark> .*word\d+…$/,
    );
    expect(snippetOf([whole(LONG)], ['word59'])).toMatch(/^…word\d+ .* <mark>word59<\/mark>$/);
    const cut = { text: 'in the middle', isCutBefore: true, isCutAfter: true };
    expect(snippetOf([cut], ['the'])).toBe('…in <mark>the</mark> middle…');
    expect(snippetOf([cut], ['in'])).toBe('…in the middle…');
  });

  const char = fc.oneof(
    fc.constantFrom('a', 'b', 'A', ' ', '\n', '<', '>', '&', '"', "'", 'İ', 'Σ', '🙂', 'é', ';'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
  );
  const text = fc.array(char, { maxLength: 700 }).map((chars) => chars.join(''));
  const word = fc
    .array(char, { minLength: 1, maxLength: 6 })
    .map((chars) => chars.join('').toLowerCase().replace(/\s+/g, ''))
    .filter((each) => each !== '' && each.isWellFormed());

  const decoded = (html: string) =>
    html
      .replace(/<\/?mark>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&');

  it('is a part of the text, with no tag but mark, whatever the text and the words are', () => {
    fc.assert(
      fc.property(text, fc.array(word, { minLength: 1, maxLength: 4 }), (source, words) => {
        const html = snippetOf([whole(source)], words);
        const line = source.replace(/\s+/g, ' ').trim();
        const shown = decoded(html);
        const isCut = [line.startsWith(shown), line.endsWith(shown)];
        const middle = shown.replace(isCut[0] ? '' : /^…/, '').replace(isCut[1] ? '' : /…$/, '');
        expect(line).toContain(middle);
        expect(shown.isWellFormed()).toBe(true);
        expect(shown.length).toBeLessThanOrEqual(SNIPPET_CHARS + 20);
        expect(html.replace(/<mark>[^<>]+<\/mark>/g, '')).not.toMatch(
          /[<>"']|&(?!(?:amp|lt|gt|quot|#39);)/,
        );
        for (const [, inner = ''] of html.matchAll(/<mark>(.*?)<\/mark>/g)) {
          const folded = Array.from(decoded(inner), (each) => each.toLowerCase()).join('');
          expect(words.some((each) => folded.includes(each))).toBe(true);
        }
      }),
    );
  });

  it('marks a word of three characters or more wherever it is', () => {
    const around = fc.string({ unit: fc.constantFrom('x', 'y', ' ', '<', '&'), maxLength: 300 });
    fc.assert(
      fc.property(around, around, (before, after) => {
        expect(snippetOf([whole(`${before}Needle${after}`)], ['needle'])).toContain(
          '<mark>Needle</mark>',
        );
      }),
    );
  });
});
