import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { require as tsRequire } from 'tsx/cjs/api';
import type * as EmbeddedModule from '../src/database/embedded-postgres.js';
import type { EmbeddedPostgres } from '../src/database/embedded-postgres.js';
import type * as MigrateModule from '../src/database/migrate.js';
import type * as AuditedModule from './audited.js';

/** The migrated database that every worker copies. */
const TEMPLATE = 'casebender_template';

const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '128MB',
};

declare global {
  var testCluster: { readonly dir: string; readonly server: EmbeddedPostgres } | undefined;
}

/** Starts a throw-away cluster, or uses `TEST_DATABASE_URL`, and migrates the template database. */
export default async function setup(): Promise<void> {
  const serverUrl = process.env.TEST_DATABASE_URL ?? (await startCluster());
  process.env.TEST_SERVER_URL = serverUrl;
  process.env.TEST_RUN = randomBytes(4).toString('hex');
  process.env.TEST_TEMPLATE = TEMPLATE;

  const client = new pg.Client(serverUrl);
  await client.connect();
  try {
    await client.query(`DROP DATABASE IF EXISTS ${TEMPLATE} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${TEMPLATE}`);
  } finally {
    await client.end();
  }
  const template = new URL(serverUrl);
  template.pathname = `/${TEMPLATE}`;
  const { migrate, migrationsDir } = tsRequire(
    '../src/database/migrate.ts',
    import.meta.url,
  ) as typeof MigrateModule;
  await migrate(template.href, migrationsDir);
  const { noteChanges } = tsRequire('./audited.ts', import.meta.url) as typeof AuditedModule;
  await noteChanges(template.href);
}

async function startCluster(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'casebender-test-'));
  // The PostgreSQL user passes through it.
  await chmod(dir, 0o755);
  const { startEmbeddedPostgres } = tsRequire(
    '../src/database/embedded-postgres.ts',
    import.meta.url,
  ) as typeof EmbeddedModule;
  const server = await startEmbeddedPostgres({
    dataDir: join(dir, 'data'),
    password: randomBytes(12).toString('hex'),
    settings: SETTINGS,
  });
  globalThis.testCluster = { dir, server };
  return server.url;
}
