import type { Principal } from '../auth/principal.js';
import type { Sql } from '../database/sql.js';
import type { ChildList } from '../records/child-list.js';
import { instantSql, userSql } from '../records/record-sql.js';
import { isWithinCase } from '../tasks/task-sql.js';
import type { PlaceRef } from '../tasks/places.service.js';
import type { Comment } from './comments.schema.js';

/** The comment `c` as answers show it. */
const ANSWER = `json_build_object('id', c.id, 'alertId', c.alert_id, 'caseId', c.case_id, 'taskId', c.task_id,
  'parentId', c.parent_id, 'body', c.body,
  'mentions', coalesce((SELECT json_agg(${userSql('m')} ORDER BY m.email) FROM comment_mentions mention
    JOIN users m ON m.id = mention.user_id WHERE mention.comment_id = c.id), '[]'),
  'createdBy', (SELECT ${userSql('u')} FROM users u WHERE u.id = c.created_by_id), 'createdAt', ${instantSql('c.created_at')},
  'updatedAt', ${instantSql('c.updated_at')}, 'editedAt', ${instantSql('c.edited_at')}, 'version', c.version)`;

/** The comments of a parent. */
export function commentsOf({ kind, id }: PlaceRef): ChildList {
  return {
    name: `comments of ${id}`,
    table: 'comments c',
    alias: 'c',
    answer: ANSWER,
    conditions: (params) => ['c.deleted_at IS NULL', `c.${kind}_id = ${params.add(id, 'uuid')}`],
  };
}

/** The comments of a case and of its tasks, as far as the caller may see them. */
export function commentsWithin(principal: Principal, caseId: string): ChildList {
  return {
    ...commentsOf({ kind: 'case', id: caseId }),
    conditions: (params) => ['c.deleted_at IS NULL', isWithinCase('c', principal, caseId, params)],
  };
}

/** A comment, whoever may see it; null when there is none. */
export async function findComment(sql: Sql, id: string): Promise<Comment | null> {
  const [row] = await sql<{ comment: Comment }>(
    `SELECT ${ANSWER} AS comment FROM comments c WHERE c.id = $1::uuid AND c.deleted_at IS NULL`,
    [id],
  );
  return row?.comment ?? null;
}

/** The people of the caller's tenants who have these addresses. */
export async function findMentioned(
  sql: Sql,
  principal: Principal,
  emails: readonly string[],
): Promise<string[]> {
  if (emails.length === 0) return [];
  const rows = await sql<{ id: string }>(
    `SELECT u.id FROM users u WHERE lower(u.email) = ANY($1::text[]) AND u.deleted_at IS NULL AND u.status <> 'inactive'
       AND ($2 OR EXISTS (SELECT 1 FROM organization_members m
                          WHERE m.user_id = u.id AND m.organization_id = ANY($3::uuid[])))`,
    [emails, principal.everyOrganization, principal.organizationIds],
  );
  return rows.map((row) => row.id);
}
