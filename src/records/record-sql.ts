import { clearedFor } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import type { SqlParams } from '../database/sql.js';

/** Where an answer reads its rows: the tables, or what a statement has just inserted. */
export interface AnswerSources {
  readonly records: string;
  readonly observables: string;
  readonly tags: string;
  readonly tagLinks: string;
  readonly teamLinks: string;
  readonly shares: string;
  readonly clients: string;
}

/** An instant as answers carry it: ISO 8601 in UTC with milliseconds. */
export function instantSql(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** A person as records show them. */
export function userSql(alias: string): string {
  return `json_build_object('id', ${alias}.id, 'email', ${alias}.email, 'firstName', ${alias}.first_name,
    'lastName', ${alias}.last_name, 'image', ${alias}.image, 'createdAt', ${instantSql(`${alias}.created_at`)},
    'updatedAt', ${instantSql(`${alias}.updated_at`)}, 'deletedAt', ${instantSql(`${alias}.deleted_at`)}, 'status', ${alias}.status)`;
}

export const STATUS_SQL = `json_build_object('id', s.id, 'stage', s.stage, 'label', s.label, 'color', s.color,
  'value', s.value, 'canDelete', s.can_delete)`;

/** The columns of the observable `o` as answers name them. */
const OBSERVABLE_COLUMNS = `o.id, o.case_id AS "caseId", o.alert_id AS "alertId", o.created_by_id AS "createdById",
  ${instantSql('o.created_at')} AS "createdAt", o.type_id AS "observableTypeId", o.data,
  ${instantSql('o.start_date')} AS "startDate", o.tlp, t.name AS "dataType", o.pap, o.ioc, o.sighted,
  ${instantSql('o.sighted_at')} AS "sightedAt", o.ignore_similarity AS "ignoreSimilarity", o.message,
  coalesce((SELECT json_agg(json_build_object('id', tag.id, 'name', tag.name, 'color', tag.color) ORDER BY tag.name)
    FROM observable_tags link JOIN tags tag ON tag.id = link.tag_id WHERE link.observable_id = o.id), '[]') AS tags,
  NULL AS attachment, ${instantSql('o.updated_at')} AS "updatedAt", NULL AS "deletedAt", o.version`;

/** Observables as answers show them; `from` names them `o`. */
export function observablesSql(from: string): string {
  return `SELECT ${OBSERVABLE_COLUMNS} FROM ${from} JOIN observable_types t ON t.id = o.type_id`;
}

/** The observables of the record `r` that the caller is cleared for, oldest first, as a JSON array. */
export function recordObservablesSql(
  principal: Principal,
  parentKey: 'alert_id' | 'case_id',
  sources: AnswerSources,
  params: SqlParams,
  limit: number | null,
): string {
  const where = `o.${parentKey} = r.id AND o.deleted_at IS NULL AND ${clearedFor(principal, 'o', params)}`;
  const bound = limit === null ? '' : `LIMIT ${limit}`;
  return `coalesce((SELECT json_agg(row_to_json(x)) FROM (
    ${observablesSql(`${sources.observables} o`)} WHERE ${where} ORDER BY o.created_at, o.id ${bound}) x), '[]')`;
}

/** How many observables of the record `r` the caller is cleared for. */
export function observableCountSql(
  principal: Principal,
  parentKey: 'alert_id' | 'case_id',
  sources: AnswerSources,
  params: SqlParams,
): string {
  return `(SELECT count(*)::int FROM ${sources.observables} o
    WHERE o.${parentKey} = r.id AND o.deleted_at IS NULL AND ${clearedFor(principal, 'o', params)})`;
}

/** Tags of the record `r` as a JSON array. */
export function tagsSql(parentKey: string, sources: AnswerSources): string {
  return `coalesce((SELECT json_agg(json_build_object('id', tag.id, 'name', tag.name, 'color', tag.color) ORDER BY tag.name)
    FROM ${sources.tagLinks} link JOIN ${sources.tags} tag ON tag.id = link.tag_id WHERE link.${parentKey} = r.id), '[]')`;
}

/** Teams of the record `r` as a JSON array. */
export function teamsSql(parentKey: string, sources: AnswerSources): string {
  return `coalesce((SELECT json_agg(json_build_object('id', team.id, 'name', team.name) ORDER BY team.name)
    FROM ${sources.teamLinks} link JOIN teams team ON team.id = link.team_id
    WHERE link.${parentKey} = r.id AND team.deleted_at IS NULL), '[]')`;
}

/** Organizations of the record `r` as a JSON array, the owner first. */
export function organizationsSql(parentKey: string, sources: AnswerSources): string {
  return `(SELECT json_agg(json_build_object('id', org.id, 'name', org.name) ORDER BY holder.place, org.name)
    FROM (SELECT r.organization_id AS id, 0 AS place UNION ALL
          SELECT share.organization_id, 1 FROM ${sources.shares} share WHERE share.${parentKey} = r.id) holder
    JOIN organizations org ON org.id = holder.id)`;
}

/**
 * The parts of a create statement that alerts and cases have in common, after `new_records`.
 *
 * Tags and clients given by name are found or created by their unique index, so that equal requests
 * at once meet in one row.
 */
export function newLinksSql(kind: 'alert' | 'case'): string {
  const key = `${kind}_id`;
  return `
new_tags AS (
  INSERT INTO tags (organization_id, name)
  SELECT DISTINCT ON (x."organizationId", lower(x.name)) x."organizationId", x.name
  FROM jsonb_to_recordset($1::jsonb->'tagNames') AS x("organizationId" uuid, name text)
  ORDER BY x."organizationId", lower(x.name)
  ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = tags.name
  RETURNING id, organization_id, name, color),
tag_links AS (
  INSERT INTO ${kind}_tags (${key}, tag_id)
  SELECT x."recordId", x."tagId" FROM jsonb_to_recordset($1::jsonb->'tagIds') AS x("recordId" uuid, "tagId" int)
  UNION
  SELECT x."recordId", tag.id
  FROM jsonb_to_recordset($1::jsonb->'tagNames') AS x("recordId" uuid, "organizationId" uuid, name text)
  JOIN new_tags tag ON tag.organization_id = x."organizationId" AND lower(tag.name) = lower(x.name)
  RETURNING ${key}, tag_id),
team_links AS (
  INSERT INTO ${kind}_teams (${key}, team_id)
  SELECT DISTINCT x."recordId", x."teamId" FROM jsonb_to_recordset($1::jsonb->'teams') AS x("recordId" uuid, "teamId" uuid)
  RETURNING ${key}, team_id),
new_shares AS (
  INSERT INTO ${kind}_shares (${key}, organization_id, created_at)
  SELECT DISTINCT x."recordId", x."organizationId", r.created_at
  FROM jsonb_to_recordset($1::jsonb->'shares') AS x("recordId" uuid, "organizationId" uuid)
  JOIN new_records r ON r.id = x."recordId"
  RETURNING ${key}, organization_id)`;
}

/** Finds or creates the clients that records name; part of a create statement, before `new_records`. */
export const NEW_CLIENTS_SQL = `
new_clients AS (
  INSERT INTO clients (id, organization_id, name)
  SELECT DISTINCT ON (x."organizationId", lower(x.name)) x.id, x."organizationId", x.name
  FROM jsonb_to_recordset($1::jsonb->'clients') AS x(id uuid, "organizationId" uuid, name text)
  ORDER BY x."organizationId", lower(x.name)
  ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = clients.name
  RETURNING id, organization_id, name)`;

/** Reads an answer from what the statement has just inserted. */
export const INSERTED: AnswerSources = {
  records: 'new_records',
  observables: 'new_observables',
  tags: '(SELECT id, name, color FROM tags UNION SELECT id, name, color FROM new_tags)',
  tagLinks: 'tag_links',
  teamLinks: 'team_links',
  shares: 'new_shares',
  clients: '(SELECT id, name FROM clients UNION SELECT id, name FROM new_clients)',
};

/** Reads an answer from the tables. */
export function storedSources(kind: 'alert' | 'case'): AnswerSources {
  return {
    records: `${kind}s`,
    observables: 'observables',
    tags: 'tags',
    tagLinks: `${kind}_tags`,
    teamLinks: `${kind}_teams`,
    shares: `${kind}_shares`,
    clients: 'clients',
  };
}
