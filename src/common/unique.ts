import { isUniqueViolation } from '../database/database-errors.js';
import type { Sql } from '../database/sql.js';
import { alreadyTaken } from './errors.js';

/**
 * Does a write that a uniqueness rule may refuse; then 409 names the record that has the value.
 *
 * `findHolder` runs after the write was undone.
 */
export async function orAlreadyTaken<T>(
  work: () => Promise<T>,
  detail: string,
  findHolder: () => Promise<{ readonly id: string | number } | null | undefined>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isUniqueViolation(error)) throw error;
    const holder = await findHolder();
    throw alreadyTaken(detail, holder ? String(holder.id) : undefined);
  }
}

/** Tables whose rows have a name of their own in a tenant, and which of their rows count. */
const NAMED = {
  tags: 'true',
  clients: 'true',
  case_templates: 'true',
  sla_configs: 'deleted_at IS NULL',
};

/** Who has a name in a tenant, compared as its unique index does: without regard to case. */
export async function findByName(
  sql: Sql,
  table: keyof typeof NAMED,
  organizationId: string,
  name: string,
): Promise<{ readonly id: string | number } | null> {
  const [row] = await sql<{ id: string | number }>(
    `SELECT id FROM ${table} WHERE organization_id = $1::uuid AND lower(name) = lower($2) AND ${NAMED[table]}`,
    [organizationId, name],
  );
  return row ?? null;
}
