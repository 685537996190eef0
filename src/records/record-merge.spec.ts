import fc from 'fast-check';
import { SECTION_MAX, describeMerged, uniteCustomFields } from './record-merge.js';

const record = (tinyId: number, description: string | null) => ({
  tinyId,
  title: `Title ${tinyId}`,
  description,
});

describe('describeMerged', () => {
  it.each([
    [null, [record(7, null)], '## Merged case #7: Title 7'],
    ['', [record(7, '')], '## Merged case #7: Title 7'],
    ['As it was.', [record(7, 'More.')], 'As it was.\n\n## Merged case #7: Title 7\n\nMore.'],
    [
      'As it was.',
      [record(7, 'One.'), record(9, 'Two.')],
      'As it was.\n\n## Merged case #7: Title 7\n\nOne.\n\n## Merged case #9: Title 9\n\nTwo.',
    ],
  ])('of %j with %j is %j', (description, merged, expected) => {
    expect(describeMerged(description, 'case', merged)).toBe(expected);
  });

  it('shortens a long section, and says where the whole text is', () => {
    const text = describeMerged('Short.', 'alert', [record(7, 'x'.repeat(SECTION_MAX + 1))]);
    expect(text).toContain(`${'x'.repeat(SECTION_MAX)}…\n\n_(Shortened; alert #7 has`);
    expect(text).not.toContain('x'.repeat(SECTION_MAX + 1));
  });

  it('is always a description that can be stored, and begins with what was there', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '😀', '\n'), maxLength: 20 });
    fc.assert(
      fc.property(text, fc.array(text, { maxLength: 50 }), fc.nat(60_000), (own, texts, times) => {
        const merged = texts.map((each, index) => record(index, each.repeat(times)));
        const united = describeMerged(own, 'case', merged);
        expect(united.length).toBeLessThanOrEqual(1_048_576);
        expect(united.isWellFormed()).toBe(true);
        expect(united.startsWith(own)).toBe(true);
      }),
      { numRuns: 50 },
    );
  });
});

describe('uniteCustomFields', () => {
  it('takes the value of the case, then that of the newest record', () => {
    const merged = [{ customFields: { a: 1, b: 1, c: 1 } }, { customFields: { b: 2, c: 2 } }];
    expect(uniteCustomFields(merged, { c: 3 })).toEqual({ a: 1, b: 2, c: 3 });
  });
});
