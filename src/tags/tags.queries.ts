import { insertActivitiesSql, toActivityRow } from '../activities/activity.js';
import { insertEachAuditSql, toActorColumns } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import type { Sql } from '../database/sql.js';
import type { Tag } from '../records/answer.schema.js';
import { LOT, holdRows } from '../records/record-moves.js';
import type { LotObservable } from '../records/record-moves.js';

/** Some of what has a tag, by kind. */
interface TaggedLot {
  readonly cases: readonly string[];
  readonly alerts: readonly string[];
  readonly observables: readonly LotObservable[];
  readonly templates: readonly string[];
  readonly size: number;
}

/**
 * Takes a tag off a lot of what has it: each gets a new version, as do the records of its observables, and an audit entry,
 * each alert and case a line in its history. Answers whether others may have it.
 */
export async function untagLot(
  sql: Sql,
  principal: Principal,
  { id, name }: Pick<Tag, 'id' | 'name'>,
): Promise<boolean> {
  const lot = await findLot(sql, id);
  if (!lot || lot.size === 0) return false;
  const observables = await holdRows(sql, lot.observables, lot.cases, lot.alerts);
  await sql('SELECT id FROM case_templates WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE', [
    lot.templates,
  ]);
  const line = toActivityRow(principal, { action: 'removed', fieldName: 'tags', oldValue: name });
  const entry = {
    ...toActorColumns(principal),
    changes: [{ field: 'tags', old: name, new: null }],
  };
  const untag = (links: string, column: string, ids: string) =>
    `DELETE FROM ${links} x USING unnest(${ids}::uuid[]) AS lot(id) WHERE x.${column} = lot.id AND x.tag_id = $1::int
       RETURNING x.${column} AS id`;
  const move = (table: string, ids: string) =>
    `UPDATE ${table} SET version = version + 1, updated_at = now() WHERE id IN (${ids})`;
  await sql(
    `WITH of_cases AS (${untag('case_tags', 'case_id', '$4')}),
       of_alerts AS (${untag('alert_tags', 'alert_id', '$5')}),
       of_observables AS (${untag('observable_tags', 'observable_id', '$6')}),
       of_templates AS (${untag('case_template_tags', 'case_template_id', '$7')}),
       moved_observables AS (${move('observables', 'SELECT id FROM of_observables')} RETURNING alert_id, case_id),
       moved_cases AS (${move('cases', 'SELECT id FROM of_cases UNION SELECT case_id FROM moved_observables')}),
       moved_alerts AS (${move('alerts', 'SELECT id FROM of_alerts UNION SELECT alert_id FROM moved_observables')}),
       moved_templates AS (${move('case_templates', 'SELECT id FROM of_templates')}),
       lines AS (SELECT jsonb_agg($2::jsonb || parent) AS rows FROM (
         SELECT jsonb_build_object('caseId', id) AS parent FROM of_cases
         UNION ALL SELECT jsonb_build_object('alertId', id) FROM of_alerts) x),
       history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
       untagged AS (
         SELECT 'case' AS kind, id, organization_id FROM cases WHERE id IN (SELECT id FROM of_cases)
         UNION ALL SELECT 'alert', id, organization_id FROM alerts WHERE id IN (SELECT id FROM of_alerts)
         UNION ALL SELECT 'observable', id, organization_id FROM observables WHERE id IN (SELECT id FROM of_observables)
         UNION ALL SELECT 'case-template', id, organization_id FROM case_templates WHERE id IN (SELECT id FROM of_templates)),
       entries AS (${insertEachAuditSql(`$3::jsonb || jsonb_build_object('action', x.kind || '.updated', 'targetKind', x.kind)`, 'untagged')})
     SELECT 1`,
    [
      id,
      JSON.stringify(line),
      JSON.stringify(entry),
      lot.cases,
      lot.alerts,
      observables,
      lot.templates,
    ],
  );
  return lot.size === LOT || observables.length < lot.observables.length;
}

async function findLot(sql: Sql, tagId: number): Promise<TaggedLot | undefined> {
  const allOf = (kind: string, what = 'lot.id') =>
    `coalesce(json_agg(${what}) FILTER (WHERE lot.kind = '${kind}'), '[]')`;
  const observable = `json_build_object('id', o.id, 'caseId', o.case_id, 'alertId', o.alert_id)`;
  const [lot] = await sql<TaggedLot>(
    `WITH lot AS MATERIALIZED (
       SELECT * FROM (
         SELECT 'case' AS kind, case_id AS id FROM case_tags WHERE tag_id = $1::int
         UNION ALL SELECT 'alert', alert_id FROM alert_tags WHERE tag_id = $1::int
         UNION ALL SELECT 'observable', observable_id FROM observable_tags WHERE tag_id = $1::int
         UNION ALL SELECT 'case-template', case_template_id FROM case_template_tags WHERE tag_id = $1::int) x
       LIMIT ${LOT})
     SELECT ${allOf('case')} AS cases, ${allOf('alert')} AS alerts, ${allOf('observable', observable)} AS observables,
       ${allOf('case-template')} AS templates, count(*)::int AS size
     FROM lot LEFT JOIN observables o ON lot.kind = 'observable' AND o.id = lot.id`,
    [tagId],
  );
  return lot;
}
