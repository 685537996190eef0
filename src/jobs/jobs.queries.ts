import type { Sql } from '../database/sql.js';

/** A job that is this process's until its lease ends. */
export interface Job {
  readonly id: string;
  readonly kind: string;
  readonly payload: unknown;
  /** How often it was begun, this time included. */
  readonly attempts: number;
  readonly leasedUntil: string;
}

/** Takes jobs of these kinds whose time has come and whom nobody else has, the longest due first. */
export function claimJobs(
  sql: Sql,
  kinds: readonly string[],
  leaseMs: number,
  max: number,
): Promise<Job[]> {
  return sql<Job>(
    `UPDATE jobs SET attempts = attempts + 1, leased_until = now() + make_interval(secs => $2::float8 / 1000)
     WHERE id IN (SELECT id FROM jobs WHERE run_at <= now() AND (leased_until IS NULL OR leased_until < now()) AND kind = ANY($1::text[])
                  ORDER BY run_at LIMIT $3::int FOR UPDATE SKIP LOCKED)
     RETURNING id::text AS id, kind, payload, attempts, leased_until::text AS "leasedUntil"`,
    [kinds, leaseMs, max],
  );
}

/** Forgets jobs that are done, but for those that were scheduled anew meanwhile. */
export async function finishJobs(sql: Sql, jobs: readonly Job[]): Promise<void> {
  await sql(
    `DELETE FROM jobs USING unnest($1::uuid[], $2::timestamptz[]) AS x(id, leased_until)
     WHERE jobs.id = x.id AND jobs.leased_until = x.leased_until`,
    [jobs.map(({ id }) => id), jobs.map(({ leasedUntil }) => leasedUntil)],
  );
}

/** Gives a failed job back, to be tried again after a while. */
export async function retryJob(
  sql: Sql,
  job: Job,
  afterMs: number,
  lastError: string,
): Promise<void> {
  await sql(
    `UPDATE jobs SET leased_until = NULL, run_at = now() + make_interval(secs => $3::float8 / 1000), last_error = $4
     WHERE id = $1::uuid AND leased_until = $2::timestamptz`,
    [job.id, job.leasedUntil, afterMs, lastError],
  );
}
