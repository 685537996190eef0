import fc from 'fast-check';
import { Random } from './random.js';

const seed = fc.string({ maxLength: 20 });

describe('Random', () => {
  it('draws the same from the same seed, here and anywhere', () => {
    const random = new Random('7');
    expect([random.next(), random.next(), random.next()].map((draw) => draw.toFixed(9))).toEqual([
      '0.263398784',
      '0.413445468',
      '0.044721508',
    ]);
  });

  it('draws numbers of a part that depend on nothing else', () => {
    fc.assert(
      fc.property(seed, fc.nat(20), (text, draws) => {
        const random = new Random(text);
        for (let draw = 0; draw < draws; draw++) random.next();
        expect(random.fork('part').next()).toBe(new Random(text).fork('part').next());
      }),
    );
  });

  it('stays within the bounds of whole numbers', () => {
    fc.assert(
      fc.property(seed, fc.integer({ min: -50, max: 50 }), fc.nat(100), (text, min, span) => {
        const drawn = new Random(text).integer(min, min + span);
        expect(Number.isInteger(drawn) && drawn >= min && drawn <= min + span).toBe(true);
      }),
    );
  });

  it('picks by weight, and never what weighs nothing', () => {
    const random = new Random('weights');
    const weights = [0, 1, 3];
    const drawn = Array.from({ length: 4_000 }, () =>
      random.weighted([0, 1, 2], (item) => weights[item] ?? 0),
    );
    const countOf = (item: number) => drawn.filter((each) => each === item).length;
    expect(countOf(0)).toBe(0);
    expect(countOf(2) / countOf(1)).toBeCloseTo(3, 0);
  });

  it('draws durations around their median', () => {
    const random = new Random('durations');
    const drawn = Array.from({ length: 2_001 }, () => random.around(60)).sort((a, b) => a - b);
    expect(drawn[0]).toBeGreaterThan(0);
    expect(drawn[1_000]).toBeGreaterThan(50);
    expect(drawn[1_000]).toBeLessThan(72);
  });
});
