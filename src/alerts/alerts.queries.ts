import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleIds, visibleTo } from '../access/access.js';
import type { ListShape } from '../access/access.js';
import { insertActivitiesSql } from '../activities/activity.js';
import type { ActivityRow } from '../activities/activity.js';
import { insertAuditSql } from '../audit/audit-entry.js';
import type { AuditRow } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { insertObservablesSql } from '../observables/observable-row.js';
import type { ObservableRow } from '../observables/observable-row.js';
import {
  INSERTED,
  NEW_CLIENTS_SQL,
  STATUS_SQL,
  instantSql,
  newLinksSql,
  observableCountSql,
  organizationsSql,
  recordObservablesSql,
  storedSources,
  tagsSql,
  teamsSql,
  userSql,
} from '../records/record-sql.js';
import type { AnswerSources } from '../records/record-sql.js';
import type { NewLinks } from '../records/new-links.js';
import type { DedupKey } from './alert-dedup.js';
import type { AlertRow } from './alert.mapper.js';

const STORED = storedSources('alert');

/** Observables of an alert that a list shows. */
const LISTED_OBSERVABLES_MAX = 20;

/** The alert `r` as its answer needs it, but for labels. */
function alertColumns(
  principal: Principal,
  sources: AnswerSources,
  params: SqlParams,
  observablesMax: number | null,
): string {
  const linkedCase = [
    'k.id = r.case_id AND k.deleted_at IS NULL',
    visibleTo(principal, CASE_TABLES, 'k', params),
    clearedFor(principal, 'k', params),
  ].join(' AND ');
  return `r.id, r.tiny_id AS "tinyId", r.title, r.description, s.value AS "statusValue", ${STATUS_SQL} AS status, r.count,
  r.severity, r.type, r.source, r.source_ref AS "sourceRef", r.external_link AS "externalLink", r.tlp, r.pap,
  r.custom_fields AS "customFields", ${instantSql('r.created_at')} AS "createdAt", ${instantSql('r.updated_at')} AS "updatedAt",
  ${teamsSql('alert_id', sources)} AS teams, ${tagsSql('alert_id', sources)} AS tags,
  ${organizationsSql('alert_id', sources)} AS organizations,
  r.assignee_id AS "assigneeId", r.created_by_id AS "createdById", NULL AS "deletedAt",
  ${recordObservablesSql(principal, 'alert_id', sources, params, observablesMax)} AS observables,
  ${observableCountSql(principal, 'alert_id', sources, params)} AS "observableCount",
  r.visible_to_all_organizations AS "visibleToAllOrganizations", r.primary_alert_id AS "primaryAlertId",
  (SELECT json_build_object('id', k.id, 'tinyId', k.tiny_id, 'title', k.title, 'statusValue', ks.value)
   FROM cases k JOIN statuses ks ON ks.id = k.status_id WHERE ${linkedCase}) AS case,
  (SELECT ${userSql('u')} FROM users u WHERE u.id = r.assignee_id) AS assignee,
  r.ai_insights AS "aiInsights", r.client_id AS "clientId",
  (SELECT client.name FROM ${sources.clients} client WHERE client.id = r.client_id) AS "clientName",
  r.organization_id AS "ownerOrganizationId", r.version`;
}

const FROM_ALERTS = 'FROM alerts r JOIN statuses s ON s.id = r.status_id';

