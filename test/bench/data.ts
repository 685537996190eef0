import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { explainFailure } from '../../src/instance/failure.js';
import { BENCH_DATA_DIR, openBenchDatabase, withClient } from './bench-database.js';
import { FillError, fillDatabase, inspectFill } from './fill.js';
import { note, showProgress } from './progress.js';

/** `npm run bench:data`: fills a database with believable alerts, for the benchmark or to look at. */

const ALERTS_MAX = 50_000_000;

interface Options {
  readonly alerts: number;
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  readonly beside: boolean;
}

const USAGE =
  'Usage: npm run bench:data -- [--alerts 1000000] [--database-url URL | --data-dir DIR] [--beside]';

/** @throws FillError in one line that says what is wrong. */
function readOptions(args: readonly string[]): Options {
  const { values } = parsed(args);
  const alerts = Number(values.alerts);
  if (!/^\d{1,9}$/.test(values.alerts) || alerts < 1 || alerts > ALERTS_MAX) {
    throw new FillError(`--alerts expects a whole number from 1 to ${ALERTS_MAX}. ${USAGE}`);
  }
  const databaseUrl = values['database-url'] ?? process.env.DATABASE_URL;
  if (databaseUrl !== undefined && !/^postgres(ql)?:\/\/\S+$/.test(databaseUrl)) {
    throw new FillError(`--database-url expects postgresql://user:password@host:port/database.`);
  }
  if (values['database-url'] !== undefined && values['data-dir'] !== undefined) {
    throw new FillError(`Either --database-url or --data-dir, not both. ${USAGE}`);
  }
  return {
    alerts,
    databaseUrl: values['data-dir'] === undefined ? databaseUrl : undefined,
    dataDir: resolve(values['data-dir'] ?? BENCH_DATA_DIR),
    beside: values.beside,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        alerts: { type: 'string', default: '1000000' },
        'database-url': { type: 'string' },
        'data-dir': { type: 'string' },
        beside: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new FillError(`${(error as Error).message.split('\n')[0] ?? ''} ${USAGE}`);
  }
}

async function fill(client: pg.Client, { alerts, beside }: Options): Promise<void> {
  const { filled, foreign } = await inspectFill(client);
  if (filled?.alerts === alerts) {
    note(`the database holds the ${alerts} alerts already`);
    return;
  }
  if (filled) {
    throw new FillError(
      `The database holds ${filled.alerts} alerts of an earlier run: name another one with --database-url or --data-dir.`,
    );
  }
  if (foreign > 0 && !beside) {
    throw new FillError(
      'The database holds alerts that bench:data did not make: name another one, or add to it with --beside.',
    );
  }
  await fillDatabase(client, alerts, showProgress());
  note(`${alerts} alerts are in the database`);
}

try {
  const options = readOptions(process.argv.slice(2));
  const database = await openBenchDatabase(options.databaseUrl, options.dataDir, note);
  // Stopping the database undoes what is not finished.
  const stop = () => void database.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await withClient(database.url, (client) => fill(client, options));
  } finally {
    await database.stop();
  }
} catch (error) {
  const { text } = explainFailure(error, process.env);
  process.stderr.write(`${error instanceof FillError ? error.message : text}\n`);
  process.exitCode = error instanceof FillError ? 2 : 1;
}
