import { CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import type { Sql } from '../database/sql.js';
import type { ChildList } from '../records/child-list.js';
import { instantSql } from '../records/record-sql.js';
import type { CaseLink } from './case-links.schema.js';

/** Links as both of their cases see them: `of_id` with `id`, which is the case `k`. */
const BOTH_WAYS = `(SELECT case_id AS of_id, other_case_id AS id, kind, created_at FROM case_links
    UNION ALL SELECT other_case_id, case_id, kind, created_at FROM case_links) l
  JOIN cases k ON k.id = l.id JOIN statuses s ON s.id = k.status_id`;

const ANSWER = `json_build_object('caseId', k.id, 'tinyId', k.tiny_id, 'title', k.title, 'statusValue', s.value,
  'kind', l.kind, 'createdAt', ${instantSql('l.created_at')})`;

/** The links of a case to cases that the caller may see. */
export function linksOf(principal: Principal, caseId: string): ChildList {
  return {
    name: `links of ${caseId}`,
    table: BOTH_WAYS,
    alias: 'l',
    answer: ANSWER,
    conditions: (params) => [
      `l.of_id = ${params.add(caseId, 'uuid')}`,
      'k.deleted_at IS NULL',
      visibleTo(principal, CASE_TABLES, 'k', params),
      clearedFor(principal, 'k', params),
    ],
  };
}

/** The link of a case to another, as the first shows it; null when there is none. */
export async function findLink(
  sql: Sql,
  caseId: string,
  otherCaseId: string,
): Promise<CaseLink | null> {
  const [row] = await sql<{ link: CaseLink }>(
    `SELECT ${ANSWER} AS link FROM ${BOTH_WAYS} WHERE l.of_id = $1::uuid AND l.id = $2::uuid`,
    [caseId, otherCaseId],
  );
  return row?.link ?? null;
}

/** Links two cases, which must be held; false when they are linked already. */
export async function insertLink(
  sql: Sql,
  caseId: string,
  otherCaseId: string,
  kind: string,
): Promise<boolean> {
  const rows = await sql(
    `INSERT INTO case_links (case_id, other_case_id, kind)
     VALUES (least($1::uuid, $2::uuid), greatest($1::uuid, $2::uuid), $3) ON CONFLICT DO NOTHING RETURNING case_id`,
    [caseId, otherCaseId, kind],
  );
  return rows.length > 0;
}

export async function deleteLink(sql: Sql, caseId: string, otherCaseId: string): Promise<void> {
  await sql(
    `DELETE FROM case_links WHERE case_id = least($1::uuid, $2::uuid) AND other_case_id = greatest($1::uuid, $2::uuid)`,
    [caseId, otherCaseId],
  );
}
