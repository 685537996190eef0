import fc from 'fast-check';
import { calendarOf } from './sla-calendar.js';
import type { BusinessHours } from './sla.schema.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const MINUTES_A_DAY = 1_440;

const WEEKDAYS = [1, 2, 3, 4, 5];
const EVERY_DAY = [0, 1, 2, 3, 4, 5, 6];

function hours(
  start: string,
  end: string,
  timezone = 'Europe/Berlin',
  workDays = WEEKDAYS,
): BusinessHours {
  return { enabled: true, start, end, timezone, workDays };
}

const clocks = new Map<string, Intl.DateTimeFormat>();

/** The clock on the wall of a zone at an instant, in minutes since 1970 there. */
function wallMinutes(timezone: string, atMs: number): number {
  let clock = clocks.get(timezone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-US', {
      timeZone: timezone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    clocks.set(timezone, clock);
  }
  const [month = 0, day = 0, year = 0, hour = 0, minute = 0] = clock
    .format(atMs)
    .split(/\D+/)
    .map(Number);
  return Date.UTC(year, month - 1, day, hour, minute) / MINUTE_MS;
}

function minutesOf(time: string): number {
  const [hour = 0, minute = 0] = time.split(':').map(Number);
  return hour * 60 + minute;
}

/** Whether the window of a work day is open when the clock has shown a time and none later. */
function isOpen({ start, end, workDays }: BusinessHours, wall: number): boolean {
  const opens = minutesOf(start);
  const length = ((minutesOf(end) - opens + MINUTES_A_DAY - 1) % MINUTES_A_DAY) + 1;
  const today = Math.floor(wall / MINUTES_A_DAY);
  return [today - 1, today].some((day) => {
    const begin = day * MINUTES_A_DAY + opens;
    // 1970 began on a Thursday.
    return workDays.includes((((day + 4) % 7) + 7) % 7) && begin <= wall && wall < begin + length;
  });
}

/** The slow way: watches the clock on the wall, minute by minute. */
function watched(window: BusinessHours, fromMs: number, toMs: number): number {
  let latest = -Infinity;
  let minutes = 0;
  for (let atMs = fromMs - 3 * DAY_MS; atMs < toMs; atMs += MINUTE_MS) {
    latest = Math.max(latest, wallMinutes(window.timezone, atMs));
    if (atMs >= fromMs && isOpen(window, latest)) minutes++;
  }
  return minutes * MINUTE_MS;
}

/** Zones, each with a day around which its clocks change, or its calendar skips a day. */
const CHANGES = [
  ['Europe/Berlin', '2026-03-29'],
  ['Europe/Berlin', '2026-10-25'],
  ['America/New_York', '2026-03-08'],
  ['America/New_York', '2026-11-01'],
  ['Australia/Lord_Howe', '2026-04-05'],
  ['Australia/Lord_Howe', '2026-10-04'],
  ['America/Santiago', '2026-04-05'],
  ['America/Santiago', '2026-09-06'],
  ['Africa/Cairo', '2026-04-24'],
  ['Africa/Cairo', '2026-10-30'],
  ['America/Havana', '2026-03-08'],
  ['America/Havana', '2026-11-01'],
  ['America/Sao_Paulo', '2018-11-04'],
  ['America/Sao_Paulo', '2019-02-17'],
  ['America/St_Johns', '2010-03-14'],
  ['America/St_Johns', '2010-11-07'],
  ['Africa/Casablanca', '2026-02-15'],
  ['Africa/Casablanca', '2026-03-22'],
  ['Pacific/Apia', '2011-12-30'],
  ['Pacific/Kiritimati', '1995-01-01'],
  ['Antarctica/Troll', '2026-03-29'],
  ['Asia/Pyongyang', '2018-05-05'],
  ['Asia/Kathmandu', '2026-06-01'],
] as const;

const timeOfDay = fc
  .integer({ min: 0, max: MINUTES_A_DAY - 1 })
  .map(
    (minute) =>
      `${String(Math.floor(minute / 60)).padStart(2, '0')}:${String(minute % 60).padStart(2, '0')}`,
  );