/** One alert of the caller's tenants, whatever its marking; null when there is none. */
export async function findAlert(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<AlertRow | null> {
  const params = new SqlParams();
  const columns = alertColumns(principal, STORED, params, null);
  const where = `r.id = ${params.add(id, 'uuid')} AND r.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'r', params)}`;
  const rows = await sql<{ alert: AlertRow }>(
    `SELECT row_to_json(x) AS alert FROM (SELECT ${columns} ${FROM_ALERTS} WHERE ${where}) x`,
    params.values,
  );
  return rows[0]?.alert ?? null;
}

/** Holds the row of a visible alert until the transaction ends; false when there is none. */
export async function lockAlert(sql: Sql, principal: Principal, id: string): Promise<boolean> {
  const params = new SqlParams();
  const where = `r.id = ${params.add(id, 'uuid')} AND r.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'r', params)}`;
  const rows = await sql(`SELECT r.id FROM alerts r WHERE ${where} FOR UPDATE`, params.values);
  return rows.length > 0;
}

/** A row of a list, with the value it is sorted by. */
export interface ListedAlert {
  readonly alert: AlertRow;
  readonly sort: string | number;
}

export async function listAlerts(
  sql: Sql,
  principal: Principal,
  shape: (params: SqlParams) => ListShape,
): Promise<ListedAlert[]> {
  const params = new SqlParams();
  const list = shape(params);
  const page = visibleIds(principal, ALERT_TABLES, params, list);
  const columns = alertColumns(principal, STORED, params, LISTED_OBSERVABLES_MAX);
  const direction = list.descending ? 'DESC' : 'ASC';
  return sql<ListedAlert>(
    `WITH page AS MATERIALIZED (${page})
    SELECT (SELECT row_to_json(x) FROM (SELECT ${columns}) x) AS alert, to_json(page.sort_value) AS sort
    FROM page JOIN alerts r ON r.id = page.id JOIN statuses s ON s.id = r.status_id
    ORDER BY page.sort_value ${direction}, page.id ${direction}`,
    params.values,
  );
}

/** How many alerts the list holds, counting no further than `shape.limit`. */
export async function countAlerts(
  sql: Sql,
  principal: Principal,
  shape: (params: SqlParams) => ListShape,
): Promise<number> {
  const params = new SqlParams();
  const page = visibleIds(principal, ALERT_TABLES, params, shape(params));
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM (${page}) x`,
    params.values,
  );
  return row?.count ?? 0;
}

/** A row of `alerts` to insert. */
export interface NewAlert {
  readonly id: string;
  readonly organizationId: string;
  readonly title: string;
  readonly description: string;
  readonly statusId: string;
  readonly stage: string;
  readonly severity: number;
  readonly tlp: number;
  readonly pap: number;
  readonly count: number;
  readonly type: string | null;
  readonly source: string | null;
  readonly sourceRef: string | null;
  readonly externalLink: string | null;
  readonly customFields: Readonly<Record<string, unknown>>;
  readonly visibleToAll: boolean;
  readonly assigneeId: string | null;
  readonly createdById: string;
  readonly clientId: string | null;
  readonly clientName: string | null;
  readonly primaryAlertId: string | null;
}

/** Everything one intake writes, as sets. */
export interface NewAlerts extends NewLinks {
  readonly records: readonly NewAlert[];
  readonly observables: readonly ObservableRow[];
  readonly activities: readonly ActivityRow[];
  readonly audit: readonly AuditRow[];
}

/** Inserts alerts with all that belongs to them, as the CTEs of one statement whose `$1` holds the sets. */
const INSERT_ALERTS = `WITH ${NEW_CLIENTS_SQL},
new_records AS (
  INSERT INTO alerts (id, organization_id, title, description, status_id, severity, tlp, pap, count, type, source, source_ref,
    external_link, custom_fields, visible_to_all_organizations, assignee_id, created_by_id, client_id, primary_alert_id,
    in_progress_at, closed_at)
  SELECT x.id, x."organizationId", x.title, x.description, x."statusId", x.severity, x.tlp, x.pap, x.count, x.type, x.source,
    x."sourceRef", x."externalLink", x."customFields", x."visibleToAll", x."assigneeId", x."createdById",
    coalesce(x."clientId", (SELECT client.id FROM new_clients client
      WHERE client.organization_id = x."organizationId" AND lower(client.name) = lower(x."clientName"))),
    x."primaryAlertId", CASE WHEN x.stage = 'InProgress' THEN now() END, CASE WHEN x.stage = 'Closed' THEN now() END
  FROM jsonb_to_recordset($1::jsonb->'records') AS x(id uuid, "organizationId" uuid, title text, description text, "statusId" uuid,
    stage text, severity int, tlp int, pap int, count int, type text, source text, "sourceRef" text, "externalLink" text,
    "customFields" jsonb, "visibleToAll" bool, "assigneeId" uuid, "createdById" uuid, "clientId" uuid, "clientName" text,
    "primaryAlertId" uuid)
  RETURNING *),
new_observables AS (${insertObservablesSql("$1::jsonb->'observables'")}),
${newLinksSql('alert')},
new_activities AS (${insertActivitiesSql("$1::jsonb->'activities'")}),
new_audit AS (${insertAuditSql("$1::jsonb->'audit'")})`;

/** Inserts alerts in one statement and answers them as they are then read. */
export async function insertAlerts(
  sql: Sql,
  principal: Principal,
  alerts: NewAlerts,
): Promise<AlertRow[]> {
  const params = new SqlParams();
  params.add(JSON.stringify(alerts));
  const columns = alertColumns(principal, INSERTED, params, null);
  const rows = await sql<{ alert: AlertRow }>(
    `${INSERT_ALERTS} SELECT row_to_json(x) AS alert FROM (
      SELECT ${columns} FROM new_records r JOIN statuses s ON s.id = r.status_id) x`,
    params.values,
  );
  return rows.map((row) => row.alert);
}

/** Inserts alerts in one statement without reading them. */
export async function insertAlertsBriefly(sql: Sql, alerts: NewAlerts): Promise<void> {
  await sql(`${INSERT_ALERTS} SELECT count(*) FROM new_records`, [JSON.stringify(alerts)]);
}

/** Holds the names until the transaction ends, in one order for everybody, so that nobody waits in a circle. */
export async function lockDedupKeys(sql: Sql, names: readonly string[]): Promise<void> {
  await sql(
    `SELECT pg_advisory_xact_lock(lock.id)::text
     FROM (SELECT DISTINCT hashtextextended(name, 0) AS id FROM unnest($1::text[]) AS name ORDER BY 1) lock`,
    [names],
  );
}

/** The newest alert with the key that the caller is cleared for, an open one first; null when there is none. */
export async function findDuplicate(
  sql: Sql,
  principal: Principal,
  organizationId: string,
  key: DedupKey,
): Promise<{ readonly id: string; readonly isOpen: boolean } | null> {
  const params = new SqlParams();
  const where = [
    `r.organization_id = ${params.add(organizationId, 'uuid')}`,
    `r.source_ref = ${params.add(key.sourceRef)}`,
    `r.source = ${params.add(key.source)}`,
    `r.type = ${params.add(key.type)}`,
    'r.deleted_at IS NULL',
    clearedFor(principal, 'r', params),
  ].join(' AND ');
  const [row] = await sql<{ id: string; isOpen: boolean }>(
    `SELECT r.id, s.stage <> 'Closed' AS "isOpen" FROM alerts r JOIN statuses s ON s.id = r.status_id
     WHERE ${where} ORDER BY s.stage = 'Closed', r.created_at DESC, r.id DESC LIMIT 1`,
    params.values,
  );
  return row ?? null;
}

/** Adds to an alert's count, which stops at the largest integer; answers the count before and after. */
export async function addCount(
  sql: Sql,
  id: string,
  count: number,
): Promise<{ readonly before: number; readonly after: number }> {
  const [row] = await sql<{ before: number; after: number }>(
    `WITH old AS (SELECT id, count FROM alerts WHERE id = $1::uuid FOR UPDATE)
     UPDATE alerts a SET count = least(a.count::bigint + $2::int, 2147483647)::int, updated_at = now(), version = a.version + 1
     FROM old WHERE a.id = old.id RETURNING old.count AS before, a.count AS after`,
    [id, count],
  );
  if (!row) throw new Error('The alert to count is gone.');
  return row;
}
