import type { Random } from './random.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** When people work: Monday to Friday, by the hour in UTC. */
const OPENS = 7;
const CLOSES = 18;

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

/** The instant itself if people are at work then, else within the first two hours of their next day. */
export function toOfficeTime(atMs: number, random: Random): number {
  const at = new Date(atMs);
  const hour = at.getUTCHours();
  const isWorkday = at.getUTCDay() % 6 !== 0;
  if (isWorkday && hour >= OPENS && hour < CLOSES) return atMs;
  const midnightMs = atMs - (atMs % DAY_MS);
  let opensMs = midnightMs + OPENS * HOUR_MS;
  while (opensMs < atMs || new Date(opensMs).getUTCDay() % 6 === 0) opensMs += DAY_MS;
  return Math.floor(opensMs + random.next() * 2 * HOUR_MS);
}
