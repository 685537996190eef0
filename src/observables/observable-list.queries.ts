import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import { instantSql } from '../records/record-sql.js';
import { ListSql } from './observable-list-sql.js';
import type { ObservableFilter, PageShape } from './observable-list-sql.js';

const PARENTS = 'LEFT JOIN alerts a ON a.id = o.alert_id LEFT JOIN cases k ON k.id = o.case_id';

/** Answers of a list by creation, with one row more than `limit` when there is a next page. */
export async function listObservables<T>(
  sql: Sql,
  principal: Principal,
  filter: ObservableFilter,
  page: PageShape,
  answer: string,
): Promise<T[]> {
  const params = new SqlParams();
  const list = new ListSql(principal, filter, page, params);
  const rows = await sql<{ item: T }>(
    `WITH page AS MATERIALIZED (${list.ids()})
     SELECT ${answer} AS item FROM page JOIN observables o ON o.id = page.id JOIN observable_types t ON t.id = o.type_id ${PARENTS}
     ${list.orderBy('page')}`,
    params.values,
  );
  return rows.map((row) => row.item);
}

/** The statement that finds the ids of a page of the list, with their creation, as many as one more than `limit`. */
export function observableIds(
  principal: Principal,
  filter: ObservableFilter,
  page: PageShape,
  params: SqlParams,
): string {
  return new ListSql(principal, filter, page, params).ids();
}

/** How many observables the list holds, counting no further than `max`. */
export async function countObservables(
  sql: Sql,
  principal: Principal,
  filter: ObservableFilter,
  max: number,
): Promise<number> {
  const params = new SqlParams();
  const list = new ListSql(
    principal,
    filter,
    { limit: max - 1, descending: true, after: null },
    params,
  );
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM (${list.some()}) x`,
    params.values,
  );
  return row?.count ?? 0;
}

/** What all observables of one type and value say together. */
export interface ObservedValue {
  /** Of the normalised value, in hex. */
  readonly hash: string;
  readonly dataType: string;
  readonly normalized: string;
  /** As the first of them was sent. */
  readonly data: string;
  /** The strictest of them and of the records they hang on. */
  readonly tlp: number;
  readonly pap: number;
  readonly ioc: boolean;
  readonly sighted: boolean;
  readonly ignoreSimilarity: boolean;
  readonly message: string;
  readonly tags: readonly string[];
  readonly count: number;
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly created: string;
  readonly modified: string;
  readonly file: {
    readonly name: string;
    readonly size: number;
    readonly sha256: string;
    readonly sha1: string;
    readonly md5: string;
  } | null;
}

const OBSERVED_SQL = `json_build_object('hash', encode(seen.value_hash, 'hex'), 'dataType', t.name, 'normalized', seen.normalized,
  'data', seen.data, 'tlp', seen.tlp, 'pap', seen.pap, 'ioc', seen.ioc, 'sighted', seen.sighted,
  'ignoreSimilarity', seen.ignore_similarity, 'message', seen.message, 'count', seen.count,
  'tags', ARRAY(SELECT DISTINCT tag.name FROM observable_tags link JOIN tags tag ON tag.id = link.tag_id
    WHERE link.observable_id = ANY(seen.tagged) ORDER BY tag.name),
  'firstSeen', ${instantSql('seen.first_seen')}, 'lastSeen', ${instantSql('seen.last_seen')},
  'created', ${instantSql('seen.created')}, 'modified', ${instantSql('seen.modified')},
  'file', CASE WHEN f.id IS NOT NULL THEN json_build_object('name', f.name, 'size', b.size, 'sha256', encode(b.sha256, 'hex'),
    'sha1', encode(b.sha1, 'hex'), 'md5', encode(b.md5, 'hex')) END)`;

/** The next values of a list in the order of their hashes, beyond the one given, each by its types. */
export async function listValues(
  sql: Sql,
  principal: Principal,
  filter: ObservableFilter,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<ObservedValue[]> {
  const params = new SqlParams();
  const list = new ListSql(
    principal,
    filter,
    { limit: limit - 1, descending: false, after: null },
    params,
  );
  const rows = await sql<{ value: ObservedValue }>(
    `WITH hashes AS MATERIALIZED (${list.hashes(params.add(after ?? ''))}),
     listed AS MATERIALIZED (${list.ofHashes()}),
     seen AS (
       SELECT o.value_hash, o.type_id, min(o.normalized) AS normalized, max(greatest(o.tlp, a.tlp, k.tlp)) AS tlp,
         max(greatest(o.pap, a.pap, k.pap)) AS pap, bool_or(o.ioc) AS ioc, bool_or(o.sighted) AS sighted,
         bool_and(o.ignore_similarity) AS ignore_similarity, min(o.start_date) AS first_seen, max(o.start_date) AS last_seen,
         min(o.created_at) AS created, max(o.updated_at) AS modified, count(*)::int AS count,
         (array_agg(o.data ORDER BY o.created_at, o.id))[1] AS data, (array_agg(o.message ORDER BY o.created_at, o.id))[1] AS message,
         (array_agg(o.attachment_id ORDER BY o.created_at, o.id) FILTER (WHERE o.attachment_id IS NOT NULL))[1] AS attachment_id,
         array_agg(o.id) FILTER (WHERE EXISTS (SELECT 1 FROM observable_tags link WHERE link.observable_id = o.id)) AS tagged
       FROM listed JOIN observables o ON o.id = listed.id ${PARENTS} GROUP BY o.value_hash, o.type_id)
     SELECT ${OBSERVED_SQL} AS value
     FROM seen JOIN observable_types t ON t.id = seen.type_id
     LEFT JOIN attachments f ON f.id = seen.attachment_id LEFT JOIN blobs b ON b.sha256 = f.sha256
     ORDER BY seen.value_hash, seen.type_id`,
    params.values,
  );
  return rows.map((row) => row.value);
}
