import fc from 'fast-check';
import { code, defanged, inline, quoted } from './case-report.js';

describe('inline', () => {
  it.each([
    ['plain text', 'plain text'],
    ['a | b', 'a \\| b'],
    ['<img src=x>', '\\<img src=x\\>'],
    ['[link](http://x)', '\\[link\\](http://x)'],
    ['two\nlines\t here ', 'two lines here'],
  ])('writes %j as %s', (text, written) => {
    expect(inline(text)).toBe(written);
  });

  it('leaves no character that opens a cell, a tag, a link or a heading', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(inline(text).replaceAll(/\\./gu, '')).not.toMatch(/[|<>[\]#*_`\n\r]/);
      }),
    );
  });
});

describe('code', () => {
  it.each([
    ['evil.exe', '`evil.exe`'],
    ['a`b', '``a`b``'],
    ['`', '`` ` ``'],
    ['a|b', '`a\\|b`'],
    ['', '`  `'],
  ])('writes %j as %s', (text, written) => {
    expect(code(text)).toBe(written);
  });

  it('is never ended by what it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('`', 'a', ' ', '\n') }), (text) => {
        const written = code(text);
        const fence = /^`+/.exec(written)?.[0] ?? '';
        const inside = written.slice(fence.length, -fence.length);
        expect(written.endsWith(fence)).toBe(true);
        for (const [ticks] of inside.matchAll(/`+/g)) expect(ticks).not.toBe(fence);
      }),
    );
  });
});

describe('quoted', () => {
  it('quotes every line and takes HTML away', () => {
    expect(quoted('# Not a heading\r\n\r\n<script>x</script> 1 < 2')).toEqual([
      '> # Not a heading',
      '>',
      '> &lt;script>x&lt;/script> 1 < 2',
    ]);
  });

  it.each([null, '', ' \n '])('is nothing of %j', (text) => {
    expect(quoted(text)).toEqual([]);
  });
});

describe('defanged', () => {
  it.each([
    ['url', 'https://evil.example/a.b', 'hxxps://evil[.]example/a[.]b'],
    ['url', 'hxxp://evil[.]example', 'hxxp://evil[.]example'],
    ['ip', '10.0.0.1', '10[.]0[.]0[.]1'],
    ['email', 'a@evil.example', 'a[@]evil[.]example'],
    ['filename', 'invoice.exe', 'invoice.exe'],
    ['hash', 'abc.def', 'abc.def'],
  ])('writes the %s %s as %s', (type, data, written) => {
    expect(defanged(type, data)).toBe(written);
  });
});
