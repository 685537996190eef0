import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppConfig, parseEnvironment } from '../../src/config/config.js';
import { loadSecrets } from '../../src/config/secrets.js';
import { migrate, migrationsDir } from '../../src/database/migrate.js';
import { openBenchDatabase, withClient } from './bench-database.js';
import { createKeys, readFacts } from './facts.js';
import { FillError, fillDatabase, inspectFill } from './fill.js';
import { Plans } from './plans.js';
import { launchQuietly, stopAll } from './processes.js';
import type { Running } from './processes.js';
import { note, showProgress } from './progress.js';
import { residentBytes } from './rates.js';
import { limitLine, median } from './report.js';
import type { Line, SizedLine } from './report.js';
import { MEASURED } from './requests.js';
import type { Caller, Facts, MeasuredRequest } from './requests.js';

export const SMALL_ALERTS = 1_000;
const WARM_UP = 8;
const SAMPLES_MIN = 7;
const SAMPLES_MAX = 40;
const BUDGET_MS = 1_000;
const PLAN_RUNS = 2;
/** What the event loop's own clock adds to each measurement. */
const LAG_RESOLUTION_MS = 10;

export interface ScaleOptions {
  readonly alerts: number;
  readonly databaseUrl: string | undefined;
  readonly dataDir: string;
  /** Part of the names of the requests to measure; all when not given. */
  readonly match: string | undefined;
}

export interface ScaleReport {
  readonly lines: readonly SizedLine[];
  readonly limits: readonly Line[];
  /** The plans at the large size, as PostgreSQL tells them. */
  readonly plans: string;
}

/** A server on a database of one size, and what to ask it. */
interface Size {
  readonly url: string;
  readonly server: Running;
  readonly keys: Readonly<Record<Caller, string>>;
  readonly facts: Facts;
  readonly agent: http.Agent;
}

/** The same requests to a small database and to a large one, in turn. */
export async function measureScale(options: ScaleOptions): Promise<ScaleReport> {
  const database = await openBenchDatabase(options.databaseUrl, options.dataDir, note);
  const smallName = 'casebender_bench_small';
  try {
    await withClient(database.url, async (client) => {
      await client.query(`DROP DATABASE IF EXISTS ${smallName} WITH (FORCE)`);
      await client.query(`CREATE DATABASE ${smallName}`);
    });
    const smallUrl = Object.assign(new URL(database.url), { pathname: `/${smallName}` }).href;
    await migrate(smallUrl, migrationsDir);
    await fillTo(smallUrl, SMALL_ALERTS);
    await fillTo(database.url, options.alerts);
    return await measureBoth(smallUrl, database.url, options);
  } finally {
    await stopAll();
    await withClient(database.url, (client) =>
      client.query(`DROP DATABASE IF EXISTS ${smallName} WITH (FORCE)`),
    );
    await database.stop();
  }
}

/** Fills what is empty; removes what an earlier benchmark added. */
async function fillTo(url: string, alerts: number): Promise<void> {
  await withClient(url, async (client) => {
    const { filled, foreign } = await inspectFill(client);
    if (filled && filled.alerts !== alerts) {
      throw new FillError(
        `The database holds ${filled.alerts} alerts, not ${alerts}: ask for as many, or name another one.`,
      );
    }
    if (foreign > 0) throw new FillError('The database holds alerts that bench:data did not make.');
    if (filled) return removeAdded(url);
    note(`filling a database with ${alerts} alerts`);
    await fillDatabase(client, alerts, showProgress());
  });
}

/** Takes out what was created since the fill, so that the next run finds the same. */
async function removeAdded(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { filled } = await inspectFill(client);
    await client.query('CREATE TEMP TABLE added AS SELECT id FROM alerts WHERE tiny_id > $1', [
      filled?.lastTinyId,
    ]);
    const { rowCount } = await client.query('SELECT 1 FROM added LIMIT 1');
    if (!rowCount) return;
    note('removing what an earlier benchmark added');
    // Nothing else deletes alerts for good: the reference from observables has no index for it.
    await client.query(
      `BEGIN; ANALYZE added; CREATE INDEX bench_removal ON observables (alert_id);
       DELETE FROM observables WHERE alert_id IN (SELECT id FROM added);
       DELETE FROM alerts WHERE id IN (SELECT id FROM added); DROP INDEX bench_removal; COMMIT`,
    );
    await client.query('VACUUM (ANALYZE) alerts, observables, activities, alert_tags');
  });
}

async function measureBoth(
  smallUrl: string,
  largeUrl: string,
  options: ScaleOptions,
): Promise<ScaleReport> {
  const small = await serve(smallUrl, options.dataDir);
  const large = await serve(largeUrl, options.dataDir);
  const lines: SizedLine[] = [];
  const limits: Line[] = [];
  const wanted = MEASURED.filter(({ name }) => name.includes(options.match ?? ''));
  for (const request of wanted) {
    const line = await compare(request, small, large);
    if (!line) continue;
    lines.push(line);
    note(
      `${line.name} (${line.caller}): ${line.small.median.toFixed(1)} ms, ${line.large.median.toFixed(1)} ms`,
    );
    if (request.name.startsWith('bulk')) limits.push(await blockedLine(request, large));
  }
  const bytes = await residentBytes(large.server.url, large.keys.platform);
  limits.push(limitLine('Memory of the server after all that', bytes / 1e6, 'MB', 250));
  await close(small);
  await close(large);

  const measured = wanted.filter(({ name }) => lines.some((line) => line.name === name));
  const plans = await collectPlans(measured, largeUrl, options.dataDir);
  await removeAdded(largeUrl);
  return { lines, limits, plans };
}

