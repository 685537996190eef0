import type { TierRow } from '../../api-keys/api-keys.schema.js';
import type { Role } from '../../auth/scopes.js';
import type { Tier } from '../../rate-limit/tiers.js';
import { count } from './format.js';

/** The roles, from least to most. */
export const ROLE_LABELS: Readonly<Record<Role, string>> = {
  'read-only': 'Read only',
  integration: 'Integration',
  analyst: 'Analyst',
  'team-lead': 'Team lead',
  'org-admin': 'Organization administrator',
  'super-admin': 'Platform administrator',
};

/** The tiers, from least to most. */
export const TIER_LABELS: Readonly<Record<Tier, string>> = {
  basic: 'Basic',
  standard: 'Standard',
  professional: 'Professional',
  enterprise: 'Enterprise',
  unlimited: 'Unlimited',
};

export const TLP_LABELS = ['CLEAR', 'GREEN', 'AMBER', 'AMBER+STRICT', 'RED'] as const;
export const PAP_LABELS = ['CLEAR', 'GREEN', 'AMBER', 'RED'] as const;

/** What a tier allows, in words. */
export function limitsOf({ perMinute, perHour, burst }: TierRow): string {
  if (perMinute === null || perHour === null || burst === null) return 'No limit';
  return `${count(perMinute)} requests a minute, ${count(burst)} more in a burst; ${count(perHour)} an hour`;
}
