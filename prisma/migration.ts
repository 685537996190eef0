import type { EventEmitter } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PrismaPg } from '@prisma/adapter-pg';
import { ColumnTypeEnum, bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

import { EmbeddedPostgresError, startEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { MigrationError, migrate, migrationsDir } from '../src/database/migrate.js';

const usage = `Usage: tsx prisma/migration.ts <name>     write the SQL that the schema needs beyond the migrations
       tsx prisma/migration.ts --check    fail when the schema and the migrations disagree`;

const schemaPath = fileURLToPath(new URL('schema.prisma', import.meta.url));

async function main(args: readonly string[]): Promise<number> {
  const [what] = args;
  if (args.length !== 1 || what === undefined || !/^(--check|[a-z0-9][a-z0-9_-]*)$/i.test(what)) {
    console.error(usage);
    return 2;
  }
  const sql = await withMigratedDatabase(diffToSchema);
  if (what === '--check') return report(sql);
  if (sql === '') console.log('The schema asks for no change: the file is for SQL by hand.');
  await author(what, sql);
  return 0;
}

function report(sql: string): number {
  if (sql === '') {
    console.log('Schema and migrations agree.');
    return 0;
  }
  console.error(`Schema and migrations disagree. The migrations lack:\n\n${sql}`);
  return 1;
}

async function author(name: string, sql: string): Promise<void> {
  const time = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const dir = join(migrationsDir, `${time}_${name.toLowerCase().replaceAll('-', '_')}`);
  const title = name.replace(/[-_]+/g, ' ');
  await mkdir(dir, { recursive: true });
  const path = join(dir, 'migration.sql');
  await writeFile(path, `-- ${title}\n${sql === '' ? '' : `\n${sql}\n`}`, { flag: 'wx' });
  console.log(`Wrote ${relative(process.cwd(), path)}: read it, and add what Prisma cannot say.`);
}

/** Gives `work` a throw-away database with every migration applied. */
async function withMigratedDatabase<T>(work: (url: string) => Promise<T>): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), 'migration-'));
  // When this runs as root, PostgreSQL runs as another user.
  await chmod(dir, 0o711);
  try {
    const server = await startEmbeddedPostgres({
      dataDir: dir,
      password: 'throw-away',
      settings: { fsync: 'off', shared_buffers: '16MB' },
    });
    try {
      await migrate(server.url, migrationsDir);
      return await Promise.race([work(server.url), interruption()]);
    } finally {
      await server.stop();
    }
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** Rejects when the engine panics, which no promise of its own tells, or on Ctrl-C. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    process.on('uncaughtException', reject);
    process.on('SIGINT', () => {
      reject(new Error('Interrupted'));
    });
  });
}

/** The SQL that leads from the database to the schema; empty when they agree. */
async function diffToSchema(connectionString: string): Promise<string> {
  const schema = { path: schemaPath, content: await readFile(schemaPath, 'utf8') };
  const { SchemaEngine } = await loadEngine();
  const pool = new pg.Pool({ connectionString });
  const engine = await SchemaEngine.new(
    { datamodels: [[schema.path, schema.content]] },
    () => undefined,
    bindMigrationAwareSqlAdapterFactory(new CatalogReader(pool)),
  );
  try {
    const { stdout } = await engine.diff({
      from: { tag: 'schemaDatasource', files: [schema], configDir: join(schemaPath, '..') },
      to: { tag: 'schemaDatamodel', files: [schema] },
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    });
    const sql = (stdout ?? '').trim();
    return sql === '-- This is an empty migration.' ? '' : sql;
  } finally {
    engine.free();
    await pool.end();
  }
}

const charOid = 18;
const charArrayOid = 1002;

/**
 * Prisma's adapter, able to read the catalog.
 *
 * The engine asks for columns of the type "char", which the adapter refuses although it knows
 * arrays of it. So they pass it labelled as arrays, and get the right label behind it.
 */
class CatalogReader extends PrismaPg {
  constructor(pool: pg.Pool) {
    super(pool);
    pool.on('connect', (client) => {
      const { connection } = client as unknown as { connection: EventEmitter };
      // The client, listening before us, has already chosen the parsers by the true types.
      connection.on('rowDescription', ({ fields }: { fields: { dataTypeID: number }[] }) => {
        for (const field of fields) {
          if (field.dataTypeID === charOid) field.dataTypeID = charArrayOid;
        }
      });
    });
  }

  override async connect(): ReturnType<PrismaPg['connect']> {
    const adapter = await super.connect();
    const queryRaw = adapter.queryRaw.bind(adapter);
    adapter.queryRaw = async (query) => {
      const result = await queryRaw(query);
      const columnTypes = result.columnTypes.map((type) =>
        type === ColumnTypeEnum.CharacterArray ? ColumnTypeEnum.Character : type,
      );
      return { ...result, columnTypes };
    };
    return adapter;
  }
}

interface EngineExports {
  __wbindgen_start(): void;
}

// Node has it; the types of Node 20 do not.
declare const WebAssembly: {
  instantiate(
    bytes: Uint8Array,
    imports: Readonly<Record<string, unknown>>,
  ): Promise<{ instance: { exports: EngineExports } }>;
};

/** Does what the package's entry does by importing its `.wasm`, which Node 20 cannot. */
async function loadEngine(): Promise<typeof engineModule> {
  const entry = import.meta.resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const bytes = await readFile(new URL('schema_engine_bg.wasm', entry));
  const { instance } = await WebAssembly.instantiate(bytes, {
    './schema_engine_bg.js': engineModule,
  });
  const { __wbg_set_wasm: setWasm } = engineModule as unknown as {
    __wbg_set_wasm: (exports: EngineExports) => void;
  };
  setWasm(instance.exports);
  instance.exports.__wbindgen_start();
  return engineModule;
}

// Where the engine leaves its last words.
Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: console.error } });

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const told =
    error instanceof EmbeddedPostgresError ||
    error instanceof MigrationError ||
    (error instanceof Error && error.name === 'SchemaConnectorError');
  console.error(told ? error.message : error);
  process.exitCode = 1;
}
