import { Decision } from './decide.js';
import { Tier, TierLimits, TIERS } from './tiers.js';

export type RateLimitHeader = readonly [name: string, value: string];

const NO_HEADERS: readonly RateLimitHeader[] = [];

const POLICY_HEADERS: Record<Tier, RateLimitHeader> = {
  basic: policyHeader(TIERS.basic),
  standard: policyHeader(TIERS.standard),
  professional: policyHeader(TIERS.professional),
  enterprise: policyHeader(TIERS.enterprise),
  unlimited: ['RateLimit-Policy', ''],
};

/**
 * The headers of every answer to a limited caller, none for `unlimited` (keys and limits §3).
 *
 * X-RateLimit-* speak of the policy with the smallest share left, Reset in Unix seconds; RateLimit and
 * RateLimit-Policy are those of draft-ietf-httpapi-ratelimit-headers, t in seconds. Times are rounded up.
 */
export function rateLimitHeaders(
  tier: Tier,
  decision: Decision | null,
  nowUnixMs: number,
): readonly RateLimitHeader[] {
  const limits = TIERS[tier];
  if (limits === null || decision === null) return NO_HEADERS;
  const { minute, burst, hour } = decision;
  let nearest = minute;
  let limit: number = limits.perMinute;
  if (burst.remaining * limit < nearest.remaining * limits.burst) {
    nearest = burst;
    limit = limits.burst;
  }
  if (hour.remaining * limit < nearest.remaining * limits.perHour) {
    nearest = hour;
    limit = limits.perHour;
  }
  const headers: RateLimitHeader[] = [
    ['X-RateLimit-Limit', String(limit)],
    ['X-RateLimit-Remaining', String(nearest.remaining)],
    ['X-RateLimit-Reset', String(Math.ceil((nowUnixMs + nearest.resetMs) / 1000))],
    POLICY_HEADERS[tier],
    [
      'RateLimit',
      `"minute";r=${minute.remaining};t=${seconds(minute.resetMs)}, ` +
        `"burst";r=${burst.remaining};t=${seconds(burst.resetMs)}, ` +
        `"hour";r=${hour.remaining};t=${seconds(hour.resetMs)}`,
    ],
  ];
  if (!decision.allowed) headers.push(['Retry-After', String(decision.retryAfterSeconds)]);
  return headers;
}

function policyHeader(limits: TierLimits): RateLimitHeader {
  return [
    'RateLimit-Policy',
    `"minute";q=${limits.perMinute};w=60, "burst";q=${limits.burst};w=60, "hour";q=${limits.perHour};w=3600`,
  ];
}

function seconds(ms: number): number {
  return Math.ceil(ms / 1000);
}