/** The plans of the requests, from a server of its own whose statements PostgreSQL explains. */
async function collectPlans(
  requests: readonly MeasuredRequest[],
  url: string,
  dataDir: string,
): Promise<string> {
  note('the plans');
  return withClient(url, async (client) => {
    const plans = new Plans(client, new URL(url).pathname.slice(1));
    if (!(await plans.start())) return 'The role may not load auto_explain or read the log.\n';
    try {
      const size = await serve(url, dataDir);
      const texts: string[] = [];
      for (const request of requests) texts.push(await planOf(plans, request, size));
      await close(size);
      return texts.join('');
    } finally {
      await plans.stop();
    }
  });
}

async function serve(url: string, dataDir: string): Promise<Size> {
  const environment = parseEnvironment({ DATA_DIR: dataDir, DATABASE_URL: url });
  const config = new AppConfig(environment, loadSecrets(environment));
  const [keys, facts] = await withClient(url, async (client) => [
    await createKeys(client, config),
    await readFacts(client, config),
  ]);
  const server = await launchQuietly({ DATABASE_URL: url, DATA_DIR: dataDir, LOG_FORMAT: 'json' });
  return { url, server, keys, facts, agent: new http.Agent({ keepAlive: true, maxSockets: 1 }) };
}

async function close({ server, agent }: Size): Promise<void> {
  agent.destroy();
  await server.stop();
}

/** Measures in turn, so that a busy moment meets both; null while there is no such route. */
async function compare(
  request: MeasuredRequest,
  small: Size,
  large: Size,
): Promise<SizedLine | null> {
  for (const size of [small, large]) {
    const { status, text } = await send(request, size);
    if (status === 404 || (status === 400 && request.method === 'GET')) return null;
    if (status !== 200) throw new Error(`${request.name} answered ${status}: ${text}`);
    for (let run = 1; run < Math.min(WARM_UP, request.samplesMax ?? WARM_UP); run++)
      await send(request, size);
  }
  const times: [number[], number[]] = [[], []];
  const samplesMax = request.samplesMax ?? SAMPLES_MAX;
  const endsAtMs = performance.now() + BUDGET_MS;
  for (let run = 0; run < samplesMax; run++) {
    if (run >= Math.min(SAMPLES_MIN, samplesMax) && performance.now() > endsAtMs) break;
    times[0].push((await send(request, small)).ms);
    times[1].push((await send(request, large)).ms);
  }
  const [ofSmall, ofLarge] = times.map((each) => ({ median: median(each), p95: p95(each) }));
  if (!ofSmall || !ofLarge) throw new Error('Nothing was measured.');
  return {
    name: request.name,
    caller: request.caller,
    small: ofSmall,
    large: ofLarge,
    target: request.target ?? null,
  };
}

function p95(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * 0.95) - 1)] ?? Number.NaN;
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly ms: number;
}

let serial = 0;

function send(request: MeasuredRequest, { server, keys, facts, agent }: Size): Promise<Answer> {
  const body = request.body && JSON.stringify(request.body(facts, ++serial));
  const beganAtMs = performance.now();
  return new Promise((resolve, reject) => {
    const sent = http.request(`${server.url}${request.path(facts)}`, {
      agent,
      method: request.method,
      headers: {
        authorization: `Bearer ${keys[request.caller]}`,
        ...(body !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
        ...request.headers,
      },
    });
    sent.once('error', reject).once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject).once('end', () => {
        const ms = performance.now() - beganAtMs;
        const text = response.statusCode === 200 ? '' : Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode ?? 0, text, ms });
      });
    });
    sent.end(body);
  });
}

/** The longest time the event loop stood still while the request ran, by the server's own clock. */
async function blockedLine(request: MeasuredRequest, size: Size): Promise<Line> {
  const longest: number[] = [];
  for (let run = 0; run < 5; run++) {
    await lagMs(size);
    await sleep(200);
    await lagMs(size);
    await send(request, size);
    longest.push((await lagMs(size)) - LAG_RESOLUTION_MS);
  }
  return limitLine(`Event loop blocked by ${request.name}`, Math.max(0, median(longest)), 'ms', 20);
}

/** The longest delay since it was last asked for. */
async function lagMs({ server, keys }: Size): Promise<number> {
  const response = await fetch(`${server.url}/metrics`, {
    headers: { authorization: `Bearer ${keys.platform}` },
  });
  const value = /^casebender_nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await response.text());
  return 1000 * Number(value?.[1]);
}

/** Plans after so many runs that the server has settled for one. */
async function planOf(plans: Plans, request: MeasuredRequest, size: Size): Promise<string> {
  for (let run = 1; run < Math.min(PLAN_RUNS, request.samplesMax ?? PLAN_RUNS); run++)
    await send(request, size);
  const text = await plans.of(() => send(request, size));
  return `${'='.repeat(100)}\n${request.name} (${request.caller})\n${'='.repeat(100)}\n${text}\n`;
}
