import { ALERT_TABLES, CASE_TABLES, visibleTo } from '../access/access.js';
import type { Marking } from '../access/access.js';
import { IS_INSERTED_SQL, insertNamedAuditSql, toActorColumns } from '../audit/audit-entry.js';
import type { Actor } from '../audit/audit-entry.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { Observable } from '../records/answer.schema.js';
import type { ParentRow } from '../records/parent.js';
import { observablesSql } from '../records/record-sql.js';
import type { RecordKind } from '../records/record-writes.js';
import type { TagInput } from '../records/record.schema.js';
import { insertObservablesSql } from './observable-row.js';
import type { ObservableRow } from './observable-row.js';

/** The observable `o` as answers show it, as one value. */
export const OBSERVABLE_SQL = `(SELECT row_to_json(x) FROM (${observablesSql('(SELECT o.*) o')}) x)`;

/** An observable and the marking that counts: the stricter of its own and its parent's. */
export interface MarkedObservable {
  readonly observable: Observable;
  readonly marking: Marking;
}

export async function findObservable(
  sql: Sql,
  principal: Principal,
  id: string,
): Promise<MarkedObservable | null> {
  const params = new SqlParams();
  const rows = await sql<MarkedObservable>(
    `SELECT ${OBSERVABLE_SQL} AS observable, json_build_object(
       'tlp', greatest(o.tlp, a.tlp, k.tlp), 'pap', greatest(o.pap, a.pap, k.pap)) AS marking
     FROM observables o LEFT JOIN alerts a ON a.id = o.alert_id LEFT JOIN cases k ON k.id = o.case_id
     WHERE o.id = ${params.add(id, 'uuid')} AND o.deleted_at IS NULL
       AND (a.id IS NULL OR (a.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'a', params)}))
       AND (k.id IS NULL OR (k.deleted_at IS NULL AND ${visibleTo(principal, CASE_TABLES, 'k', params)}))`,
    params.values,
  );
  return rows[0] ?? null;
}

