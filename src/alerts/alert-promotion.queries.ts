import { ALERT_TABLES, CASE_TABLES, visibleTo } from '../access/access.js';
import type { Marking } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';

/** What promotion needs of an alert. */
export interface PromotableAlert extends Marking {
  readonly id: string;
  readonly tinyId: number;
  readonly title: string;
  readonly description: string;
  readonly organizationId: string;
  readonly customFields: Record<string, unknown>;
  readonly statusValue: string;
  readonly caseId: string | null;
}

/**
 * Holds the visible ones of these alerts, in one order for everybody; the oldest first in the answer.
 *
 * Reads only the locked rows for what may have changed while waiting: other tables would be seen as
 * they were before.
 */
export async function lockAlerts(
  sql: Sql,
  principal: Principal,
  ids: readonly string[],
): Promise<PromotableAlert[]> {
  const params = new SqlParams();
  const where = `r.id = ANY(${params.add(ids, 'uuid[]')}) AND r.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'r', params)}`;
  const rows = await sql<{ alert: PromotableAlert; created: string }>(
    `SELECT json_build_object('id', r.id, 'tinyId', r.tiny_id, 'title', r.title, 'description', r.description,
       'organizationId', r.organization_id, 'customFields', r.custom_fields, 'tlp', r.tlp, 'pap', r.pap,
       'statusValue', (SELECT s.value FROM statuses s WHERE s.id = r.status_id),
       'caseId', r.case_id) AS alert,
       r.created_at::text AS created
     FROM alerts r WHERE ${where} ORDER BY r.id FOR UPDATE OF r`,
    params.values,
  );
  return rows.sort((a, b) => (a.created < b.created ? -1 : 1)).map((row) => row.alert);
}

/** What promotion needs of the case that takes alerts in. */
export interface ReceivingCase extends Marking {
  readonly id: string;
  readonly tinyId: number;
  readonly organizationId: string;
  readonly description: string | null;
  readonly customFields: Record<string, unknown>;
  readonly stage: string;
  readonly statusValue: string;
  /** Whether it was merged into another case. */
  readonly isMerged: boolean;
}

