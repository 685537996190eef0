import type { Sight } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import type { SqlParams } from '../database/sql.js';
import { instantSql, userSql } from '../records/record-sql.js';
import { DONE_STATUSES } from './task-status.js';

/** The task `t` as answers show it. */
export const TASK_SQL = `json_build_object('id', t.id, 'caseId', t.case_id, 'title', t.title, 'description', t.description,
  'mandatory', t.mandatory, 'flagged', t.flagged, 'status', t.status, 'assigneeId', t.assignee_id,
  'assignee', (SELECT ${userSql('u')} FROM users u WHERE u.id = t.assignee_id), 'dueDate', ${instantSql('t.due_date')},
  'tlp', t.tlp, 'teams', coalesce((SELECT json_agg(json_build_object('id', team.id, 'name', team.name) ORDER BY team.name)
    FROM task_teams link JOIN teams team ON team.id = link.team_id WHERE link.task_id = t.id AND team.deleted_at IS NULL), '[]'),
  'order', t.position, 'startedAt', ${instantSql('t.started_at')}, 'completedAt', ${instantSql('t.completed_at')},
  'createdById', t.created_by_id, 'createdAt', ${instantSql('t.created_at')}, 'updatedAt', ${instantSql('t.updated_at')},
  'deletedAt', NULL, 'version', t.version)`;

/** The condition that a task is there and within the caller's clearance; its case is for others to check. */
export function taskCleared({ tlpMax }: Sight, params: SqlParams, alias = 't'): string {
  return `${alias}.deleted_at IS NULL AND ${alias}.tlp <= ${params.add(tlpMax, 'int')}`;
}

/** Statuses that need no more work, as SQL. */
export const DONE_SQL = `(${DONE_STATUSES.map((status) => `'${status}'`).join(', ')})`;

/** The tasks of the case `r` in their order, as a JSON array. */
export function caseTasksSql(sight: Sight, params: SqlParams): string {
  return `coalesce((SELECT json_agg(${TASK_SQL} ORDER BY t.position, t.id) FROM tasks t
    WHERE t.case_id = r.id AND ${taskCleared(sight, params)}), '[]')`;
}

/** How many tasks the case `r` has but for cancelled ones, and how many are completed. */
export function taskCountsSql(principal: Principal, params: SqlParams): string {
  return `(SELECT json_build_object('total', count(*) FILTER (WHERE t.status <> 'cancelled'),
      'done', count(*) FILTER (WHERE t.status = 'completed'))
    FROM tasks t WHERE t.case_id = r.id AND ${taskCleared(principal, params)})`;
}

/** The condition that what `alias` is hangs on a case, or on a task of it that the caller may see. */
export function isWithinCase(
  alias: string,
  principal: Principal,
  caseId: string,
  params: SqlParams,
): string {
  const id = params.add(caseId, 'uuid');
  return `(${alias}.case_id = ${id} OR ${alias}.task_id IN (
    SELECT t.id FROM tasks t WHERE t.case_id = ${id} AND ${taskCleared(principal, params)}))`;
}
