import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { parseEnvironment } from '../../src/config/config.js';
import { loadSecrets } from '../../src/config/secrets.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { migrate, migrationsDir } from '../../src/database/migrate.js';

/** Where an embedded database of the benchmark is kept, unless told otherwise. */
export const BENCH_DATA_DIR = fileURLToPath(new URL('../../data/bench', import.meta.url));

/** A database for the benchmark, migrated. */
export interface BenchDatabase {
  readonly url: string;
  /** Where its secrets lie, which a server needs that works on it. */
  readonly dataDir: string;
  stop(): Promise<void>;
}

/** The database at the URL, or the embedded one of the directory, made when it is not there. */
export async function openBenchDatabase(
  databaseUrl: string | undefined,
  dataDir: string,
  onNote: (text: string) => void,
): Promise<BenchDatabase> {
  if (databaseUrl !== undefined) {
    await migrate(databaseUrl, migrationsDir, onNote);
    return { url: databaseUrl, dataDir, stop: () => Promise.resolve() };
  }
  const { databasePassword } = loadSecrets(parseEnvironment({ DATA_DIR: dataDir }));
  const server = await startEmbeddedPostgres({ dataDir, password: databasePassword, onNote });
  try {
    await migrate(server.url, migrationsDir, onNote);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { url: server.url, dataDir, stop: () => server.stop() };
}

/** Runs the work with one connection. */
export async function withClient<T>(
  url: string,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'casebender-bench',
    options: '-c TimeZone=UTC',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