const anyHours = (timezone: string): fc.Arbitrary<BusinessHours> =>
  fc
    .record({
      start: timeOfDay,
      end: fc.oneof({ weight: 5, arbitrary: timeOfDay }, fc.constant('24:00')),
      workDays: fc.uniqueArray(fc.constantFrom(...EVERY_DAY), { minLength: 1 }),
    })
    .filter(({ start, end }) => start !== end)
    .map((window) => ({ enabled: true, timezone, ...window }));

const aroundAChange = fc.constantFrom(...CHANGES).chain(([timezone, date]) =>
  fc.tuple(
    anyHours(timezone),
    fc
      .integer({ min: -3 * MINUTES_A_DAY, max: 2 * MINUTES_A_DAY })
      .map((minute) => Date.parse(date) + minute * MINUTE_MS),
  ),
);

const anywhere = fc.constantFrom(...Intl.supportedValuesOf('timeZone')).chain((timezone) =>
  fc.tuple(
    anyHours(timezone),
    fc
      .integer({ min: Date.UTC(1975, 0) / MINUTE_MS, max: Date.UTC(2036, 0) / MINUTE_MS })
      .map((minute) => minute * MINUTE_MS),
  ),
);

describe('the time that counts', () => {
  it.each<[string, BusinessHours, string, string, number]>([
    ['a working day', hours('09:00', '17:00'), '2026-01-05T08:00Z', '2026-01-05T16:00Z', 8],
    ['a weekend', hours('09:00', '17:00'), '2026-01-02T16:00Z', '2026-01-05T08:00Z', 0],
    ['a usual night', hours('22:00', '06:00'), '2026-01-05T20:00Z', '2026-01-06T10:00Z', 8],
    [
      'the night in which clocks go forward',
      hours('22:00', '06:00', 'Europe/Berlin', [6]),
      '2026-03-28T12:00Z',
      '2026-03-29T12:00Z',
      7,
    ],
    [
      'the night in which clocks go back',
      hours('22:00', '06:00', 'Europe/Berlin', [6]),
      '2026-10-24T12:00Z',
      '2026-10-25T12:00Z',
      9,
    ],
    [
      'a night that begins on a day off',
      hours('22:00', '06:00', 'Europe/Berlin', [1]),
      '2026-01-04T12:00Z',
      '2026-01-05T12:00Z',
      0,
    ],
    [
      'a night that begins on a work day and ends on a day off',
      hours('22:00', '06:00', 'Europe/Berlin', [0]),
      '2026-01-04T12:00Z',
      '2026-01-05T12:00Z',
      8,
    ],
    [
      'whole days over a change of clocks',
      hours('00:00', '24:00', 'Europe/Berlin', EVERY_DAY),
      '2026-10-24T12:00Z',
      '2026-10-26T12:00Z',
      48,
    ],
    [
      'half an hour of summer time',
      hours('00:00', '06:00', 'Australia/Lord_Howe', EVERY_DAY),
      '2026-10-03T13:00Z',
      '2026-10-04T00:00Z',
      5.5,
    ],
    [
      'a day that begins at one, as midnight is skipped',
      hours('00:00', '06:00', 'America/Santiago', [0]),
      '2026-09-05T12:00Z',
      '2026-09-06T23:00Z',
      5,
    ],
    [
      'a day that the calendar skips',
      hours('09:00', '17:00', 'Pacific/Apia', [5]),
      '2011-12-29T12:00Z',
      '2011-12-31T12:00Z',
      0,
    ],
    [
      'an hour that the clock shows twice, from its first time on',
      hours('02:30', '05:00', 'Europe/Berlin', [0]),
      '2026-10-24T12:00Z',
      '2026-10-25T12:00Z',
      3.5,
    ],
    [
      'a start that the clock skips',
      hours('02:30', '05:00', 'Europe/Berlin', [0]),
      '2026-03-28T12:00Z',
      '2026-03-29T12:00Z',
      2,
    ],
  ])('is right over %s', (_, window, from, to, expected) => {
    const elapsedMs = calendarOf(window).elapsed(Date.parse(from), Date.parse(to));
    expect(elapsedMs / HOUR_MS).toBe(expected);
  });

  it('is all time without business hours, or while they are not enabled', () => {
    for (const each of [undefined, null, { ...hours('09:00', '17:00'), enabled: false }]) {
      expect(calendarOf(each).elapsed(0, 1_000)).toBe(1_000);
      expect(calendarOf(each).elapsed(1_000, 0)).toBe(0);
      expect(calendarOf(each).after(500, 1_000)).toBe(1_500);
    }
  });

  it.each([
    ['where clocks change', aroundAChange],
    ['in any zone', anywhere],
  ])(
    'is what the clock on the wall shows, minute by minute, %s',
    (_, situation) => {
      fc.assert(
        fc.property(
          situation,
          fc.integer({ min: 1, max: 4 * MINUTES_A_DAY }),
          ([window, fromMs], minutes) => {
            const toMs = fromMs + minutes * MINUTE_MS;
            expect(calendarOf(window).elapsed(fromMs, toMs)).toBe(watched(window, fromMs, toMs));
          },
        ),
        { numRuns: 150 },
      );
    },
    60_000,
  );

  it('is the sum of its parts, over years as well', () => {
    fc.assert(
      fc.property(
        fc.oneof(anywhere, aroundAChange),
        fc.integer({ min: 1, max: 1_000 }),
        ([window, fromMs], days) => {
          const calendar = calendarOf(window);
          let sumMs = 0;
          // Parts too short to be counted by the week.
          for (let day = 0; day < days; day += 5) {
            const partMs = fromMs + day * DAY_MS;
            sumMs += calendar.elapsed(partMs, fromMs + Math.min(day + 5, days) * DAY_MS);
          }
          expect(calendar.elapsed(fromMs, fromMs + days * DAY_MS)).toBe(sumMs);
        },
      ),
      { numRuns: 50 },
    );
  }, 60_000);
});

