import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Marking } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { ChildList } from '../records/child-list.js';
import type { Parent } from '../records/parent.js';
import { instantSql } from '../records/record-sql.js';
import { insertAttachmentsSql } from './attachment-row.js';
import type { AttachmentRow } from './attachment-row.js';
import type { Attachment } from './attachments.schema.js';

/** The attachment `f` with its content `b`, as answers show it. */
const ANSWER = `json_build_object('id', f.id, 'name', f.name, 'size', b.size, 'contentType', f.content_type,
  'sha256', encode(f.sha256, 'hex'), 'sha1', encode(b.sha1, 'hex'), 'md5', encode(b.md5, 'hex'), 'alertId', f.alert_id,
  'caseId', f.case_id, 'createdById', f.created_by_id, 'createdAt', ${instantSql('f.created_at')})`;

const FROM = 'attachments f JOIN blobs b ON b.sha256 = f.sha256';

/** A file that an observable holds is as restricted as that observable. */
function observablesCleared(principal: Principal, params: SqlParams): string {
  return `NOT EXISTS (SELECT 1 FROM observables o WHERE o.attachment_id = f.id AND o.deleted_at IS NULL
    AND NOT (${clearedFor(principal, 'o', params)}))`;
}

/** The attachments of a parent that the caller may see. */
export function attachmentsOf(principal: Principal, { kind, id }: Parent): ChildList {
  return {
    name: `attachments of ${id}`,
    table: 'attachments f',
    alias: 'f',
    joins: 'JOIN blobs b ON b.sha256 = f.sha256',
    answer: ANSWER,
    conditions: (params) => [
      'f.deleted_at IS NULL',
      `f.${kind}_id = ${params.add(id, 'uuid')}`,
      observablesCleared(principal, params),
    ],
  };
}

/** An attachment with what its parent and its observables ask of a reader. */
export interface HeldAttachment {
  readonly attachment: Attachment;
  readonly organizationId: string;
  readonly marking: Marking;
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
    AND (k.id IS NULL OR (k.deleted_at IS NULL AND ${visibleTo(principal, CASE_TABLES, 'k', params)}))`;
  const [row] = await sql<HeldAttachment>(
    `SELECT ${ANSWER} AS attachment, coalesce(a.organization_id, k.organization_id) AS "organizationId",
       json_build_object('tlp', greatest(a.tlp, k.tlp, held.tlp), 'pap', greatest(a.pap, k.pap, held.pap)) AS marking
     FROM ${FROM} LEFT JOIN alerts a ON a.id = f.alert_id LEFT JOIN cases k ON k.id = f.case_id
     LEFT JOIN LATERAL (SELECT max(o.tlp) AS tlp, max(o.pap) AS pap FROM observables o
       WHERE o.attachment_id = f.id AND o.deleted_at IS NULL) held ON true
     WHERE ${where}`,
    params.values,
  );
  return row ?? null;
}

/** Inserts attachments whose contents the transaction refers to. */
export async function insertAttachments(sql: Sql, rows: readonly AttachmentRow[]): Promise<void> {
  await sql(
    `WITH inserted AS (${insertAttachmentsSql('$1::jsonb')}) SELECT count(*) FROM inserted`,
    [JSON.stringify(rows)],
  );
}

/** Unites the files of the alerts with the case's: an equal content under an equal name once. */
export async function copyAttachments(
  sql: Sql,
  caseId: string,
  alertIds: readonly string[],
  newIds: readonly string[],
): Promise<void> {
  await sql(
    `INSERT INTO attachments (id, case_id, organization_id, sha256, name, content_type, created_by_id, created_at)
     SELECT ids.id, $1::uuid, k.organization_id, f.sha256, f.name, f.content_type, f.created_by_id, f.created_at
     FROM (SELECT united.*, row_number() OVER (ORDER BY united.created_at, united.id) AS place
           FROM (SELECT DISTINCT ON (f.sha256, f.name) f.* FROM attachments f
                 WHERE f.alert_id = ANY($2::uuid[]) AND f.deleted_at IS NULL
                   AND NOT EXISTS (SELECT 1 FROM attachments held WHERE held.case_id = $1::uuid
                     AND held.sha256 = f.sha256 AND held.name = f.name AND held.deleted_at IS NULL)
                 ORDER BY f.sha256, f.name, f.created_at, f.id) united) f
     JOIN unnest($3::uuid[]) WITH ORDINALITY AS ids(id, place) ON ids.place = f.place
     JOIN cases k ON k.id = $1::uuid`,
    [caseId, alertIds, newIds],
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
