import type { Principal } from '../auth/principal.js';
import { AppError } from '../common/errors.js';
import type { Position } from '../common/pagination.js';
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

/** PAP 4 is kept but enforced as RED (3): who may see RED may see it (spec/behaviour.md §1). */
function papCeiling(principal: Principal): number {
  return principal.papMax >= 3 ? 4 : principal.papMax;
}

/** The condition that rows of `alias` lie within the caller's clearance. */
export function clearedFor(principal: Principal, alias: string, params: SqlParams): string {
  const tlp = params.add(principal.tlpMax, 'int');
  const pap = params.add(papCeiling(principal), 'int');
  return `${alias}.tlp <= ${tlp} AND ${alias}.pap <= ${pap}`;
}

/** The condition that a record of `alias` belongs to, or is shared with, the caller's tenants. */
export function visibleTo(
  principal: Principal,
  tables: SharedTables,
  alias: string,
  params: SqlParams,
): string {
  if (principal.everyOrganization) return 'true';
  const organizations = params.add(principal.organizationIds, 'uuid[]');
  return `(${alias}.organization_id = ANY(${organizations}) OR ${alias}.visible_to_all_organizations
    OR EXISTS (SELECT 1 FROM ${tables.shares} share
               WHERE share.${tables.shareKey} = ${alias}.id AND share.organization_id = ANY(${organizations})))`;
}

export interface ListShape {
  /** Conditions on the record `r`, beyond tenant, clearance and deletion. */
  readonly conditions: readonly string[];
  readonly sortColumn: string;
  readonly descending: boolean;
  readonly after: Position | null;
  /** The SQL type of the sort column, to read the position back. */
  readonly sortType: string;
  readonly limit: number;
}

/**
 * The ids of the rows a list may show, in order: the caller's tenants, up to its clearance.
 *
 * The database filters, so counts and cursors never reveal what was hidden. What the tenant owns, and
 * what is visible to all, is read from an index in sort order, so the cost follows the page and not
 * the table; what others share with it is gathered from its shares and sorted.
 */
export function visibleIds(
  principal: Principal,
  tables: SharedTables,
  params: SqlParams,
  list: ListShape,
): string {
  const direction = list.descending ? 'DESC' : 'ASC';
  const order = `ORDER BY r.${list.sortColumn} ${direction}, r.id ${direction} LIMIT ${params.add(list.limit, 'int')}`;
  const conditions = [
    'r.deleted_at IS NULL',
    clearedFor(principal, 'r', params),
    ...list.conditions,
  ];
  if (list.after) {
    const [value, id] = list.after;
    conditions.push(
      `(r.${list.sortColumn}, r.id) ${list.descending ? '<' : '>'} (${params.add(value)}::${list.sortType}, ${params.add(id, 'uuid')})`,
    );
  }
  const where = conditions.join(' AND ');
  const columns = `r.id, r.${list.sortColumn} AS sort_value`;
  if (principal.everyOrganization) {
    return `SELECT page.id, page.sort_value FROM organizations org CROSS JOIN LATERAL (
        SELECT ${columns} FROM ${tables.records} r WHERE r.organization_id = org.id AND ${where} ${order}) page
      ${outerOrder(direction, params, list)}`;
  }
  const own = params.add(principal.organizationIds, 'uuid[]');
  return `SELECT page.id, page.sort_value FROM (
      SELECT owned.* FROM unnest(${own}) org(id) CROSS JOIN LATERAL (
        SELECT ${columns} FROM ${tables.records} r WHERE r.organization_id = org.id AND ${where} ${order}) owned
      UNION ALL
      (SELECT ${columns} FROM ${tables.records} r
        WHERE r.visible_to_all_organizations AND r.organization_id <> ALL(${own}) AND ${where} ${order})
      UNION ALL
      (SELECT ${columns} FROM ${tables.records} r
        WHERE r.id IN (SELECT share.${tables.shareKey} FROM ${tables.shares} share WHERE share.organization_id = ANY(${own}))
          AND NOT r.visible_to_all_organizations AND r.organization_id <> ALL(${own}) AND ${where} ${order})
    ) page ${outerOrder(direction, params, list)}`;
}

function outerOrder(direction: string, params: SqlParams, list: ListShape): string {
  return `ORDER BY page.sort_value ${direction}, page.id ${direction} LIMIT ${params.add(list.limit, 'int')}`;
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

/** @throws AppError `INSUFFICIENT_ROLE` unless the caller administers the whole platform. */
export function assertPlatformAdmin(principal: Principal): void {
  if (principal.everyOrganization) return;
  throw new AppError(
    'INSUFFICIENT_ROLE',
    'This belongs to the whole instance: only a platform administrator may change it.',
  );
}
