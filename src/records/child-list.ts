import { COUNT_MAX, Cursors, Page } from '../common/pagination.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';
import type { PageQuery } from './record.schema.js';

interface Listed {
  readonly id: string;
  readonly createdAt: string;
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
  /** The expression that makes an answer, which has `id` and `createdAt`. */
  readonly answer: string;
  readonly conditions: (params: SqlParams) => readonly string[];
}

/** A page of children by creation and id. */
export async function listChildren<T extends Listed>(
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
    cursors.encode(list.name, query, [last.createdAt, last.id]),
  );
}

async function readPage<T>(
  sql: Sql,
  cursors: Cursors,
  query: PageQuery,
  { name, table, alias, joins = '', answer, conditions }: ChildList,
): Promise<T[]> {
  const params = new SqlParams();
  const where = [...conditions(params)];
  const isDescending = query.sort.startsWith('-');
  const direction = isDescending ? 'DESC' : 'ASC';
  const after = cursors.decode(name, query);
  if (after) {
    const [value, id] = after;
    where.push(
      `(${alias}.created_at, ${alias}.id) ${isDescending ? '<' : '>'} (${params.add(value)}::timestamptz, ${params.add(id, 'uuid')})`,
    );
  }
  const rows = await sql<{ item: T }>(
    `SELECT ${answer} AS item FROM ${table} ${joins} WHERE ${where.join(' AND ')}
     ORDER BY ${alias}.created_at ${direction}, ${alias}.id ${direction} LIMIT ${params.add(query.limit + 1, 'int')}`,
    params.values,
  );
  return rows.map((row) => row.item);
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
