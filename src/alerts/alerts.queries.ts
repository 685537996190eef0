import { ALERT_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Sight } from '../access/access.js';
import { visibleIds } from '../access/visible-list.js';
import type { ListShape } from '../access/visible-list.js';
import { insertActivitiesSql } from '../activities/activity.js';
import type { ActivityRow } from '../activities/activity.js';
import { insertAuditSql } from '../audit/audit-entry.js';
import type { AuditRow } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { ObservableRow } from '../observables/observable-row.js';
import {
  NEW_CLIENTS_SQL,
  STATUS_SQL,
  insertedSources,
  instantSql,
  linkedCaseSql,
  newClientIdSql,
  newLinksSql,
  newNamesAuditSql,
  observableCountSql,
  observablesSql,
  organizationsSql,
  partsKey,
  partsOf,
  recordObservablesSql,
  storedSources,
  tagsSql,
  teamsSql,
  userSql,
} from '../records/record-sql.js';
import type { AnswerSources, NewParts } from '../records/record-sql.js';
import { TEXT_COLUMNS, selectPage } from '../records/record-text.js';
import type { ListedRow, RecordText } from '../records/record-text.js';
import type { NewLinks } from '../records/new-links.js';
import type { DedupKey } from './alert-dedup.js';
import type { AlertRow } from './alert.mapper.js';

const STORED = storedSources('alert');

/** Observables of an alert that a list shows. */
const LISTED_OBSERVABLES_MAX = 20;

/** What of an answer depends on the caller. */
interface CallerParts {
  readonly observables: string;
  readonly observableCount: string;
  readonly linkedCase: string;
}

/** The alert `r` as its answer needs it, but for labels. */
function alertColumns(sources: AnswerSources, parts: CallerParts): string {
  return `r.id, r.tiny_id AS "tinyId", r.title, r.description, s.value AS "statusValue", ${STATUS_SQL} AS status, r.count,
  r.severity, r.type, r.source, r.source_ref AS "sourceRef", r.external_link AS "externalLink", r.tlp, r.pap,
  r.custom_fields AS "customFields", ${instantSql('r.created_at')} AS "createdAt", ${instantSql('r.updated_at')} AS "updatedAt",
  ${teamsSql('alert_id', sources)} AS teams, ${tagsSql('alert_id', sources)} AS tags,
  ${organizationsSql('alert_id', sources)} AS organizations,
  r.assignee_id AS "assigneeId", r.created_by_id AS "createdById", NULL AS "deletedAt",
  ${parts.observables} AS observables, ${parts.observableCount} AS "observableCount",
  r.visible_to_all_organizations AS "visibleToAllOrganizations", r.primary_alert_id AS "primaryAlertId",
  ${parts.linkedCase} AS case, (SELECT ${userSql('u')} FROM users u WHERE u.id = r.assignee_id) AS assignee,
  r.ai_insights AS "aiInsights", r.client_id AS "clientId",
  (SELECT client.name FROM ${sources.clients} client WHERE client.id = r.client_id) AS "clientName",
  r.organization_id AS "ownerOrganizationId", r.version`;
}

/** The columns of a stored alert, as far as the caller may see them. */
function storedColumns(sight: Sight, params: SqlParams, observablesMax: number | null): string {
  const cleared = clearedFor(sight, 'o', params);
  return alertColumns(STORED, {
    observables: recordObservablesSql('alert_id', cleared, observablesMax),
    observableCount: observableCountSql('alert_id', cleared),
    linkedCase: linkedCaseSql(sight, params),
  });
}

const FROM_ALERTS = 'FROM alerts r JOIN statuses s ON s.id = r.status_id';

/** The statement that reads alerts of the caller's tenants by their ids, whatever their marking. */
function selectAlerts(
  sight: Sight,
  ids: readonly string[],
  answer: string,
  params: SqlParams,
): string {
  const columns = storedColumns(sight, params, null);
  const where = `r.id = ANY(${params.add(ids, 'uuid[]')}) AND r.deleted_at IS NULL AND ${visibleTo(sight, ALERT_TABLES, 'r', params)}`;
  return `SELECT ${answer} FROM (SELECT ${columns} ${FROM_ALERTS} WHERE ${where}) x`;
}

/** Alerts as the texts of their answers, in any order, where they are there for the caller. */
export function findAlertTexts(
  sql: Sql,
  sight: Sight,
  ids: readonly string[],
): Promise<RecordText[]> {
  const params = new SqlParams();
  const statement = selectAlerts(sight, ids, TEXT_COLUMNS, params);
  const name = sight.everyOrganization ? 'alert-texts-all' : 'alert-texts';
  return sql<RecordText>(statement, params.values, name);
}