/** The observables of these ids, whoever may see them. */
export async function readObservables(
  sql: Sql,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Observable>> {
  const rows = await sql<{ observable: Observable }>(
    `SELECT ${OBSERVABLE_SQL} AS observable FROM observables o WHERE o.id = ANY($1::uuid[]) AND o.deleted_at IS NULL`,
    [ids],
  );
  return new Map(rows.map(({ observable }) => [observable.id, observable]));
}

/** A record that observables hang on, held until the transaction ends. */
export interface HeldParent extends ParentRow {
  readonly kind: RecordKind;
  readonly id: string;
}

/** Holds the visible ones of these records, in one order for everybody. */
export async function lockParents(
  sql: Sql,
  principal: Principal,
  kind: RecordKind,
  ids: readonly string[],
): Promise<HeldParent[]> {
  if (ids.length === 0) return [];
  const tables = kind === 'alert' ? ALERT_TABLES : CASE_TABLES;
  const params = new SqlParams();
  const where = `r.id = ANY(${params.add(ids, 'uuid[]')}) AND r.deleted_at IS NULL AND ${visibleTo(principal, tables, 'r', params)}`;
  return sql<HeldParent>(
    `SELECT '${kind}' AS kind, r.id, r.organization_id AS "organizationId", r.tlp, r.pap
     FROM ${tables.records} r WHERE ${where} ORDER BY r.id FOR UPDATE`,
    params.values,
  );
}

/** Inserts what the parent does not hold yet; answers the ids of the new ones. */
export async function insertObservables(
  sql: Sql,
  rows: readonly ObservableRow[],
): Promise<Set<string>> {
  const inserted = await sql<{ id: string }>(
    `WITH inserted AS (${insertObservablesSql('$1::jsonb')}) SELECT id FROM inserted`,
    [JSON.stringify(rows)],
  );
  return new Set(inserted.map((row) => row.id));
}

/** What names an observable within its parent. */
export type ObservableKey = Pick<ObservableRow, 'alertId' | 'caseId' | 'typeId' | 'valueHash'>;

/** The observable that holds a value of a type in its parent, with its own marking. */
export interface EqualObservable extends Marking {
  readonly id: string;
}

/** The observables of a parent that have the types and values of the rows, in the order of the rows. */
export async function findEqual(
  sql: Sql,
  rows: readonly ObservableKey[],
): Promise<(EqualObservable | null)[]> {
  const keys = rows.map(({ alertId, caseId, typeId, valueHash }) => ({
    alertId,
    caseId,
    typeId,
    valueHash,
  }));
  const found = await sql<{ id: string | null; tlp: number; pap: number }>(
    `SELECT o.id, o.tlp, o.pap
     FROM ROWS FROM (jsonb_to_recordset($1::jsonb)
         AS ("alertId" uuid, "caseId" uuid, "typeId" int, "valueHash" text)) WITH ORDINALITY
       AS wanted("alertId", "caseId", "typeId", "valueHash", place)
     LEFT JOIN observables o ON o.deleted_at IS NULL AND o.type_id = wanted."typeId"
       AND o.value_hash = decode(wanted."valueHash", 'hex')
       AND (o.alert_id = wanted."alertId" OR o.case_id = wanted."caseId") ORDER BY wanted.place`,
    [JSON.stringify(keys)],
  );
  return found.map(({ id, tlp, pap }) => (id === null ? null : { id, tlp, pap }));
}

/** A tag that an observable is to have, in the tenant that owns both. */
export interface TagLink {
  readonly observableId: string;
  readonly organizationId: string;
  readonly tag: TagInput;
}

/** Gives observables tags; those given by name are found or created. */
export async function linkTags(
  sql: Sql,
  principal: Actor,
  links: readonly TagLink[],
): Promise<void> {
  if (links.length === 0) return;
  const created = `SELECT 'tag' AS kind, id::text, organization_id, name FROM named WHERE is_new`;
  const rows = links.map(({ tag, ...link }) =>
    typeof tag === 'number' ? { ...link, tagId: tag } : { ...link, name: tag.name },
  );
  await sql(
    `WITH wanted AS MATERIALIZED (SELECT * FROM jsonb_to_recordset($1::jsonb)
         AS x("observableId" uuid, "organizationId" uuid, "tagId" int, name text)),
       named AS (
         INSERT INTO tags (organization_id, name)
         SELECT DISTINCT ON ("organizationId", lower(name)) "organizationId", name FROM wanted WHERE name IS NOT NULL
         ORDER BY "organizationId", lower(name)
         ON CONFLICT (organization_id, lower(name)) DO UPDATE SET name = tags.name
         RETURNING id, organization_id, name, ${IS_INSERTED_SQL} AS is_new),
       audit AS (${insertNamedAuditSql('$2::jsonb', created)})
     INSERT INTO observable_tags (observable_id, tag_id)
     SELECT "observableId", coalesce("tagId", named.id) FROM wanted
     LEFT JOIN named ON named.organization_id = wanted."organizationId" AND lower(named.name) = lower(wanted.name)
     ON CONFLICT DO NOTHING`,
    [JSON.stringify(rows), JSON.stringify(toActorColumns(principal))],
  );
}

/** Takes tags off observables: these, or all but these. */
export async function unlinkTags(
  sql: Sql,
  observableIds: readonly string[],
  which: 'these' | 'others',
  tags: readonly TagInput[],
): Promise<void> {
  const ids = tags.filter((tag) => typeof tag === 'number');
  const names = tags.flatMap((tag) => (typeof tag === 'number' ? [] : tag.name.toLowerCase()));
  await sql(
    `DELETE FROM observable_tags link USING tags tag
     WHERE tag.id = link.tag_id AND link.observable_id = ANY($1::uuid[])
       AND (tag.id = ANY($2::int[]) OR lower(tag.name) = ANY($3::text[])) = $4::bool`,
    [observableIds, ids, names, which === 'these'],
  );
}
