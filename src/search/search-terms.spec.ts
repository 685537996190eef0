import fc from 'fast-check';
import { toSearchTerms } from './search-terms.js';

describe('toSearchTerms', () => {
  it.each([
    ['42', null, 42],
    ['#42', null, 42],
    [' 0042 ', null, 42],
    ['case-42', 'case', 42],
    ['CASE-42', 'case', 42],
    ['Case #42', 'case', 42],
    ['case 42', 'case', 42],
    ['ALERT-7', 'alert', 7],
    ['alert7', 'alert', 7],
    ['2147483647', null, 2_147_483_647],
  ])('takes %j for a number', (q, kind, tinyId) => {
    expect(toSearchTerms(q).number).toEqual({ kind, tinyId });
  });

  it.each([
    '0',
    '#0',
    '-1',
    '4.2',
    '2147483648',
    '99999999999',
    'task-4',
    'x42',
    '42 43',
    '٤٢',
    '##4',
  ])('takes %j for words', (q) => {
    expect(toSearchTerms(q).number).toBeNull();
  });

  it.each([
    ['powershell', ['% powershell %'], ['% powershell%'], ['%powershell%']],
    ['WS-042', ['% ws 042 %'], ['% ws 042%'], ['%ws 042%']],
    ['ws', ['% ws %'], ['% ws%'], ['% ws%']],
    ['"quoted"', ['% quoted %'], ['% quoted%'], ['%quoted%']],
    ['db_01', ['% db 01 %'], ['% db 01%'], ['%db 01%']],
    ['%', ['% \\% %'], ['% \\%%'], ['% \\%%']],
    ['***', ['% *** %'], ['% ***%'], ['%***%']],
  ])('makes of %j patterns of a plain title', (q, whole, beginnings, parts) => {
    expect(toSearchTerms(q)).toMatchObject({ whole, beginnings, parts });
  });

  it.each([
    ['powershell', true, true],
    ['日本語', true, true],
    ['*** ws-042', true, true],
    ['8.8.8.8', true, true],
    ['p', true, false],
    ['ws', true, false],
    ['c2-', true, true],
    ['(a)', true, false],
    ['***', false, false],
    ['...', false, true],
    ['()[]', false, false],
    ['%', false, false],
    ['🙂🙂', false, false],
    ['', false, false],
  ])('knows whether the indexes find %j', (q, isIndexed, isIndexedInValues) => {
    expect(toSearchTerms(q)).toMatchObject({ isIndexed, isIndexedInValues });
  });

  it('has as many patterns of each kind as words, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (q) => {
        const { words, forms, whole, beginnings, parts } = toSearchTerms(q);
        expect([forms, whole, beginnings, parts].map(({ length }) => length)).toEqual(
          Array(4).fill(words.length),
        );
      }),
    );
  });
});
