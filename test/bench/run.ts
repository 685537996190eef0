import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, devNull, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import type { Request } from 'autocannon';
import pg from 'pg';
import { generateApiKey } from '../../src/auth/api-key-format.js';
import { chooseFreePort } from '../../src/database/embedded-cluster.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';

/** `npm run bench`: the figures of the server against a bare one, as ratios taken in one run. */

const POOL_MAX = 10;
const CONNECTIONS = 10;
const ROUNDS = 3;
const ROUND_SECONDS = 4;
const WARM_UP_SECONDS = 5;
const SEEDED_ALERTS = 1_000;
/** So many that their 5 500 requests a minute each are never used up. */
const LIMITED_KEYS = 40;
const START_TIMEOUT_MS = 30_000;

const root = fileURLToPath(new URL('../../', import.meta.url));
const startedAtMs = performance.now();
const children = new Set<ChildProcess>();

function note(text: string): void {
  const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(0).padStart(4);
  process.stderr.write(`${seconds} s  ${text}\n`);
}

interface Running {
  readonly url: string;
  readonly startMs: number;
  stop(): Promise<void>;
}

function spawnNode(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdout: 'pipe' | number,
): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', stdout, 'inherit'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (!children.has(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** Starts a Node process and waits for its line `listening on <url>`. */
async function launch(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const began = performance.now();
  const child = spawnNode(args, env, 'pipe');
  const url = await new Promise<string>((resolve, reject) => {
    const fail = () => {
      reject(new Error(`${args.join(' ')} does not listen.`));
    };
    setTimeout(fail, START_TIMEOUT_MS).unref();
    child.once('exit', fail);
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const listening = /^listening on (http:\S+)$/.exec(line)?.[1];
      if (listening !== undefined) resolve(listening);
    });
  });
  return { url, startMs: performance.now() - began, stop: () => stop(child) };
}

/** Starts the server with its log thrown away, so that reading it costs the benchmark nothing. */
async function launchQuietly(env: Readonly<Record<string, string>>): Promise<Running> {
  const began = performance.now();
  const port = await chooseFreePort();
  const url = `http://127.0.0.1:${port}`;
  const sink = openSync(devNull, 'w');
  const child = spawnNode(['dist/main.js'], { ...env, PORT: String(port) }, sink);
  closeSync(sink);
  while (!(await isReady(url))) {
    if (!children.has(child) || performance.now() - began > START_TIMEOUT_MS) {
      throw new Error('The server does not become ready.');
    }
    await sleep(20);
  }
  return { url, startMs: performance.now() - began, stop: () => stop(child) };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).ok;
  } catch {
    return false;
  }
}

/** The last line a script prints, read as JSON. */
async function runScript(path: string): Promise<unknown> {
  const child = spawnNode(['--import', 'tsx', path], {}, 'pipe');
  const lines: string[] = [];
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${path} failed.`);
  return JSON.parse(lines.at(-1) ?? 'null');
}

async function call(url: string, key: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

function alertBody(serial: number, tags: readonly (number | string)[]): object {
  return {
    title: `Suspicious PowerShell on WS-${String(serial % 500).padStart(3, '0')}`,
    description:
      'Encoded command started by **winword.exe**; parent process `explorer.exe`, user `j.doe`.',
    statusValue: 'new',
    severity: (serial % 4) + 1,
    type: 'edr',
    source: 'sentinel',
    sourceRef: `incident-${serial}`,
    tags,
    observables: [
      { dataType: 'ip', data: `10.${serial % 200}.2.3` },
      { dataType: 'domain', data: `c2-${serial}.example.org` },
      { dataType: 'url', data: `https://c2-${serial}.example.org/stage/2` },
      { dataType: 'hash', data: serial.toString(16).padStart(64, '0') },
      { dataType: 'hostname', data: `ws-${serial % 500}.corp.example.org` },
    ],
  };
}

interface Created {
  readonly id: string;
  readonly ownerOrganizationId: string;
  readonly createdById: string;
  readonly status: { readonly id: string };
  readonly tags: readonly { readonly id: number }[];
}

/** Fails unless both answer the same, but for the labels that follow the clock. */
async function assertSameAnswer(ours: string, key: string, bare: string): Promise<number> {
  const plain = (value: unknown) =>
    JSON.stringify(value, (name, part: unknown) =>
      name === 'createdAtLabel' || name === 'updatedAtLabel' ? undefined : part,
    );
  const sorted = (value: unknown): unknown =>
    JSON.parse(
      JSON.stringify(value, (_name, part: unknown) =>
        typeof part === 'object' && part !== null && !Array.isArray(part)
          ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
          : part,
      ),
    );
  const left = await call(ours, key);
  const right = await call(bare, key);
  if (plain(sorted(left)) !== plain(sorted(right))) {
    throw new Error(`The bare server does not answer what ${ours} answers.`);
  }
  return JSON.stringify(left).length;
}

interface Contender {
  readonly name: string;
  readonly url: string;
  readonly requests: readonly Request[];
}

