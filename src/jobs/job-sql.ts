/**
 * Sets when jobs of a kind run, as CTEs of the statement that makes them necessary.
 *
 * `source` names a CTE of `(key, payload, run_at)`: the one job of each key is to run at its instant, or
 * not at all where that is null.
 */
export function scheduleJobsSql(kind: string, source: string): string {
  return `cancelled_jobs AS (DELETE FROM jobs USING ${source} x WHERE jobs.key = x.key AND x.run_at IS NULL),
    scheduled_jobs AS (
      INSERT INTO jobs (id, kind, key, payload, run_at)
      SELECT gen_random_uuid(), '${kind}', x.key, x.payload, x.run_at FROM ${source} x WHERE x.run_at IS NOT NULL ORDER BY x.key
      ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, run_at = excluded.run_at, attempts = 0, leased_until = NULL,
        last_error = NULL)`;
}
