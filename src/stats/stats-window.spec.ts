import fc from 'fast-check';
import { DAYS_MAX, HOURLY_DAYS_MAX, daysIn, hoursIn, windowOf } from './stats-window.js';

const NOW_MS = Date.parse('2026-03-31T12:00:00Z');
const NOW = '2026-03-31T12:00:00.000Z';
const DAY_MS = 86_400_000;

const at = (ms: number) => new Date(ms).toISOString();

describe('windowOf', () => {
  it.each([
    [{}, '2026-03-01T12:00:00.000Z', NOW],
    [{ from: '2026-03-31T11:59:59.999Z' }, '2026-03-31T11:59:59.999Z', NOW],
    [{ to: '2020-03-01T00:00:00.000Z' }, '2020-01-31T00:00:00.000Z', '2020-03-01T00:00:00.000Z'],
    [
      { from: '2000-01-01T00:00:00.000Z', to: '2030-01-01T00:00:00.000Z' },
      '2000-01-01T00:00:00.000Z',
      '2030-01-01T00:00:00.000Z',
    ],
  ])('reads %j', (query, from, to) => {
    expect(windowOf({ ...query, groupBy: 'status' }, NOW_MS)).toEqual({ from, to });
  });

  it.each([
    [{ from: NOW, to: NOW }, 'Must be before to, which is 2026-03-31T12:00:00.000Z'],
    [{ from: NOW }, 'Must be before to, which is 2026-03-31T12:00:00.000Z'],
    [
      { from: at(NOW_MS - DAYS_MAX * DAY_MS - 1), groupBy: 'day' },
      'Must be at most 366 days before to, by day',
    ],
  ])('refuses %j, saying why', (query, message) => {
    expect(() => windowOf({ groupBy: 'status', ...query }, NOW_MS)).toThrow(`from: ${message}`);
  });

  it('reads the last day by hour', () => {
    const from = '2026-03-30T12:00:00.000Z';
    expect(windowOf({ groupBy: 'hour' }, NOW_MS)).toEqual({ from, to: NOW });
  });

  it('takes as many hours as are shown', () => {
    const from = at(NOW_MS - HOURLY_DAYS_MAX * DAY_MS);
    expect(windowOf({ from, groupBy: 'hour' }, NOW_MS)).toEqual({ from, to: NOW });
    const before = at(NOW_MS - HOURLY_DAYS_MAX * DAY_MS - 1);
    const message = 'from: Must be at most 14 days before to, by hour';
    expect(() => windowOf({ from: before, groupBy: 'hour' }, NOW_MS)).toThrow(message);
  });

  it('takes as many days as are shown', () => {
    const from = at(NOW_MS - DAYS_MAX * DAY_MS);
    expect(windowOf({ from, groupBy: 'day' }, NOW_MS)).toEqual({ from, to: NOW });
  });
});

describe('daysIn', () => {
  it.each([
    ['2026-01-31T00:00:00.000Z', '2026-01-31T00:00:00.001Z', ['2026-01-31']],
    ['2026-01-30T23:59:59.999Z', '2026-01-31T00:00:00.000Z', ['2026-01-30']],
    ['2026-01-30T23:59:59.999Z', '2026-01-31T00:00:00.001Z', ['2026-01-30', '2026-01-31']],
    [
      '2028-02-28T12:00:00.000Z',
      '2028-03-01T12:00:00.000Z',
      ['2028-02-28', '2028-02-29', '2028-03-01'],
    ],
    ['1969-12-31T12:00:00.000Z', '1970-01-01T12:00:00.000Z', ['1969-12-31', '1970-01-01']],
  ])('from %s to %s are %j', (from, to, days) => {
    expect(daysIn({ from, to })).toEqual(days);
  });

  it('are the days of all instants of the window, each once and without a hole', () => {
    const instant = fc.integer({ min: 0, max: 4_000_000_000_000 });
    const length = fc.integer({ min: 1, max: 400 * DAY_MS });
    fc.assert(
      fc.property(
        instant,
        length,
        fc.double({ min: 0, max: 1, noNaN: true }),
        (beginMs, ms, part) => {
          const days = daysIn({ from: at(beginMs), to: at(beginMs + ms) });
          const inside = at(beginMs + Math.floor(part * (ms - 1)));
          expect(days).toContain(inside.slice(0, 10));
          expect(days[0]).toBe(at(beginMs).slice(0, 10));
          expect(days.at(-1)).toBe(at(beginMs + ms - 1).slice(0, 10));
          const times = days.map((day) => Date.parse(day));
          times.slice(1).forEach((time, index) => {
            expect(time - (times[index] ?? 0)).toBe(DAY_MS);
          });
        },
      ),
    );
  });
});

describe('hoursIn', () => {
  it.each([
    ['2026-01-31T00:00:00.000Z', '2026-01-31T00:00:00.001Z', ['2026-01-31T00:00:00.000Z']],
    [
      '2026-01-31T23:59:59.999Z',
      '2026-02-01T01:00:00.000Z',
      ['2026-01-31T23:00:00.000Z', '2026-02-01T00:00:00.000Z'],
    ],
  ])('from %s to %s are %j', (from, to, hours) => {
    expect(hoursIn({ from, to })).toEqual(hours);
  });
});
