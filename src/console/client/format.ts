const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const UNITS = [
  ['year', 365 * DAY_MS],
  ['month', 30 * DAY_MS],
  ['day', DAY_MS],
  ['hour', HOUR_MS],
  ['minute', MINUTE_MS],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
const whole = new Intl.NumberFormat('en');

/** How far an instant is from now: `5 minutes ago`, `in 3 months`, `just now`. */
export function fromNow(instant: string, nowMs = Date.now()): string {
  const distanceMs = Date.parse(instant) - nowMs;
  const unit = UNITS.find(([, ms]) => Math.abs(distanceMs) >= ms);
  return unit ? relative.format(Math.trunc(distanceMs / unit[1]), unit[0]) : 'just now';
}

const dateAndTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const dateAlone = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const timeAlone = new Intl.DateTimeFormat('en', {
  hour: '2-digit',
  minute: '2-digit',
  hour12: false,
});

/** `Jan 31, 2026, 1:05 PM`, where the browser is. */
export function fullInstant(instant: string): string {
  return dateAndTime.format(new Date(instant));
}

/** `Jan 31, 2026`, where the browser is. */
export function day(instant: string): string {
  return dateAlone.format(new Date(instant));
}

/** `13:00`, where the browser is. */
export function clock(instant: string): string {
  return timeAlone.format(new Date(instant));
}

/** `12,345` */
export function count(value: number): string {
  return whole.format(value);
}

/** `1 request`, `2 requests` */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** The beginnings of the last 24 hours, the current one last. */
export function lastHours(nowMs = Date.now()): string[] {
  const currentMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  return Array.from({ length: 24 }, (_, index) =>
    new Date(currentMs - (23 - index) * HOUR_MS).toISOString(),
  );
}
