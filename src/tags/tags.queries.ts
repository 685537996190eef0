import { insertActivitiesSql, toActivityRow } from '../activities/activity.js';
import { insertEachAuditSql, toActorColumns } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import type { Sql } from '../database/sql.js';
import type { Tag } from '../records/answer.schema.js';

/**
 * Takes a tag off everything that has it: each gets a new version, as do the records of its observables, and an audit entry,
 * each alert and case a line in its history.
 */
export async function untagAll(
  sql: Sql,
  principal: Principal,
  { id, name }: Pick<Tag, 'id' | 'name'>,
): Promise<void> {
  const line = toActivityRow(principal, { action: 'removed', fieldName: 'tags', oldValue: name });
  const entry = {
    ...toActorColumns(principal),
    changes: [{ field: 'tags', old: name, new: null }],
  };
  await sql(
    `WITH of_observables AS (DELETE FROM observable_tags WHERE tag_id = $1::int RETURNING observable_id AS id),
       moved_observables AS (UPDATE observables SET version = version + 1, updated_at = now()
         WHERE id IN (SELECT id FROM of_observables) RETURNING alert_id, case_id),
       of_alerts AS (DELETE FROM alert_tags WHERE tag_id = $1::int RETURNING jsonb_build_object('alertId', alert_id) AS parent),
       of_cases AS (DELETE FROM case_tags WHERE tag_id = $1::int RETURNING jsonb_build_object('caseId', case_id) AS parent),
       moved_alerts AS (UPDATE alerts SET version = version + 1, updated_at = now()
         WHERE id IN (SELECT (parent->>'alertId')::uuid FROM of_alerts UNION SELECT alert_id FROM moved_observables)),
       moved_cases AS (UPDATE cases SET version = version + 1, updated_at = now()
         WHERE id IN (SELECT (parent->>'caseId')::uuid FROM of_cases UNION SELECT case_id FROM moved_observables)),
       of_templates AS (DELETE FROM case_template_tags WHERE tag_id = $1::int RETURNING case_template_id AS id),
       moved_templates AS (UPDATE case_templates SET version = version + 1, updated_at = now()
         WHERE id IN (SELECT id FROM of_templates)),
       lines AS (SELECT jsonb_agg($2::jsonb || parent) AS rows FROM (SELECT * FROM of_alerts UNION ALL SELECT * FROM of_cases) x),
       history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
       untagged AS (
         SELECT 'alert' AS kind, id, organization_id FROM alerts WHERE id IN (SELECT (parent->>'alertId')::uuid FROM of_alerts)
         UNION ALL SELECT 'case', id, organization_id FROM cases WHERE id IN (SELECT (parent->>'caseId')::uuid FROM of_cases)
         UNION ALL SELECT 'observable', id, organization_id FROM observables WHERE id IN (SELECT id FROM of_observables)
         UNION ALL SELECT 'case-template', id, organization_id FROM case_templates WHERE id IN (SELECT id FROM of_templates)),
       entries AS (${insertEachAuditSql(`$3::jsonb || jsonb_build_object('action', x.kind || '.updated', 'targetKind', x.kind)`, 'untagged')})
     SELECT 1`,
    [id, JSON.stringify(line), JSON.stringify(entry)],
  );
}
