import { randomUUID } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';

/**
 * What the API is measured against: `node:http` and `pg` with nothing between them.
 *
 * `GET /alerts/<id>` and `GET /alerts` answer what the API answers, built by PostgreSQL in one
 * statement and sent as it comes; `POST /alerts` inserts one row. No credentials, no checks.
 */
const { DATABASE_URL, POOL_MAX = '10', ORGANIZATION_ID, STATUS_ID, USER_ID } = process.env;

const pool = new pg.Pool({
  connectionString: DATABASE_URL,
  max: Number(POOL_MAX),
  options:
    '-c TimeZone=UTC -c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1 -c plan_cache_mode=force_generic_plan',
});
pool.on('error', (error) => {
  process.stderr.write(`${error.message}\n`);
});

function instant(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

const user = `json_build_object('id', u.id, 'email', u.email, 'firstName', u.first_name, 'lastName', u.last_name,
  'image', u.image, 'createdAt', ${instant('u.created_at')}, 'updatedAt', ${instant('u.updated_at')},
  'deletedAt', ${instant('u.deleted_at')}, 'status', u.status)`;

const observables = `SELECT o.id, o.case_id AS "caseId", o.alert_id AS "alertId", o.created_by_id AS "createdById",
    ${instant('o.created_at')} AS "createdAt", o.type_id AS "observableTypeId", o.data,
    ${instant('o.start_date')} AS "startDate", o.tlp, t.name AS "dataType", o.pap, o.ioc, o.sighted,
    ${instant('o.sighted_at')} AS "sightedAt", o.ignore_similarity AS "ignoreSimilarity", o.message,
    coalesce((SELECT json_agg(json_build_object('id', tag.id, 'name', tag.name, 'color', tag.color) ORDER BY tag.name)
      FROM observable_tags link JOIN tags tag ON tag.id = link.tag_id WHERE link.observable_id = o.id), '[]') AS tags,
    NULL AS attachment, ${instant('o.updated_at')} AS "updatedAt", NULL AS "deletedAt", o.version
  FROM observables o JOIN observable_types t ON t.id = o.type_id
  WHERE o.alert_id = r.id AND o.deleted_at IS NULL ORDER BY o.created_at, o.id`;

const columns = `r.id, r.tiny_id AS "tinyId", r.title, r.description, s.value AS "statusValue",
  json_build_object('id', s.id, 'stage', s.stage, 'label', s.label, 'color', s.color, 'value', s.value,
    'canDelete', s.can_delete) AS status,
  r.count, r.severity, r.type, r.source, r.source_ref AS "sourceRef", r.external_link AS "externalLink", r.tlp, r.pap,
  r.custom_fields AS "customFields", ${instant('r.created_at')} AS "createdAt", ${instant('r.updated_at')} AS "updatedAt",
  coalesce((SELECT json_agg(json_build_object('id', team.id, 'name', team.name) ORDER BY team.name)
    FROM alert_teams link JOIN teams team ON team.id = link.team_id
    WHERE link.alert_id = r.id AND team.deleted_at IS NULL), '[]') AS teams,
  coalesce((SELECT json_agg(json_build_object('id', tag.id, 'name', tag.name, 'color', tag.color) ORDER BY tag.name)
    FROM alert_tags link JOIN tags tag ON tag.id = link.tag_id WHERE link.alert_id = r.id), '[]') AS tags,
  (SELECT json_agg(json_build_object('id', org.id, 'name', org.name) ORDER BY holder.place, org.name)
    FROM (SELECT r.organization_id AS id, 0 AS place UNION ALL
          SELECT share.organization_id, 1 FROM alert_shares share WHERE share.alert_id = r.id) holder
    JOIN organizations org ON org.id = holder.id) AS organizations,
  r.assignee_id AS "assigneeId", r.created_by_id AS "createdById", NULL AS "deletedAt",
  coalesce((SELECT json_agg(row_to_json(x)) FROM (${observables}) x), '[]') AS observables,
  (SELECT count(*)::int FROM observables o WHERE o.alert_id = r.id AND o.deleted_at IS NULL) AS "observableCount",
  r.visible_to_all_organizations AS "visibleToAllOrganizations", r.primary_alert_id AS "primaryAlertId",
  (SELECT json_build_object('id', k.id, 'tinyId', k.tiny_id, 'title', k.title, 'statusValue', ks.value)
   FROM cases k JOIN statuses ks ON ks.id = k.status_id WHERE k.id = r.case_id AND k.deleted_at IS NULL) AS case,
  (SELECT ${user} FROM users u WHERE u.id = r.assignee_id) AS assignee,
  r.ai_insights AS "aiInsights", r.client_id AS "clientId",
  (SELECT client.name FROM clients client WHERE client.id = r.client_id) AS "clientName",
  r.organization_id AS "ownerOrganizationId", r.version,
  'just now' AS "createdAtLabel", 'just now' AS "updatedAtLabel",
  CASE r.severity WHEN 1 THEN '#3b82f6' WHEN 2 THEN '#eab308' WHEN 3 THEN '#f97316' ELSE '#dc2626' END AS "severityColor",
  CASE r.severity WHEN 1 THEN 'Low' WHEN 2 THEN 'Medium' WHEN 3 THEN 'High' ELSE 'Critical' END AS "severityLabel"`;

const findAlert = `SELECT row_to_json(x)::text AS body FROM (
  SELECT ${columns} FROM alerts r JOIN statuses s ON s.id = r.status_id
  WHERE r.id = $1::uuid AND r.deleted_at IS NULL) x`;

const listAlerts = `WITH page AS MATERIALIZED (
    SELECT r.* FROM alerts r WHERE r.organization_id = $1::uuid AND r.deleted_at IS NULL
    ORDER BY r.created_at DESC, r.id DESC LIMIT 25)
  SELECT json_agg(row_to_json(x) ORDER BY x."createdAt" DESC, x.id DESC)::text AS body FROM (
    SELECT ${columns} FROM page r JOIN statuses s ON s.id = r.status_id) x`;

const insertAlert = `INSERT INTO bench_alerts
    (id, organization_id, title, description, status_id, severity, type, source, source_ref, created_by_id)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
  RETURNING json_build_object('id', id, 'tinyId', tiny_id, 'title', title)::text AS body`;

interface BodyRow {
  readonly body: string;
}

interface AlertInput {
  readonly title: string;
  readonly description: string;
  readonly severity: number;
  readonly type: string;
  readonly source: string;
  readonly sourceRef: string;
}

async function answer(request: http.IncomingMessage): Promise<string> {
  const { method, url = '' } = request;
  if (method === 'POST') return insert(JSON.parse(await bodyOf(request)) as AlertInput);
  const id = url.slice('/alerts/'.length);
  const { rows } =
    id === ''
      ? await pool.query<BodyRow>({ name: 'list', text: listAlerts, values: [ORGANIZATION_ID] })
      : await pool.query<BodyRow>({ name: 'find', text: findAlert, values: [id] });
  return rows[0]?.body ?? 'null';
}

async function insert(input: AlertInput): Promise<string> {
  const { title, description, severity, type, source, sourceRef } = input;
  const { rows } = await pool.query<BodyRow>({
    name: 'insert',
    text: insertAlert,
    values: [
      randomUUID(),
      ORGANIZATION_ID,
      title,
      description,
      STATUS_ID,
      severity,
      type,
      source,
      sourceRef,
      USER_ID,
    ],
  });
  return rows[0]?.body ?? 'null';
}

function bodyOf(request: http.IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('error', reject);
    request.on('end', () => {
      resolve(Buffer.concat(chunks).toString());
    });
  });
}

const server = http.createServer((request, response) => {
  answer(request).then(
    (body) => {
      response.writeHead(200, {
        'Content-Type': 'application/json; charset=utf-8',
        'Content-Length': Buffer.byteLength(body),
      });
      response.end(body);
    },
    (error: unknown) => {
      response.writeHead(500).end(String(error));
    },
  );
});

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`listening on http://127.0.0.1:${port}\n`);
});

process.on('SIGTERM', () => {
  process.exit(0);
});
