import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Marking } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { ChildList } from '../records/child-list.js';
import { instantSql } from '../records/record-sql.js';
import { isWithinCase } from '../tasks/task-sql.js';
import type { PlaceRef } from '../tasks/places.service.js';
import { insertAttachmentsSql } from './attachment-row.js';
import type { AttachmentRow } from './attachment-row.js';
import type { Attachment } from './attachments.schema.js';

/** The attachment `f` with its content `b`, as answers show it. */
const ANSWER = `json_build_object('id', f.id, 'name', f.name, 'size', b.size, 'contentType', f.content_type,
  'sha256', encode(f.sha256, 'hex'), 'sha1', encode(b.sha1, 'hex'), 'md5', encode(b.md5, 'hex'), 'alertId', f.alert_id,
  'caseId', f.case_id, 'taskId', f.task_id, 'createdById', f.created_by_id, 'createdAt', ${instantSql('f.created_at')})`;

const FROM = 'attachments f JOIN blobs b ON b.sha256 = f.sha256';

/** The attachments of a parent that the caller may see. */
export function attachmentsOf(principal: Principal, { kind, id }: PlaceRef): ChildList {
  return {
    name: `attachments of ${id}`,
    table: 'attachments f',
    alias: 'f',
    joins: 'JOIN blobs b ON b.sha256 = f.sha256',
    answer: ANSWER,
    conditions: (params) => [
      'f.deleted_at IS NULL',
      `f.${kind}_id = ${params.add(id, 'uuid')}`,
      clearedFor(principal, 'f', params),
    ],
  };
}

/** The attachments of a case and of its tasks that the caller may see. */
export function attachmentsWithin(principal: Principal, caseId: string): ChildList {
  return {
    ...attachmentsOf(principal, { kind: 'case', id: caseId }),
    conditions: (params) => [
      'f.deleted_at IS NULL',
      isWithinCase('f', principal, caseId, params),
      clearedFor(principal, 'f', params),
    ],
  };
}

/** An attachment with what it and its parent ask of a reader. */
export interface HeldAttachment {
  readonly attachment: Attachment;
  readonly organizationId: string;
  readonly marking: Marking;
  /** Where the store keeps its content. */
  readonly key: string;
}