/** Holds the case until the transaction ends; null when it is not there for the caller. */
export async function lockReceivingCase(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<ReceivingCase | null> {
  const params = new SqlParams();
  const where = `r.id = ${params.add(id, 'uuid')} AND r.deleted_at IS NULL AND ${visibleTo(principal, CASE_TABLES, 'r', params)}`;
  const [row] = await sql<{ case: ReceivingCase }>(
    `SELECT json_build_object('id', r.id, 'tinyId', r.tiny_id, 'organizationId', r.organization_id, 'description', r.description,
       'customFields', r.custom_fields, 'tlp', r.tlp, 'pap', r.pap, 'isMerged', r.primary_case_id IS NOT NULL, 'stage', (SELECT s.stage FROM statuses s WHERE s.id = r.status_id),
       'statusValue', (SELECT s.value FROM statuses s WHERE s.id = r.status_id)) AS case
     FROM cases r WHERE ${where} FOR UPDATE`,
    params.values,
  );
  return row?.case ?? null;
}

/** Unites the tags of the alerts with the case's. */
export async function copyTags(
  sql: Sql,
  caseId: string,
  alertIds: readonly string[],
): Promise<void> {
  await sql(
    `INSERT INTO case_tags (case_id, tag_id)
     SELECT DISTINCT $1::uuid, tag_id FROM alert_tags WHERE alert_id = ANY($2::uuid[]) ON CONFLICT DO NOTHING`,
    [caseId, alertIds],
  );
}

const UNITED = `SELECT type_id, value_hash, max(tlp) AS tlp, max(pap) AS pap, bool_or(ioc) AS ioc, bool_or(sighted) AS sighted,
    min(sighted_at) AS sighted_at, bool_and(ignore_similarity) AS ignore_similarity, min(start_date) AS start_date,
    (array_agg(id ORDER BY created_at, id))[1] AS first_id
  FROM observables WHERE alert_id = ANY($2::uuid[]) AND deleted_at IS NULL GROUP BY type_id, value_hash`;

/** The file of the case that has the content of any of the united observables; the files were united before. */
const FILE_OF_CASE = `(SELECT held.id FROM observables o JOIN attachments f ON f.id = o.attachment_id
    JOIN attachments held ON held.case_id = $1::uuid AND held.sha256 = f.sha256 AND held.deleted_at IS NULL
    WHERE o.alert_id = ANY($2::uuid[]) AND o.deleted_at IS NULL AND o.type_id = u.type_id AND o.value_hash = u.value_hash
    ORDER BY held.name <> f.name, held.created_at, held.id LIMIT 1)`;

/**
 * Unites the observables of the alerts with the case's: an equal one once, the stricter marking kept.
 *
 * Tells how many are new; `newIds` must hold an id for each (see `countDistinctObservables`).
 */
export async function copyObservables(
  sql: Sql,
  caseId: string,
  alertIds: readonly string[],
  newIds: readonly string[],
  createdById: string,
): Promise<number> {
  const [row] = await sql<{ added: number }>(
    `WITH united AS (SELECT u.*, row_number() OVER (ORDER BY u.first_id) AS place FROM (${UNITED}) u),
     copied AS (
       INSERT INTO observables AS held (id, case_id, organization_id, type_id, data, normalized, value_hash, message, tlp, pap, ioc,
         sighted, sighted_at, ignore_similarity, start_date, attachment_id, created_by_id)
       SELECT ids.id, $1::uuid, k.organization_id, o.type_id, o.data, o.normalized, o.value_hash, o.message, u.tlp, u.pap, u.ioc,
         u.sighted, u.sighted_at, u.ignore_similarity, u.start_date, ${FILE_OF_CASE}, $4::uuid
       FROM united u JOIN observables o ON o.id = u.first_id JOIN cases k ON k.id = $1::uuid
       JOIN unnest($3::uuid[]) WITH ORDINALITY AS ids(id, place) ON ids.place = u.place
       ON CONFLICT (case_id, type_id, value_hash) WHERE case_id IS NOT NULL AND deleted_at IS NULL
       DO UPDATE SET tlp = greatest(held.tlp, excluded.tlp), pap = greatest(held.pap, excluded.pap),
         ioc = held.ioc OR excluded.ioc, sighted = held.sighted OR excluded.sighted,
         sighted_at = least(held.sighted_at, excluded.sighted_at),
         attachment_id = coalesce(held.attachment_id, excluded.attachment_id), version = held.version + 1, updated_at = now()
       RETURNING id, version)
     SELECT count(*) FILTER (WHERE version = 1)::int AS added FROM copied`,
    [caseId, alertIds, newIds, createdById],
  );
  return row?.added ?? 0;
}

/** Unites the tags of the alerts' observables with those of the case's that hold the same. */
export async function copyObservableTags(
  sql: Sql,
  caseId: string,
  alertIds: readonly string[],
): Promise<void> {
  await sql(
    `INSERT INTO observable_tags (observable_id, tag_id)
     SELECT DISTINCT held.id, link.tag_id FROM observables o JOIN observable_tags link ON link.observable_id = o.id
     JOIN observables held ON held.case_id = $1::uuid AND held.deleted_at IS NULL AND held.type_id = o.type_id AND held.value_hash = o.value_hash
     WHERE o.alert_id = ANY($2::uuid[]) AND o.deleted_at IS NULL ON CONFLICT DO NOTHING`,
    [caseId, alertIds],
  );
}

/** How many different observables the alerts hold together. */
export async function countDistinctObservables(
  sql: Sql,
  alertIds: readonly string[],
): Promise<number> {
  const [row] = await sql<{ count: number }>(
    `SELECT count(DISTINCT (type_id, value_hash))::int AS count
     FROM observables WHERE alert_id = ANY($1::uuid[]) AND deleted_at IS NULL`,
    [alertIds],
  );
  return row?.count ?? 0;
}

/** Hangs the alerts on the case with a status; null takes them off. */
export async function linkAlerts(
  sql: Sql,
  alertIds: readonly string[],
  caseId: string | null,
  status: { readonly id: string; readonly stage: string },
): Promise<void> {
  await sql(
    `UPDATE alerts SET case_id = $2::uuid, status_id = $3::uuid, version = version + 1, updated_at = now(),
       closed_at = CASE WHEN $4 = 'Closed' THEN coalesce(closed_at, now()) ELSE closed_at END
     WHERE id = ANY($1::uuid[])`,
    [alertIds, caseId, status.id, status.stage],
  );
}
