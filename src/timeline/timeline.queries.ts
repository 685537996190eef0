import { ALERT_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { ChildList } from '../records/child-list.js';
import { instantSql, personNameSql } from '../records/record-sql.js';
import { TOLD_KEYS, titleOf } from './event-title.js';
import type { HistoryLine } from './event-title.js';
import type { TimelineEvent } from './timeline.schema.js';

/** A comment as a description, shortened where it is long. */
const EXCERPT_SQL = `CASE WHEN length(comment.body) > 500 THEN left(comment.body, 499) || '…' ELSE comment.body END`;

/** The id of what the line of history `x` tells of, where it tells of this field. */
const idOf = (field: string) =>
  `CASE WHEN x.field_name = '${field}' THEN (x.new_value ->> 'id')::uuid END`;

/** The number of the line `x` as a UUID of version 8 (RFC 9562 §5.8), so that all events have ids of one kind and order. */
const LINE_ID_SQL = "('00000000000080008' || lpad(to_hex(x.id), 15, '0'))::uuid";

/**
 * The events of cases: lines of history and what was entered by hand, in one form.
 *
 * A line is as restricted as it was when it was written, and as what it tells of is now.
 */
const EVENTS_SQL = `(
  SELECT ${LINE_ID_SQL} AS id, x.case_id, 'automatic' AS kind, x.created_at AS occurred_at,
    greatest(x.tlp, task.tlp, observable.tlp, file.tlp) AS tlp, greatest(x.pap, observable.pap, file.pap) AS pap,
    concat_ws(' ', CASE WHEN x.task_id IS NOT NULL THEN 'task' END, x.action, x.field_name) AS key,
    NULL AS title, ${EXCERPT_SQL} AS description, x.body, x.old_value, x.new_value,
    CASE WHEN task.case_id = x.case_id AND task.deleted_at IS NULL THEN task.title END AS task_title,
    x.actor_kind, x.actor_id, x.username AS actor_name, NULL::uuid AS created_by_id, 1 AS version
  FROM activities x
    LEFT JOIN tasks task ON task.id = x.task_id
    LEFT JOIN observables observable ON observable.id = ${idOf('observables')}
    LEFT JOIN attachments file ON file.id = ${idOf('attachments')}
    LEFT JOIN comments comment ON comment.id = CASE WHEN x.action = 'commentAdded' THEN (x.new_value ->> 'id')::uuid END
      AND comment.case_id = x.case_id AND comment.deleted_at IS NULL
  UNION ALL
  SELECT m.id, m.case_id, 'manual', m.occurred_at, 0, 0, NULL, m.title, m.description, NULL, NULL, NULL, NULL,
    m.actor_kind, m.actor_id, ${personNameSql('u')}, m.created_by_id, m.version
  FROM timeline_events m JOIN users u ON u.id = m.created_by_id WHERE m.deleted_at IS NULL) e`;

/** What of an event its answer is made from. */
export interface EventRow
  extends
    Pick<TimelineEvent, 'id' | 'kind' | 'description' | 'occurredAt' | 'actor' | 'version'>,
    HistoryLine {
  /** As it was entered; null where it follows from the line. */
  readonly title: string | null;
  readonly createdById: string | null;
}

/** The event `e`, with the name of what it tells of where the caller may see it. */
function eventSql(principal: Principal, params: SqlParams): string {
  const alertTitle = `(SELECT a.title FROM alerts a WHERE a.id = (coalesce(e.new_value, e.old_value) ->> 'id')::uuid
    AND a.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'a', params)} AND ${clearedFor(principal, 'a', params)})`;
  const personName = `(SELECT ${personNameSql('u')} FROM users u WHERE u.id = (e.new_value #>> '{}')::uuid)`;
  return `json_build_object('id', e.id, 'kind', e.kind, 'title', e.title, 'description', e.description,
    'occurredAt', ${instantSql('e.occurred_at')}, 'actor', json_build_object('kind', e.actor_kind, 'id', e.actor_id, 'name', e.actor_name),
    'version', e.version, 'createdById', e.created_by_id, 'key', e.key, 'body', e.body, 'oldValue', e.old_value,
    'newValue', e.new_value, 'subject', CASE WHEN e.key IN ('merged alerts', 'removed alerts') THEN ${alertTitle}
      WHEN e.key = 'updated assigneeId' THEN ${personName} ELSE e.task_title END)`;
}

/** The conditions on the events `e` of a case that the caller may see. */
function eventConditions(principal: Principal, caseId: string, params: SqlParams): string[] {
  return [
    `e.case_id = ${params.add(caseId, 'uuid')}`,
    `(e.kind = 'manual' OR e.key = ANY(${params.add(TOLD_KEYS, 'text[]')}))`,
    clearedFor(principal, 'e', params),
  ];
}

/** The timeline of a case, as far as the caller may see it. */
export function eventsOf(principal: Principal, caseId: string): ChildList {
  return {
    name: `timeline of ${caseId}`,
    table: EVENTS_SQL,
    alias: 'e',
    answer: (params) => eventSql(principal, params),
    sortColumn: 'occurred_at',
    conditions: (params) => eventConditions(principal, caseId, params),
  };
}

/** One event of the timeline that the caller may see; null when there is none. */
export async function findEvent(
  sql: Sql,
  principal: Principal,
  caseId: string,
  id: string,
): Promise<EventRow | null> {
  const params = new SqlParams();
  const answer = eventSql(principal, params);
  const where = [
    ...eventConditions(principal, caseId, params),
    `e.id = ${params.add(id, 'uuid')}`,
  ].join(' AND ');
  const [row] = await sql<{ event: EventRow }>(
    `SELECT ${answer} AS event FROM ${EVENTS_SQL} WHERE ${where}`,
    params.values,
  );
  return row?.event ?? null;
}

/** The event as people read it. */
export function toTimelineEvent(row: EventRow): TimelineEvent {
  const { id, kind, title, description, occurredAt, actor, version } = row;
  return { id, kind, title: title ?? titleOf(row), description, occurredAt, actor, version };
}
