/** SQLSTATE and driver codes that mean "the database cannot serve now", not "the statement is wrong". */
const LOST_CODES = new Set([
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53300', // too_many_connections
  '53100', // disk_full
  '53200', // out_of_memory
  '57014', // query_canceled: the statement ran out of time
  '25006', // read_only_sql_transaction: a standby
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  '25P03', // idle_in_transaction_session_timeout
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2028',
  'P2037',
  'P2039',
]);

const LOST_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Query read timeout|terminating connection|the database system is (starting up|shutting down|in recovery)|Connection ended|Can't reach database server|not queryable|after calling end on the pool/i;

/** The error and what it wraps: Prisma hides the driver's error in `cause` and `meta`. */
function* chainOf(error: unknown): Generator<Record<string, unknown>> {
  let current = error;
  for (let depth = 0; depth < 6 && typeof current === 'object' && current !== null; depth++) {
    const layer = current as Record<string, unknown>;
    yield layer;
    const meta = layer.meta as Record<string, unknown> | undefined;
    current = meta?.driverAdapterError ?? layer.cause;
  }
}

/** The SQLSTATE of a database error, through whatever wraps it. */
export function sqlState(error: unknown): string | undefined {
  for (const layer of chainOf(error)) {
    for (const key of ['originalCode', 'code']) {
      const code = layer[key];
      if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !/^P[12]0/.test(code))
        return code;
    }
  }
  return undefined;
}

/** Whether the error means that the database could not be reached; callers answer 503. */
export function isConnectionLost(error: unknown): boolean {
  for (const layer of chainOf(error)) {
    if (typeof layer.code === 'string' && LOST_CODES.has(layer.code)) return true;
    if (typeof layer.originalCode === 'string' && LOST_CODES.has(layer.originalCode)) return true;
    if (typeof layer.message === 'string' && LOST_MESSAGE.test(layer.message)) return true;
  }
  return false;
}

/** Whether repeating the whole transaction may succeed: serialization failure or deadlock. */
export function isRetryable(error: unknown): boolean {
  const code = sqlState(error);
  return code === '40001' || code === '40P01' || hasPrismaCode(error, 'P2034');
}

/** Whether a uniqueness rule stands in the way. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === '23505' || hasPrismaCode(error, 'P2002');
}

/** Whether a referenced row is gone. */
export function isForeignKeyViolation(error: unknown): boolean {
  return sqlState(error) === '23503' || hasPrismaCode(error, 'P2003');
}

function hasPrismaCode(error: unknown, code: string): boolean {
  for (const layer of chainOf(error)) if (layer.code === code) return true;
  return false;
}
