import type { Principal } from '../auth/principal.js';
import { isRoleAtMost } from '../auth/scopes.js';
import type { Role } from '../auth/scopes.js';
import { isTierAtMost } from '../rate-limit/tiers.js';
import type { Tier } from '../rate-limit/tiers.js';
import { grantExceedsOwn, mayNotAdminister, passwordExceedsOwn } from './users.errors.js';

/** What a person may do, as far as somebody has to grant it. */
export interface PersonRights {
  readonly role: Role;
  readonly tlpMax: number;
  readonly papMax: number;
  readonly tierMax: Tier;
}

/** The bounds within which the caller grants rights; a key may have a lower clearance than its owner. */
type Grantor = Pick<
  Principal,
  'role' | 'tlpMax' | 'papMax' | 'tierMax' | 'everyOrganization' | 'organizationIds'
>;

/** Rights as bodies carry them: what is absent asks for nothing. */
type WantedRights = { readonly [R in keyof PersonRights]?: PersonRights[R] | undefined };

/** The first of the rights above the grantor's own, in words; null when none is. */
function excessOf(grantor: Grantor, rights: WantedRights): string | null {
  const { role, tlpMax = 0, papMax = 0, tierMax } = rights;
  if (role !== undefined && !isRoleAtMost(role, grantor.role)) return `role ${role}`;
  if (tlpMax > grantor.tlpMax) return `tlpMax ${tlpMax} (at most ${grantor.tlpMax})`;
  if (papMax > grantor.papMax) return `papMax ${papMax} (at most ${grantor.papMax})`;
  if (tierMax !== undefined && !isTierAtMost(tierMax, grantor.tierMax))
    return `tier ${tierMax} (at most ${grantor.tierMax})`;
  return null;
}

/**
 * Rights that somebody is to have beyond those the person has.
 *
 * @throws AppError `GRANT_EXCEEDS_OWN`
 */
export function assertMayGrant(
  grantor: Grantor,
  wanted: WantedRights,
  held: Partial<PersonRights> = {},
): void {
  const granted = Object.fromEntries(
    Object.entries(wanted).filter(([right, value]) => value !== held[right as keyof PersonRights]),
  );
  const excess = excessOf(grantor, granted);
  if (excess !== null) throw grantExceedsOwn(excess);
}

/**
 * An administrator acts on people of at most the own role who belong to the own organizations alone:
 * whoever shares a person with others must not decide for them.
 *
 * @throws AppError `INSUFFICIENT_ROLE`
 */
export function assertMayAdminister(
  principal: Grantor,
  person: { readonly role: Role; readonly organizations: readonly { readonly id: string }[] },
): void {
  const isOwn = ({ id }: { readonly id: string }) => principal.organizationIds.includes(id);
  if (!principal.everyOrganization && !person.organizations.every(isOwn)) throw mayNotAdminister();
  assertRankAtMost(principal, person);
}

/** @throws AppError `INSUFFICIENT_ROLE` */
export function assertRankAtMost(principal: Grantor, { role }: { readonly role: Role }): void {
  if (!isRoleAtMost(role, principal.role)) throw mayNotAdminister();
}

/** @throws AppError `GRANT_EXCEEDS_OWN` where the new password would open more than the caller has. */
export function assertMaySetPassword(principal: Grantor, person: PersonRights): void {
  if (excessOf(principal, person) !== null) throw passwordExceedsOwn();
}

/** What a new person gets where the body says nothing, never above the grantor's own. */
export function withDefaults(
  grantor: Grantor,
  wanted: WantedRights & { readonly role: Role },
): PersonRights {
  const isAdministrator = wanted.role === 'org-admin' || wanted.role === 'super-admin';
  const usual: Tier = isAdministrator ? 'unlimited' : 'professional';
  return {
    role: wanted.role,
    tlpMax: wanted.tlpMax ?? grantor.tlpMax,
    papMax: wanted.papMax ?? grantor.papMax,
    tierMax: wanted.tierMax ?? (isTierAtMost(usual, grantor.tierMax) ? usual : grantor.tierMax),
  };
}
