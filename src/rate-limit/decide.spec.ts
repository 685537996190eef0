import fc from 'fast-check';
import { createLimitState, decide, Decision, HOUR_MS, LimitState, MINUTE_MS } from './decide.js';
import { TierLimits, TIERS } from './tiers.js';

const MINUTE_BUCKET_MS = 1_000;
const HOUR_BUCKET_MS = 30_000;

function request(state: LimitState, limits: TierLimits, times: number, nowMs: number): Decision[] {
  return Array.from({ length: times }, () => decide(state, limits, nowMs));
}

describe('decide for a Basic key', () => {
  it.each([0, 999, 12_345])('answers 71 requests at %i ms and one after Retry-After', (startMs) => {
    const state = createLimitState();
    const decisions = request(state, TIERS.basic, 71, startMs);
    decisions.forEach((decision, index) => {
      const used = Math.min(index + 1, 70);
      expect(decision).toEqual({
        allowed: index < 70,
        minute: { remaining: Math.max(0, 60 - used), resetMs: MINUTE_MS },
        burst: { remaining: Math.min(10, 70 - used), resetMs: used > 60 ? MINUTE_MS : 0 },
        hour: { remaining: 1_000 - used, resetMs: HOUR_MS },
        retryAfterSeconds: index < 70 ? 0 : 60,
        violated: index < 70 ? [] : ['minute'],
      });
    });
    expect(decide(state, TIERS.basic, startMs + 59_000).allowed).toBe(false);
    expect(decide(state, TIERS.basic, startMs + 59_999).retryAfterSeconds).toBe(1);
    expect(decide(state, TIERS.basic, startMs + 60_000)).toMatchObject({
      allowed: true,
      minute: { remaining: 59 },
      hour: { remaining: 929 },
    });
  });

  it('allows the full minute after any burst before it', () => {
    const state = createLimitState();
    request(state, TIERS.basic, 70, 0);
    expect(request(state, TIERS.basic, 70, 60_000).every(({ allowed }) => allowed)).toBe(true);
  });

  it('refuses by the hour what the minute would allow, and by both', () => {
    const state = createLimitState();
    for (let minute = 0; minute < 14; minute++) request(state, TIERS.basic, 70, minute * 60_000);
    const decisions = request(state, TIERS.basic, 21, 14 * 60_000);
    expect(decisions.at(19)).toMatchObject({ allowed: true, hour: { remaining: 0 } });
    expect(decisions.at(20)).toEqual({
      allowed: false,
      minute: { remaining: 40, resetMs: 60_000 },
      burst: { remaining: 10, resetMs: 0 },
      hour: { remaining: 0, resetMs: 46 * 60_000 },
      retryAfterSeconds: 46 * 60,
      violated: ['hour'],
    });
    const both = decide(state, { perMinute: 15, burst: 5, perHour: 1_000 }, 14 * 60_000);
    expect(both.violated).toEqual(['minute', 'hour']);
    expect(both.retryAfterSeconds).toBe(46 * 60);
  });

  it.each(['basic', 'standard', 'professional', 'enterprise'] as const)(
    'never admits more than the limit of %s in a tight loop',
    (tier) => {
      const limits = TIERS[tier];
      const state = createLimitState();
      const decisions = request(state, limits, 10_000, 500);
      const max = limits.perMinute + limits.burst;
      expect(decisions.filter(({ allowed }) => allowed)).toHaveLength(max);
      expect(decisions.findIndex(({ allowed }) => !allowed)).toBe(max);
    },
  );

  it('takes smaller and larger limits in mid-life', () => {
    const state = createLimitState();
    request(state, TIERS.standard, 200, 0);
    const smaller = decide(state, TIERS.basic, 1_000);
    expect(smaller).toMatchObject({
      allowed: false,
      minute: { remaining: 0 },
      burst: { remaining: 0 },
      hour: { remaining: 800 },
      retryAfterSeconds: 59,
      violated: ['minute'],
    });
    expect(decide(state, TIERS.standard, 1_000)).toMatchObject({
      allowed: true,
      minute: { remaining: 99 },
    });
    expect(decide(state, TIERS.basic, 60_000).allowed).toBe(true);
  });

  it('gives nothing when time goes backwards', () => {
    const state = createLimitState();
    request(state, TIERS.basic, 70, 100_000);
    for (const nowMs of [99_999, 0, -1, Number.NEGATIVE_INFINITY, Number.NaN]) {
      expect(decide(state, TIERS.basic, nowMs)).toMatchObject({
        allowed: false,
        retryAfterSeconds: 60,
      });
    }
    expect(decide(state, TIERS.basic, 160_000).allowed).toBe(true);
  });
});

