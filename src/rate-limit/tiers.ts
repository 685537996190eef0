import { z } from 'zod';

/** What a tier allows: requests in any sliding minute, extra ones in that minute, requests in any sliding hour. */
export interface TierLimits {
  readonly perMinute: number;
  readonly perHour: number;
  readonly burst: number;
}

/** The limits of every tier, lowest first; null is no limit (keys and limits §3). */
export const TIERS = {
  basic: { perMinute: 60, perHour: 1_000, burst: 10 },
  standard: { perMinute: 300, perHour: 10_000, burst: 50 },
  professional: { perMinute: 1_000, perHour: 50_000, burst: 100 },
  enterprise: { perMinute: 5_000, perHour: 200_000, burst: 500 },
  unlimited: null,
} as const satisfies Record<string, TierLimits | null>;

export const tierSchema = z.enum([
  'basic',
  'standard',
  'professional',
  'enterprise',
  'unlimited',
] as const satisfies (keyof typeof TIERS)[]);

export type Tier = z.infer<typeof tierSchema>;

/** The tier's place in the table, 0 for the lowest. */
export function tierRank(tier: Tier): number {
  return tierSchema.options.indexOf(tier);
}

/** Whether a tier allows no more than another. */
export function isTierAtMost(tier: Tier, tierMax: Tier): boolean {
  return tierRank(tier) <= tierRank(tierMax);
}
