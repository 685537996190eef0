import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
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
  newClientIdSql,
  newLinksSql,
  newNamesAuditSql,
  observableCountSql,
  organizationsSql,
  partsKey,
  partsOf,
  recordObservablesSql,
  storedSources,
  tagsSql,
  teamsSql,
  userSql,
} from '../records/record-sql.js';
import { TEXT_COLUMNS, selectPage } from '../records/record-text.js';
import type { ListedRow, RecordText } from '../records/record-text.js';
import type { NewLinks } from '../records/new-links.js';
import { slaColumns } from '../sla/sla-sql.js';
import { caseTasksSql, taskCountsSql } from '../tasks/task-sql.js';
import type { CaseDetailRow } from './case.mapper.js';
import type { Case } from './cases.schema.js';

const STORED = storedSources('case');

/** The columns of the case `r` that every answer shows. */
function caseColumns(clients: string, primaryCaseId: string): string {
  return `r.id, r.tiny_id AS "tinyId", r.title, r.description, s.value AS "statusValue", ${instantSql('r.created_at')} AS "createdAt",
  ${instantSql('r.updated_at')} AS "updatedAt", r.severity, r.tlp, r.pap, NULL AS "deletedAt", r.created_by_id AS "createdById",
  r.assignee_id AS "assigneeId", r.flag, r.source, r.source_ref AS "sourceRef", r.type, r.external_link AS "externalLink",
  r.visible_to_all_organizations AS "visibleToAllOrganizations", ${primaryCaseId} AS "primaryCaseId", r.client_id AS "clientId",
  (SELECT client.name FROM ${clients} client WHERE client.id = r.client_id) AS "clientName",
  r.sla_config_id AS "slaConfigId", ${slaColumns()}, r.custom_fields AS "customFields", r.extra_data AS "extraData",
  r.ai_insights AS "aiInsights", r.resolution_summary AS "resolutionSummary", r.organization_id AS "ownerOrganizationId", r.version`;
}

const SHOWN_COLUMNS = `(SELECT ${userSql('u')} FROM users u WHERE u.id = r.assignee_id) AS assignee, ${STATUS_SQL} AS status,
  ${tagsSql('case_id', STORED)} AS tags`;

/** The case that the case `r` was merged into, where the caller may see it. */
function primaryCaseSql(sight: Sight, params: SqlParams): string {
  const where = `p.id = r.primary_case_id AND p.deleted_at IS NULL AND ${visibleTo(sight, CASE_TABLES, 'p', params)}
    AND ${clearedFor(sight, 'p', params)}`;
  return `CASE WHEN r.primary_case_id IS NOT NULL THEN (SELECT p.id FROM cases p WHERE ${where}) END`;
}

/** The condition on an alert `a` that hangs on the case `r` and may be shown. */
function linkedAlerts(sight: Sight, params: SqlParams): string {
  return `a.case_id = r.id AND a.deleted_at IS NULL AND ${visibleTo(sight, ALERT_TABLES, 'a', params)}
    AND ${clearedFor(sight, 'a', params)}`;
}

/** The statement that reads cases of the caller's tenants by their ids, whatever their marking. */
function selectCases(
  sight: Sight,
  ids: readonly string[],
  answer: string,
  params: SqlParams,
): string {
  const where = `r.id = ANY(${params.add(ids, 'uuid[]')}) AND r.deleted_at IS NULL AND ${visibleTo(sight, CASE_TABLES, 'r', params)}`;
  const cleared = clearedFor(sight, 'o', params);
  return `SELECT ${answer} FROM (
      SELECT ${caseColumns('clients', primaryCaseSql(sight, params))}, ${SHOWN_COLUMNS},
        (SELECT ${userSql('u')} FROM users u WHERE u.id = r.created_by_id) AS "createdBy",
        ${caseTasksSql(sight, params)} AS tasks, ${recordObservablesSql('case_id', cleared, null)} AS observables,
        ${teamsSql('case_id', STORED)} AS teams, ${organizationsSql('case_id', STORED)} AS organizations,
        coalesce((SELECT json_agg(json_build_object('id', a.id, 'tinyId', a.tiny_id, 'title', a.title) ORDER BY a.tiny_id)
          FROM alerts a WHERE ${linkedAlerts(sight, params)}), '[]') AS alerts,
        r.sla_config AS "slaConfig"
      FROM cases r JOIN statuses s ON s.id = r.status_id WHERE ${where}) x`;
}