/** The attachment on a record that is there for the caller, whatever its marking; null when there is none. */
export async function findAttachment(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<HeldAttachment | null> {
  const params = new SqlParams();
  const where = `f.id = ${params.add(id, 'uuid')} AND f.deleted_at IS NULL
    AND (a.id IS NULL OR (a.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'a', params)}))
    AND (t.id IS NULL OR t.deleted_at IS NULL)
    AND (k.id IS NULL OR (k.deleted_at IS NULL AND ${visibleTo(principal, CASE_TABLES, 'k', params)}))`;
  const [row] = await sql<HeldAttachment>(
    `SELECT ${ANSWER} AS attachment, b.key, coalesce(a.organization_id, k.organization_id) AS "organizationId",
       json_build_object('tlp', greatest(f.tlp, a.tlp, t.tlp, k.tlp), 'pap', greatest(f.pap, a.pap, k.pap)) AS marking
     FROM ${FROM} LEFT JOIN alerts a ON a.id = f.alert_id LEFT JOIN tasks t ON t.id = f.task_id
       LEFT JOIN cases k ON k.id = coalesce(f.case_id, t.case_id)
     WHERE ${where}`,
    params.values,
  );
  return row ?? null;
}

/** The observable that is this file, its id where the caller may see it; null when there is none. */
export async function findUse(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<{ readonly observableId: string | null } | null> {
  const params = new SqlParams();
  const [row] = await sql<{ observableId: string | null }>(
    `SELECT CASE WHEN ${clearedFor(principal, 'o', params)} THEN o.id END AS "observableId" FROM observables o
     WHERE o.attachment_id = ${params.add(id, 'uuid')} AND o.deleted_at IS NULL LIMIT 1`,
    params.values,
  );
  return row ?? null;
}

/** Deletes an attachment, whose row then names no content. */
export async function deleteAttachment(sql: Sql, id: string): Promise<void> {
  await sql('UPDATE attachments SET deleted_at = now(), sha256 = NULL WHERE id = $1::uuid', [id]);
}

/** The bytes that the files of a case and of its tasks have together, each counted wherever it hangs. */
export async function sumCaseFiles(sql: Sql, caseId: string): Promise<number> {
  const [row] = await sql<{ bytes: number }>(
    `SELECT coalesce(sum(b.size), 0)::float8 AS bytes FROM (
       SELECT sha256 FROM attachments WHERE case_id = $1::uuid AND deleted_at IS NULL
       UNION ALL
       SELECT f.sha256 FROM tasks t JOIN attachments f ON f.task_id = t.id AND f.deleted_at IS NULL
       WHERE t.case_id = $1::uuid AND t.deleted_at IS NULL) held
     JOIN blobs b ON b.sha256 = held.sha256`,
    [caseId],
  );
  return row?.bytes ?? 0;
}

/** Inserts attachments whose contents the request holds. */
export async function insertAttachments(sql: Sql, rows: readonly AttachmentRow[]): Promise<void> {
  await sql(
    `WITH inserted AS (${insertAttachmentsSql('$1::jsonb')}) SELECT count(*) FROM inserted`,
    [JSON.stringify(rows)],
  );
}

const UNITED = `SELECT f.sha256, f.name, max(f.tlp) AS tlp, max(f.pap) AS pap, (array_agg(f.id ORDER BY f.created_at, f.id))[1] AS first_id
  FROM attachments f WHERE f.alert_id = ANY($2::uuid[]) AND f.deleted_at IS NULL GROUP BY f.sha256, f.name`;

/**
 * Unites the files of the alerts with the case's: an equal content under an equal name once, the stricter
 * marking kept. `newIds` must hold an id for each file of the alerts.
 */
export async function copyAttachments(
  sql: Sql,
  caseId: string,
  alertIds: readonly string[],
  newIds: readonly string[],
): Promise<void> {
  await sql(
    `WITH united AS (SELECT u.*, row_number() OVER (ORDER BY u.first_id) AS place FROM (${UNITED}) u),
     raised AS (
       UPDATE attachments held SET tlp = greatest(held.tlp, u.tlp), pap = greatest(held.pap, u.pap) FROM united u
       WHERE held.case_id = $1::uuid AND held.deleted_at IS NULL AND held.sha256 = u.sha256 AND held.name = u.name
       RETURNING u.place)
     INSERT INTO attachments (id, case_id, organization_id, sha256, name, content_type, tlp, pap, created_by_id, created_at)
     SELECT ids.id, $1::uuid, k.organization_id, f.sha256, f.name, f.content_type, u.tlp, u.pap, f.created_by_id, f.created_at
     FROM united u JOIN attachments f ON f.id = u.first_id JOIN cases k ON k.id = $1::uuid
     JOIN unnest($3::uuid[]) WITH ORDINALITY AS ids(id, place) ON ids.place = u.place
     WHERE u.place NOT IN (SELECT place FROM raised)`,
    [caseId, alertIds, newIds],
  );
}

/** A file that a record held already when an equal one came. */
export interface HeldFile {
  readonly newId: string;
  readonly id: string;
  readonly before: Marking;
  readonly after: Marking;
}

/** Raises the files that an alert holds to the marking of equal new ones, and answers them. */
export async function raiseHeld(
  sql: Sql,
  alertId: string,
  rows: readonly AttachmentRow[],
): Promise<HeldFile[]> {
  return sql(
    `UPDATE attachments f SET tlp = greatest(f.tlp, x.tlp), pap = greatest(f.pap, x.pap)
     FROM jsonb_to_recordset($2::jsonb) AS x(id uuid, sha256 text, name text, tlp int, pap int), attachments b
     WHERE b.id = f.id AND f.alert_id = $1::uuid AND f.deleted_at IS NULL AND f.sha256 = decode(x.sha256, 'hex') AND f.name = x.name
     RETURNING x.id AS "newId", f.id, json_build_object('tlp', b.tlp, 'pap', b.pap) AS before,
       json_build_object('tlp', f.tlp, 'pap', f.pap) AS after`,
    [alertId, JSON.stringify(rows)],
  );
}

/** How many attachments the alerts hold together. */
export async function countAlertAttachments(
  sql: Sql,
  alertIds: readonly string[],
): Promise<number> {
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM attachments WHERE alert_id = ANY($1::uuid[]) AND deleted_at IS NULL`,
    [alertIds],
  );
  return row?.count ?? 0;
}
