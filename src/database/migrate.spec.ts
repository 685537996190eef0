import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import pg from 'pg';

import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded-postgres.js';
import { MigrationError, migrate, migrationsDir } from './migrate.js';

let root: string;
let server: EmbeddedPostgres;
let dir: string;
let url: string;
let count = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'migrate-'));
  await chmod(root, 0o755);
  server = await startEmbeddedPostgres({
    dataDir: join(root, 'data'),
    password: 'password',
    settings: { fsync: 'off', shared_buffers: '16MB' },
  });
});

afterAll(async () => {
  await server.stop();
  await rm(root, { recursive: true, force: true });
});

beforeEach(async () => {
  const name = `migrate_${++count}`;
  await query(server.url, `CREATE DATABASE ${name}`);
  url = server.url.replace(/casebender$/, name);
  dir = join(root, name);
  await write('1_first', 'CREATE TABLE first (id int);\nINSERT INTO first VALUES (1);\n');
  await write('2_second', 'ALTER TABLE first ADD COLUMN "größe" text;\n');
});

async function write(name: string, sql: string): Promise<void> {
  await mkdir(join(dir, name), { recursive: true });
  await writeFile(join(dir, name, 'migration.sql'), sql);
}

async function query(at: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(at);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
}

const history = () =>
  query(
    url,
    'SELECT migration_name AS name, applied_steps_count AS steps FROM _prisma_migrations ORDER BY 1',
  );

describe('migrate', () => {
  it('applies every migration in the order of the names and records it', async () => {
    await writeFile(join(dir, 'migration_lock.toml'), 'provider = "postgresql"\n');
    expect(await migrate(url, dir)).toEqual({ applied: ['1_first', '2_second'] });
    expect(await query(url, 'SELECT * FROM first')).toEqual([{ id: 1, größe: null }]);
    expect(await history()).toEqual([
      { name: '1_first', steps: 1 },
      { name: '2_second', steps: 1 },
    ]);
  });

  it('applies nothing the second time, and later only what is new', async () => {
    await migrate(url, dir);
    expect(await migrate(url, dir)).toEqual({ applied: [] });
    await write('3_third', 'DROP TABLE first;');
    expect(await migrate(url, dir)).toEqual({ applied: ['3_third'] });
  });

  it('applies each migration once when several processes start together', async () => {
    await write('3_slow', 'SELECT pg_sleep(0.2);');
    const notes: string[] = [];
    const results = await Promise.all(
      Array.from({ length: 4 }, () => migrate(url, dir, (note) => notes.push(note))),
    );
    expect(results.flatMap(({ applied }) => applied)).toEqual(['1_first', '2_second', '3_slow']);
    expect(notes).toContain('Waiting for another process to finish its migrations.');
    expect(await history()).toHaveLength(3);
  });

  it('refuses a migration edited after it was applied', async () => {
    await migrate(url, dir);
    await write('1_first', 'CREATE TABLE first (id bigint);');
    await expect(migrate(url, dir)).rejects.toThrow(
      /^Migration 1_first was edited after it was applied/,
    );
  });

  it('accepts the line ends of another system', async () => {
    await migrate(url, dir);
    const sql = await readFile(join(dir, '1_first', 'migration.sql'), 'utf8');
    await write('1_first', sql.replaceAll('\n', '\r\n'));
    expect(await migrate(url, dir)).toEqual({ applied: [] });
  });

  it('refuses a database with a migration that is not in the directory', async () => {
    await migrate(url, dir);
    await rm(join(dir, '1_first'), { recursive: true });
    await expect(migrate(url, dir)).rejects.toThrow(/^The database has migration 1_first, which/);
  });

  it('refuses a database in which the engine left a migration unfinished', async () => {
    await migrate(url, dir);
    await query(
      url,
      "UPDATE _prisma_migrations SET finished_at = NULL WHERE migration_name LIKE '2%'",
    );
    await expect(migrate(url, dir)).rejects.toThrow(/^Migration 2_second failed before it was/);
  });

  it('leaves nothing of a migration that fails, and names file, line and reason', async () => {
    await write('3_third', 'CREATE TABLE third ();\n-- 🙂 größe\nSELECT 1 FROM nowhere;\n');
    const error: unknown = await migrate(url, dir).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MigrationError);
    expect((error as Error).message).toBe(
      'Migration 3_third/migration.sql line 3 failed: relation "nowhere" does not exist',
    );
    expect(await query(url, "SELECT to_regclass('third') AS third")).toEqual([{ third: null }]);
    expect(await history()).toHaveLength(2);

    await write('3_third', 'CREATE TABLE third ();');
    expect(await migrate(url, dir)).toEqual({ applied: ['3_third'] });
  });

  it('names the row that a statement failed on', async () => {
    await write('3_third', 'INSERT INTO first VALUES (1);\nCREATE UNIQUE INDEX ON first (id);');
    await expect(migrate(url, dir)).rejects.toThrow(
      /^Migration 3_third\/migration.sql failed: could not create unique index .+\(Key \(id\)=\(1\) is duplicated\.\)$/,
    );
  });

  it('needs a readable directory with a file in each migration', async () => {
    await expect(migrate(url, join(dir, 'none'))).rejects.toThrow(/^Cannot read the migrations in/);
    await mkdir(join(dir, '3_empty'));
    await expect(migrate(url, dir)).rejects.toThrow(/^Cannot read .+3_empty.migration\.sql/);
  });

  it('knows where the migrations of this server are', () => {
    expect(migrationsDir).toBe(join(process.cwd(), 'prisma', 'migrations'));
  });
});
