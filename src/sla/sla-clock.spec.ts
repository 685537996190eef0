import fc from 'fast-check';
import { calendarOf } from './sla-calendar.js';
import { clockOf } from './sla-clock.js';
import type { ClockFacts, Stop } from './sla-clock.js';
import type { SlaConfig } from './sla.schema.js';

const HOUR_MS = 3_600_000;
const START = '2026-03-27T08:00:00.000Z';

const AROUND_THE_CLOCK: SlaConfig = {
  deadlineHours: 10,
  warningThresholdPercent: 50,
  criticalThresholdPercent: 80,
};

/** In Berlin, whose clocks go forward in the night from the 28th to the 29th of March 2026. */
const OFFICE: SlaConfig = {
  ...AROUND_THE_CLOCK,
  businessHours: {
    enabled: true,
    start: '09:00',
    end: '17:00',
    timezone: 'Europe/Berlin',
    workDays: [1, 2, 3, 4, 5],
  },
};

const instant = (hours: number) => new Date(Date.parse(START) + hours * HOUR_MS).toISOString();

const pause = (from: number, to: number | null): Stop => ({
  reason: 'pause',
  from: instant(from),
  to: to === null ? null : instant(to),
});

const closed = (from: number, to: number | null): Stop => ({
  ...pause(from, to),
  reason: 'closed',
});

function clock(facts: Partial<ClockFacts> = {}, at = instant(0)) {
  return clockOf(
    { config: AROUND_THE_CLOCK, startedAt: START, stage: 'New', stops: [], ...facts },
    at,
  );
}

describe('the clock of a case', () => {
  it('has the moments of its configuration', () => {
    expect(clock()).toEqual({
      stops: [],
      startedAt: START,
      pausedAt: null,
      endedAt: null,
      warningAt: instant(5),
      criticalAt: instant(8),
      deadline: instant(10),
    });
    expect(clock({ config: OFFICE })).toMatchObject({
      warningAt: '2026-03-27T13:00:00.000Z',
      criticalAt: '2026-03-27T16:00:00.000Z',
      deadline: '2026-03-30T09:00:00.000Z',
    });
  });

  it('warns at once at 0 %, and is critical no sooner than the deadline at 100 %', () => {
    const config = { ...OFFICE, warningThresholdPercent: 0, criticalThresholdPercent: 100 };
    expect(clock({ config })).toMatchObject({
      warningAt: START,
      criticalAt: '2026-03-30T09:00:00.000Z',
      deadline: '2026-03-30T09:00:00.000Z',
    });
  });

  it.each<[string, SlaConfig, readonly Stop[], string]>([
    ['by the pause', AROUND_THE_CLOCK, [pause(2, 5)], instant(13)],
    ['by each pause', AROUND_THE_CLOCK, [pause(2, 5), pause(6, 7)], instant(14)],
    ['not by one that goes on', AROUND_THE_CLOCK, [pause(2, 5), pause(6, null)], instant(13)],
    ['not by one after it', AROUND_THE_CLOCK, [pause(11, 20)], instant(10)],
    ['not by one from it on', AROUND_THE_CLOCK, [pause(10, 20)], instant(10)],
    ['by the time it was closed', AROUND_THE_CLOCK, [closed(9, 100)], instant(101)],
    // From Saturday to Sunday, over the change of clocks.
    ['not by a weekend', OFFICE, [pause(24, 60)], '2026-03-30T09:00:00.000Z'],
    // From Friday 16:00 to Monday 10:00: an hour of Friday and one of Monday.
    ['by a pause over a weekend', OFFICE, [pause(7, 72)], '2026-03-30T11:00:00.000Z'],
  ])('moves its deadline %s', (_, config, stops, deadline) => {
    expect(clock({ config, stops }).deadline).toBe(deadline);
  });

  it('leaves moments before a pause where they are', () => {
    expect(clock({ stops: [pause(6, 7)] })).toMatchObject({
      warningAt: instant(5),
      criticalAt: instant(9),
      deadline: instant(11),
    });
  });

  it('ends when the case closes, and a pause ends with it', () => {
    expect(clock({ stage: 'Closed', stops: [pause(2, null)] }, instant(4))).toEqual({
      stops: [pause(2, 4), closed(4, null)],
      startedAt: START,
      pausedAt: null,
      endedAt: instant(4),
      warningAt: instant(7),
      criticalAt: instant(10),
      deadline: instant(12),
    });
  });

  it('goes on with the time that was left when the case is opened again', () => {
    expect(clock({ stage: 'InProgress', stops: [closed(4, null)] }, instant(20))).toMatchObject({
      stops: [closed(4, 20)],
      endedAt: null,
      deadline: instant(26),
    });
  });

  it('stays ended, or paused, while nothing changes', () => {
    const ended = clock({ stage: 'Closed', stops: [closed(4, null)] }, instant(20));
    expect(ended).toMatchObject({ stops: [closed(4, null)], endedAt: instant(4) });
    const paused = clock({ stage: 'New', stops: [pause(4, null)] }, instant(20));
    expect(paused).toMatchObject({ stops: [pause(4, null)], pausedAt: instant(4) });
  });

  it('remembers without an SLA when the case was closed, and nothing else', () => {
    expect(clock({ config: null, stage: 'Closed', stops: [pause(1, 2)] }, instant(4))).toEqual({
      stops: [closed(4, null)],
      startedAt: null,
      pausedAt: null,
      endedAt: null,
      warningAt: null,
      criticalAt: null,
      deadline: null,
    });
  });

  it('moves every moment that lies ahead of a pause by the SLA time of the pause', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 400, noNaN: true }),
        fc.integer({ min: 0, max: 2_000 }),
        fc.integer({ min: 0, max: 2_000 }),
        fc.constantFrom(AROUND_THE_CLOCK, OFFICE),
        (deadlineHours, from, length, config) => {
          const stop = pause(from, from + length);
          const plain = clock({ config: { ...config, deadlineHours } });
          const paused = clock({ config: { ...config, deadlineHours }, stops: [stop] });
          const calendar = calendarOf(config.businessHours);
          const [fromMs, toMs] = [Date.parse(stop.from), Date.parse(stop.to ?? '')];
          for (const key of ['warningAt', 'criticalAt', 'deadline'] as const) {
            const [beforeMs, afterMs] = [plain, paused].map((each) => Date.parse(each[key] ?? ''));
            if (beforeMs === undefined || afterMs === undefined) throw new Error('No moment.');
            const isPast = beforeMs <= fromMs;
            const movedMs = isPast ? 0 : calendar.elapsed(fromMs, toMs);
            expect(calendar.elapsed(beforeMs, afterMs)).toBe(movedMs);
            if (isPast) expect(afterMs).toBe(beforeMs);
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});
