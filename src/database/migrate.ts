import { createHash, randomUUID } from 'node:crypto';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import pg from 'pg';

/** Why the database cannot be brought up to date: one line that names the migration. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** The migrations of this server; the same from `src/` and from `dist/`. */
export const migrationsDir = fileURLToPath(new URL('../../prisma/migrations', import.meta.url));

/** The advisory lock of Prisma's own engine, so that both wait for each other. */
const lockId = 72707369;
const oldestServer = 150_000;

/** As Prisma's engine creates it, so that `prisma migrate deploy` continues where this stopped. */
const createHistory = `
  CREATE TABLE _prisma_migrations (
    id                  VARCHAR(36) PRIMARY KEY NOT NULL,
    checksum            VARCHAR(64) NOT NULL,
    finished_at         TIMESTAMPTZ,
    migration_name      VARCHAR(255) NOT NULL,
    logs                TEXT,
    rolled_back_at      TIMESTAMPTZ,
    started_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    applied_steps_count INTEGER NOT NULL DEFAULT 0
  )`;

interface Migration {
  name: string;
  sql: string;
}

interface HistoryRow {
  migration_name: string;
  checksum: string;
  finished: boolean;
}

/**
 * Applies the migrations the database lacks, in the order of their names, each in one transaction.
 *
 * Any number of processes may call it at once: one applies, the others wait and find nothing left.
 */
export async function migrate(
  connectionString: string,
  migrationsDir: string,
  onNote: (message: string) => void = () => undefined,
): Promise<{ applied: string[] }> {
  const migrations = await readMigrations(migrationsDir);
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const hasHistory = await inspect(client);
    if (hasHistory && pendingOf(migrations, await readHistory(client)).length === 0) {
      return { applied: [] };
    }
    return { applied: await applyLocked(client, migrations, onNote) };
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const entries = await readdir(dir, { withFileTypes: true }).catch((cause: unknown) => {
    throw new MigrationError(`Cannot read the migrations in ${dir}.`, { cause });
  });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const path = join(dir, name, 'migration.sql');
      const sql = await readFile(path, 'utf8').catch((cause: unknown) => {
        throw new MigrationError(`Cannot read ${path}.`, { cause });
      });
      return { name, sql };
    }),
  );
}

/** Refuses servers that are too old; tells whether any migration was ever recorded. */
async function inspect(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ version: number; name: string; history: boolean }>(
    `SELECT current_setting('server_version_num')::int AS version,
            current_setting('server_version') AS name,
            to_regclass('_prisma_migrations') IS NOT NULL AS history`,
  );
  const [server] = rows;
  if (server === undefined || server.version < oldestServer) {
    throw new MigrationError(
      `The database is PostgreSQL ${server?.name ?? 'of an unknown version'}; this server needs 15 or later.`,
    );
  }
  return server.history;
}

async function readHistory(client: pg.Client): Promise<HistoryRow[]> {
  const { rows } = await client.query<HistoryRow>(
    `SELECT migration_name, checksum, finished_at IS NOT NULL AS finished
       FROM _prisma_migrations
      WHERE rolled_back_at IS NULL
      ORDER BY started_at`,
  );
  return rows;
}

/** The migrations not yet applied; throws when the applied ones are not those of the directory. */
function pendingOf(migrations: readonly Migration[], history: readonly HistoryRow[]): Migration[] {
  const pending = new Map(migrations.map((migration) => [migration.name, migration]));
  for (const row of history) {
    const name = row.migration_name;
    const migration = pending.get(name);
    if (!row.finished) {
      throw new MigrationError(
        `Migration ${name} failed before it was finished: repair the database and run \`prisma migrate resolve\`, or restore a backup.`,
      );
    }
    if (migration === undefined) {
      throw new MigrationError(
        `The database has migration ${name}, which this version of the server does not: start the version that made it, or restore its file.`,
      );
    }
    if (!matches(migration.sql, row.checksum)) {
      throw new MigrationError(
        `Migration ${name} was edited after it was applied: restore its file and put the change into a new migration.`,
      );
    }
    pending.delete(name);
  }
  return [...pending.values()];
}

/** Also with the line ends of another system, which a checkout may have changed. */
function matches(sql: string, checksum: string): boolean {
  const unix = sql.replaceAll('\r\n', '\n');
  return [sql, unix, unix.replaceAll('\n', '\r\n')].some((text) => checksumOf(text) === checksum);
}

function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex');
}

async function applyLocked(
  client: pg.Client,
  migrations: readonly Migration[],
  onNote: (message: string) => void,
): Promise<string[]> {
  await client.query(
    'SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0',
  );
  await takeLock(client, onNote);
  if (!(await inspect(client))) await client.query(createHistory);
  const pending = pendingOf(migrations, await readHistory(client));
  for (const migration of pending) await apply(client, migration);
  return pending.map(({ name }) => name);
}

/** The lock ends with the connection. */
async function takeLock(client: pg.Client, onNote: (message: string) => void): Promise<void> {
  const { rows } = await client.query<{ taken: boolean }>(
    'SELECT pg_try_advisory_lock($1) AS taken',
    [lockId],
  );
  if (rows[0]?.taken === true) return;
  onNote('Waiting for another process to finish its migrations.');
  await client.query('SELECT pg_advisory_lock($1)', [lockId]);
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await client.query(
      `INSERT INTO _prisma_migrations
         (id, checksum, migration_name, started_at, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, now(), clock_timestamp(), 1)`,
      [randomUUID(), checksumOf(migration.sql), migration.name],
    );
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new MigrationError(describe(migration, error), { cause: error });
  }
}

function describe({ name, sql }: Migration, error: unknown): string {
  if (!(error instanceof pg.DatabaseError)) {
    const reason = error instanceof Error ? error.message : String(error);
    return `Migration ${name} failed: ${reason}`;
  }
  // PostgreSQL counts characters from 1, JavaScript UTF-16 units from 0.
  const before =
    error.position &&
    Array.from(sql)
      .slice(0, Number(error.position) - 1)
      .join('');
  const place = before === undefined ? '' : ` line ${before.split('\n').length}`;
  const detail = error.detail === undefined ? '' : ` (${error.detail})`;
  return `Migration ${name}/migration.sql${place} failed: ${error.message}${detail}`;
}
