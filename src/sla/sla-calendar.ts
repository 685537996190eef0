import { Temporal } from 'temporal-polyfill';
import { weekMinutes } from './sla.schema.js';
import type { BusinessHours } from './sla.schema.js';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

/** Which time counts for an SLA. Instants and durations are whole milliseconds. */
export interface SlaCalendar {
  /** How much of the time between two instants counts. */
  elapsed(fromMs: number, toMs: number): number;
  /** The earliest instant at which so much time has counted since another. */
  after(fromMs: number, durationMs: number): number;
}

const ALWAYS: SlaCalendar = {
  elapsed: (fromMs, toMs) => Math.max(0, toMs - fromMs),
  after: (fromMs, durationMs) => fromMs + durationMs,
};

/** All time, or that of business hours which are enabled. */
export function calendarOf(hours: BusinessHours | null | undefined): SlaCalendar {
  return hours?.enabled ? new BusinessCalendar(hours) : ALWAYS;
}

interface Window {
  readonly opensMs: number;
  readonly closesMs: number;
}

/**
 * Time between `start` and `end` on work days, by the clock on the wall of a zone.
 *
 * A window opens when the clock first shows its start, or skips it, and closes the same way, so a night
 * in which clocks change is shorter or longer. Over midnight it belongs to the day it opens on.
 */
class BusinessCalendar implements SlaCalendar {
  private readonly zone: string;
  private readonly start: Temporal.PlainTime;
  private readonly end: Temporal.PlainTime;
  private readonly endsNextDay: boolean;
  private readonly workDays: ReadonlySet<number>;
  private readonly weekMs: number;

  constructor(hours: BusinessHours) {
    this.zone = hours.timezone;
    this.start = Temporal.PlainTime.from(hours.start);
    this.end = Temporal.PlainTime.from(hours.end === '24:00' ? '00:00' : hours.end);
    this.endsNextDay = Temporal.PlainTime.compare(this.end, this.start) <= 0;
    this.workDays = new Set(hours.workDays);
    this.weekMs = weekMinutes(hours) * MINUTE_MS;
  }

  elapsed(fromMs: number, toMs: number): number {
    let atMs = fromMs;
    let countedMs = 0;
    while (atMs < toMs) {
      const weeks = this.regularWeeks(atMs, Math.floor((toMs - atMs) / WEEK_MS));
      if (weeks > 0) {
        atMs += weeks * WEEK_MS;
        countedMs += weeks * this.weekMs;
      } else {
        const { opensMs, closesMs } = this.windowAt(atMs);
        countedMs += Math.max(0, Math.min(closesMs, toMs) - Math.max(opensMs, atMs));
        atMs = closesMs;
      }
    }
    return countedMs;
  }

  after(fromMs: number, durationMs: number): number {
    let atMs = fromMs;
    let leftMs = durationMs;
    while (leftMs > 0) {
      // Some is left for a window, so that the end of one is not taken for the start of the next.
      const weeks = this.regularWeeks(atMs, Math.ceil(leftMs / this.weekMs) - 1);
      if (weeks > 0) {
        atMs += weeks * WEEK_MS;
        leftMs -= weeks * this.weekMs;
      } else {
        const { opensMs, closesMs } = this.windowAt(atMs);
        const beginMs = Math.max(opensMs, atMs);
        if (leftMs <= closesMs - beginMs) return beginMs + leftMs;
        leftMs -= closesMs - beginMs;
        atMs = closesMs;
      }
    }
    return atMs;
  }

  /** How many weeks from an instant on count like any other, up to `max`: no clock changes in them, nor shortly before. */
  private regularWeeks(atMs: number, max: number): number {
    if (max <= 0) return 0;
    const change = this.zoned(atMs - 2 * DAY_MS).getTimeZoneTransition('next');
    if (change === null) return max;
    return Math.min(max, Math.floor((change.epochMilliseconds - atMs) / WEEK_MS));
  }

  /** The first window that closes after an instant. */
  private windowAt(atMs: number): Window {
    for (
      let date = this.zoned(atMs).toPlainDate().subtract({ days: 1 });
      ;
      date = date.add({ days: 1 })
    ) {
      if (!this.workDays.has(date.dayOfWeek % 7)) continue;
      const closesMs = this.firstInstant(
        (this.endsNextDay ? date.add({ days: 1 }) : date).toPlainDateTime(this.end),
      );
      if (closesMs <= atMs) continue;
      return { opensMs: this.firstInstant(date.toPlainDateTime(this.start)), closesMs };
    }
  }

  /** When the clock on the wall first shows a time, or skips it. */
  private firstInstant(time: Temporal.PlainDateTime): number {
    const earlier = time.toZonedDateTime(this.zone, { disambiguation: 'earlier' });
    if (earlier.toPlainDateTime().equals(time)) return earlier.epochMilliseconds;
    // Skipped: `earlier` lies before the change of clocks by as much as they change.
    return (earlier.getTimeZoneTransition('next') ?? earlier).epochMilliseconds;
  }

  private zoned(atMs: number): Temporal.ZonedDateTime {
    return Temporal.Instant.fromEpochMilliseconds(atMs).toZonedDateTimeISO(this.zone);
  }
}
