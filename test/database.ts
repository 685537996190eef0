import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

const IN_USE = '55006';
const DUPLICATE_DATABASE = '42P04';
const COPY_ATTEMPTS_MAX = 200;

function variable(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run the tests with jest.`);
  return value;
}

function urlOf(database: string): string {
  const url = new URL(variable('TEST_SERVER_URL'));
  url.pathname = `/${database}`;
  return url.href;
}

/** The database of this worker, copied from the template by the first file that asks for it. */
export async function workerDatabaseUrl(): Promise<string> {
  return databaseUrl(process.env.JEST_WORKER_ID ?? '1');
}

/** A database of this run by name, for a file whose doings would disturb others. */
export async function databaseUrl(suffix: string): Promise<string> {
  const name = `casebender_${variable('TEST_RUN')}_${suffix}`;
  await copyTemplate(name);
  return urlOf(name);
}

async function copyTemplate(name: string): Promise<void> {
  const client = new pg.Client(variable('TEST_SERVER_URL'));
  await client.connect();
  try {
    for (let attempt = 1; ; attempt++) {
      try {
        await client.query(`CREATE DATABASE ${name} TEMPLATE ${variable('TEST_TEMPLATE')}`);
        return;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === DUPLICATE_DATABASE) return;
        if (code !== IN_USE || attempt === COPY_ATTEMPTS_MAX) throw error;
        await sleep(25);
      }
    }
  } finally {
    await client.end();
  }
}

/** Looks into and arranges the database beside the application. */
export class TestDatabase {
  private readonly pool: pg.Pool;

  constructor(readonly url: string) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: 4,
      application_name: 'test',
      options: '-c TimeZone=UTC',
    });
    this.pool.on('error', () => undefined);
  }

  async rows<Row = Record<string, unknown>>(
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    const result = await this.pool.query(statement, values as unknown[]);
    return result.rows as Row[];
  }

  /** The first row, which must be there. */
  async row<Row = Record<string, unknown>>(
    statement: string,
    values: readonly unknown[] = [],
  ): Promise<Row> {
    const [row] = await this.rows<Row>(statement, values);
    if (!row) throw new Error(`No row: ${statement}`);
    return row;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
