import fc from 'fast-check';
import { bandOf, scoreOf } from './similarity.js';
import type { Signals } from './similarity.js';

const NOTHING: Signals = {
  observables: 0,
  title: 0,
  source: false,
  type: false,
  timeProximityHours: 1_000,
};
const EVERYTHING: Signals = {
  observables: 20,
  title: 1,
  source: true,
  type: true,
  timeProximityHours: 0,
};

const signals: fc.Arbitrary<Signals> = fc.record({
  observables: fc.nat(100),
  title: fc.double({ min: 0, max: 1, noNaN: true }),
  source: fc.boolean(),
  type: fc.boolean(),
  timeProximityHours: fc.double({ min: 0, max: 10_000, noNaN: true }),
});

describe('scoreOf', () => {
  it.each([
    [NOTHING, 0, 'weak'],
    [EVERYTHING, 100, 'high'],
    [{ ...NOTHING, observables: 1 }, 28, 'weak'],
    [{ ...NOTHING, observables: 2 }, 41, 'potential'],
    [{ ...EVERYTHING, observables: 0 }, 45, 'potential'],
    [{ ...EVERYTHING, observables: 1 }, 73, 'high'],
    [{ ...NOTHING, timeProximityHours: 84 }, 4, 'weak'],
  ])('of %j is %d, %s', (given, score, band) => {
    expect(scoreOf(given)).toBe(score);
    expect(bandOf(score)).toBe(band);
  });

  it('lies between 0 and 100, and grows with every signal', () => {
    fc.assert(
      fc.property(signals, (given) => {
        const score = scoreOf(given);
        expect(score).toBeGreaterThanOrEqual(0);
        expect(score).toBeLessThanOrEqual(100);
        const more: Signals[] = [
          { ...given, observables: given.observables + 1 },
          { ...given, title: 1 },
          { ...given, source: true },
          { ...given, type: true },
          { ...given, timeProximityHours: given.timeProximityHours / 2 },
        ];
        for (const other of more) expect(scoreOf(other)).toBeGreaterThanOrEqual(score);
      }),
    );
  });
});
