import { Logger } from '@nestjs/common';
import type pg from 'pg';
import { WatchedPool } from './watched-pool.js';

const SESSION = '-c TimeZone=UTC';

/**
 * Statements are short: compiling them, or starting workers for them, costs more than it gains, and what
 * an index finds is mostly in memory or on a disk that seeks in no time. They are written so that one plan is good for all values;
 * planning a list anew takes as long as reading it.
 */
const PLANNING =
  '-c jit=off -c max_parallel_workers_per_gather=0 -c random_page_cost=1.1 -c plan_cache_mode=force_generic_plan';

/** Waiting longer than this for a connection means that the database is away. */
const CONNECT_TIMEOUT_MS = 2_500;
const STATEMENT_TIMEOUT_MS = 15_000;

/**
 * The process's only connection pool.
 *
 * Every client gets an error listener: a backend that dies while idle must never end the process. Behind
 * another pooler, which may refuse settings it does not know, how to plan is left to the role.
 */
export function createPool(connectionString: string, max: number, isPooled: boolean): pg.Pool {
  const logger = new Logger('Database');
  const onError = (error: Error) => {
    logger.warn({ message: 'database connection lost', reason: error.message });
  };
  const pool = new WatchedPool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS + 1_000,
    idle_in_transaction_session_timeout: 30_000,
    keepAlive: true,
    application_name: 'casebender',
    options: isPooled ? SESSION : `${SESSION} ${PLANNING}`,
  });
  pool.on('error', onError);
  pool.on('connect', (client) => client.on('error', onError));
  return pool;
}
