import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BENCH_DATA_DIR } from './bench-database.js';
import { FillError } from './fill.js';
import { CONNECTIONS, ROUNDS, ROUND_SECONDS } from './load.js';
import { root } from './processes.js';
import { note } from './progress.js';
import { LIMITED_KEYS, measureRates } from './rates.js';
import { ratesTable, scaleTable } from './report.js';
import type { Line } from './report.js';
import { SMALL_ALERTS, measureScale } from './scale.js';
import type { ScaleOptions, ScaleReport } from './scale.js';

/**
 * `npm run bench`: the server against a bare one, and at a thousand alerts against a million.
 *
 * The large database is kept and used again; `npm run bench:data` makes the same one.
 */
const USAGE =
  'Usage: npm run bench -- [--alerts 1000000] [--database-url URL | --data-dir DIR] [--only rates|scale] [--match TEXT]';

interface Options extends ScaleOptions {
  readonly only: string | undefined;
}

const PARTS = ['rates', 'scale'];

function readOptions(args: string[]): Options {
  const { values } = parsed(args);
  const alerts = Number(values.alerts);
  if (!Number.isInteger(alerts) || alerts < 1) {
    throw new FillError(`--alerts expects a whole number from 1 on. ${USAGE}`);
  }
  if (values.only !== undefined && !PARTS.includes(values.only)) {
    throw new FillError(`--only expects one of ${PARTS.join(', ')}. ${USAGE}`);
  }
  return {
    alerts,
    databaseUrl: values['database-url'],
    dataDir: resolve(values['data-dir'] ?? BENCH_DATA_DIR),
    only: values.only,
    match: values.match,
  };
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        alerts: { type: 'string', default: '1000000' },
        'database-url': { type: 'string' },
        'data-dir': { type: 'string' },
        only: { type: 'string' },
        match: { type: 'string' },
      },
    });
  } catch (error) {
    throw new FillError(`${(error as Error).message.split('\n')[0] ?? ''} ${USAGE}`);
  }
}

async function ratesIn(workDir: string): Promise<Line[]> {
  // The PostgreSQL user passes through it when this runs as root.
  await chmod(workDir, 0o711);
  try {
    return await measureRates(workDir);
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

async function main(options: Options): Promise<void> {
  const rates =
    options.only === 'scale'
      ? []
      : await ratesIn(await mkdtemp(join(tmpdir(), 'casebender-bench-')));
  const scale: ScaleReport =
    options.only === 'rates' ? { lines: [], limits: [], plans: '' } : await measureScale(options);
  const { plans, ...figures } = scale;
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    cpus: cpus().length,
    connections: CONNECTIONS,
    rounds: ROUNDS,
    roundSeconds: ROUND_SECONDS,
    lines: rates,
    scale: { sizes: [SMALL_ALERTS, options.alerts], ...figures },
  };
  await writeFile(join(root, 'bench-report.json'), `${JSON.stringify(report, null, 2)}\n`);
  if (plans !== '') await writeFile(join(root, 'bench-plans.txt'), plans);
  note('done');
  if (rates.length > 0) {
    process.stdout.write(
      `\n${ratesTable(rates)}\n\nMedians of ${ROUNDS} rounds of ${ROUND_SECONDS} s over ${CONNECTIONS} connections, in turn. "Enterprise" is ${LIMITED_KEYS} keys\nof that tier in turn: each request is authenticated and counted against all three limits.\nThe server gathers what is asked at once into one statement; the bare one runs a statement for each request.\n`,
    );
  }
  if (scale.lines.length > 0) {
    process.stdout.write(
      `\n${scaleTable(scale.lines, [SMALL_ALERTS, options.alerts])}\n\n${ratesTable(scale.limits)}\n\nOne request after the other over one connection, to both sizes in turn. "owner" is a key of the organization\nthat has most alerts, "guest" one of an organization that a tenth of them is shared with, "platform" sees all.\n`,
    );
  }
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(
    `${error instanceof FillError ? error.message : String((error as Error).stack)}\n`,
  );
  process.exitCode = 1;
}
