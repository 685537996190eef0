import { insertActivitiesSql } from '../activities/activity.js';
import type { ActivityRow } from '../activities/activity.js';
import { insertEachAuditSql } from '../audit/audit-entry.js';
import type { AuditRow } from '../audit/audit-entry.js';
import type { Sql } from '../database/sql.js';
import type { RecordKind } from './record-writes.js';

/** Rows of a lot (`Database.inLots`): what a transaction changes and holds, in a fraction of a second. */
export const LOT = 1_000;

/** A change of which each lot takes some rows: SQL on the row `r`, with the values it speaks of. */
export interface LotChange {
  readonly set: string;
  readonly where: string;
  /** The order of the index that finds the rows, however many of them there are. */
  readonly order: string;
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
export async function moveLot(
  sql: Sql,
  kind: RecordKind,
  change: LotChange,
  line: ActivityRow,
  entry: AuditRow,
): Promise<MovedLot> {
  const set = `${change.set}, version = version + 1, updated_at = now()`;
  const { length } = change.values;
  const [lot = { ids: [], hasMore: false }] = await sql<MovedLot>(
    `WITH ${lotSql(`${kind}s`, { ...change, set }, 'r.id, r.organization_id, r.tlp, r.pap')},
     lines AS (SELECT jsonb_agg($${length + 1}::jsonb || jsonb_build_object('${kind}Id', id, 'tlp', tlp, 'pap', pap)) AS rows
       FROM moved),
     history AS (${insertActivitiesSql("coalesce((SELECT rows FROM lines), '[]')")}),
     entries AS (${insertEachAuditSql(`$${length + 2}::jsonb`, 'moved')})
     SELECT coalesce((SELECT json_agg(id) FROM moved), '[]') AS ids, ${HAS_MORE_SQL}`,
    [...change.values, JSON.stringify(line), JSON.stringify(entry)],
  );
  return lot;
}

/** Changes a lot of rows that nobody sees any more, and tells nobody; answers whether there may be others. */
export async function changeLot(
  sql: Sql,
  table: 'cases' | 'alerts' | 'observables',
  change: LotChange,
): Promise<boolean> {
  const statement = `WITH ${lotSql(table, change, 'r.id')} SELECT ${HAS_MORE_SQL}`;
  const [lot] = await sql<Pick<MovedLot, 'hasMore'>>(statement, change.values);
  return lot?.hasMore ?? false;
}

const HAS_MORE_SQL = `(SELECT count(*) FROM lot) = ${LOT} AS "hasMore"`;

/**
 * The CTEs `lot`, the rows that were found, and `moved`, those that were changed, with columns of theirs.
 *
 * They are found in the order of an index and held in the order of their ids, the same for everybody. One
 * that another transaction changed before it was held is looked at again.
 */
function lotSql(table: string, { set, where, order }: LotChange, columns: string): string {
  return `lot AS MATERIALIZED (SELECT r.id FROM ${table} r WHERE ${where} ORDER BY ${order} LIMIT ${LOT}),
     held AS MATERIALIZED (
       SELECT r.id, ${where} AS is_meant FROM ${table} r WHERE r.id IN (SELECT id FROM lot) ORDER BY r.id FOR UPDATE),
     moved AS (UPDATE ${table} r SET ${set} FROM held WHERE r.id = held.id AND held.is_meant RETURNING ${columns})`;
}

/** An observable of a lot, and the case or alert that has it. */
export interface LotObservable {
  readonly id: string;
  readonly caseId: string | null;
  readonly alertId: string | null;
}

/**
 * Holds cases, alerts, and observables with theirs, in one order for everybody; answers the ids of the observables that are
 * still where they were. The others were moved meanwhile, to what is not held.
 */
export async function holdRows(
  sql: Sql,
  observables: readonly LotObservable[],
  cases: readonly string[] = [],
  alerts: readonly string[] = [],
): Promise<string[]> {
  const hold = async (table: string, held: readonly string[]) => {
    if (held.length === 0) return;
    await sql(`SELECT id FROM ${table} WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE`, [held]);
  };
  const ids = observables.map(({ id }) => id);
  const caseIds = observables.flatMap(({ caseId }) => caseId ?? []);
  const alertIds = observables.flatMap(({ alertId }) => alertId ?? []);
  await hold('cases', [...cases, ...caseIds]);
  await hold('alerts', [...alerts, ...alertIds]);
  await hold('observables', ids);
  const held = await sql<{ id: string }>(
    `SELECT id::text AS id FROM observables WHERE id = ANY($1::uuid[]) AND (case_id = ANY($2::uuid[]) OR alert_id = ANY($3::uuid[]))`,
    [ids, caseIds, alertIds],
  );
  return held.map(({ id }) => id);
}
