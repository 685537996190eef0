import { calendarOf } from '../sla/sla-calendar.js';
import type { Random } from './random.js';
import { OFFICE_HOURS } from './tenants.js';

const HOUR_MS = 3_600_000;

const OFFICE = calendarOf(OFFICE_HOURS);

/** How much is detected in an hour, compared with the busiest: machines never sleep, people do. */
function busyness(atMs: number): number {
  const at = new Date(atMs);
  const isWorkday = at.getUTCDay() % 6 !== 0;
  const hour = at.getUTCHours();
  if (!isWorkday) return hour >= 8 && hour < 20 ? 0.3 : 0.2;
  if (hour >= 8 && hour < 12) return 1;
  if (hour >= 7 && hour < 18) return 0.8;
  return 0.25;
}

/** Draws instants of a span, more of them where more is going on. */
export function makeTimes(fromMs: number, untilMs: number): (random: Random) => number {
  return (random) => {
    for (;;) {
      const atMs = fromMs + random.next() * (untilMs - fromMs);
      if (random.chance(busyness(atMs))) return Math.floor(atMs);
    }
  };
}

/** The instant itself if people are at work then, else within the first two hours in which they are again. */
export function toOfficeTime(atMs: number, random: Random): number {
  const wholeMs = Math.floor(atMs);
  const isOpen = OFFICE.elapsed(wholeMs, wholeMs + 1) > 0;
  return isOpen ? wholeMs : OFFICE.after(wholeMs, Math.floor(random.next() * 2 * HOUR_MS));
}
