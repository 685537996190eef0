import fc from 'fast-check';
import { counted, fromNow, lastHours } from './format.js';

const NOW_MS = Date.parse('2026-03-31T12:34:56Z');
const HOUR_MS = 3_600_000;

const after = (ms: number) => new Date(NOW_MS + ms).toISOString();

describe('fromNow', () => {
  it.each([
    [0, 'just now'],
    [-59_999, 'just now'],
    [59_999, 'just now'],
    [-60_000, '1 minute ago'],
    [-HOUR_MS + 1, '59 minutes ago'],
    [-HOUR_MS, '1 hour ago'],
    [23.9 * HOUR_MS, 'in 23 hours'],
    [24 * HOUR_MS, 'in 1 day'],
    [-29 * 24 * HOUR_MS, '29 days ago'],
    [45 * 24 * HOUR_MS, 'in 1 month'],
    [365 * 24 * HOUR_MS, 'in 1 year'],
  ])('of %d ms is %s', (ms, text) => {
    expect(fromNow(after(ms), NOW_MS)).toBe(text);
  });
});

describe('counted', () => {
  it.each([
    [0, '0 requests'],
    [1, '1 request'],
    [1_234, '1,234 requests'],
  ])('of %d is %s', (value, text) => {
    expect(counted(value, 'request')).toBe(text);
  });
});

describe('lastHours', () => {
  it('are 24 whole hours in order, of which the last holds the moment', () => {
    fc.assert(
      fc.property(fc.integer({ min: 86_400_000, max: 4_000_000_000_000 }), (nowMs) => {
        const times = lastHours(nowMs).map((hour) => Date.parse(hour));
        expect(times).toHaveLength(24);
        times.forEach((time, index) => {
          expect(time % HOUR_MS).toBe(0);
          if (index > 0) expect(time - (times[index - 1] ?? 0)).toBe(HOUR_MS);
        });
        const last = times.at(-1) ?? 0;
        expect(last <= nowMs && nowMs < last + HOUR_MS).toBe(true);
      }),
    );
  });
});
