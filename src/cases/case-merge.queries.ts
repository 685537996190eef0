import type { Marking } from '../access/access.js';
import type { Sql } from '../database/sql.js';
import { organizationsSql, storedSources, tagsSql, teamsSql } from '../records/record-sql.js';
import { SECTION_MAX } from '../records/record-merge.js';

const STORED = storedSources('case');

interface Named<Id = string> {
  readonly id: Id;
  readonly name: string;
}

/** What a merge needs of a case. */
export interface MergeableCase extends Marking {
  readonly id: string;
  readonly tinyId: number;
  readonly organizationId: string;
  readonly title: string;
  /** Of the cases that are folded, no more than a section shows. */
  readonly description: string | null;
  readonly severity: number;
  readonly flag: boolean;
  readonly customFields: Record<string, unknown>;
  readonly statusValue: string;
  readonly stage: string;
  readonly primaryCaseId: string | null;
  readonly visibleToAllOrganizations: boolean;
  /** The owner first, then the guests. */
  readonly organizations: readonly Named[];
  readonly teams: readonly Named[];
  readonly tags: readonly Named<number>[];
}

/** Reads cases that are held, the oldest first. */
export async function findMergeable(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<MergeableCase[]> {
  const rows = await sql<{ case: MergeableCase }>(
    `SELECT json_build_object('id', r.id, 'tinyId', r.tiny_id, 'organizationId', r.organization_id, 'title', r.title,
       'description', CASE WHEN r.id = $1::uuid THEN r.description ELSE left(r.description, ${SECTION_MAX + 1}) END,
       'severity', r.severity, 'tlp', r.tlp, 'pap', r.pap, 'flag', r.flag, 'customFields', r.custom_fields,
       'statusValue', s.value, 'stage', s.stage, 'primaryCaseId', r.primary_case_id,
       'visibleToAllOrganizations', r.visible_to_all_organizations, 'organizations', ${organizationsSql('case_id', STORED)},
       'teams', ${teamsSql('case_id', STORED)}, 'tags', ${tagsSql('case_id', STORED)}) AS case
     FROM cases r JOIN statuses s ON s.id = r.status_id WHERE r.id = ANY($2::uuid[]) ORDER BY r.created_at, r.id`,
    [primaryId, ids],
  );
  return rows.map((row) => row.case);
}

/** Appends the tasks of the cases (in their order) behind the primary's. */
export async function moveTasks(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<void> {
  await sql(
    `WITH held AS (SELECT count(*)::int AS tasks FROM tasks WHERE case_id = $1::uuid AND deleted_at IS NULL),
     places AS (
       SELECT t.id, held.tasks - 1 + row_number() OVER (ORDER BY array_position($2::uuid[], t.case_id), t.position, t.id) AS place
       FROM tasks t CROSS JOIN held WHERE t.case_id = ANY($2::uuid[]) AND t.deleted_at IS NULL)
     UPDATE tasks t SET case_id = $1::uuid, position = places.place, version = t.version + 1, updated_at = now()
     FROM places WHERE t.id = places.id`,
    [primaryId, ids],
  );
}

/**
 * Leaves one of each equal observables that the cases hold together: the primary's, else the oldest.
 *
 * It takes over what the others know: the stricter marking, which their files share, the marks, tags,
 * notes, the file. The others are deleted where they are.
 */
export async function uniteObservables(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<void> {
  await sql(
    `WITH held AS (
       SELECT o.id, o.tlp, o.pap, o.ioc, o.sighted, o.sighted_at, o.start_date, o.attachment_id, o.message,
         row_number() OVER equal AS place, first_value(o.id) OVER equal AS kept_id, count(*) OVER (PARTITION BY o.type_id, o.value_hash) AS copies
       FROM observables o WHERE o.case_id = ANY($1::uuid || $2::uuid[]) AND o.deleted_at IS NULL
       WINDOW equal AS (PARTITION BY o.type_id, o.value_hash ORDER BY o.case_id <> $1::uuid, o.created_at, o.id)),
     equal AS MATERIALIZED (SELECT * FROM held WHERE copies > 1),
     notes AS (
       SELECT kept_id, string_agg(message, E'\\n' ORDER BY place) AS message
       FROM (SELECT kept_id, message, min(place) AS place FROM equal WHERE message <> '' GROUP BY kept_id, message) note GROUP BY kept_id),
     united AS (
       SELECT kept_id, max(tlp) AS tlp, max(pap) AS pap, bool_or(ioc) AS ioc, bool_or(sighted) AS sighted, min(sighted_at) AS sighted_at,
         min(start_date) AS start_date, (array_agg(attachment_id ORDER BY place) FILTER (WHERE attachment_id IS NOT NULL))[1] AS attachment_id
       FROM equal GROUP BY kept_id),
     tagged AS (
       INSERT INTO observable_tags (observable_id, tag_id)
       SELECT DISTINCT equal.kept_id, link.tag_id FROM equal JOIN observable_tags link ON link.observable_id = equal.id
       WHERE equal.place > 1 ON CONFLICT DO NOTHING),
     raised AS (
       UPDATE attachments f SET tlp = greatest(f.tlp, u.tlp), pap = greatest(f.pap, u.pap)
       FROM equal JOIN united u ON u.kept_id = equal.kept_id WHERE f.id = equal.attachment_id),
     dropped AS (
       UPDATE observables o SET deleted_at = now(), version = o.version + 1, updated_at = now()
       FROM equal WHERE o.id = equal.id AND equal.place > 1)
     UPDATE observables o SET tlp = u.tlp, pap = u.pap, ioc = u.ioc, sighted = u.sighted, sighted_at = u.sighted_at,
       start_date = u.start_date, attachment_id = u.attachment_id, message = coalesce(notes.message, ''),
       version = o.version + 1, updated_at = now()
     FROM united u LEFT JOIN notes ON notes.kept_id = u.kept_id WHERE o.id = u.kept_id`,
    [primaryId, ids],
  );
}

/** Hangs what is left of the cases' observables, none of which the primary holds, their comments and their files on it. */
export async function moveParts(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<void> {
  await sql(
    `WITH moved_comments AS (
       UPDATE comments SET case_id = $1::uuid, version = version + 1, updated_at = now()
       WHERE case_id = ANY($2::uuid[]) AND deleted_at IS NULL),
     moved_attachments AS (
       UPDATE attachments SET case_id = $1::uuid WHERE case_id = ANY($2::uuid[]) AND deleted_at IS NULL)
     UPDATE observables SET case_id = $1::uuid, version = version + 1, updated_at = now()
     WHERE case_id = ANY($2::uuid[]) AND deleted_at IS NULL`,
    [primaryId, ids],
  );
}

/** What moved to the primary, and the case it was on or linked with. */
export interface Moved {
  readonly id: string;
  readonly organizationId: string;
  readonly from: string;
}

/** Hangs the alerts of the cases on the primary, holding them in the order of everybody. */
export async function moveAlerts(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<Moved[]> {
  return sql(
    `WITH held AS MATERIALIZED (
       SELECT id, case_id FROM alerts WHERE case_id = ANY($2::uuid[]) AND deleted_at IS NULL ORDER BY id FOR UPDATE)
     UPDATE alerts a SET case_id = $1::uuid, version = a.version + 1, updated_at = now()
     FROM held WHERE a.id = held.id RETURNING a.id, a.organization_id AS "organizationId", held.case_id AS "from"`,
    [primaryId, ids],
  );
}

/** Gives the links of the cases to the primary, the oldest of equal ones; answers their other ends. */
export async function moveLinks(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<Moved[]> {
  return sql(
    `WITH gone AS (
       DELETE FROM case_links WHERE case_id = ANY($2::uuid[]) OR other_case_id = ANY($2::uuid[]) RETURNING *),
     ends AS (
       SELECT CASE WHEN case_id = ANY($2::uuid[]) THEN other_case_id ELSE case_id END AS id,
         CASE WHEN case_id = ANY($2::uuid[]) THEN case_id ELSE other_case_id END AS "from", kind, created_at
       FROM gone),
     far AS (SELECT * FROM ends WHERE id <> ALL($1::uuid || $2::uuid[])),
     moved AS (
       INSERT INTO case_links (case_id, other_case_id, kind, created_at)
       SELECT DISTINCT ON (id) least($1::uuid, id), greatest($1::uuid, id), kind, created_at FROM far ORDER BY id, created_at
       ON CONFLICT DO NOTHING)
     SELECT far.id, k.organization_id AS "organizationId", far."from" FROM far JOIN cases k ON k.id = far.id ORDER BY far.id`,
    [primaryId, ids],
  );
}

/** Lets the cases, which are closed, point to the primary. */
export async function pointToPrimary(
  sql: Sql,
  primaryId: string,
  ids: readonly string[],
): Promise<void> {
  await sql(
    `UPDATE cases SET primary_case_id = $1::uuid, version = version + 1, updated_at = now() WHERE id = ANY($2::uuid[])`,
    [primaryId, ids],
  );
}
