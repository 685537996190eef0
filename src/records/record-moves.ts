import { insertActivitiesSql } from '../activities/activity.js';
import type { ActivityRow } from '../activities/activity.js';
import { insertEachAuditSql } from '../audit/audit-entry.js';
import type { AuditRow } from '../audit/audit-entry.js';
import type { Sql } from '../database/sql.js';
import type { RecordKind } from './record-writes.js';

/** A change of many records at once: SQL on the record `r`, with the values it speaks of. */
export interface RecordMove {
  readonly set: string;
  readonly where: string;
  readonly values: readonly unknown[];
}

/** Changes records, each with a new version, the line in its history and the audit entry; answers their ids. */
export async function moveRecords(
  sql: Sql,
  kind: RecordKind,
  { set, where, values }: RecordMove,
  line: ActivityRow,
  entry: AuditRow,
): Promise<string[]> {
  const rows = await sql<{ id: string }>(
    `WITH moved AS (
       UPDATE ${kind}s r SET ${set}, version = version + 1, updated_at = now() WHERE ${where} RETURNING id, organization_id, tlp, pap),
     lines AS (SELECT jsonb_agg($${values.length + 1}::jsonb || jsonb_build_object('${kind}Id', id, 'tlp', tlp, 'pap', pap)) AS rows
       FROM moved),
     history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
     entries AS (${insertEachAuditSql(`$${values.length + 2}::jsonb`, 'moved')})
     SELECT id::text AS id FROM moved`,
    [...values, JSON.stringify(line), JSON.stringify(entry)],
  );
  return rows.map(({ id }) => id);
}
