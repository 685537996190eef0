import { ALERT_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { instantSql, linkedCaseSql } from '../records/record-sql.js';
import type { Signals } from './alert-similarity.js';
import type { SimilarAlert } from './alerts.schema.js';

/** Values of an alert that are looked up, the oldest first. */
const VALUES_MAX = 50;
/** Newest sightings of a value that are looked at: what is everywhere says little. */
const SIGHTINGS_MAX = 200;
/** Alerts of the same form of title on each side in time. */
const TITLED_MAX = 50;
const CANDIDATES_MAX = 500;
/** Titles less alike than this are no reason by themselves. */
const TITLE_MIN = 0.5;

/**
 * A title without the words that hold digits, so that "Login from 10.1.2.3" and "Login from 10.9.9.9"
 * are of one form. The text of the index `alerts_title_form_idx`.
 */
const titleForm = (column: string) =>
  String.raw`left(regexp_replace(lower(${column}), '\S*\d\S*', '', 'g'), 128)`;

export type Candidate = Pick<SimilarAlert, 'alert' | 'case'> & { readonly signals: Signals };

/**
 * Alerts of the same owner that share observables with the alert, or the form of its title, as far as
 * the caller may see them: both the alerts and what they share.
 *
 * Every step is bounded and reads an index, so the cost does not grow with the table, nor with how often a
 * value was seen.
 */
export async function findCandidates(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<Candidate[]> {
  const params = new SqlParams();
  const alertId = params.add(id, 'uuid');
  // By single values, not by a join, so that the index gives them in order.
  const nearest = (beyond: '<' | '>', direction: 'ASC' | 'DESC') => `
    (SELECT r.id FROM alerts r
     WHERE r.organization_id = (SELECT organization_id FROM subject) AND ${titleForm('r.title')} = (SELECT form FROM subject)
       AND (r.created_at, r.id) ${beyond} ((SELECT created_at FROM subject), ${alertId}) AND r.deleted_at IS NULL
     ORDER BY r.created_at ${direction}, r.id ${direction} LIMIT ${TITLED_MAX})`;
  const statement = `
    WITH subject AS MATERIALIZED (
      SELECT id, organization_id, title, ${titleForm('title')} AS form, source, type, created_at FROM alerts WHERE id = ${alertId}),
    held AS MATERIALIZED (
      SELECT o.type_id, o.value_hash FROM observables o
      WHERE o.alert_id = ${alertId} AND o.deleted_at IS NULL AND NOT o.ignore_similarity AND ${clearedFor(principal, 'o', params)}
      ORDER BY o.created_at, o.id LIMIT ${VALUES_MAX}),
    sharing AS (
      SELECT seen.alert_id AS id, count(DISTINCT (held.type_id, held.value_hash))::int AS shared
      FROM held CROSS JOIN subject CROSS JOIN LATERAL (
        SELECT o.alert_id, o.type_id, o.ignore_similarity, o.tlp, o.pap FROM observables o
        WHERE o.organization_id = subject.organization_id AND o.value_hash = held.value_hash AND o.deleted_at IS NULL
        ORDER BY o.created_at DESC, o.id DESC LIMIT ${SIGHTINGS_MAX}) seen
      WHERE seen.alert_id <> ${alertId} AND seen.type_id = held.type_id AND NOT seen.ignore_similarity
        AND ${clearedFor(principal, 'seen', params)}
      GROUP BY seen.alert_id),
    candidates AS (
      SELECT id, max(shared) AS shared FROM (
        SELECT id, shared FROM sharing
        UNION ALL SELECT id, 0 FROM ${nearest('<', 'DESC')} before
        UNION ALL SELECT id, 0 FROM ${nearest('>', 'ASC')} after) found
      GROUP BY id)
    SELECT json_build_object('id', r.id, 'tinyId', r.tiny_id, 'title', r.title, 'severity', r.severity,
        'statusValue', s.value, 'createdAt', ${instantSql('r.created_at')}) AS alert,
      ${linkedCaseSql(principal, params)} AS case,
      json_build_object('observables', candidates.shared, 'title', alike.title,
        'source', coalesce(r.source = subject.source, false), 'type', coalesce(r.type = subject.type, false),
        'timeProximityHours', round(abs(extract(epoch FROM r.created_at - subject.created_at)) / 3600, 2)) AS signals
    FROM candidates JOIN alerts r ON r.id = candidates.id JOIN statuses s ON s.id = r.status_id CROSS JOIN subject
    CROSS JOIN LATERAL (SELECT round(similarity(lower(r.title), lower(subject.title))::numeric, 2) AS title) alike
    WHERE r.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'r', params)} AND ${clearedFor(principal, 'r', params)}
      AND (candidates.shared > 0 OR alike.title >= ${TITLE_MIN})
    ORDER BY candidates.shared DESC, alike.title DESC, abs(extract(epoch FROM r.created_at - subject.created_at)), r.id
    LIMIT ${CANDIDATES_MAX}`;
  return sql<Candidate>(statement, params.values);
}