describe('decide against an exact window', () => {
  const limitsArbitrary = fc.record({
    perMinute: fc.integer({ min: 1, max: 8 }),
    burst: fc.integer({ min: 0, max: 4 }),
    perHour: fc.integer({ min: 4, max: 40 }),
  });
  const gapMs = fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
    { weight: 2, arbitrary: fc.constantFrom(1_000, 30_000, 59_999, 60_000, 60_999, 61_000) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 1_500_000 }) },
    { weight: 1, arbitrary: fc.constantFrom(3_599_999, 3_600_000, 3_630_000) },
  );
  const scenario = [
    limitsArbitrary,
    fc.nat(100_000),
    fc.array(gapMs, { minLength: 1, maxLength: 120 }),
  ] as const;

  function counted(times: readonly number[], nowMs: number, windowMs: number): number {
    return times.filter((time) => time > nowMs - windowMs).length;
  }

  /** Milliseconds until an exact window has room, 0 when it has. */
  function exactWaitMs(
    times: readonly number[],
    nowMs: number,
    windowMs: number,
    max: number,
  ): number {
    const blocking = times.at(-max);
    return blocking === undefined ? 0 : Math.max(0, blocking + windowMs - nowMs);
  }

  it('admits nothing an exact window refuses and refuses nothing it admits a bucket later', () => {
    fc.assert(
      fc.property(...scenario, (limits, startMs, gaps) => {
        const state = createLimitState();
        const times: number[] = [];
        const minuteMax = limits.perMinute + limits.burst;
        let nowMs = startMs;
        for (const gap of gaps) {
          nowMs += gap;
          const full = (lateMs: number, lateHourMs: number): boolean =>
            counted(times, nowMs, MINUTE_MS + lateMs) >= minuteMax ||
            counted(times, nowMs, HOUR_MS + lateHourMs) >= limits.perHour;
          const { allowed } = decide(state, limits, nowMs);
          if (allowed) {
            expect(full(0, 0)).toBe(false);
            times.push(nowMs);
          } else {
            expect(full(MINUTE_BUCKET_MS, HOUR_BUCKET_MS)).toBe(true);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('answers as if refused requests had never come', () => {
    fc.assert(
      fc.property(...scenario, (limits, startMs, gaps) => {
        const state = createLimitState();
        const withoutRefused = createLimitState();
        let nowMs = startMs;
        for (const gap of gaps) {
          nowMs += gap;
          const decision = decide(state, limits, nowMs);
          if (decision.allowed) expect(decide(withoutRefused, limits, nowMs)).toEqual(decision);
        }
      }),
    );
  });

  it('passes after Retry-After, at most a bucket later than an exact window', () => {
    fc.assert(
      fc.property(...scenario, (limits, startMs, gaps) => {
        const state = createLimitState();
        const times: number[] = [];
        let nowMs = startMs;
        for (const gap of gaps) {
          nowMs += gap;
          const decision = decide(state, limits, nowMs);
          if (decision.allowed) {
            times.push(nowMs);
            expect(decision.retryAfterSeconds).toBe(0);
            continue;
          }
          const later = createLimitState();
          for (const time of times) decide(later, limits, time);
          const retryMs = decision.retryAfterSeconds * 1_000;
          expect(retryMs).toBeGreaterThan(0);
          expect(decide(later, limits, nowMs + retryMs).allowed).toBe(true);

          const minuteMs = exactWaitMs(times, nowMs, MINUTE_MS, limits.perMinute + limits.burst);
          const hourMs = exactWaitMs(times, nowMs, HOUR_MS, limits.perHour);
          expect(retryMs).toBeGreaterThanOrEqual(Math.max(minuteMs, hourMs));
          // A second more for rounding up.
          expect(retryMs).toBeLessThan(
            Math.max(minuteMs + MINUTE_BUCKET_MS, hourMs + HOUR_BUCKET_MS) + 1_000,
          );
          if (!decision.violated.includes('hour')) {
            expect(retryMs).toBeLessThan(minuteMs + MINUTE_BUCKET_MS + 1_000);
          }
        }
      }),
    );
  });

  it('says what is left and resets within the window', () => {
    fc.assert(
      fc.property(...scenario, (limits, startMs, gaps) => {
        const state = createLimitState();
        let nowMs = startMs;
        for (const gap of gaps) {
          nowMs += gap;
          const { allowed, minute, burst, hour, violated } = decide(state, limits, nowMs);
          expect(minute.resetMs).toBeLessThanOrEqual(MINUTE_MS);
          expect(burst.resetMs).toBe(burst.remaining < limits.burst ? minute.resetMs : 0);
          expect(hour.resetMs).toBeLessThanOrEqual(HOUR_MS);
          expect(violated.includes('minute')).toBe(
            !allowed && minute.remaining + burst.remaining === 0,
          );
          expect(violated.includes('hour')).toBe(!allowed && hour.remaining === 0);
        }
      }),
    );
  });
});
