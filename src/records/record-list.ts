import type { ListShape } from '../access/access.js';
import type { Principal } from '../auth/principal.js';
import { COUNT_MAX, Page } from '../common/pagination.js';
import type { Cursors, Position } from '../common/pagination.js';
import type { SqlParams } from '../database/sql.js';
import { toStatusValue } from '../statuses/statuses.service.js';
import type { Status } from '../statuses/statuses.service.js';
import { RECORD_SORTS } from './record.schema.js';
import type { RecordListQuery } from './record.schema.js';

/** How a kind of record reads its lists. */
export interface ListSource<Row extends { readonly id: string }> {
  readonly name: string;
  rows(
    shape: (params: SqlParams) => ListShape,
  ): Promise<readonly { row: Row; sort: string | number }[]>;
  count(shape: (params: SqlParams) => ListShape): Promise<number>;
}

/** One page of alerts or cases: a row more than asked for tells whether there is a next one. */
export async function listPage<Row extends { readonly id: string }>(
  principal: Principal,
  query: RecordListQuery,
  statuses: ReadonlyMap<string, Status>,
  cursors: Cursors,
  source: ListSource<Row>,
): Promise<Page<Row>> {
  const after = cursors.decode(source.name, query);
  const shape = (limit: number, position: Position | null) => (params: SqlParams) =>
    listShape(query, statuses, limit, position, params);
  const [found, count] = await Promise.all([
    source.rows(shape(query.limit + 1, after)),
    query.count ? source.count(shape(COUNT_MAX + 1, null)) : null,
  ]);
  return Page.of(found, query, count, (last) =>
    cursors.encode(source.name, query, [last.sort, last.row.id]),
  ).map(({ row }) => row);
}

function listShape(
  query: RecordListQuery,
  statuses: ReadonlyMap<string, Status>,
  limit: number,
  after: Position | null,
  params: SqlParams,
): ListShape {
  const descending = query.sort.startsWith('-');
  const sort = RECORD_SORTS[descending ? query.sort.slice(1) : query.sort];
  if (!sort) throw new Error(`No such sort: ${query.sort}`);
  const conditions: string[] = [];
  if (query.status) {
    const ids = query.status.flatMap((value) => statuses.get(toStatusValue(value))?.id ?? []);
    const [only] = ids;
    conditions.push(
      ids.length === 1
        ? `r.status_id = ${params.add(only, 'uuid')}`
        : `r.status_id = ANY(${params.add(ids, 'uuid[]')})`,
    );
  }
  return { conditions, sortColumn: sort.column, sortType: sort.type, descending, after, limit };
}
