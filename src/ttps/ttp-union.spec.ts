import fc from 'fast-check';
import { uniteTtps } from './ttp-union.js';
import type { SeenTtp } from './ttp-union.js';

const seen = (fields: Partial<SeenTtp> = {}): SeenTtp => ({
  id: 'id',
  ttpId: 'T1566',
  tactic: null,
  occurredAt: null,
  note: '',
  ...fields,
});

describe('uniteTtps', () => {
  it('unites what has one technique and one tactic, and keeps the first', () => {
    const united = uniteTtps([
      seen({ id: '1', tactic: 'stealth' }),
      seen({ id: '2' }),
      seen({ id: '3', tactic: 'stealth' }),
      seen({ id: '4', ttpId: 'T1055', tactic: 'stealth' }),
    ]);
    expect(united.map(({ first, others }) => [first.id, others.map(({ id }) => id)])).toEqual([
      ['1', ['3']],
      ['2', []],
      ['4', []],
    ]);
  });

  it.each<[string, (string | null)[], string | null]>([
    ['none', [null, null], null],
    ['the only one', [null, '2026-01-02T00:00:00.000Z', null], '2026-01-02T00:00:00.000Z'],
    [
      'the earliest',
      ['2026-01-02T00:00:00.000Z', '2026-01-01T23:59:59.999Z', '2027-01-01T00:00:00.000Z'],
      '2026-01-01T23:59:59.999Z',
    ],
  ])('keeps of the times %s', (_which, times, expected) => {
    const [united] = uniteTtps(times.map((occurredAt) => seen({ occurredAt })));
    expect(united?.occurredAt).toBe(expected);
  });

  it.each<[string, string[], string]>([
    ['no notes', ['', ''], ''],
    ['one note', ['', 'a', ''], 'a'],
    ['notes in their order', ['b', 'a'], 'b\n\na'],
    ['an equal note once', ['a', 'b', 'a', 'b'], 'a\n\nb'],
    ['a note that was united before once', ['a\n\nb', 'b'], 'a\n\nb'],
    ['a note that is part of a word', ['cats', 'cat'], 'cats\n\ncat'],
  ])('joins %s', (_which, notes, expected) => {
    const [united] = uniteTtps(notes.map((note) => seen({ note })));
    expect(united?.note).toBe(expected);
  });

  it('cuts what is longer than a note may be, to text that can be stored', () => {
    const [united] = uniteTtps([seen({ note: 'x'.repeat(4092) }), seen({ note: '😀😀' })]);
    expect(united?.note).toBe(`${'x'.repeat(4092)}\n\n\ufffd…`);
  });

  const ttps = fc.array(
    fc.record({
      id: fc.uuid(),
      ttpId: fc.constantFrom('T1', 'T2', 'T3'),
      tactic: fc.constantFrom(null, 'stealth', 'impact'),
      occurredAt: fc.constantFrom(null, '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'),
      note: fc.oneof(fc.constantFrom('', 'a', 'b'), fc.string({ maxLength: 3000 })),
    }),
    { maxLength: 12 },
  );

  it('loses none, and leaves no two that are equal', () => {
    fc.assert(
      fc.property(ttps, (all) => {
        const united = uniteTtps(all);
        expect(united.flatMap(({ first, others }) => [first, ...others]).sort(byId)).toEqual(
          [...all].sort(byId),
        );
        const keys = united.map(({ first }) => `${first.ttpId} ${first.tactic ?? ''}`);
        expect(new Set(keys).size).toBe(keys.length);
      }),
    );
  });

  it('has nothing to unite a second time', () => {
    fc.assert(
      fc.property(ttps, (all) => {
        const once = uniteTtps(all).map(({ first, occurredAt, note }) => ({
          ...first,
          occurredAt,
          note,
        }));
        expect(uniteTtps(once).map(({ others, note }) => ({ others, note }))).toEqual(
          once.map(({ note }) => ({ others: [], note })),
        );
      }),
    );
  });
});

function byId(a: SeenTtp, b: SeenTtp): number {
  return a.id < b.id ? -1 : 1;
}