describe('the instant after so much time', () => {
  it.each<[string, BusinessHours, string, number, string]>([
    ['within a day', hours('09:00', '17:00'), '2026-01-05T08:00Z', 2, '2026-01-05T10:00:00.000Z'],
    [
      'at the end of a day',
      hours('09:00', '17:00'),
      '2026-01-05T08:00Z',
      8,
      '2026-01-05T16:00:00.000Z',
    ],
    ['over a weekend', hours('09:00', '17:00'), '2026-01-02T15:00Z', 2, '2026-01-05T09:00:00.000Z'],
    [
      'from a weekend on',
      hours('09:00', '17:00'),
      '2026-01-03T12:00Z',
      40,
      '2026-01-09T16:00:00.000Z',
    ],
    ['in weeks', hours('09:00', '17:00'), '2026-01-05T08:00Z', 400, '2026-03-13T16:00:00.000Z'],
    [
      'into summer time',
      hours('09:00', '17:00'),
      '2026-03-27T15:00Z',
      2,
      '2026-03-30T08:00:00.000Z',
    ],
    ['at once', hours('09:00', '17:00'), '2026-01-03T12:00Z', 0, '2026-01-03T12:00:00.000Z'],
  ])('lies %s', (_, window, from, durationHours, expected) => {
    const atMs = calendarOf(window).after(Date.parse(from), durationHours * HOUR_MS);
    expect(new Date(atMs).toISOString()).toBe(expected);
  });

  it('is the earliest at which that much has counted', () => {
    fc.assert(
      fc.property(
        fc.oneof(anywhere, aroundAChange),
        fc.integer({ min: 1, max: 2_000 * HOUR_MS }),
        ([window, fromMs], durationMs) => {
          const calendar = calendarOf(window);
          const atMs = calendar.after(fromMs, durationMs);
          expect(calendar.elapsed(fromMs, atMs)).toBe(durationMs);
          expect(calendar.elapsed(fromMs, atMs - 1)).toBe(durationMs - 1);
        },
      ),
      { numRuns: 150 },
    );
  }, 60_000);
});
