/** A page ends early when its rows hold more text than this: the answer is put together in memory. */
const PAGE_BYTES = 16 * 1024 * 1024;

/** Stored values up to this size are taken for what they are; larger ones may be compressed. */
const SMALL_BYTES = 500;

/** How much text a column of PostgreSQL's type `text` holds, which is known without reading it. */
export const textBytes = (column: string) => `coalesce(octet_length(${column}), 0)`;

/** The same of `jsonb`. */
export const jsonBytes = (column: string) =>
  `CASE WHEN pg_column_size(${column}) > ${SMALL_BYTES} THEN octet_length(${column}::text) ELSE coalesce(pg_column_size(${column}), 0) END`;

/**
 * The columns `is_read` and `is_beyond` of the rows of a page, in its order: of large rows fewer are read,
 * and the next one, which is beyond the page.
 */
export function earlyEnd(bytes: readonly string[], orderBy: string): string {
  const before = (rows: number) =>
    `coalesce(sum(${bytes.join(' + ')}) OVER (${orderBy} ROWS BETWEEN UNBOUNDED PRECEDING AND ${rows} PRECEDING), 0)`;
  return `${before(1)} >= ${PAGE_BYTES} AS is_beyond, ${before(2)} < ${PAGE_BYTES} AS is_read`;
}

/** How many of the rows found are on the page: up to its limit, or to the first that is beyond it. */
export function shownOf(found: readonly { readonly isBeyond: boolean }[], limit: number): number {
  const beyond = found.findIndex(({ isBeyond }) => isBeyond);
  return beyond === -1 ? limit : Math.min(limit, beyond);
}
