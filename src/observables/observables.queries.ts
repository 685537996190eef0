import { ALERT_TABLES, CASE_TABLES, clearedFor, visibleTo } from '../access/access.js';
import type { Marking } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import type { Position } from '../common/pagination.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { Observable } from '../records/answer.schema.js';
import { observablesSql } from '../records/record-sql.js';
import { insertObservablesSql } from './observable-row.js';
import type { ObservableRow } from './observable-row.js';

const WITH_PARENTS =
  'observables o LEFT JOIN alerts a ON a.id = o.alert_id LEFT JOIN cases k ON k.id = o.case_id';

/** The condition that the parent of the observable `o` is there for the caller. */
function parentVisible(principal: Principal, params: SqlParams): string {
  return `(a.id IS NULL OR (a.deleted_at IS NULL AND ${visibleTo(principal, ALERT_TABLES, 'a', params)}))
    AND (k.id IS NULL OR (k.deleted_at IS NULL AND ${visibleTo(principal, CASE_TABLES, 'k', params)}))`;
}

/** The condition that the parent of `o` lies within the caller's clearance. */
function parentCleared(principal: Principal, params: SqlParams): string {
  return `(a.id IS NULL OR (${clearedFor(principal, 'a', params)})) AND (k.id IS NULL OR (${clearedFor(principal, 'k', params)}))`;
}

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
  const where = `o.id = ${params.add(id, 'uuid')} AND o.deleted_at IS NULL AND ${parentVisible(principal, params)}`;
  const rows = await sql<MarkedObservable>(
    `SELECT row_to_json(x) AS observable, json_build_object(
       'tlp', greatest(o.tlp, a.tlp, k.tlp), 'pap', greatest(o.pap, a.pap, k.pap)) AS marking
     FROM ${WITH_PARENTS} JOIN LATERAL (${observablesSql('(SELECT o.*) o')}) x ON true WHERE ${where}`,
    params.values,
  );
  return rows[0] ?? null;
}

/** Which observables a list holds. */
export interface ObservableFilter {
  readonly alertId?: string | undefined;
  readonly caseId?: string | undefined;
  readonly typeId?: number | undefined;
  /** Hashes (hex) of the normalised values, any of which an observable may have. */
  readonly valueHashes?: readonly string[] | undefined;
}

function listed(principal: Principal, filter: ObservableFilter, params: SqlParams): string[] {
  const conditions = [
    'o.deleted_at IS NULL',
    clearedFor(principal, 'o', params),
    parentVisible(principal, params),
    parentCleared(principal, params),
  ];
  if (filter.alertId !== undefined)
    conditions.push(`o.alert_id = ${params.add(filter.alertId, 'uuid')}`);
  if (filter.caseId !== undefined)
    conditions.push(`o.case_id = ${params.add(filter.caseId, 'uuid')}`);
  if (filter.typeId !== undefined)
    conditions.push(`o.type_id = ${params.add(filter.typeId, 'int')}`);
  return conditions;
}

/** The wanted values as the rows of a table `wanted`. */
function wantedValues(hashes: readonly string[], params: SqlParams): string {
  return `(SELECT decode(hex, 'hex') AS hash FROM unnest(${params.add(hashes, 'text[]')}) hex) wanted`;
}

/** Which rows of a list a page holds. */
interface PageShape {
  readonly limit: number;
  readonly descending: boolean;
  readonly after: Position | null;
}

