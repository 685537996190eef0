import { SHARED_COLUMNS } from '../access/visible-list.js';
import { IS_INSERTED_SQL, insertNamedAuditSql, toActorColumns } from '../audit/audit-entry.js';
import type { Actor } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import { newId } from '../common/ids.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { settleClocks } from '../sla/sla.queries.js';
import type { SettledClock } from '../sla/sla.queries.js';
import type { Status } from '../statuses/statuses.service.js';
import { raiseTasks } from '../tasks/tasks.queries.js';
import { instantSql } from './record-sql.js';
import type { TagInput } from './record.schema.js';

export type RecordKind = 'alert' | 'case';

/** The columns an update may set, with their SQL types. Nothing else of a body reaches the table. */
const COLUMNS: Record<string, readonly [column: string, type: string]> = {
  title: ['title', 'text'],
  description: ['description', 'text'],
  severity: ['severity', 'int'],
  tlp: ['tlp', 'int'],
  pap: ['pap', 'int'],
  count: ['count', 'int'],
  flag: ['flag', 'bool'],
  type: ['type', 'text'],
  source: ['source', 'text'],
  sourceRef: ['source_ref', 'text'],
  externalLink: ['external_link', 'text'],
  customFields: ['custom_fields', 'jsonb'],
  extraData: ['extra_data', 'jsonb'],
  aiInsights: ['ai_insights', 'jsonb'],
  resolutionSummary: ['resolution_summary', 'text'],
  slaConfig: ['sla_config', 'jsonb'],
  slaConfigId: ['sla_config_id', 'uuid'],
  visibleToAllOrganizations: ['visible_to_all_organizations', 'bool'],
  assigneeId: ['assignee_id', 'uuid'],
  clientId: ['client_id', 'uuid'],
};

/**
 * Sets columns of locked records. First entries into a stage are kept (spec/behaviour.md §2).
 *
 * Answers the clocks of cases that went with them.
 */
export async function writeColumns(
  sql: Sql,
  principal: Principal,
  kind: RecordKind,
  id: string | readonly string[],
  fields: Readonly<Record<string, unknown>>,
  status: Status | null,
): Promise<readonly SettledClock[]> {
  const ids = [id].flat();
  const params = new SqlParams();
  const sets: string[] = [];
  for (const [field, value] of Object.entries(fields)) {
    const column = COLUMNS[field];
    if (!column || value === undefined) continue;
    const [name, type] = column;
    sets.push(
      `${name} = ${params.add(type === 'jsonb' && value !== null ? JSON.stringify(value) : value, type)}`,
    );
  }
  if (status) {
    sets.push(`status_id = ${params.add(status.id, 'uuid')}`);
    if (status.stage === 'InProgress')
      sets.push('in_progress_at = coalesce(in_progress_at, now())');
    if (status.stage === 'Closed') sets.push('closed_at = coalesce(closed_at, now())');
    // A case that is opened again stands for itself.
    else if (kind === 'case') sets.push('primary_case_id = NULL');
  }
  if (kind === 'case' && typeof fields.tlp === 'number') {
    // A task is never less restricted than its case (spec/behaviour.md §7).
    await raiseTasks(sql, principal, ids, fields.tlp);
  }
  if (sets.length === 0) return [];
  await sql(
    `UPDATE ${kind}s SET ${sets.join(', ')} WHERE id = ANY(${params.add(ids, 'uuid[]')})`,
    params.values,
  );
  const movesClock = kind === 'case' && (status !== null || fields.slaConfig !== undefined);
  return movesClock ? settleClocks(sql, ids) : [];
}

/** Finds or creates the client of that name in the tenant; equal requests at once meet in one row. */
export async function resolveClientName(
  sql: Sql,
  principal: Actor,
  organizationId: string,
  name: string,
): Promise<string> {
  const created = `SELECT 'client' AS kind, id::text, organization_id, name FROM named WHERE is_new`;
  const [row] = await sql<{ id: string }>(
    `WITH named AS (
       INSERT INTO clients (id, organization_id, name) VALUES ($1::uuid, $2::uuid, $3)
       ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = clients.name
       RETURNING id, organization_id, name, ${IS_INSERTED_SQL} AS is_new),
     audit AS (${insertNamedAuditSql('$4::jsonb', created)})
     SELECT id FROM named`,
    [newId(), organizationId, name, JSON.stringify(toActorColumns(principal))],
  );
  if (!row) throw new Error('An upsert returned no row.');
  return row.id;
}

