import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { instantSql } from '../records/record-sql.js';
import type { RecordKind } from '../records/record-writes.js';
import type { Signals } from './similarity.js';
import type { SimilarRecord } from './similarity.schema.js';

/** Values of a record that are looked up, the oldest first. */
const VALUES_MAX = 50;
/** Newest sightings of a value that are looked at: what is everywhere says little. */
const SIGHTINGS_MAX = 200;
/** Records of the same form of title on each side in time. */
const TITLED_MAX = 50;
const CANDIDATES_MAX = 500;
/** Titles less alike than this are no reason by themselves. */
const TITLE_MIN = 0.5;

/**
 * A title without the words that hold digits, so that "Login from 10.1.2.3" and "Login from 10.9.9.9"
 * are of one form. The text of the indexes `alerts_title_form_idx` and `cases_title_form_idx`.
 */
const titleForm = (column: string) =>
  String.raw`left(regexp_replace(lower(${column}), '\S*\d\S*', '', 'g'), 128)`;

/** Where the records of a kind are, and which sightings of a value are looked at. */
const KINDS: Record<RecordKind, { readonly tables: SharedTables; readonly sightings: string }> = {
  alert: { tables: ALERT_TABLES, sightings: '' },
  // Few among those on alerts, so they have the index `observables_case_sightings_idx`.
  case: { tables: CASE_TABLES, sightings: 'AND o.case_id IS NOT NULL' },
};

export interface Candidate<Shown> {
  readonly record: SimilarRecord;
  readonly signals: Signals;
  readonly shown: Shown;
}

/**
 * Records of the same kind and owner that share observables with the record, or the form of its title, as
 * far as the caller may see them: both the records and what they share.
 *
 * `shown` is SQL on the record `r` for what else an answer tells of it. Every step is bounded and reads an
 * index, so the cost does not grow with the table, nor with how often a value was seen.
 */
export async function findCandidates<Shown = null>(
  sql: Sql,
  principal: Principal,
  kind: RecordKind,
  id: string,
  shown: (params: SqlParams) => string = () => 'NULL',
): Promise<Candidate<Shown>[]> {
  const { tables, sightings } = KINDS[kind];
  const { records, shareKey: key } = tables;
  const params = new SqlParams();
  const recordId = params.add(id, 'uuid');
  // By single values, not by a join, so that the index gives them in order.
  const nearest = (beyond: '<' | '>', direction: 'ASC' | 'DESC') => `
    (SELECT r.id FROM ${records} r
     WHERE r.organization_id = (SELECT organization_id FROM subject) AND ${titleForm('r.title')} = (SELECT form FROM subject)
       AND (r.created_at, r.id) ${beyond} ((SELECT created_at FROM subject), ${recordId}) AND r.deleted_at IS NULL
     ORDER BY r.created_at ${direction}, r.id ${direction} LIMIT ${TITLED_MAX})`;
  const statement = `
    WITH subject AS MATERIALIZED (
      SELECT id, organization_id, title, ${titleForm('title')} AS form, source, type, created_at FROM ${records} WHERE id = ${recordId}),
    held AS MATERIALIZED (
      SELECT o.type_id, o.value_hash FROM observables o
      WHERE o.${key} = ${recordId} AND o.deleted_at IS NULL AND NOT o.ignore_similarity AND ${clearedFor(principal, 'o', params)}
      ORDER BY o.created_at, o.id LIMIT ${VALUES_MAX}),
    sharing AS (
      SELECT seen.${key} AS id, count(DISTINCT (held.type_id, held.value_hash))::int AS shared
      FROM held CROSS JOIN subject CROSS JOIN LATERAL (
        SELECT o.${key}, o.type_id, o.ignore_similarity, o.tlp, o.pap FROM observables o
        WHERE o.organization_id = subject.organization_id AND o.value_hash = held.value_hash AND o.deleted_at IS NULL ${sightings}
        ORDER BY o.created_at DESC, o.id DESC LIMIT ${SIGHTINGS_MAX}) seen
      WHERE seen.${key} <> ${recordId} AND seen.type_id = held.type_id AND NOT seen.ignore_similarity
        AND ${clearedFor(principal, 'seen', params)}
      GROUP BY seen.${key}),
    candidates AS (
      SELECT id, max(shared) AS shared FROM (
        SELECT id, shared FROM sharing
        UNION ALL SELECT id, 0 FROM ${nearest('<', 'DESC')} before
        UNION ALL SELECT id, 0 FROM ${nearest('>', 'ASC')} after) found
      GROUP BY id)
    SELECT json_build_object('id', r.id, 'tinyId', r.tiny_id, 'title', r.title, 'severity', r.severity,
        'statusValue', s.value, 'createdAt', ${instantSql('r.created_at')}) AS record,
      ${shown(params)} AS shown,
      json_build_object('observables', candidates.shared, 'title', alike.title,
        'source', coalesce(r.source = subject.source, false), 'type', coalesce(r.type = subject.type, false),
        'timeProximityHours', round(abs(extract(epoch FROM r.created_at - subject.created_at)) / 3600, 2)) AS signals
    FROM candidates JOIN ${records} r ON r.id = candidates.id JOIN statuses s ON s.id = r.status_id CROSS JOIN subject
    CROSS JOIN LATERAL (SELECT round(similarity(lower(r.title), lower(subject.title))::numeric, 2) AS title) alike
    WHERE r.deleted_at IS NULL AND ${visibleTo(principal, tables, 'r', params)} AND ${clearedFor(principal, 'r', params)}
      AND (candidates.shared > 0 OR alike.title >= ${TITLE_MIN})
    ORDER BY candidates.shared DESC, alike.title DESC, abs(extract(epoch FROM r.created_at - subject.created_at)), r.id
    LIMIT ${CANDIDATES_MAX}`;
  return sql<Candidate<Shown>>(statement, params.values);
}