/** Cases as the texts of their answers, in any order, where they are there for the caller. */
export function findCaseTexts(
  sql: Sql,
  sight: Sight,
  ids: readonly string[],
): Promise<RecordText[]> {
  const params = new SqlParams();
  const statement = selectCases(sight, ids, TEXT_COLUMNS, params);
  const name = sight.everyOrganization ? 'case-texts-all' : 'case-texts';
  return sql<RecordText>(statement, params.values, name);
}

/** One case, to work with; null when there is none for the caller. */
export async function findCase(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<CaseDetailRow | null> {
  const params = new SqlParams();
  const statement = selectCases(principal, [id], 'row_to_json(x) AS case', params);
  const [row] = await sql<{ case: CaseDetailRow }>(statement, params.values);
  return row?.case ?? null;
}

/** The cases of a list's page, each with the value it is sorted by. */
export async function listCases(
  sql: Sql,
  principal: Principal,
  shape: (params: SqlParams) => ListShape,
): Promise<ListedRow[]> {
  const params = new SqlParams();
  const list = shape(params);
  const page = visibleIds(principal, CASE_TABLES, params, list);
  const columns = `${caseColumns('clients', primaryCaseSql(principal, params))}, ${SHOWN_COLUMNS},
    ${taskCountsSql(principal, params)} AS "taskCounts",
    ${observableCountSql('case_id', clearedFor(principal, 'o', params))} AS "observableCount",
    (SELECT count(*)::int FROM alerts a WHERE ${linkedAlerts(principal, params)}) AS "alertCount"`;
  return sql<ListedRow>(selectPage('cases', page, columns, list.descending), params.values);
}

/** A row of `cases` to insert; `createdAt` null is now. */
export interface NewCase {
  readonly id: string;
  readonly organizationId: string;
  readonly title: string;
  readonly description: string | null;
  readonly statusId: string;
  readonly stage: string;
  readonly severity: number;
  readonly tlp: number;
  readonly pap: number;
  readonly flag: boolean;
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
  readonly slaConfig: object | null;
  readonly slaConfigId: string | null;
  readonly createdAt: string | null;
}

/** Everything the creation of a case writes, as sets. */
export interface NewCases extends NewLinks {
  readonly records: readonly NewCase[];
  readonly observables: readonly ObservableRow[];
  readonly activities: readonly ActivityRow[];
  readonly audit: readonly AuditRow[];
}

/** Inserts a case with all that belongs to it in one statement, and answers it as the contract shows new ones. */
export async function insertCase(sql: Sql, record: NewCases): Promise<Case> {
  const parts = partsOf(record);
  const statement = `WITH ${[
    ...(parts.clients ? [NEW_CLIENTS_SQL] : []),
    `new_records AS (
  INSERT INTO cases (id, organization_id, title, description, status_id, severity, tlp, pap, flag, type, source, source_ref,
    external_link, custom_fields, visible_to_all_organizations, assignee_id, created_by_id, client_id, sla_config,
    sla_config_id, created_at, in_progress_at, closed_at)
  SELECT x.id, x."organizationId", x.title, x.description, x."statusId", x.severity, x.tlp, x.pap, x.flag, x.type, x.source,
    x."sourceRef", x."externalLink", x."customFields", x."visibleToAll", x."assigneeId", x."createdById",
    ${newClientIdSql(parts)},
    x."slaConfig", x."slaConfigId", coalesce(x."createdAt", now()),
    CASE WHEN x.stage = 'InProgress' THEN now() END, CASE WHEN x.stage = 'Closed' THEN now() END
  FROM jsonb_to_recordset($1::jsonb->'records') AS x(id uuid, "organizationId" uuid, title text, description text, "statusId" uuid,
    stage text, severity int, tlp int, pap int, flag bool, type text, source text, "sourceRef" text, "externalLink" text,
    "customFields" jsonb, "visibleToAll" bool, "assigneeId" uuid, "createdById" uuid, "clientId" uuid, "clientName" text,
    "slaConfig" jsonb, "slaConfigId" uuid, "createdAt" timestamptz)
  RETURNING *)`,
    ...newLinksSql('case', parts),
    `new_activities AS (${insertActivitiesSql("$1::jsonb->'activities'")})`,
    `new_audit AS (${insertAuditSql("$1::jsonb->'audit'")})`,
    ...newNamesAuditSql(parts),
  ].join(',\n')}
SELECT row_to_json(x) AS case FROM (
  SELECT ${caseColumns(insertedSources(parts).clients, 'NULL')} FROM new_records r JOIN statuses s ON s.id = r.status_id) x`;
  const [row] = await sql<{ case: Case }>(
    statement,
    [JSON.stringify(record)],
    `insert-case-${partsKey(parts)}`,
  );
  if (!row) throw new Error('The insert returned no row.');
  return row.case;
}

/** What a case that goes had, and lets go of. */
export interface Released {
  /** Each with the status it had. */
  readonly alerts: readonly { readonly id: string; readonly statusValue: string }[];
  /** The other ends of its links, which others may own. */
  readonly linked: readonly {
    readonly id: string;
    readonly organizationId: string;
    readonly kind: string;
  }[];
  /** The cases that were merged into it. */
  readonly mergedIds: readonly string[];
}

/** Takes the alerts off a case that goes, back to the status `new`, and its links; what was merged into it points to none. */
export async function release(sql: Sql, caseId: string, statusId: string): Promise<Released> {
  const [released] = await sql<Released>(
    `WITH held AS (SELECT a.id, s.value FROM alerts a JOIN statuses s ON s.id = a.status_id
       WHERE a.case_id = $1::uuid AND a.deleted_at IS NULL),
     freed AS (
       UPDATE alerts a SET case_id = NULL, status_id = $2::uuid, version = a.version + 1, updated_at = now()
       FROM held WHERE a.id = held.id AND a.case_id = $1::uuid RETURNING a.id, held.value AS "statusValue"),
     unlinked AS (
       DELETE FROM case_links WHERE case_id = $1::uuid OR other_case_id = $1::uuid
       RETURNING CASE WHEN case_id = $1::uuid THEN other_case_id ELSE case_id END AS id, kind),
     left_alone AS (
       UPDATE cases SET primary_case_id = NULL, version = version + 1, updated_at = now()
       WHERE primary_case_id = $1::uuid AND deleted_at IS NULL RETURNING id)
     SELECT coalesce((SELECT json_agg(freed) FROM freed), '[]') AS alerts,
       coalesce((SELECT json_agg(json_build_object('id', k.id, 'organizationId', k.organization_id, 'kind', x.kind))
         FROM unlinked x JOIN cases k ON k.id = x.id), '[]') AS linked,
       coalesce((SELECT json_agg(id) FROM left_alone), '[]') AS "mergedIds"`,
    [caseId, statusId],
  );
  if (!released) throw new Error('A question without conditions had no answer.');
  return released;
}

/** The cases that were merged into these, or are linked with them: what a merge or a deletion changes as well. */
export async function relatedCases(sql: Sql, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `SELECT CASE WHEN case_id = ANY($1::uuid[]) THEN other_case_id ELSE case_id END AS id FROM case_links
     WHERE case_id = ANY($1::uuid[]) OR other_case_id = ANY($1::uuid[])
     UNION SELECT id FROM cases WHERE primary_case_id = ANY($1::uuid[]) AND deleted_at IS NULL`,
    [ids],
  );
  return rows.map(({ id }) => id);
}
