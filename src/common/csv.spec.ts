import fc from 'fast-check';
import { neutralised, restored } from './csv.js';

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .array(
      fc.constantFrom(
        "'",
        '"',
        '=',
        '+',
        '-',
        '@',
        '\t',
        '\r',
        '\n',
        ',',
        ';',
        '＝',
        'a',
        ' ',
        '\ufeff',
      ),
      { maxLength: 8 },
    )
    .map((chars) => chars.join('')),
);

describe('neutralised', () => {
  it.each([
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['\t=1', "'\t=1"],
    ['\r=1', "'\r=1"],
    ["'=1", "''=1"],
    ['＝1', "'＝1"],
    ["'quoted'", "'quoted'"],
    ['10.1.2.3', '10.1.2.3'],
    ['a=b', 'a=b'],
    ['', ''],
  ])('writes %j as %j', (cell, written) => {
    expect(neutralised(cell)).toBe(written);
    expect(restored(written)).toBe(cell);
  });

  it('begins no cell with what a spreadsheet runs, and gives every text back', () => {
    fc.assert(
      fc.property(text, (cell) => {
        expect(neutralised(cell)).not.toMatch(/^[=+\-@\t\r]/);
        expect(restored(neutralised(cell))).toBe(cell);
      }),
      { numRuns: 2_000 },
    );
  });
});
