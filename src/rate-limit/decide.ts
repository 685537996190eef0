import { SlidingWindow } from './sliding-window.js';
import { TierLimits } from './tiers.js';

export const MINUTE_MS = 60_000;
export const HOUR_MS = 3_600_000;
const MINUTE_BUCKET_MS = 1_000;
const HOUR_BUCKET_MS = 30_000;

/** What one caller has used. */
export interface LimitState {
  readonly minute: SlidingWindow;
  readonly hour: SlidingWindow;
}

/** Requests left in a policy, and milliseconds until the oldest it counts leaves (0 when it counts none). */
export interface PolicyState {
  readonly remaining: number;
  readonly resetMs: number;
}

export type ViolatedPolicy = 'minute' | 'hour';

export interface Decision {
  readonly allowed: boolean;
  readonly minute: PolicyState;
  readonly burst: PolicyState;
  readonly hour: PolicyState;
  /** Whole seconds after which the request passes if no other comes, at least 1; 0 when allowed. */
  readonly retryAfterSeconds: number;
  /** "minute" when the minute and its burst are used up, "hour" when the hour is. */
  readonly violated: readonly ViolatedPolicy[];
}

const NONE: readonly ViolatedPolicy[] = [];
const MINUTE: readonly ViolatedPolicy[] = ['minute'];
const HOUR: readonly ViolatedPolicy[] = ['hour'];
const BOTH: readonly ViolatedPolicy[] = ['minute', 'hour'];

export function createLimitState(): LimitState {
  return {
    minute: new SlidingWindow(MINUTE_MS, MINUTE_BUCKET_MS),
    hour: new SlidingWindow(HOUR_MS, HOUR_BUCKET_MS),
  };
}

/** Whether nothing is counted any more at nowMs, so that a new state answers the same. */
export function isIdle(state: LimitState, nowMs: number): boolean {
  return state.hour.isEmptyAt(nowMs);
}

/**
 * Decides minute, burst and hour together and counts the request if all allow it (keys and limits §3).
 *
 * Takes nowMs from a monotonic clock in whole milliseconds (fractions are held for up to 1 ms longer); an earlier
 * time counts as the latest seen. The limits may change between calls.
 */
export function decide(state: LimitState, limits: TierLimits, nowMs: number): Decision {
  const { minute, hour } = state;
  minute.advance(nowMs);
  hour.advance(nowMs);
  const minuteMax = limits.perMinute + limits.burst;
  const minuteLeft = minute.total < minuteMax;
  const hourLeft = hour.total < limits.perHour;
  const allowed = minuteLeft && hourLeft;
  let retryAfterSeconds = 0;
  let violated = NONE;
  if (allowed) {
    minute.add();
    hour.add();
  } else {
    const minuteMs = minuteLeft ? 0 : minute.untilAtMostMs(minuteMax - 1);
    const hourMs = hourLeft ? 0 : hour.untilAtMostMs(limits.perHour - 1);
    retryAfterSeconds = Math.max(1, Math.ceil(Math.max(minuteMs, hourMs) / 1000));
    violated = minuteLeft ? HOUR : hourLeft ? MINUTE : BOTH;
  }
  const burstUsed = Math.max(0, minute.total - limits.perMinute);
  const minuteResetMs = minute.untilOldestLeavesMs();
  return {
    allowed,
    minute: {
      remaining: Math.max(0, limits.perMinute - minute.total),
      resetMs: minuteResetMs,
    },
    burst: {
      remaining: Math.max(0, limits.burst - burstUsed),
      resetMs: burstUsed > 0 ? minuteResetMs : 0,
    },
    hour: {
      remaining: Math.max(0, limits.perHour - hour.total),
      resetMs: hour.untilOldestLeavesMs(),
    },
    retryAfterSeconds,
    violated,
  };
}
