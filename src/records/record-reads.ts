import { visibleTo } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import { visibleCount } from '../access/visible-list.js';
import type { ListShape } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';

/** Holds the row of a visible record until the transaction ends; false when there is none. */
export async function lockRecord(
  sql: Sql,
  principal: Principal,
  tables: SharedTables,
  id: string,
): Promise<boolean> {
  const params = new SqlParams();
  const where = `r.id = ${params.add(id, 'uuid')} AND r.deleted_at IS NULL AND ${visibleTo(principal, tables, 'r', params)}`;
  const rows = await sql(
    `SELECT r.id FROM ${tables.records} r WHERE ${where} FOR UPDATE`,
    params.values,
  );
  return rows.length > 0;
}

/** How many records a list holds, counting no further than `shape.limit`. */
export async function countRecords(
  sql: Sql,
  principal: Principal,
  tables: SharedTables,
  shape: (params: SqlParams) => ListShape,
): Promise<number> {
  const params = new SqlParams();
  const statement = visibleCount(principal, tables, params, shape(params));
  const [row] = await sql<{ count: number }>(statement, params.values);
  return row?.count ?? 0;
}
