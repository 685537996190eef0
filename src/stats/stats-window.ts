import { invalidValue } from '../common/errors.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 30;

/** How long a window by day may be. */
export const DAYS_MAX = 366;

/** How long a window by hour may be, in days; without a beginning it is one. */
export const HOURLY_DAYS_MAX = 14;

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
 * The window that a query means: where it says nothing, the thirty days before now, by hour the last one.
 *
 * @throws AppError `VALIDATION_FAILED` when no instant is in it, or more days than are shown.
 */
export function windowOf(query: WindowQuery, nowMs: number): StatsWindow {
  const to = query.to ?? new Date(nowMs).toISOString();
  const isByHour = query.groupBy === 'hour';
  const defaultMs = (isByHour ? 1 : DEFAULT_DAYS) * DAY_MS;
  const from = query.from ?? new Date(Date.parse(to) - defaultMs).toISOString();
  const lengthMs = Date.parse(to) - Date.parse(from);
  if (lengthMs <= 0) throw invalidValue('from', `must be before to, which is ${to}`);
  if (isByHour || query.groupBy === 'day') {
    const daysMax = isByHour ? HOURLY_DAYS_MAX : DAYS_MAX;
    const message = `must be at most ${daysMax} days before to, by ${query.groupBy}`;
    if (lengthMs > daysMax * DAY_MS) throw invalidValue('from', message, 'too_small');
  }
  return { from, to };
}

/** The days in UTC that have an instant of the window, in order: `2026-01-31`. */
export function daysIn(window: StatsWindow): string[] {
  return beginningsIn(window, DAY_MS).map((day) => day.slice(0, 10));
}

/** The hours that have an instant of the window, in order: `2026-01-31T13:00:00.000Z`. */
export function hoursIn(window: StatsWindow): string[] {
  return beginningsIn(window, HOUR_MS);
}

function beginningsIn({ from, to }: StatsWindow, stepMs: number): string[] {
  const beginnings: string[] = [];
  const firstMs = Math.floor(Date.parse(from) / stepMs) * stepMs;
  for (let ms = firstMs; ms < Date.parse(to); ms += stepMs)
    beginnings.push(new Date(ms).toISOString());
  return beginnings;
}
