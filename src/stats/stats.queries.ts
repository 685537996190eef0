import { ALERT_TABLES, CASE_TABLES, clearedFor } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import { visibleRows } from '../access/visible-list.js';
import type { ListCondition } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { Stage } from '../statuses/statuses.service.js';
import { taskCleared } from '../tasks/task-sql.js';
import { PERSON_NAMES, dayOf } from './stats-groupings.js';
import type { Grouping } from './stats-groupings.js';
import type { StatsWindow } from './stats-window.js';
import { GROUPS_MAX } from './stats.schema.js';
import type { AnalystStatsGroup, StatsGroup, StatsTimes } from './stats.schema.js';

/** Writes the statements that read columns of every record `r` that the caller may see under the conditions. */
type VisibleRows = (
  principal: Principal,
  params: SqlParams,
  conditions: readonly ListCondition[],
  columns: string,
) => string[];

/** What is counted: its rows `r`, and the columns that tell when work on one began and ended. */
export interface Kind {
  readonly rows: VisibleRows;
  readonly beganAt: string;
  readonly endedAt: string;
}

const recordsOf =
  (tables: SharedTables): VisibleRows =>
  (principal, params, conditions, columns) =>
    visibleRows(principal, tables, params, { conditions }, columns);

const RECORD_TIMES = { beganAt: 'r.in_progress_at', endedAt: 'r.closed_at' };

export const ALERTS: Kind = { rows: recordsOf(ALERT_TABLES), ...RECORD_TIMES };
export const CASES: Kind = { rows: recordsOf(CASE_TABLES), ...RECORD_TIMES };
export const TASKS: Kind = {
  rows: visibleTasks,
  beganAt: 'r.started_at',
  endedAt: 'r.completed_at',
};

/** The tasks `r` of the cases that the caller's tenants own, and of those that others let it see. */
function visibleTasks(
  principal: Principal,
  params: SqlParams,
  conditions: readonly ListCondition[],
  columns: string,
): string[] {
  const where = [taskCleared(principal, params, 'r'), ...conditions.map(({ text }) => text)].join(
    ' AND ',
  );
  const ownedBy = (tenants: string) => `SELECT part.* FROM ${tenants} CROSS JOIN LATERAL (
      SELECT ${columns} FROM tasks r JOIN cases k ON k.id = r.case_id
      WHERE r.organization_id = org.id AND ${where} AND k.deleted_at IS NULL AND ${clearedFor(principal, 'k', params)}
      OFFSET 0) part`;
  if (principal.everyOrganization) return [ownedBy('organizations org')];
  const others = { conditions: [], isOfOthers: true };
  return [
    ownedBy(`unnest(${params.add(principal.organizationIds, 'uuid[]')}) org(id)`),
    ...visibleRows(principal, CASE_TABLES, params, others, 'r.id').map(
      (cases) =>
        `SELECT ${columns} FROM (${cases}) k JOIN tasks r ON r.case_id = k.id WHERE ${where}`,
    ),
  ];
}

/**
 * An instant written out: PostgreSQL plans by how much a window holds, which it cannot tell of a parameter.
 *
 * Such a statement is never the same again, and not prepared.
 */
const literal = (instant: string) => `'${new Date(instant).toISOString()}'::timestamptz`;

const UNPREPARED = '';

/** The conditions that `r` was created in the window. */
function createdIn({ from, to }: StatsWindow): ListCondition[] {
  const bounds = [
    { column: 'created_at', operator: '>=', value: literal(from) },
    { column: 'created_at', operator: '<', value: literal(to) },
  ] as const;
  return bounds.map((bound) => ({
    text: `r.${bound.column} ${bound.operator} ${bound.value}`,
    bound,
  }));
}

/** The condition that the status of `r` is of one of the stages, where any are asked for. */
function inStages(stages: readonly Stage[] | undefined, params: SqlParams): ListCondition[] {
  if (stages === undefined) return [];
  const wanted = params.add(stages, 'text[]');
  return [{ text: `r.status_id IN (SELECT id FROM statuses WHERE stage = ANY(${wanted}))` }];
}

/** The seconds from the creation of `r` to an instant, null when it has not come. */
const secondsTo = (instant: string) => `date_part('epoch', ${instant} - r.created_at)`;

const TIMES = ['acknowledge', 'triage', 'resolve'] as const;

/** The median and the ninth decile of each of the times of `seen`, to the millisecond, and how many are `counted`. */
const measuredSql = (counted: string) => `SELECT count(*) FILTER (WHERE ${counted})::int AS total,
  ${TIMES.map((time) => `percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY ${time})::numeric[] AS ${time}`).join(', ')} FROM seen`;

const TIMES_SQL = `json_build_object(${TIMES.map(
  (time) =>
    `'${time}', json_build_object('median', round(${time}[1], 3), 'p90', round(${time}[2], 3))`,
).join(', ')})`;

/** A group as the database answers it: without a label where it knows no name. */
type Unlabelled<Group> = Omit<Group, 'label'> & { readonly label: string | null };

/** What the database answers. */
interface Counted<Group> {
  readonly total: number;
  readonly groups: readonly Unlabelled<Group>[];
  readonly times: StatsTimes;
}