/** What has tags and teams. */
type Tagged = RecordKind | 'case_template';

/** Makes the record's tags these; those given by name are found or created in the owner's tenant. */
export async function replaceTags(
  sql: Sql,
  principal: Actor,
  kind: Tagged,
  id: string,
  organizationId: string,
  tags: readonly TagInput[],
): Promise<void> {
  const ids = tags.filter((tag) => typeof tag === 'number');
  const names = tags.filter((tag) => typeof tag !== 'number').map((tag) => tag.name);
  const created = `SELECT 'tag' AS kind, id::text, organization_id, name FROM named WHERE is_new`;
  await sql(
    `WITH named AS (
       INSERT INTO tags (organization_id, name)
       SELECT DISTINCT ON (lower(name)) $2::uuid, name FROM unnest($4::text[]) AS name ORDER BY lower(name)
       ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = tags.name
       RETURNING id, organization_id, name, ${IS_INSERTED_SQL} AS is_new),
     audit AS (${insertNamedAuditSql('$5::jsonb', created)}),
     wanted AS (SELECT unnest($3::int[]) AS id UNION SELECT id FROM named),
     dropped AS (DELETE FROM ${kind}_tags WHERE ${kind}_id = $1::uuid AND tag_id NOT IN (SELECT id FROM wanted))
     INSERT INTO ${kind}_tags (${kind}_id, tag_id) SELECT $1::uuid, id FROM wanted ON CONFLICT DO NOTHING`,
    [id, organizationId, ids, names, JSON.stringify(toActorColumns(principal))],
  );
}

export async function replaceTeams(
  sql: Sql,
  kind: Tagged,
  id: string,
  teams: readonly string[],
): Promise<void> {
  await sql(
    `WITH dropped AS (DELETE FROM ${kind}_teams WHERE ${kind}_id = $1::uuid AND team_id <> ALL($2::uuid[]))
     INSERT INTO ${kind}_teams (${kind}_id, team_id) SELECT DISTINCT $1::uuid, unnest($2::uuid[]) ON CONFLICT DO NOTHING`,
    [id, teams],
  );
}

/** Makes the record's guests these organizations; its owner stays what it is. */
export async function replaceShares(
  sql: Sql,
  kind: RecordKind,
  id: string,
  organizations: readonly string[],
): Promise<void> {
  await sql(
    `WITH dropped AS (DELETE FROM ${kind}_shares WHERE ${kind}_id = $1::uuid AND organization_id <> ALL($2::uuid[]))
     INSERT INTO ${kind}_shares (${kind}_id, organization_id, ${SHARED_COLUMNS.join(', ')})
     SELECT DISTINCT r.id, org.id, ${SHARED_COLUMNS.map((column) => `r.${column}`).join(', ')} FROM ${kind}s r CROSS JOIN unnest($2::uuid[]) AS org(id)
     WHERE r.id = $1::uuid AND org.id <> r.organization_id ON CONFLICT DO NOTHING`,
    [id, organizations],
  );
}

/** What every change of a record moves. */
export interface Stamp {
  readonly version: number;
  readonly updatedAt: string;
}

/** Marks a record as changed: readers see a new version. */
export async function bumpVersion(sql: Sql, kind: RecordKind, id: string): Promise<Stamp> {
  const [stamp] = await sql<Stamp>(
    `UPDATE ${kind}s SET version = version + 1, updated_at = now() WHERE id = $1::uuid
     RETURNING version, ${instantSql('updated_at')} AS "updatedAt"`,
    [id],
  );
  if (!stamp) throw new Error('A locked record is gone.');
  return stamp;
}

/** Marks several records as changed, each once. */
export async function bumpVersions(
  sql: Sql,
  kind: RecordKind,
  ids: readonly string[],
): Promise<void> {
  await sql(
    `UPDATE ${kind}s SET version = version + 1, updated_at = now() WHERE id = ANY($1::uuid[])`,
    [ids],
  );
}

/** Takes a record out of every read, list, count and search. */
export async function softDelete(sql: Sql, kind: RecordKind, id: string): Promise<void> {
  await sql(
    `UPDATE ${kind}s SET deleted_at = now(), updated_at = now(), version = version + 1 WHERE id = $1::uuid`,
    [id],
  );
}
