import type { Sql } from '../database/sql.js';
import { LOT, changeLot, holdRows } from '../records/record-moves.js';
import type { LotObservable } from '../records/record-moves.js';

/** Whether an observable has the type. */
export function isUsed(sql: Sql, typeId: number): Promise<boolean> {
  return anyOf(sql, typeId, 'true');
}

/** Whether an observable of the type is a file. */
export function hasFiles(sql: Sql, typeId: number): Promise<boolean> {
  return anyOf(sql, typeId, 'attachment_id IS NOT NULL');
}

async function anyOf(sql: Sql, typeId: number, condition: string): Promise<boolean> {
  const found = await sql(
    `SELECT 1 FROM observables WHERE type_id = $1 AND deleted_at IS NULL AND ${condition} LIMIT 1`,
    [typeId],
  );
  return found.length > 0;
}

/** An observable that is to take another type. */
export interface TypedRow {
  readonly id: string;
  readonly alertId: string | null;
  readonly caseId: string | null;
  readonly data: string;
  readonly message: string;
  readonly tlp: number;
  readonly pap: number;
  /** What the file contains, where it is one. */
  readonly sha256: string | null;
}

/** A lot of the observables of a type, held with their records, and whether there may be others. */
export async function holdLot(
  sql: Sql,
  typeId: number,
): Promise<{ readonly rows: readonly TypedRow[]; readonly hasMore: boolean }> {
  const lot = await sql<LotObservable>(
    `SELECT id, alert_id AS "alertId", case_id AS "caseId" FROM observables WHERE type_id = $1 AND deleted_at IS NULL
     ORDER BY organization_id, created_at, id LIMIT ${LOT}`,
    [typeId],
  );
  const held = await holdRows(sql, lot);
  const rows = await sql<TypedRow>(
    `SELECT o.id, o.alert_id AS "alertId", o.case_id AS "caseId", o.data, o.message, o.tlp, o.pap, encode(f.sha256, 'hex') AS sha256
     FROM observables o LEFT JOIN attachments f ON f.id = o.attachment_id
     WHERE o.id = ANY($2::uuid[]) AND o.type_id = $1 AND o.deleted_at IS NULL ORDER BY o.id`,
    [typeId, held],
  );
  return { rows, hasMore: lot.length === LOT || held.length < lot.length };
}

/** What an observable is as another type. */
export interface RetypedRow {
  readonly id: string;
  readonly normalized: string;
  readonly valueHash: string;
  readonly message: string;
}

/** What became of an observable that has, or takes in one that has, another type. */
export interface RetypedObservable {
  readonly id: string;
  readonly organizationId: string;
  readonly data: string;
  readonly before: object;
  /** Null where it is deleted, as another stays. */
  readonly after: object | null;
  readonly newTags: readonly string[];
}

/** What of the observable a new type may change. */
const shownSql = (
  alias: string,
) => `json_build_object('message', ${alias}.message, 'tlp', ${alias}.tlp, 'pap', ${alias}.pap,
  'ioc', ${alias}.ioc, 'sighted', ${alias}.sighted, 'attachmentId', ${alias}.attachment_id,
  'dataType', (SELECT t.name FROM observable_types t WHERE t.id = ${alias}.type_id))`;

/**
 * Gives observables, whose records are held, another type. Where the record has the value under that type
 * already, or several of them are equal there, one stays, with the stricter marking and what any of them knows.
 */
export async function retype(
  sql: Sql,
  typeId: number,
  rows: readonly RetypedRow[],
): Promise<RetypedObservable[]> {
  return sql(
    `WITH moved AS MATERIALIZED (
       SELECT o.*, x.normalized AS new_normalized, decode(x."valueHash", 'hex') AS new_hash, x.message AS new_message,
         (SELECT held.id FROM observables held WHERE held.deleted_at IS NULL AND held.type_id = $2
           AND held.value_hash = decode(x."valueHash", 'hex') AND (held.alert_id = o.alert_id OR held.case_id = o.case_id)) AS held_id,
         first_value(o.id) OVER (PARTITION BY coalesce(o.alert_id, o.case_id), x."valueHash" ORDER BY o.id) AS first_id
       FROM jsonb_to_recordset($1::jsonb) AS x(id uuid, normalized text, "valueHash" text, message text)
       JOIN observables o ON o.id = x.id),
     kept AS (
       SELECT coalesce(held_id, first_id) AS id, max(tlp) AS tlp, max(pap) AS pap, bool_or(ioc) AS ioc, bool_or(sighted) AS sighted,
         min(sighted_at) AS sighted_at, (array_agg(attachment_id) FILTER (WHERE attachment_id IS NOT NULL))[1] AS attachment_id
       FROM moved GROUP BY 1),
     changed AS (
       UPDATE observables o SET tlp = greatest(o.tlp, kept.tlp), pap = greatest(o.pap, kept.pap), ioc = o.ioc OR kept.ioc,
         sighted = o.sighted OR kept.sighted, sighted_at = least(o.sighted_at, kept.sighted_at),
         attachment_id = coalesce(o.attachment_id, kept.attachment_id), type_id = $2,
         normalized = coalesce(moved.new_normalized, o.normalized), value_hash = coalesce(moved.new_hash, o.value_hash),
         message = coalesce(moved.new_message, o.message), version = o.version + 1, updated_at = now()
       FROM kept LEFT JOIN moved ON moved.id = kept.id JOIN observables b ON b.id = kept.id WHERE o.id = kept.id
       RETURNING o.id, o.organization_id, o.data, ${shownSql('b')} AS before, ${shownSql('o')} AS after),
     dropped AS (
       UPDATE observables o SET type_id = $2, deleted_at = now(), updated_at = now(), version = o.version + 1
       FROM moved WHERE o.id = moved.id AND o.id <> coalesce(moved.held_id, moved.first_id)
       RETURNING o.id, o.organization_id, o.data, '{}'::json, NULL::json),
     tagged AS (
       INSERT INTO observable_tags (observable_id, tag_id)
       SELECT DISTINCT coalesce(moved.held_id, moved.first_id), link.tag_id FROM moved
       JOIN observable_tags link ON link.observable_id = moved.id ON CONFLICT DO NOTHING RETURNING observable_id, tag_id),
     alerts_moved AS (
       UPDATE alerts SET version = version + 1, updated_at = now() WHERE id IN (SELECT alert_id FROM moved)),
     cases_moved AS (
       UPDATE cases SET version = version + 1, updated_at = now() WHERE id IN (SELECT case_id FROM moved))
     SELECT x.id, x.organization_id AS "organizationId", x.data, x.before, x.after,
       coalesce((SELECT json_agg(t.name ORDER BY t.name) FROM tagged JOIN tags t ON t.id = tagged.tag_id
         WHERE tagged.observable_id = x.id), '[]') AS "newTags"
     FROM (SELECT * FROM changed UNION ALL SELECT * FROM dropped) x`,
    [JSON.stringify(rows), typeId],
  );
}

/** Lets a lot of the deleted observables, which no rule holds, have another type; answers whether there may be others. */
export function retypeDeletedLot(sql: Sql, from: number, to: number): Promise<boolean> {
  return changeLot(sql, 'observables', {
    set: 'type_id = $2',
    where: 'r.type_id = $1 AND r.deleted_at IS NOT NULL',
    order: 'r.organization_id, r.created_at, r.id',
    values: [from, to],
  });
}
