import { insertActivitiesSql } from '../activities/activity.js';
import type { ActivityRow } from '../activities/activity.js';
import { insertEachAuditSql } from '../audit/audit-entry.js';
import type { AuditRow } from '../audit/audit-entry.js';
import type { Sql } from '../database/sql.js';
import type { RecordKind } from './record-writes.js';

/** Rows of a lot (`Database.inLots`): what a transaction changes and holds, in a fraction of a second. */
export const LOT = 1_000;

/** What an operation that works in lots says of itself. */
export const IN_LOTS = `Records are changed ${LOT} at a time, each lot committed by itself: where many have it this takes a while; when it is interrupted, send it again, and it goes on.`;

/** A change of many records: SQL on the record `r`, with the values it speaks of. */
export interface RecordMove {
  readonly set: string;
  readonly where: string;
  readonly values: readonly unknown[];
}

/** What became of a lot. */
export interface MovedLot {
  /** The records that were changed. */
  readonly ids: readonly string[];
  /** Whether there may be others. */
  readonly hasMore: boolean;
}

/** Changes a lot of the records, each with a new version, the line in its history and the audit entry. */
export async function moveRecords(
  sql: Sql,
  kind: RecordKind,
  { set, where, values }: RecordMove,
  line: ActivityRow,
  entry: AuditRow,
): Promise<MovedLot> {
  const [lot = { ids: [], hasMore: false }] = await sql<MovedLot>(
    `WITH lot AS MATERIALIZED (SELECT r.id FROM ${kind}s r WHERE ${where} LIMIT ${LOT}),
     held AS MATERIALIZED (
       SELECT r.id FROM ${kind}s r WHERE r.id IN (SELECT id FROM lot) AND ${where} ORDER BY r.id FOR UPDATE),
     moved AS (
       UPDATE ${kind}s r SET ${set}, version = version + 1, updated_at = now() FROM held WHERE r.id = held.id
       RETURNING r.id, r.organization_id, r.tlp, r.pap),
     lines AS (SELECT jsonb_agg($${values.length + 1}::jsonb || jsonb_build_object('${kind}Id', id, 'tlp', tlp, 'pap', pap)) AS rows
       FROM moved),
     history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
     entries AS (${insertEachAuditSql(`$${values.length + 2}::jsonb`, 'moved')})
     SELECT coalesce((SELECT json_agg(id) FROM moved), '[]') AS ids, (SELECT count(*) FROM lot) = ${LOT} AS "hasMore"`,
    [...values, JSON.stringify(line), JSON.stringify(entry)],
  );
  return lot;
}

/** Holds rows in one order for everybody: cases before alerts, and both before their observables. */
export async function holdRows(
  sql: Sql,
  table: 'cases' | 'alerts' | 'observables',
  ids: readonly string[],
): Promise<void> {
  if (ids.length === 0) return;
  await sql(`SELECT id FROM ${table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, [ids]);
}