/** Counts what was created in the window, and measures how long it took. */
export function countCreated(
  sql: Sql,
  principal: Principal,
  { rows, beganAt, endedAt }: Kind,
  window: StatsWindow,
  { value, links, names }: Grouping,
  stages?: readonly Stage[],
): Promise<Counted<StatsGroup>> {
  const params = new SqlParams();
  const columns = `${value} AS value, ${secondsTo(beganAt)} AS acknowledge,
    ${secondsTo(`least(${beganAt}, ${endedAt})`)} AS triage, ${secondsTo(endedAt)} AS resolve`;
  const conditions = [...createdIn(window), ...inStages(stages, params)];
  const seen = rows(principal, params, conditions, columns);
  const counted = links
    ? `SELECT link.${links.value} AS value, count(${links.isRepeated ? 'DISTINCT seen.value' : '*'}) AS count FROM seen
       LEFT JOIN ${links.table} link ON link.${links.key} = seen.value GROUP BY 1`
    : 'SELECT value, count(*) AS count FROM seen GROUP BY 1';
  const named = names
    ? `SELECT name.key, name.label, sum(counted.count)::int AS count
       FROM counted LEFT JOIN (${names}) name ON name.id = counted.value GROUP BY 1, 2`
    : 'SELECT value::text AS key, NULL AS label, count::int AS count FROM counted';
  return answerOf(
    sql,
    `WITH seen AS MATERIALIZED (${seen.join(' UNION ALL ')}), counted AS (${counted}),
     shown AS (SELECT coalesce(key, 'none') AS key, label, count FROM (${named}) named
       ORDER BY count DESC, coalesce(key, 'none') COLLATE "C" LIMIT ${GROUPS_MAX})`,
    'true',
    params,
  );
}

/** When the alert `r` was first triaged. The text of the index `alerts_triaged_idx`. */
const TRIAGED_AT = 'least(r.in_progress_at, r.closed_at)';

const IS_OPEN = "r.status_id IN (SELECT id FROM statuses WHERE stage <> 'Closed')";

/** Counts what was done in the window by those whom it is assigned to, for each person or for each day. */
export function countDone(
  sql: Sql,
  principal: Principal,
  window: StatsWindow,
  groupBy: 'assignee' | 'day',
): Promise<Counted<AnalystStatsGroup>> {
  const params = new SqlParams();
  const [from, to] = [literal(window.from), literal(window.to)];
  const isByDay = groupBy === 'day';
  const assigned = (
    { rows }: Kind,
    what: string,
    condition: string,
    value = 'r.assignee_id',
    times: Partial<Record<(typeof TIMES)[number], string>> = {},
  ) =>
    rows(
      principal,
      params,
      [{ text: `r.assignee_id IS NOT NULL AND ${condition}` }],
      `${value} AS value, '${what}' AS what, ${TIMES.map((time) => `${times[time] ?? 'NULL::float8'} AS ${time}`).join(', ')}`,
    );
  const done = (kind: Kind, what: string, at: string, times = {}) =>
    assigned(
      kind,
      what,
      `${at} >= ${from} AND ${at} < ${to}`,
      isByDay ? dayOf(at) : undefined,
      times,
    );
  const seen = [
    ...done(ALERTS, 'alertsTriaged', TRIAGED_AT, {
      acknowledge: secondsTo(ALERTS.beganAt),
      triage: secondsTo(TRIAGED_AT),
    }),
    ...done(CASES, 'casesClosed', CASES.endedAt, { resolve: secondsTo(CASES.endedAt) }),
    ...done(TASKS, 'tasksCompleted', TASKS.endedAt),
    ...(isByDay ? [] : assigned(CASES, 'openCases', IS_OPEN)),
  ];
  const countOf = (what: string) => `count(*) FILTER (WHERE what = '${what}')::int AS "${what}"`;
  const counts = `count(*) FILTER (WHERE ${IS_DONE})::int AS count, ${['alertsTriaged', 'casesClosed', 'tasksCompleted'].map(countOf).join(', ')},
    ${isByDay ? 'NULL AS "openCases"' : countOf('openCases')}`;
  const named = isByDay
    ? 'SELECT counted.*, value::text AS key, NULL AS label FROM counted'
    : `SELECT counted.*, name.key, name.label FROM counted JOIN (${PERSON_NAMES}) name ON name.id = counted.value`;
  return answerOf(
    sql,
    `WITH seen AS MATERIALIZED (${seen.join(' UNION ALL ')}),
     counted AS (SELECT value, ${counts} FROM seen GROUP BY value),
     shown AS (SELECT key, label, count, "alertsTriaged", "casesClosed", "tasksCompleted", "openCases" FROM (${named}) named
       ORDER BY count DESC, key COLLATE "C" LIMIT ${GROUPS_MAX})`,
    IS_DONE,
    params,
  );
}

const IS_DONE = "what <> 'openCases'";

/** Answers the groups `shown`, and what was measured of the rows `seen`. */
async function answerOf<Group>(
  sql: Sql,
  ctes: string,
  counted: string,
  params: SqlParams,
): Promise<Counted<Group>> {
  const [row] = await sql<{ stats: Counted<Group> }>(
    `${ctes} SELECT json_build_object('total', total, 'groups', (SELECT coalesce(json_agg(shown), '[]') FROM shown),
       'times', ${TIMES_SQL}) AS stats FROM (${measuredSql(counted)}) measured`,
    params.values,
    UNPREPARED,
  );
  if (!row) throw new Error('A question without conditions had no answer.');
  return row.stats;
}
