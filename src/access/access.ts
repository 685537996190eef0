import type { Principal } from '../auth/principal.js';
import { hasScope } from '../auth/scopes.js';
import { AppError } from '../common/errors.js';
import type { SqlParams } from '../database/sql.js';

/** Where a kind of record that can be shared keeps its rows and its shares. */
export interface SharedTables {
  readonly records: 'alerts' | 'cases';
  readonly shares: 'alert_shares' | 'case_shares';
  readonly shareKey: 'alert_id' | 'case_id';
}

export const ALERT_TABLES: SharedTables = {
  records: 'alerts',
  shares: 'alert_shares',
  shareKey: 'alert_id',
};
export const CASE_TABLES: SharedTables = {
  records: 'cases',
  shares: 'case_shares',
  shareKey: 'case_id',
};

/** What decides which records a caller sees. */
export type Sight = Pick<Principal, 'everyOrganization' | 'organizationIds' | 'tlpMax' | 'papMax'>;

/** Equal for callers who see the same records. */
export function sightKey({ everyOrganization, organizationIds, tlpMax, papMax }: Sight): string {
  const parts: Record<keyof Sight, unknown> = {
    everyOrganization,
    organizationIds,
    tlpMax,
    papMax,
  };
  return JSON.stringify(parts);
}

/** PAP 4 is kept but enforced as RED (3): who may see RED may see it (spec/behaviour.md §1). */
function papCeiling({ papMax }: Sight): number {
  return papMax >= 3 ? 4 : papMax;
}

/** The condition that rows of `alias` lie within the caller's clearance. */
export function clearedFor(sight: Sight, alias: string, params: SqlParams): string {
  const tlp = params.add(sight.tlpMax, 'int');
  const pap = params.add(papCeiling(sight), 'int');
  return `${alias}.tlp <= ${tlp} AND ${alias}.pap <= ${pap}`;
}

/** The condition that a record of `alias` belongs to, or is shared with, the caller's tenants. */
export function visibleTo(
  sight: Sight,
  tables: SharedTables,
  alias: string,
  params: SqlParams,
): string {
  if (sight.everyOrganization) return 'true';
  const organizations = params.add(sight.organizationIds, 'uuid[]');
  return `(${alias}.organization_id = ANY(${organizations}) OR ${alias}.visible_to_all_organizations
    OR EXISTS (SELECT 1 FROM ${tables.shares} share
               WHERE share.${tables.shareKey} = ${alias}.id AND share.organization_id = ANY(${organizations})))`;
}

/** The marking of a record. */
export interface Marking {
  readonly tlp: number;
  readonly pap: number;
}

/** A marking as bodies carry it: what is absent asks for nothing. */
interface WantedMarking {
  readonly tlp?: number | undefined;
  readonly pap?: number | undefined;
}

/** @throws AppError `CLEARANCE_TLP` or `CLEARANCE_PAP` when the record is marked above the caller's clearance. */
export function assertCleared(principal: Principal, record: WantedMarking): void {
  if ((record.tlp ?? 0) > principal.tlpMax) {
    throw new AppError('CLEARANCE_TLP', `Your clearance ends at TLP ${principal.tlpMax}.`);
  }
  if ((record.pap ?? 0) > papCeiling(principal)) {
    throw new AppError('CLEARANCE_PAP', `Your clearance ends at PAP ${principal.papMax}.`);
  }
}

/** The condition, for Prisma, on rows that belong to one tenant and are never shared: those of the caller's. */
export function ownedBy(principal: Principal): { readonly organizationId?: { in: string[] } } {
  return principal.everyOrganization
    ? {}
    : { organizationId: { in: [...principal.organizationIds] } };
}

/** Whether the record belongs to one of the caller's tenants; guests may not delete, merge or reshare it. */
export function isOwner(principal: Principal, organizationId: string): boolean {
  return principal.everyOrganization || principal.organizationIds.includes(organizationId);
}

/** @throws AppError `OWNER_ONLY` */
export function assertOwner(principal: Principal, organizationId: string, action: string): void {
  if (isOwner(principal, organizationId)) return;
  throw new AppError('OWNER_ONLY', `Only the owning organization may ${action}.`);
}

/** @throws AppError `AUTHOR_ONLY` unless the caller wrote it or is an administrator. */
export function assertAuthor(principal: Principal, authorId: string | null, what: string): void {
  if (authorId === principal.userId || hasScope(principal.scopes, 'admin:*')) return;
  throw new AppError(
    'AUTHOR_ONLY',
    `Only its author or an administrator may change or delete ${what}.`,
  );
}

/** @throws AppError `INSUFFICIENT_ROLE` unless the caller administers the whole platform. */
export function assertPlatformAdmin(principal: Principal): void {
  if (principal.everyOrganization) return;
  throw new AppError(
    'INSUFFICIENT_ROLE',
    'This belongs to the whole instance: only a platform administrator may change it.',
  );
}
