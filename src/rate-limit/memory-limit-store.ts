import ipaddr from 'ipaddr.js';
import { createLimitState, decide, Decision, isIdle, LimitState, MINUTE_MS } from './decide.js';
import { TierLimits } from './tiers.js';

/** The monotonic clock in whole milliseconds, so that a request is counted for exactly its window. */
function clockMs(): number {
  return Math.floor(performance.now());
}

/** The limits of one process: a state per credential, held until nothing it counted is within the hour. */
export class MemoryLimitStore {
  private readonly states = new Map<string, LimitState>();
  private sweep = this.states.entries();

  /** The credentials held. */
  get size(): number {
    return this.states.size;
  }

  /** Decides and counts one request of a credential; nowMs is of a monotonic clock. */
  decide(id: string, limits: TierLimits, nowMs: number = clockMs()): Decision {
    this.sweepOne(nowMs);
    let state = this.states.get(id);
    if (state === undefined) {
      // A second step per new state lets the sweep overtake their growth.
      this.sweepOne(nowMs);
      state = createLimitState();
      this.states.set(id, state);
    }
    return decide(state, limits, nowMs);
  }

  private sweepOne(nowMs: number): void {
    const next = this.sweep.next();
    if (next.done === true) {
      this.sweep = this.states.entries();
      return;
    }
    const [id, state] = next.value;
    if (isIdle(state, nowMs)) this.states.delete(id);
  }
}

export interface FailureLimits {
  /** Failures allowed within the window, at least 1. */
  readonly failuresMax: number;
  /** The sliding window in milliseconds, a minute by default. */
  readonly windowMs?: number;
  /** Sources remembered at once, 50 000 by default; beyond it the one quiet for longest is forgotten. */
  readonly sourcesMax?: number;
}

export interface FailureDecision {
  readonly allowed: boolean;
  /** Whole seconds after which a failure is allowed again, at least 1; 0 when allowed. */
  readonly retryAfterSeconds: number;
}

/**
 * Limits failures per source in an exact sliding window; a failure beyond the limit is not counted.
 *
 * A source is an address (see {@link addressGroup}) or any other key, such as an account's id.
 */
export class FailureLimiter {
  /** Per source the times of its counted failures, oldest first; sources in the order of their latest failure. */
  private readonly failures = new Map<string, number[]>();
  private readonly failuresMax: number;
  private readonly windowMs: number;
  private readonly sourcesMax: number;

  constructor({ failuresMax, windowMs = MINUTE_MS, sourcesMax = 50_000 }: FailureLimits) {
    this.failuresMax = failuresMax;
    this.windowMs = windowMs;
    this.sourcesMax = sourcesMax;
  }

  /** The sources held. */
  get size(): number {
    return this.failures.size;
  }

  /** Counts a failure of the source if the limit allows it; nowMs is of a monotonic clock. */
  recordFailure(source: string, nowMs: number = clockMs()): FailureDecision {
    const key = addressGroup(source);
    const times = this.current(key, nowMs);
    this.failures.delete(key);
    this.failures.set(key, times);
    this.dropOldest(nowMs);
    const retryAfterSeconds = this.secondsLeft(times, nowMs);
    if (retryAfterSeconds === 0) times.push(nowMs);
    return { allowed: retryAfterSeconds === 0, retryAfterSeconds };
  }

  /** Takes back a failure that was counted before it was known to be none. */
  retract(source: string, nowMs: number = clockMs()): void {
    this.current(addressGroup(source), nowMs).pop();
  }

  /** Whether a further failure of the source would be refused, without counting one. */
  isExceeded(source: string, nowMs: number = clockMs()): boolean {
    return this.count(source, nowMs) >= this.failuresMax;
  }

  /** The failures of the source counted in the window. */
  count(source: string, nowMs: number = clockMs()): number {
    return this.current(addressGroup(source), nowMs).length;
  }

  private current(key: string, nowMs: number): number[] {
    const times = this.failures.get(key);
    if (times === undefined) return [];
    const first = times.findIndex((time) => time + this.windowMs > nowMs);
    times.splice(0, first === -1 ? times.length : first);
    return times;
  }

  private secondsLeft(times: readonly number[], nowMs: number): number {
    const blocking = times[times.length - this.failuresMax];
    if (blocking === undefined) return 0;
    return Math.max(1, Math.ceil((blocking + this.windowMs - nowMs) / 1000));
  }

  /** Drops up to two sources from the front: whichever is over the bound or has nothing left to count. */
  private dropOldest(nowMs: number): void {
    for (let i = 0; i < 2; i++) {
      const oldest = this.failures.entries().next().value;
      if (oldest === undefined) return;
      const latest = oldest[1].at(-1);
      const isSpent = latest !== undefined && latest + this.windowMs <= nowMs;
      if (isSpent || this.failures.size > this.sourcesMax) this.failures.delete(oldest[0]);
    }
  }
}

/**
 * What addresses share a limit: an IPv4 address alone, also when mapped into IPv6, an IPv6 address with its /64.
 *
 * Whoever has one IPv6 address commonly has the 2^64 of its network. Any other text stands for itself.
 */
export function addressGroup(address: string): string {
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (!(parsed instanceof ipaddr.IPv6)) return parsed.toString();
  return `${parsed.parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':')}::/64`;
}
