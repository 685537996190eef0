import { validate, version } from 'uuid';
import { newId } from './ids.js';

describe('newId', () => {
  it('makes ids of version 7 that are never the same and sort as they were made', () => {
    const ids = Array.from({ length: 20_000 }, () => newId());
    expect(ids.every((id) => validate(id) && version(id) === 7)).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual(ids);
  });

  it('tells when it was made, and never uses the same random bytes twice', () => {
    const before = Date.now();
    const ids = Array.from({ length: 600 }, () => newId());
    const times = ids.map((id) => parseInt(id.replaceAll('-', '').slice(0, 12), 16));
    for (const time of times) {
      expect(time).toBeGreaterThanOrEqual(before);
      expect(time).toBeLessThanOrEqual(Date.now());
    }
    expect(new Set(ids.map((id) => id.slice(-10))).size).toBe(ids.length);
  });
});
