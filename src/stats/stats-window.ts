import { invalidValue } from '../common/errors.js';

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;

/** How long a window by day may be. */
export const DAYS_MAX = 366;

/** From an instant on, and before another: ISO 8601 in UTC. */
export interface StatsWindow {
  readonly from: string;
  readonly to: string;
}

interface WindowQuery {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly groupBy: string;
}

/**
 * The window that a query means: where it says nothing, the thirty days before now.
 *
 * @throws AppError `VALIDATION_FAILED` when no instant is in it, or more days than are shown.
 */
export function windowOf(query: WindowQuery, nowMs: number): StatsWindow {
  const to = query.to ?? new Date(nowMs).toISOString();
  const from = query.from ?? new Date(Date.parse(to) - DEFAULT_DAYS * DAY_MS).toISOString();
  const lengthMs = Date.parse(to) - Date.parse(from);
  if (lengthMs <= 0) throw invalidValue('from', `must be before to, which is ${to}`);
  if (query.groupBy === 'day' && lengthMs > DAYS_MAX * DAY_MS) {
    throw invalidValue('from', `must be at most ${DAYS_MAX} days before to, by day`, 'too_small');
  }
  return { from, to };
}

/** The days in UTC that have an instant of the window, in order: `2026-01-31`. */
export function daysIn({ from, to }: StatsWindow): string[] {
  const days: string[] = [];
  const beginMs = Math.floor(Date.parse(from) / DAY_MS) * DAY_MS;
  for (let dayMs = beginMs; dayMs < Date.parse(to); dayMs += DAY_MS)
    days.push(new Date(dayMs).toISOString().slice(0, 10));
  return days;
}
