import { COUNT_MAX, Cursors, Page } from '../common/pagination.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { PageQuery } from './record.schema.js';

interface Listed<T> {
  readonly id: string;
  readonly sort: string;
  readonly item: T;
}

/** What hangs on a record, as SQL. */
export interface ChildList {
  /** What its cursors belong to. */
  readonly name: string;
  /** The table with its alias: `comments c`. */
  readonly table: string;
  readonly alias: string;
  /** What else the answer reads: `JOIN …`. */
  readonly joins?: string;
  /** The expression that makes an answer; a function where it depends on who asks. */
  readonly answer: string | ((params: SqlParams) => string);
  /** The instant that it is sorted by; its creation unless it says otherwise. */
  readonly sortColumn?: string;
  readonly conditions: (params: SqlParams) => readonly string[];
}

/** A page of children by an instant and id. */
export async function listChildren<T>(
  sql: Sql,
  cursors: Cursors,
  query: PageQuery,
  list: ChildList,
): Promise<Page<T>> {
  const [rows, count] = await Promise.all([
    readPage<T>(sql, cursors, query, list),
    query.count ? countUpTo(sql, COUNT_MAX + 1, list) : null,
  ]);
  return Page.of(rows, query, count, (last) =>
    cursors.encode(list.name, query, [last.sort, last.id]),
  ).map(({ item }) => item);
}

/** All children, the oldest first. */
export async function allChildren<T>(sql: Sql, list: ChildList): Promise<T[]> {
  const params = new SqlParams();
  const statement = selectChildren(list, params, list.conditions(params), 'ASC');
  return (await sql<Listed<T>>(statement, params.values)).map(({ item }) => item);
}

async function readPage<T>(
  sql: Sql,
  cursors: Cursors,
  query: PageQuery,
  list: ChildList,
): Promise<Listed<T>[]> {
  const { name, alias, sortColumn = 'created_at', conditions } = list;
  const params = new SqlParams();
  const where = [...conditions(params)];
  const isDescending = query.sort.startsWith('-');
  const after = cursors.decode(name, query);
  if (after) {
    const [value, id] = after;
    where.push(
      `(${alias}.${sortColumn}, ${alias}.id) ${isDescending ? '<' : '>'} (${params.add(value)}::timestamptz, ${params.add(id, 'uuid')})`,
    );
  }
  const statement = selectChildren(list, params, where, isDescending ? 'DESC' : 'ASC');
  return sql<Listed<T>>(`${statement} LIMIT ${params.add(query.limit + 1, 'int')}`, params.values);
}

function selectChildren(
  { table, alias, joins = '', answer, sortColumn = 'created_at' }: ChildList,
  params: SqlParams,
  where: readonly string[],
  direction: 'ASC' | 'DESC',
): string {
  const item = typeof answer === 'string' ? answer : answer(params);
  return `SELECT ${item} AS item, ${alias}.id, ${alias}.${sortColumn}::text AS sort FROM ${table} ${joins} WHERE ${where.join(' AND ')}
     ORDER BY ${alias}.${sortColumn} ${direction}, ${alias}.id ${direction}`;
}

async function countUpTo(sql: Sql, max: number, { table, conditions }: ChildList): Promise<number> {
  const params = new SqlParams();
  const where = conditions(params).join(' AND ');
  const [row] = await sql<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT 1 FROM ${table} WHERE ${where} LIMIT ${params.add(max, 'int')}) x`,
    params.values,
  );
  return row?.count ?? 0;
}
