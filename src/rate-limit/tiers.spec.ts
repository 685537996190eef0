import { isTierAtMost, tierRank, TIERS, tierSchema } from './tiers.js';

describe('tiers', () => {
  it('are in the order of the table', () => {
    expect(tierSchema.options).toEqual(Object.keys(TIERS));
    expect(tierSchema.options.map(tierRank)).toEqual([0, 1, 2, 3, 4]);
  });

  it('allow at most themselves and whatever stands above', () => {
    expect(isTierAtMost('basic', 'standard')).toBe(true);
    expect(isTierAtMost('standard', 'standard')).toBe(true);
    expect(isTierAtMost('unlimited', 'enterprise')).toBe(false);
  });

  it('are a closed list', () => {
    expect(tierSchema.safeParse('gold').success).toBe(false);
  });
});
