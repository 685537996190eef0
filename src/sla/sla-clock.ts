import type { Stage } from '../statuses/statuses.service.js';
import { calendarOf } from './sla-calendar.js';
import type { SlaCalendar } from './sla-calendar.js';
import type { SlaConfig } from './sla.schema.js';

const HOUR_MS = 3_600_000;

/** A time for which the clock of a case stands still, as instants; the last may go on. */
export interface Stop {
  readonly reason: 'pause' | 'closed';
  readonly from: string;
  readonly to: string | null;
}

/** What the clock of a case follows from. */
export interface ClockFacts {
  readonly config: SlaConfig | null;
  readonly startedAt: string;
  readonly stage: Stage;
  /** In order, none over another. */
  readonly stops: readonly Stop[];
}

/** Where the clock of a case stands, as instants; without an SLA all but the stops is null. */
export interface Clock {
  readonly stops: readonly Stop[];
  readonly startedAt: string | null;
  readonly pausedAt: string | null;
  readonly endedAt: string | null;
  readonly warningAt: string | null;
  readonly criticalAt: string | null;
  readonly deadline: string | null;
}

/**
 * The clock as the facts have it at an instant: it ends with the entry into a closed stage, and goes on
 * with the exit from it.
 */
export function clockOf(
  { config, startedAt, stage, stops: before }: ClockFacts,
  at: string,
): Clock {
  const stops = stopsIn(stage, before, at).filter(
    ({ reason }) => config !== null || reason === 'closed',
  );
  const open = stops.find(({ to }) => to === null);
  const opened = (reason: Stop['reason']) => (config && open?.reason === reason ? open.from : null);
  return {
    stops,
    startedAt: config && startedAt,
    pausedAt: opened('pause'),
    endedAt: opened('closed'),
    ...(config ? momentsOf(config, startedAt, stops) : NO_MOMENTS),
  };
}

/** The stops once the case is in a stage: closing ends a pause. */
function stopsIn(stage: Stage, stops: readonly Stop[], at: string): readonly Stop[] {
  const open = stops.find(({ to }) => to === null);
  const isClosed = stage === 'Closed';
  if (isClosed ? open?.reason === 'closed' : open?.reason !== 'closed') return stops;
  const ended = stops.map((stop) => (stop === open ? { ...stop, to: at } : stop));
  return isClosed ? [...ended, { reason: 'closed', from: at, to: null }] : ended;
}

type Moments = Pick<Clock, 'warningAt' | 'criticalAt' | 'deadline'>;

const NO_MOMENTS: Moments = { warningAt: null, criticalAt: null, deadline: null };

/** When the shares of the deadline are used up. A stop that goes on moves nothing before it ends. */
function momentsOf(config: SlaConfig, startedAt: string, stops: readonly Stop[]): Moments {
  const { deadlineHours, warningThresholdPercent, criticalThresholdPercent } = config;
  const [warningAt = null, criticalAt = null, deadline = null] = instantsAfter(
    calendarOf(config.businessHours),
    Date.parse(startedAt),
    stops,
    [warningThresholdPercent, criticalThresholdPercent, 100].map((percent) =>
      Math.round((deadlineHours * HOUR_MS * percent) / 100),
    ),
  ).map((atMs) => new Date(atMs).toISOString());
  return { warningAt, criticalAt, deadline };
}

/** The earliest instants at which the clock has run for so long; the shorter times first. */
function instantsAfter(
  calendar: SlaCalendar,
  startMs: number,
  stops: readonly Stop[],
  durationsMs: readonly number[],
): number[] {
  const ahead = [...stops];
  let atMs = startMs;
  let ranMs = 0;
  return durationsMs.map((durationMs) => {
    for (let next = ahead[0]; next?.to; next = ahead[0]) {
      const runMs = calendar.elapsed(atMs, Date.parse(next.from));
      if (ranMs + runMs >= durationMs) break;
      ranMs += runMs;
      atMs = Math.max(atMs, Date.parse(next.to));
      ahead.shift();
    }
    atMs = calendar.after(atMs, durationMs - ranMs);
    ranMs = durationMs;
    return atMs;
  });
}
