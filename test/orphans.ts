import type { TestDatabase } from './database.js';

/** A foreign key of one column. */
interface Reference {
  readonly name: string;
  readonly child: string;
  readonly column: string;
  readonly parent: string;
  readonly key: string;
}

const REFERENCES = `
  SELECT c.conname AS name, c.conrelid::regclass::text AS child, a.attname AS column,
    c.confrelid::regclass::text AS parent, k.attname AS key
  FROM pg_constraint c
  JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = ANY(c.conkey)
  JOIN pg_attribute k ON k.attrelid = c.confrelid AND k.attnum = ANY(c.confkey)
  WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace ORDER BY c.conname`;

const DELETABLE = `
  SELECT table_name AS name FROM information_schema.columns
  WHERE table_schema = 'public' AND column_name = 'deleted_at'`;

/** Who did something, and whose it is, stays named when they are gone. */
const NAMED_FOR_GOOD = new Set(['users', 'organizations', 'teams']);

/** What describes a case that was merged into another, and so stays with it. */
const STAYS_WITH_MERGED = new Set([
  'activities_case_id_fkey',
  'case_shares_case_id_fkey',
  'case_tags_case_id_fkey',
  'case_teams_case_id_fkey',
  'cases_primary_case_id_fkey',
]);

/** Whether the row is a part of what it refers to, and gone with it. */
function isPart({ child, column }: Reference): boolean {
  const refersOnly = child === 'alerts' || child === 'case_links';
  return !refersOnly && /^(?:alert|case|task|comment|observable)_id$/.test(column);
}

/**
 * What hangs in the air: for every foreign key of the catalogue the rows that refer to something that is
 * missing or deleted without being deleted with it, and what a case that was merged away still holds.
 *
 * Tests compare with what it answered before: other tests of the same database leave what they like.
 */
export async function orphansIn(db: TestDatabase): Promise<string[]> {
  const references = await db.rows<Reference>(REFERENCES);
  const deletable = new Set((await db.rows<{ name: string }>(DELETABLE)).map(({ name }) => name));

  const isGone = (table: string, alias: string): string => {
    const parts = references.filter((each) => each.child === table && isPart(each));
    const withParent = parts.map(({ parent, key, column }) => {
      const above = `${alias}_${column}`;
      return `EXISTS (SELECT 1 FROM ${parent} ${above} WHERE ${above}.${key} = ${alias}.${column} AND (${isGone(parent, above)}))`;
    });
    const deleted = deletable.has(table) ? [`${alias}.deleted_at IS NOT NULL`] : [];
    return [...deleted, ...withParent, 'false'].join(' OR ');
  };

  const faults = references.map((reference) => {
    const { name, child, column, parent, key } = reference;
    const reasons = [`p.${key} IS NULL`];
    if (!NAMED_FOR_GOOD.has(parent)) reasons.push(isGone(parent, 'p'));
    if (parent === 'cases' && !STAYS_WITH_MERGED.has(name))
      reasons.push('p.primary_case_id IS NOT NULL');
    return `SELECT '${name} → ' || c.${column}::text AS orphan FROM ${child} c LEFT JOIN ${parent} p ON p.${key} = c.${column}
      WHERE c.${column} IS NOT NULL AND NOT (${isGone(child, 'c')}) AND (${reasons.join(' OR ')})`;
  });
  const rows = await db.rows<{ orphan: string }>(`${faults.join(' UNION ')} ORDER BY orphan`);
  return rows.map(({ orphan }) => orphan);
}
