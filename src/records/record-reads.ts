import { visibleTo } from '../access/access.js';
import type { SharedTables } from '../access/access.js';
import { visibleCount } from '../access/visible-list.js';
import type { ListShape } from '../access/visible-list.js';
import type { Principal } from '../auth/principal.js';
import { SqlParams } from '../database/sql.js';
import type { Sql } from '../database/sql.js';

/**
 * Holds the rows of the visible ones among these records until the transaction ends, in one order for
 * everybody; answers their ids.
 */
export async function lockRecords(
  sql: Sql,
  principal: Principal,
  tables: SharedTables,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const params = new SqlParams();
  const where = `r.id = ANY(${params.add(ids, 'uuid[]')}) AND r.deleted_at IS NULL AND ${visibleTo(principal, tables, 'r', params)}`;
  const rows = await sql<{ id: string }>(
    `SELECT r.id FROM ${tables.records} r WHERE ${where} ORDER BY r.id FOR UPDATE OF r`,
    params.values,
  );
  return new Set(rows.map(({ id }) => id));
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
