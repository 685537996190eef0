import { CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import { insertActivitiesSql, toActivityRow } from '../activities/activity.js';
import { insertEachAuditSql, toAuditRow } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import type { Position } from '../common/pagination.js';
import { earlyEnd, textBytes } from '../database/page-bytes.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { DONE_SQL, TASK_SQL, taskCleared } from './task-sql.js';
import type { Task, TaskListQuery } from './tasks.schema.js';

/** Which tasks are meant: the filters of a list. */
export type TaskFilter = Partial<Omit<TaskListQuery, 'limit' | 'cursor' | 'sort' | 'count'>>;

/** What tasks are sorted by; one without a due date comes after all others. */
const SORTS: Readonly<Record<string, readonly [sql: string, type: string]>> = {
  createdAt: ['t.created_at', 'timestamptz'],
  updatedAt: ['t.updated_at', 'timestamptz'],
  dueDate: [`coalesce(t.due_date, 'infinity')`, 'timestamptz'],
  order: ['t.position', 'int'],
};

export interface ListedTask {
  readonly task: Task;
  readonly sort: string;
  readonly isBeyond: boolean;
}

function filterConditions(principal: Principal, filter: TaskFilter, params: SqlParams): string[] {
  const conditions: string[] = [];
  if (filter.assigneeId) {
    const ids = filter.assigneeId.filter((id) => id !== 'none');
    const named = ids.map((id) => (id === 'me' ? principal.userId : id));
    const isNamed = `t.assignee_id = ANY(${params.add(named, 'uuid[]')})`;
    const hasNone = ids.length < filter.assigneeId.length;
    conditions.push(hasNone ? `(t.assignee_id IS NULL OR ${isNamed})` : isNamed);
  }
  if (filter.status) conditions.push(`t.status = ANY(${params.add(filter.status, 'text[]')})`);
  if (filter.caseId) conditions.push(`t.case_id = ANY(${params.add(filter.caseId, 'uuid[]')})`);
  if (filter.flagged !== undefined)
    conditions.push(`t.flagged = ${params.add(filter.flagged, 'bool')}`);
  if (filter.mandatory !== undefined)
    conditions.push(`t.mandatory = ${params.add(filter.mandatory, 'bool')}`);
  if (filter.dueBefore)
    conditions.push(`t.due_date < ${params.add(filter.dueBefore, 'timestamptz')}`);
  if (filter.overdue !== undefined) {
    const isOverdue = `coalesce(t.due_date < now() AND t.status NOT IN ${DONE_SQL}, false)`;
    conditions.push(filter.overdue ? isOverdue : `NOT ${isOverdue}`);
  }
  return conditions;
}

function listed(principal: Principal, filter: TaskFilter, params: SqlParams): string[] {
  return [
    taskCleared(principal, params),
    'k.deleted_at IS NULL',
    clearedFor(principal, 'k', params),
    ...filterConditions(principal, filter, params),
  ];
}

/** A page of tasks in cases that the caller may see, with one row more than `limit` when there is a next page. */
export async function listTasks(
  sql: Sql,
  principal: Principal,
  filter: TaskFilter,
  page: { readonly limit: number; readonly sort: string; readonly after: Position | null },
): Promise<ListedTask[]> {
  const params = new SqlParams();
  const [column, type] = SORTS[page.sort.replace('-', '')] ?? ['t.created_at', 'timestamptz'];
  const isDescending = page.sort.startsWith('-');
  const direction = isDescending ? 'DESC' : 'ASC';
  const conditions = listed(principal, filter, params);
  if (page.after) {
    const [value, id] = page.after;
    conditions.push(
      `(${column}, t.id) ${isDescending ? '<' : '>'} (${params.add(value)}::${type}, ${params.add(id, 'uuid')})`,
    );
  }
  const limit = `LIMIT ${params.add(page.limit + 1, 'int')}`;
  const orderBy = (rows: string) =>
    `ORDER BY ${rows}.sort_value ${direction}, ${rows}.id ${direction}`;
  const read = (
    scope: string,
  ) => `SELECT t.id, ${column} AS sort_value FROM tasks t JOIN cases k ON k.id = t.case_id
    WHERE ${scope} AND ${conditions.join(' AND ')} ORDER BY ${column} ${direction}, t.id ${direction} ${limit}`;
  const seen = principal.everyOrganization ? read('true') : readOfTenants(principal, params, read);
  return sql<ListedTask>(
    `SELECT ${TASK_SQL} AS task, t.sort_value::text AS sort, t.is_beyond AS "isBeyond"
     FROM (SELECT t.*, page.sort_value, ${earlyEnd([textBytes('t.description')], orderBy('page'))}
           FROM (SELECT x.* FROM (${seen}) x ${orderBy('x')} ${limit}) page JOIN tasks t ON t.id = page.id) t
     WHERE t.is_read ${orderBy('t')}`,
    params.values,
  );
}

/** What the caller's tenants own, read in order for each, and what others share with them. */
function readOfTenants(
  principal: Principal,
  params: SqlParams,
  read: (scope: string) => string,
): string {
  const own = params.add(principal.organizationIds, 'uuid[]');
  return `SELECT owned.* FROM unnest(${own}) org(id) CROSS JOIN LATERAL (${read('t.organization_id = org.id')}) owned
    UNION ALL (${read(`t.organization_id <> ALL(${own}) AND ${visibleTo(principal, CASE_TABLES, 'k', params)}`)})`;
}

/** How many tasks the list holds, counting no further than `max`. */
export async function countTasks(
  sql: Sql,
  principal: Principal,
  filter: TaskFilter,
  max: number,
): Promise<number> {
  const params = new SqlParams();
  const where = [
    visibleTo(principal, CASE_TABLES, 'k', params),
    ...listed(principal, filter, params),
  ].join(' AND ');
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM tasks t JOIN cases k ON k.id = t.case_id
       WHERE ${where} LIMIT ${params.add(max, 'int')}) x`,
    params.values,
  );
  return row?.count ?? 0;
}

/** A task, whoever may see it; null when there is none. */
export async function findTask(sql: Sql, id: string): Promise<Task | null> {
  const [row] = await sql<{ task: Task }>(
    `SELECT ${TASK_SQL} AS task FROM tasks t WHERE t.id = $1::uuid AND t.deleted_at IS NULL`,
    [id],
  );
  return row?.task ?? null;
}

/** How many tasks a case has; its row must be held. */
export async function countOfCase(sql: Sql, caseId: string): Promise<number> {
  const [row] = await sql<{ count: number }>(
    'SELECT count(*)::int AS count FROM tasks WHERE case_id = $1::uuid AND deleted_at IS NULL',
    [caseId],
  );
  return row?.count ?? 0;
}

/** Moves the tasks of a case from place `from` to before `to` by one place; its row must be held. */
export async function shiftTasks(
  sql: Sql,
  caseId: string,
  from: number,
  to: number,
  by: 1 | -1,
): Promise<void> {
  await sql(
    `UPDATE tasks SET position = position + $4
     WHERE case_id = $1::uuid AND deleted_at IS NULL AND position >= $2 AND position < $3`,
    [caseId, from, to, by],
  );
}

/** Raises the tasks of held cases to a TLP, each with the line in its history and the audit entry of an update. */
export async function raiseTasks(
  sql: Sql,
  principal: Principal,
  caseIds: readonly string[],
  tlp: number,
): Promise<void> {
  const line = toActivityRow(principal, { action: 'updated', fieldName: 'tlp', tlp });
  const entry = toAuditRow(principal, {
    action: 'task.updated',
    targetKind: 'task',
    targetId: null,
  });
  const change = `jsonb_build_object('field', 'tlp', 'old', x.old, 'new', x.tlp)`;
  await sql(
    `WITH held AS (
       SELECT id, tlp FROM tasks WHERE case_id = ANY($1::uuid[]) AND tlp < $2::int AND deleted_at IS NULL),
     raised AS (
       UPDATE tasks t SET tlp = $2::int, version = version + 1, updated_at = now() FROM held WHERE t.id = held.id
       RETURNING t.id, t.case_id, t.organization_id, t.title, t.position, t.tlp, held.tlp AS old),
     lines AS (
       SELECT jsonb_agg($3::jsonb || jsonb_build_object('caseId', case_id, 'taskId', id, 'body', title, 'oldValue', old, 'newValue', tlp)
         ORDER BY case_id, position) AS rows FROM raised),
     history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
     entries AS (${insertEachAuditSql(`$4::jsonb || jsonb_build_object('changes', jsonb_build_array(${change}))`, 'raised')})
     SELECT 1`,
    [caseIds, tlp, JSON.stringify(line), JSON.stringify(entry)],
  );
}

/** What mandatory tasks of a case are still to be done, by title; null for one above the clearance. */
export async function openMandatoryTasks(
  sql: Sql,
  principal: Principal,
  caseId: string,
): Promise<(string | null)[]> {
  const rows = await sql<{ title: string | null }>(
    `SELECT CASE WHEN t.tlp <= $2 THEN t.title END AS title FROM tasks t
     WHERE t.case_id = $1::uuid AND t.deleted_at IS NULL AND t.mandatory AND t.status NOT IN ${DONE_SQL}
     ORDER BY t.position`,
    [caseId, principal.tlpMax],
  );
  return rows.map((row) => row.title);
}