/** One alert, to work with; null when there is none for the caller. */
export async function findAlert(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<AlertRow | null> {
  const params = new SqlParams();
  const statement = selectAlerts(principal, [id], 'row_to_json(x) AS alert', params);
  const [row] = await sql<{ alert: AlertRow }>(statement, params.values);
  return row?.alert ?? null;
}

/** The alerts of a list's page, each with the value it is sorted by. */
export async function listAlerts(
  sql: Sql,
  principal: Principal,
  shape: (params: SqlParams) => ListShape,
): Promise<ListedRow[]> {
  const params = new SqlParams();
  const list = shape(params);
  const page = visibleIds(principal, ALERT_TABLES, params, list);
  const columns = storedColumns(principal, params, LISTED_OBSERVABLES_MAX);
  return sql<ListedRow>(selectPage('alerts', page, columns, list.descending), params.values);
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

/** The CTEs that insert alerts with all that belongs to them; `$1` holds the sets. */
function insertSql(parts: NewParts): string {
  return `WITH ${[
    ...(parts.clients ? [NEW_CLIENTS_SQL] : []),
    `new_records AS (
  INSERT INTO alerts (id, organization_id, title, description, status_id, severity, tlp, pap, count, type, source, source_ref,
    external_link, custom_fields, visible_to_all_organizations, assignee_id, created_by_id, client_id, primary_alert_id,
    in_progress_at, closed_at)
  SELECT x.id, x."organizationId", x.title, x.description, x."statusId", x.severity, x.tlp, x.pap, x.count, x.type, x.source,
    x."sourceRef", x."externalLink", x."customFields", x."visibleToAll", x."assigneeId", x."createdById",
    ${newClientIdSql(parts)},
    x."primaryAlertId", CASE WHEN x.stage = 'InProgress' THEN now() END, CASE WHEN x.stage = 'Closed' THEN now() END
  FROM jsonb_to_recordset($1::jsonb->'records') AS x(id uuid, "organizationId" uuid, title text, description text, "statusId" uuid,
    stage text, severity int, tlp int, pap int, count int, type text, source text, "sourceRef" text, "externalLink" text,
    "customFields" jsonb, "visibleToAll" bool, "assigneeId" uuid, "createdById" uuid, "clientId" uuid, "clientName" text,
    "primaryAlertId" uuid)
  RETURNING *)`,
    ...newLinksSql('alert', parts),
    `new_activities AS (${insertActivitiesSql("$1::jsonb->'activities'")})`,
    `new_audit AS (${insertAuditSql("$1::jsonb->'audit'")})`,
    ...newNamesAuditSql(parts),
  ].join(',\n')}`;
}

/** The new observables of each alert, gathered in one pass: looked up alert by alert, a batch would cost its square. */
const NEW_OBSERVABLES_SQL = `SELECT x."alertId", json_agg(row_to_json(x) ORDER BY x.id) AS observables, count(*)::int AS count
  FROM (${observablesSql('new_observables o')}) x GROUP BY x."alertId"`;

/** Inserts alerts in one statement and answers them, in their order, as they are then read: their creators may see all of them. */
export async function insertAlerts(sql: Sql, alerts: readonly NewAlerts[]): Promise<RecordText[]> {
  const rows = joinRows(alerts);
  const parts = partsOf(rows);
  const sources = insertedSources(parts);
  const columns = alertColumns(sources, {
    observables: parts.observables ? "coalesce(added.observables, '[]')" : "'[]'::json",
    observableCount: parts.observables ? 'coalesce(added.count, 0)' : '0',
    linkedCase: 'NULL::json',
  });
  const added = parts.observables
    ? `LEFT JOIN (${NEW_OBSERVABLES_SQL}) added ON added."alertId" = r.id`
    : '';
  const inserted = await sql<RecordText>(
    `${insertSql(parts)} SELECT ${TEXT_COLUMNS} FROM (
      SELECT ${columns} FROM new_records r JOIN statuses s ON s.id = r.status_id ${added}) x`,
    [JSON.stringify(rows)],
    `insert-alert-${partsKey(parts)}`,
  );
  const byId = new Map(inserted.map((row) => [row.id, row]));
  return rows.records.map(({ id }) => {
    const row = byId.get(id);
    if (!row) throw new Error('An insert did not return its row.');
    return row;
  });
}

/** Inserts alerts in one statement without reading them. */
export async function insertUnread(sql: Sql, alerts: readonly NewAlerts[]): Promise<void> {
  const rows = joinRows(alerts);
  await sql(`${insertSql(partsOf(rows))} SELECT count(*) FROM new_records`, [JSON.stringify(rows)]);
}

/** The sets of many alerts as one. */
function joinRows(all: readonly NewAlerts[]): NewAlerts {
  return {
    records: all.flatMap((rows) => rows.records),
    observables: all.flatMap((rows) => rows.observables),
    attachments: all.flatMap((rows) => rows.attachments),
    tagIds: all.flatMap((rows) => rows.tagIds),
    tagNames: all.flatMap((rows) => rows.tagNames),
    teams: all.flatMap((rows) => rows.teams),
    shares: all.flatMap((rows) => rows.shares),
    clients: all.flatMap((rows) => rows.clients),
    activities: all.flatMap((rows) => rows.activities),
    audit: all.flatMap((rows) => rows.audit),
  };
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

/**
 * Adds to an open alert's count, which stops at the largest integer; answers the count before and after.
 *
 * Null when the alert was closed or deleted meanwhile.
 */
export async function addCount(
  sql: Sql,
  id: string,
  count: number,
): Promise<{ readonly before: number; readonly after: number } | null> {
  const [row] = await sql<{ before: number; after: number }>(
    `WITH old AS (SELECT id, count FROM alerts WHERE id = $1::uuid AND deleted_at IS NULL
       AND status_id IN (SELECT id FROM statuses WHERE stage <> 'Closed') FOR UPDATE)
     UPDATE alerts a SET count = least(a.count::bigint + $2::int, 2147483647)::int, updated_at = now(), version = a.version + 1
     FROM old WHERE a.id = old.id RETURNING old.count AS before, a.count AS after`,
    [id, count],
  );
  return row ?? null;
}
