import { ALERT_TABLES, CASE_TABLES, assertCleared, visibleTo } from '../access/access.js';
import type { Marking } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { caseMerged } from '../cases/cases.errors.js';
import type { AppError } from '../common/errors.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { RecordKind } from './record-writes.js';

/** The alert or case that something hangs on, and what to answer when it is not there. */
export interface Parent {
  readonly kind: RecordKind;
  readonly id: string;
  readonly notFound: () => AppError;
}

/** What of a parent its children follow. */
export interface ParentRow extends Marking {
  readonly organizationId: string;
}

/**
 * The parent, there for the caller (else its 404) and within its clearance (else 403).
 *
 * With `FOR UPDATE` it is held until the transaction ends; a case that was merged away has nothing that
 * could be changed, and takes nothing more (409).
 */
export async function openParent(
  sql: Sql,
  principal: Principal,
  parent: Parent,
  lock: '' | 'FOR UPDATE' = '',
): Promise<ParentRow> {
  const tables = parent.kind === 'alert' ? ALERT_TABLES : CASE_TABLES;
  const params = new SqlParams();
  const where = `r.id = ${params.add(parent.id, 'uuid')} AND r.deleted_at IS NULL AND ${visibleTo(principal, tables, 'r', params)}`;
  const isMerged = parent.kind === 'case' ? 'r.primary_case_id IS NOT NULL' : 'false';
  const [row] = await sql<ParentRow & { readonly isMerged: boolean }>(
    `SELECT r.organization_id AS "organizationId", r.tlp, r.pap, ${isMerged} AS "isMerged"
     FROM ${tables.records} r WHERE ${where} ${lock}`,
    params.values,
  );
  if (!row) throw parent.notFound();
  const { organizationId, tlp, pap } = row;
  assertCleared(principal, { tlp, pap });
  if (lock !== '' && row.isMerged) throw caseMerged(parent.id);
  return { organizationId, tlp, pap };
}
