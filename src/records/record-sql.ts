import { CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Sight } from '../access/access.js';
import { SHARED_COLUMNS } from '../access/visible-list.js';
import { insertAttachmentsSql } from '../attachments/attachment-row.js';
import { IS_INSERTED_SQL, insertNamedAuditSql } from '../audit/audit-entry.js';
import type { SqlParams } from '../database/sql.js';
import { insertObservablesSql } from '../observables/observable-row.js';
import type { NewLinks } from './new-links.js';

const EMPTY = `'[]'::json`;

/** Where an answer reads its rows: the tables, or what a statement has just inserted. */
export interface AnswerSources {
  readonly tags: string;
  readonly tagLinks: string | null;
  readonly teamLinks: string | null;
  readonly shares: string | null;
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

/** What a person is called: by name, else by address. */
export function personNameSql(alias: string): string {
  return `coalesce(nullif(trim(${alias}.first_name || ' ' || ${alias}.last_name), ''), ${alias}.email)`;
}

export const STATUS_SQL = `json_build_object('id', s.id, 'stage', s.stage, 'label', s.label, 'color', s.color,
  'value', s.value, 'canDelete', s.can_delete)`;

/** The file of the observable `o` as its answer shows it. */
const ATTACHMENT_SQL = `SELECT json_build_object('id', f.id, 'name', f.name, 'size', b.size, 'contentType', f.content_type,
    'sha256', encode(f.sha256, 'hex'), 'sha1', encode(b.sha1, 'hex'), 'md5', encode(b.md5, 'hex'))
  FROM attachments f JOIN blobs b ON b.sha256 = f.sha256 WHERE f.id = o.attachment_id`;

/** The columns of the observable `o` as answers name them. */
const OBSERVABLE_COLUMNS = `o.id, o.case_id AS "caseId", o.alert_id AS "alertId", o.created_by_id AS "createdById",
  ${instantSql('o.created_at')} AS "createdAt", o.type_id AS "observableTypeId", o.data,
  ${instantSql('o.start_date')} AS "startDate", o.tlp, t.name AS "dataType", o.pap, o.ioc, o.sighted,
  ${instantSql('o.sighted_at')} AS "sightedAt", o.ignore_similarity AS "ignoreSimilarity", o.message,
  coalesce((SELECT json_agg(json_build_object('id', tag.id, 'name', tag.name, 'color', tag.color) ORDER BY tag.name)
    FROM observable_tags link JOIN tags tag ON tag.id = link.tag_id WHERE link.observable_id = o.id), '[]') AS tags,
  CASE WHEN o.attachment_id IS NOT NULL THEN (${ATTACHMENT_SQL}) END AS attachment, ${instantSql('o.updated_at')} AS "updatedAt", NULL AS "deletedAt", o.version`;

/** Observables as answers show them; `from` names them `o`. */
export function observablesSql(from: string): string {
  return `SELECT ${OBSERVABLE_COLUMNS} FROM ${from} JOIN observable_types t ON t.id = o.type_id`;
}

/** The observables of the record `r` under a condition on `o`, oldest first, as a JSON array. */
export function recordObservablesSql(
  parentKey: 'alert_id' | 'case_id',
  condition: string,
  limit: number | null,
): string {
  const where = `o.${parentKey} = r.id AND o.deleted_at IS NULL AND ${condition}`;
  const bound = limit === null ? '' : `LIMIT ${limit}`;
  return `coalesce((SELECT json_agg(row_to_json(x)) FROM (
    ${observablesSql('observables o')} WHERE ${where} ORDER BY o.created_at, o.id ${bound}) x), ${EMPTY})`;
}

/** The case of the alert `r`, where the caller may see it. */
export function linkedCaseSql(sight: Sight, params: SqlParams): string {
  const where = [
    'k.id = r.case_id AND k.deleted_at IS NULL',
    visibleTo(sight, CASE_TABLES, 'k', params),
    clearedFor(sight, 'k', params),
  ].join(' AND ');
  return `(SELECT json_build_object('id', k.id, 'tinyId', k.tiny_id, 'title', k.title, 'statusValue', ks.value)
   FROM cases k JOIN statuses ks ON ks.id = k.status_id WHERE ${where})`;
}

/** How many observables of the record `r` meet the condition on `o`. */
export function observableCountSql(parentKey: 'alert_id' | 'case_id', condition: string): string {
  return `(SELECT count(*)::int FROM observables o
    WHERE o.${parentKey} = r.id AND o.deleted_at IS NULL AND ${condition})`;
}

/** Tags of the record `r` as a JSON array. */
export function tagsSql(parentKey: string, sources: AnswerSources): string {
  if (sources.tagLinks === null) return EMPTY;
  return `coalesce((SELECT json_agg(json_build_object('id', tag.id, 'name', tag.name, 'color', tag.color) ORDER BY tag.name)
    FROM ${sources.tagLinks} link JOIN ${sources.tags} tag ON tag.id = link.tag_id WHERE link.${parentKey} = r.id), '[]')`;
}

/** Teams of the record `r` as a JSON array. */
export function teamsSql(parentKey: string, sources: AnswerSources): string {
  if (sources.teamLinks === null) return EMPTY;
  return `coalesce((SELECT json_agg(json_build_object('id', team.id, 'name', team.name) ORDER BY team.name)
    FROM ${sources.teamLinks} link JOIN teams team ON team.id = link.team_id
    WHERE link.${parentKey} = r.id AND team.deleted_at IS NULL), '[]')`;
}

/** Organizations of the record `r` as a JSON array, the owner first. */
export function organizationsSql(parentKey: string, sources: AnswerSources): string {
  const guests =
    sources.shares === null
      ? ''
      : `UNION ALL SELECT share.organization_id, 1 FROM ${sources.shares} share WHERE share.${parentKey} = r.id`;
  return `(SELECT json_agg(json_build_object('id', org.id, 'name', org.name) ORDER BY holder.place, org.name)
    FROM (SELECT r.organization_id AS id, 0 AS place ${guests}) holder
    JOIN organizations org ON org.id = holder.id AND org.deleted_at IS NULL)`;
}

/** Which sets a create statement writes; what is empty stays out of it, which keeps the usual one small. */
export interface NewParts {
  readonly observables: boolean;
  readonly attachments: boolean;
  readonly tagIds: boolean;
  readonly tagNames: boolean;
  readonly teams: boolean;
  readonly shares: boolean;
  readonly clients: boolean;
}

export function partsOf(rows: NewLinks & { readonly observables: readonly unknown[] }): NewParts {
  return {
    observables: rows.observables.length > 0,
    attachments: rows.attachments.length > 0,
    tagIds: rows.tagIds.length > 0,
    tagNames: rows.tagNames.length > 0,
    teams: rows.teams.length > 0,
    shares: rows.shares.length > 0,
    clients: rows.clients.length > 0,
  };
}

/** A name for the statement that writes these parts. */
export function partsKey(parts: NewParts): string {
  return Object.values(parts)
    .map((isPresent) => (isPresent ? '1' : '0'))
    .join('');
}

/**
 * The CTEs that write what hangs on new records, which `new_records` holds; `$1` holds the sets.
 *
 * Tags given by name are found, or created by their unique index, so that equal requests at once meet
 * in one row.
 */
export function newLinksSql(kind: 'alert' | 'case', parts: NewParts): string[] {
  const key = `${kind}_id`;
  const named = `jsonb_to_recordset($1::jsonb->'tagNames') AS x("recordId" uuid, "organizationId" uuid, name text)`;
  const linkedById = `SELECT DISTINCT x."recordId", x."tagId" FROM jsonb_to_recordset($1::jsonb->'tagIds') AS x("recordId" uuid, "tagId" int)`;
  const linkedByName = `SELECT DISTINCT x."recordId", tag.id FROM ${named}
    JOIN new_tags tag ON tag.organization_id = x."organizationId" AND lower(tag.name) = lower(x.name)`;
  const links = [...(parts.tagIds ? [linkedById] : []), ...(parts.tagNames ? [linkedByName] : [])];
  return [
    ...(parts.observables
      ? [`new_observables AS (${insertObservablesSql("$1::jsonb->'observables'")})`]
      : []),
    ...(parts.attachments
      ? [`new_attachments AS (${insertAttachmentsSql("$1::jsonb->'attachments'")})`]
      : []),
    ...(parts.tagNames
      ? [
          `named_tags AS (SELECT DISTINCT ON (x."organizationId", lower(x.name)) x."organizationId" AS organization_id, x.name
  FROM ${named} ORDER BY x."organizationId", lower(x.name))`,
          `known_tags AS (SELECT tag.id, tag.organization_id, tag.name, tag.color
  FROM named_tags x JOIN tags tag ON tag.organization_id = x.organization_id AND lower(tag.name) = lower(x.name))`,
          `created_tags AS (INSERT INTO tags (organization_id, name)
  SELECT x.organization_id, x.name FROM named_tags x
  WHERE NOT EXISTS (SELECT 1 FROM known_tags known
                    WHERE known.organization_id = x.organization_id AND lower(known.name) = lower(x.name))
  ORDER BY x.organization_id, lower(x.name)
  ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = tags.name
  RETURNING id, organization_id, name, color, ${IS_INSERTED_SQL} AS is_new)`,
          `new_tags AS (SELECT * FROM known_tags
  UNION ALL SELECT id, organization_id, name, color FROM created_tags)`,
        ]
      : []),
    ...(links.length > 0
      ? [
          `tag_links AS (INSERT INTO ${kind}_tags (${key}, tag_id) ${links.join(' UNION ')} RETURNING ${key}, tag_id)`,
        ]
      : []),
    ...(parts.teams
      ? [
          `team_links AS (INSERT INTO ${kind}_teams (${key}, team_id)
  SELECT x."recordId", x."teamId" FROM jsonb_to_recordset($1::jsonb->'teams') AS x("recordId" uuid, "teamId" uuid)
  RETURNING ${key}, team_id)`,
        ]
      : []),
    ...(parts.shares
      ? [
          `new_shares AS (INSERT INTO ${kind}_shares (${key}, organization_id, ${SHARED_COLUMNS.join(', ')})
  SELECT x."recordId", x."organizationId", ${SHARED_COLUMNS.map((column) => `r.${column}`).join(', ')}
  FROM jsonb_to_recordset($1::jsonb->'shares') AS x("recordId" uuid, "organizationId" uuid)
  JOIN new_records r ON r.id = x."recordId" RETURNING ${key}, organization_id)`,
        ]
      : []),
  ];
}

/** Finds or creates the clients that records name; before `new_records`, which refers to it. */
export const NEW_CLIENTS_SQL = `new_clients AS (
  INSERT INTO clients (id, organization_id, name)
  SELECT DISTINCT ON (x."organizationId", lower(x.name)) x.id, x."organizationId", x.name
  FROM jsonb_to_recordset($1::jsonb->'clients') AS x(id uuid, "organizationId" uuid, name text)
  ORDER BY x."organizationId", lower(x.name)
  ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = clients.name
  RETURNING id, organization_id, name, ${IS_INSERTED_SQL} AS is_new)`;

/** The CTE that writes an audit entry for each tag and client created by its name, as of whoever creates the records. */
export function newNamesAuditSql(parts: NewParts): string[] {
  const named = (kind: string, rows: string) =>
    `SELECT '${kind}' AS kind, id::text, organization_id, name FROM ${rows} WHERE is_new`;
  const sources = [
    ...(parts.tagNames ? [named('tag', 'created_tags')] : []),
    ...(parts.clients ? [named('client', 'new_clients')] : []),
  ];
  if (sources.length === 0) return [];
  return [
    `names_audit AS (${insertNamedAuditSql("($1::jsonb->'audit'->0)", sources.join(' UNION ALL '))})`,
  ];
}

/** The client of a row `x` to insert: by its id, or by its name among those found or created. */
export function newClientIdSql(parts: NewParts): string {
  if (!parts.clients) return 'x."clientId"';
  return `coalesce(x."clientId", (SELECT client.id FROM new_clients client
      WHERE client.organization_id = x."organizationId" AND lower(client.name) = lower(x."clientName")))`;
}

/** Reads an answer from what the statement has just inserted; null is nothing. */
export function insertedSources(parts: NewParts): AnswerSources {
  return {
    tags: parts.tagNames
      ? '(SELECT id, name, color FROM tags UNION SELECT id, name, color FROM new_tags)'
      : 'tags',
    tagLinks: parts.tagIds || parts.tagNames ? 'tag_links' : null,
    teamLinks: parts.teams ? 'team_links' : null,
    shares: parts.shares ? 'new_shares' : null,
    clients: parts.clients
      ? '(SELECT id, name FROM clients UNION SELECT id, name FROM new_clients)'
      : 'clients',
  };
}

/** Reads an answer from the tables. */
export function storedSources(kind: 'alert' | 'case'): AnswerSources {
  return {
    tags: 'tags',
    tagLinks: `${kind}_tags`,
    teamLinks: `${kind}_teams`,
    shares: `${kind}_shares`,
    clients: 'clients',
  };
}