/** A page of observables by creation, with one row more than `limit` when there is a next page. */
export async function listObservables(
  sql: Sql,
  principal: Principal,
  filter: ObservableFilter,
  page: PageShape,
): Promise<Observable[]> {
  const params = new SqlParams();
  const conditions = listed(principal, filter, params);
  const direction = page.descending ? 'DESC' : 'ASC';
  if (page.after) {
    const [value, id] = page.after;
    conditions.push(
      `(o.created_at, o.id) ${page.descending ? '<' : '>'} (${params.add(value)}::timestamptz, ${params.add(id, 'uuid')})`,
    );
  }
  const order = `ORDER BY o.created_at ${direction}, o.id ${direction} LIMIT ${params.add(page.limit + 1, 'int')}`;
  const first = (where: readonly string[]) =>
    `SELECT o.id, o.created_at FROM ${WITH_PARENTS} WHERE ${where.join(' AND ')} ${order}`;
  const isOfParent = filter.alertId !== undefined || filter.caseId !== undefined;
  const wanted = filter.valueHashes && wantedValues(filter.valueHashes, params);
  const ids = isOfParent
    ? first([...conditions, ...(wanted ? [`o.value_hash IN (SELECT hash FROM ${wanted})`] : [])])
    : ofOrganizations(principal, params, order, page, wanted, (where) =>
        first([...where, ...conditions]),
      );
  const rows = await sql<{ observable: Observable }>(
    `WITH page AS MATERIALIZED (${ids})
     SELECT row_to_json(x) AS observable FROM (${observablesSql('page JOIN observables o ON o.id = page.id')}) x
     ORDER BY x."createdAt" ${direction}, x.id ${direction}`,
    params.values,
  );
  return rows.map((row) => row.observable);
}

/**
 * The first rows over all organizations, each read in order from its index: that of all its
 * observables, or that of each wanted value.
 *
 * The caller's own come first: where they fill the page, others are read no farther than to its end.
 */
function ofOrganizations(
  principal: Principal,
  params: SqlParams,
  order: string,
  page: PageShape,
  wanted: string | undefined,
  first: (where: readonly string[]) => string,
): string {
  const here = ['o.organization_id = org.id', ...(wanted ? ['o.value_hash = wanted.hash'] : [])];
  const values = wanted ? `CROSS JOIN ${wanted}` : '';
  const each = (organizations: string, where: readonly string[]) =>
    `SELECT o.id, o.created_at FROM ${organizations} ${values} CROSS JOIN LATERAL (${first([...here, ...where])}) o`;
  if (principal.everyOrganization) return `${each('organizations org', [])} ${order}`;
  const own = params.add(principal.organizationIds, 'uuid[]');
  const [comparison, end] = page.descending ? ['>=', '-infinity'] : ['<=', 'infinity'];
  const last = `SELECT o.created_at FROM owned o ${order.replace('LIMIT', 'OFFSET')} - 1`;
  const within = `o.created_at ${comparison} coalesce((${last}), '${end}')`;
  return `WITH owned AS MATERIALIZED (${each(`unnest(${own}) org(id)`, [])} ${order})
    SELECT o.id, o.created_at FROM (
      SELECT * FROM owned UNION ALL
      ${each(`(SELECT id FROM organizations WHERE id <> ALL(${own})) org`, [within])}) o ${order}`;
}

/** How many observables the list holds, counting no further than `max`. */
export async function countObservables(
  sql: Sql,
  principal: Principal,
  filter: ObservableFilter,
  max: number,
): Promise<number> {
  const params = new SqlParams();
  const conditions = listed(principal, filter, params);
  if (filter.valueHashes) {
    const wanted = wantedValues(filter.valueHashes, params);
    conditions.push(`o.value_hash IN (SELECT hash FROM ${wanted})`);
  }
  const where = conditions.join(' AND ');
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM ${WITH_PARENTS} WHERE ${where} LIMIT ${params.add(max, 'int')}) x`,
    params.values,
  );
  return row?.count ?? 0;
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

/** The observables of a parent that have the types and values of the rows, in the order of the rows. */
export async function findEqual(sql: Sql, rows: readonly ObservableRow[]): Promise<Observable[]> {
  const found = await sql<{ observable: Observable }>(
    `SELECT row_to_json(x) AS observable
     FROM ROWS FROM (jsonb_to_recordset($1::jsonb)
         AS ("alertId" uuid, "caseId" uuid, "typeId" int, "valueHash" text)) WITH ORDINALITY
       AS wanted("alertId", "caseId", "typeId", "valueHash", place)
     JOIN observables o ON o.deleted_at IS NULL AND o.type_id = wanted."typeId"
       AND o.value_hash = decode(wanted."valueHash", 'hex')
       AND (o.alert_id = wanted."alertId" OR o.case_id = wanted."caseId")
     JOIN LATERAL (${observablesSql('(SELECT o.*) o')}) x ON true ORDER BY wanted.place`,
    [JSON.stringify(rows)],
  );
  return found.map((row) => row.observable);
}