interface Score {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

async function round({ name, url, requests }: Contender, duration: number): Promise<Score> {
  const result = await autocannon({ url, connections: CONNECTIONS, duration, requests });
  if (result.errors + result.timeouts + result.non2xx > 0) {
    throw new Error(
      `${name}: ${result.non2xx} refused, ${result.errors} failed, ${result.timeouts} timed out.`,
    );
  }
  return {
    perSecond: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The medians of all contenders, which take turns so that a busy moment meets each of them. */
async function compete(contenders: readonly Contender[]): Promise<Score[]> {
  for (const contender of contenders) await round(contender, WARM_UP_SECONDS);
  const scores = contenders.map((): Score[] => []);
  for (let turn = 1; turn <= ROUNDS; turn++) {
    for (const [index, contender] of contenders.entries()) {
      const score = await round(contender, ROUND_SECONDS);
      scores[index]?.push(score);
      note(`${contender.name}, round ${turn}: ${score.perSecond.toFixed(0)} requests/s`);
    }
  }
  return scores.map((list) => ({
    perSecond: median(list.map((score) => score.perSecond)),
    p50: median(list.map((score) => score.p50)),
    p99: median(list.map((score) => score.p99)),
  }));
}

interface Line {
  readonly what: string;
  readonly ours: number;
  readonly bare: number | null;
  readonly unit: string;
  readonly target: string;
  /** Null for what has no target. */
  readonly pass: boolean | null;
}

function ratioLine(what: string, ours: Score, bare: Score, targetPercent: number | null): Line {
  return {
    what,
    ours: ours.perSecond,
    bare: bare.perSecond,
    unit: 'requests/s',
    target: targetPercent === null ? '' : `≥ ${targetPercent} %`,
    pass: targetPercent === null ? null : ours.perSecond / bare.perSecond >= targetPercent / 100,
  };
}

function limitLine(what: string, ours: number, unit: string, max: number): Line {
  return { what, ours, bare: null, unit, target: `≤ ${max} ${unit}`, pass: ours <= max };
}

function table(lines: readonly Line[]): string {
  const number = (value: number) => value.toFixed(value < 100 ? 1 : 0);
  const cells = lines.map(({ what, ours, bare, unit, target, pass }) => [
    what,
    `${number(ours)} ${unit}`,
    bare === null ? '' : number(bare),
    bare === null ? '' : `${((100 * ours) / bare).toFixed(0)} %`,
    target,
    pass === null ? '' : pass ? 'pass' : 'MISS',
  ]);
  const rows = [['', 'ours', 'bare', 'ratio', 'target', ''], ...cells];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const width = widths?.[column] ?? 0;
          return column === 0 || column > 3 ? cell.padEnd(width) : cell.padStart(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** First and later start of an instance with its embedded database, in milliseconds. */
async function measureStarts(dataDir: string): Promise<{ first: number; later: number }> {
  const env = { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent' };
  const first = await launch(['dist/main.js'], env);
  await first.stop();
  const later = await launch(['dist/main.js'], env);
  await later.stop();
  return { first: first.startMs, later: later.startMs };
}

/** The memory of the server process as its own metrics tell it. */
async function residentBytes(url: string, key: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const value = /^casebender_process_resident_memory_bytes (\S+)$/m.exec(await response.text());
  return Number(value?.[1]);
}

async function createLimitedKeys(url: string, adminKey: string): Promise<string[]> {
  const keys: string[] = [];
  for (let index = 0; index < LIMITED_KEYS; index++) {
    const created = (await call(`${url}/api/api-keys`, adminKey, {
      name: `Benchmark ${index + 1}`,
      tier: 'enterprise',
      scopes: ['alerts:read', 'alerts:write'],
    })) as { readonly key: string };
    keys.push(created.key);
  }
  return keys;
}

async function seed(url: string, key: string): Promise<Created> {
  const first = (await call(
    `${url}/api/alerts`,
    key,
    alertBody(0, ['powershell', 'edr']),
  )) as Created;
  const tags = first.tags.map((tag) => tag.id);
  let serial = 1;
  const worker = async () => {
    while (serial < SEEDED_ALERTS) await call(`${url}/api/alerts`, key, alertBody(serial++, tags));
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return first;
}

/** A table like `alerts`, so that the rows of the bare server are in no list of the API. */
async function createBareTable(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('CREATE TABLE bench_alerts (LIKE alerts INCLUDING ALL)');
  await client.query('VACUUM ANALYZE');
  await client.end();
}

async function bench(workDir: string): Promise<Line[]> {
  note('first and later start, with the embedded database');
  const starts = await measureStarts(join(workDir, 'starts'));

  note('a database, the server and the bare server on it');
  const postgres = await startEmbeddedPostgres({
    dataDir: join(workDir, 'database'),
    password: generateApiKey(),
  });
  try {
    const lines = await benchOn(postgres.url, join(workDir, 'server'));
    return [
      ...lines,
      limitLine('First start', starts.first / 1000, 's', 10),
      limitLine('Later start', starts.later / 1000, 's', 3),
    ];
  } finally {
    await Promise.all([...children].map(stop));
    await postgres.stop();
  }
}

async function benchOn(databaseUrl: string, dataDir: string): Promise<Line[]> {
  const adminKey = generateApiKey();
  const server = await launchQuietly({
    DATABASE_URL: databaseUrl,
    DATA_DIR: dataDir,
    DATABASE_POOL_MAX: String(POOL_MAX),
    ADMIN_API_KEY: adminKey,
    LOG_FORMAT: 'json',
  });
  const keys = await createLimitedKeys(server.url, adminKey);
  const alert = await seed(server.url, adminKey);
  await createBareTable(databaseUrl);
  const bare = await launch(['--import', 'tsx', 'test/bench/bare-server.ts'], {
    DATABASE_URL: databaseUrl,
    POOL_MAX: String(POOL_MAX),
    ORGANIZATION_ID: alert.ownerOrganizationId,
    STATUS_ID: alert.status.id,
    USER_ID: alert.createdById,
  });

  const path = `/api/alerts/${alert.id}`;
  const list = '/api/alerts?limit=25';
  const bytes = await assertSameAnswer(
    `${server.url}${path}`,
    adminKey,
    `${bare.url}/alerts/${alert.id}`,
  );
  const listBytes = await assertSameAnswer(`${server.url}${list}`, adminKey, `${bare.url}/alerts/`);
  note(`${SEEDED_ALERTS} alerts; equal answers of ${bytes} and ${listBytes} bytes`);

  const reads = (path: string): Request[] =>
    keys.map((key) => ({ path, headers: { authorization: `Bearer ${key}` } }));
  const [one, oneUnlimited, oneBare] = await compete([
    { name: 'GET one, enterprise', url: server.url, requests: reads(path) },
    {
      name: 'GET one, unlimited',
      url: server.url,
      requests: [{ path, headers: { authorization: `Bearer ${adminKey}` } }],
    },
    { name: 'GET one, bare', url: bare.url, requests: [{ path: `/alerts/${alert.id}` }] },
  ]);
  const [newest, newestBare] = await compete([
    { name: 'GET newest 25, enterprise', url: server.url, requests: reads(list) },
    { name: 'GET newest 25, bare', url: bare.url, requests: [{ path: '/alerts/' }] },
  ]);
  const post = {
    method: 'POST',
    body: JSON.stringify(
      alertBody(
        4711,
        alert.tags.map((tag) => tag.id),
      ),
    ),
  };
  const json = { 'content-type': 'application/json' };
  const [create, createBare] = await compete([
    {
      name: 'POST alert, enterprise',
      url: server.url,
      requests: keys.map((key) => ({
        ...post,
        path: '/api/alerts',
        headers: { ...json, authorization: `Bearer ${key}` },
      })),
    },
    {
      name: 'POST one row, bare',
      url: bare.url,
      requests: [{ ...post, path: '/alerts', headers: json }],
    },
  ]);
  const rssBytes = await residentBytes(server.url, adminKey);
  await bare.stop();
  await server.stop();

  note('the guard by itself');
  const guard = (await runScript('test/bench/guard.ts')) as { readonly microseconds: number };
  if (!one || !oneUnlimited || !oneBare || !newest || !newestBare || !create || !createBare) {
    throw new Error('A contender has no score.');
  }
  return [
    ratioLine('GET one alert, enterprise keys', one, oneBare, 70),
    ratioLine('GET one alert, unlimited key', oneUnlimited, oneBare, 70),
    ratioLine('GET newest 25, enterprise keys', newest, newestBare, 60),
    ratioLine('POST alert with 5 observables', create, createBare, 40),
    limitLine('Guard: known key, three limits, headers', guard.microseconds, 'µs', 20),
    limitLine('Memory of the server', rssBytes / 1e6, 'MB', 250),
  ];
}

const workDir = await mkdtemp(join(tmpdir(), 'casebender-bench-'));
// The PostgreSQL user passes through it when this runs as root.
await chmod(workDir, 0o711);
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});
try {
  const lines = await bench(workDir);
  const report = {
    at: new Date().toISOString(),
    node: process.version,
    cpus: cpus().length,
    connections: CONNECTIONS,
    rounds: ROUNDS,
    roundSeconds: ROUND_SECONDS,
    lines,
  };
  await writeFile(join(root, 'bench-report.json'), `${JSON.stringify(report, null, 2)}\n`);
  note('done');
  process.stdout.write(
    `\n${table(lines)}\n\nMedians of ${ROUNDS} rounds of ${ROUND_SECONDS} s over ${CONNECTIONS} connections, in turn. "Enterprise" is ${LIMITED_KEYS} keys\nof that tier in turn: each request is authenticated and counted against all three limits.\n`,
  );
} finally {
  await rm(workDir, { recursive: true, force: true });
}
