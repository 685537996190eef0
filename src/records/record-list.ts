import type { ListCondition, ListShape } from '../access/visible-list.js';
import { COUNT_MAX, Page } from '../common/pagination.js';
import type { Cursors, Position } from '../common/pagination.js';
import { shownOf } from '../database/page-bytes.js';
import type { SqlParams } from '../database/sql.js';
import { RECORD_SORTS } from './record.schema.js';
import { toRecordText } from './record-text.js';
import type { ListedRow } from './record-text.js';
import type { JsonText } from '../common/json-text.js';
import type { PageQuery } from './record.schema.js';

/** How a kind of record reads its lists. */
export interface ListSource {
  readonly name: string;
  rows(shape: (params: SqlParams) => ListShape): Promise<readonly ListedRow[]>;
  count(shape: (params: SqlParams) => ListShape): Promise<number>;
}

/** One page of alerts or cases: a row more than is shown tells whether there is a next one. */
export async function listPage<T>(
  query: PageQuery,
  conditions: (params: SqlParams) => readonly ListCondition[],
  cursors: Cursors,
  source: ListSource,
): Promise<Page<JsonText<T>>> {
  const after = cursors.decode(source.name, query);
  const shape = (limit: number, position: Position | null) => (params: SqlParams) =>
    listShape(query, conditions(params), limit, position);
  const [found, count] = await Promise.all([
    source.rows(shape(query.limit + 1, after)),
    query.count ? source.count(shape(COUNT_MAX + 1, null)) : null,
  ]);
  const nowMs = Date.now();
  const limit = shownOf(found, query.limit);
  return Page.of(found, { limit }, count, (last) =>
    cursors.encode(source.name, query, [last.sort, last.id]),
  ).map((row) => toRecordText<T>(row, nowMs));
}

function listShape(
  query: PageQuery,
  conditions: readonly ListCondition[],
  limit: number,
  after: Position | null,
): ListShape {
  const descending = query.sort.startsWith('-');
  const sort = RECORD_SORTS[descending ? query.sort.slice(1) : query.sort];
  if (!sort) throw new Error(`No such sort: ${query.sort}`);
  return {
    conditions,
    sortColumn: sort.column,
    sortValue: sort.value ?? `r.${sort.column}`,
    sortType: sort.type,
    descending,
    after,
    limit,
  };
}
