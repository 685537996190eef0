import fc from 'fast-check';
import { SlidingWindow } from './sliding-window.js';

const WINDOW_MS = 60_000;
const BUCKET_MS = 1_000;

const gapMs = fc.oneof(
  fc.constant(0),
  fc.integer({ min: 0, max: 40 }).map((quarters) => quarters / 4),
  fc.integer({ min: 0, max: 3_000 }),
  fc.integer({ min: 0, max: 150_000 }),
);

function counted(times: readonly number[], nowMs: number, windowMs: number): number {
  return times.filter((time) => time > nowMs - windowMs).length;
}

describe('SlidingWindow', () => {
  it('counts what an exact window counts and at most one bucket more', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.array(gapMs, { maxLength: 200 }), (startMs, gaps) => {
        const window = new SlidingWindow(WINDOW_MS, BUCKET_MS);
        const times: number[] = [];
        let nowMs = startMs;
        for (const gap of gaps) {
          nowMs += gap;
          window.advance(nowMs);
          expect(window.total).toBeGreaterThanOrEqual(counted(times, nowMs, WINDOW_MS));
          expect(window.total).toBeLessThanOrEqual(counted(times, nowMs, WINDOW_MS + BUCKET_MS));
          window.add();
          times.push(nowMs);
        }
      }),
    );
  });

  it('says to the millisecond when a number of requests is left', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 60 }),
        fc.nat(60),
        (gaps, max) => {
          const fill = (): SlidingWindow => {
            const window = new SlidingWindow(WINDOW_MS, BUCKET_MS);
            let nowMs = 0;
            for (const gap of gaps) {
              window.advance((nowMs += gap));
              window.add();
            }
            return window;
          };
          const nowMs = gaps.reduce((sum, gap) => sum + gap, 0);
          const waitMs = fill().untilAtMostMs(max);
          const after = fill();
          after.advance(nowMs + waitMs);
          expect(after.total).toBeLessThanOrEqual(max);
          expect(fill().untilOldestLeavesMs()).toBe(fill().untilAtMostMs(fill().total - 1));
          if (waitMs > 0) {
            const before = fill();
            before.advance(nowMs + waitMs - 1);
            expect(before.total).toBeGreaterThan(max);
          }
        },
      ),
    );
  });

  it('holds one request for exactly the window', () => {
    const window = new SlidingWindow(WINDOW_MS, BUCKET_MS);
    window.advance(1_234);
    window.add();
    expect(window.untilOldestLeavesMs()).toBe(WINDOW_MS);
    window.advance(61_233);
    expect(window.total).toBe(1);
    expect(window.untilOldestLeavesMs()).toBe(1);
    window.advance(61_234);
    expect(window.total).toBe(0);
    expect(window.untilOldestLeavesMs()).toBe(0);
  });

  it('never lets a request leave early, not by a fraction of a millisecond', () => {
    const window = new SlidingWindow(WINDOW_MS, BUCKET_MS);
    window.advance(1_234.75);
    window.add();
    window.advance(61_234.5);
    expect(window.total).toBe(1);
    window.advance(61_235);
    expect(window.total).toBe(0);
  });

  it('is empty from the moment the newest request leaves', () => {
    const window = new SlidingWindow(WINDOW_MS, BUCKET_MS);
    expect(window.isEmptyAt(0)).toBe(true);
    window.advance(1_500);
    window.add();
    expect(window.isEmptyAt(61_499)).toBe(false);
    expect(window.isEmptyAt(61_500)).toBe(true);
  });

  it.each([0, -1, 999, Number.NaN, Number.NEGATIVE_INFINITY])(
    'counts a request at %p, after one at 5 000, as one at 5 000',
    (earlierMs) => {
      const window = new SlidingWindow(WINDOW_MS, BUCKET_MS);
      window.advance(5_000);
      window.add();
      window.advance(earlierMs);
      window.add();
      expect(window.total).toBe(2);
      window.advance(64_999);
      expect(window.total).toBe(2);
      window.advance(65_000);
      expect(window.total).toBe(0);
    },
  );
});
