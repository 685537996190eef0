import { join } from 'node:path';
import pg from 'pg';
import { generateApiKey } from '../../src/auth/api-key-format.js';
import { startEmbeddedPostgres } from '../../src/database/embedded-postgres.js';
import { alertBody } from './bodies.js';
import { CONNECTIONS, compete } from './load.js';
import { SERVER, call, launch, launchQuietly, runScript, stopAll } from './processes.js';
import { note } from './progress.js';
import { limitLine, ratioLine } from './report.js';
import type { Line } from './report.js';

const POOL_MAX = 10;
const SEEDED_ALERTS = 1_000;
/** So many that their 5 500 requests a minute each are never used up. */
export const LIMITED_KEYS = 80;

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

/** First and later start of an instance with its embedded database, in milliseconds. */
async function measureStarts(dataDir: string): Promise<{ first: number; later: number }> {
  const env = { DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'silent' };
  const first = await launch(SERVER, env);
  await first.stop();
  const later = await launch(SERVER, env);
  await later.stop();
  return { first: first.startMs, later: later.startMs };
}

/** The memory of the server process as its own metrics tell it. */
export async function residentBytes(url: string, key: string): Promise<number> {
  const response = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  const value = /^casebender_process_resident_memory_bytes (\S+)$/m.exec(await response.text());
  return Number(value?.[1]);
}

/** A condition that all alerts meet, another for each place, so that no two ask the same. */
const beforeYear = (place: number) => `&createdBefore=${2100 + place}-01-01T00:00:00Z`;

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

/** Stores alerts; answers the first, and the ids of others so that each key reads another. */
async function seed(url: string, key: string): Promise<{ alert: Created; ids: readonly string[] }> {
  const create = async (serial: number, tags: readonly (string | number)[]) =>
    (await call(`${url}/api/alerts`, key, alertBody(serial, tags))) as Created;
  const alert = await create(0, ['powershell', 'edr']);
  const tags = alert.tags.map((tag) => tag.id);
  const ids: string[] = [];
  let serial = 1;
  const worker = async () => {
    while (serial < SEEDED_ALERTS) ids.push((await create(serial++, tags)).id);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  return { alert, ids: ids.slice(0, LIMITED_KEYS) };
}

/** A table like `alerts`, so that the rows of the bare server are in no list of the API. */
async function createBareTable(databaseUrl: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query('CREATE TABLE bench_alerts (LIKE alerts INCLUDING ALL)');
  await client.query('VACUUM ANALYZE');
  await client.end();
}

/** What the server does in a second, against a bare `node:http` and `pg` server. */
export async function measureRates(workDir: string): Promise<Line[]> {
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
    await stopAll();
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
  const { alert, ids } = await seed(server.url, adminKey);
  await createBareTable(databaseUrl);
  const bare = await launch(['--import', 'tsx', 'test/bench/bare-server.ts'], {
    DATABASE_URL: databaseUrl,
    POOL_MAX: String(POOL_MAX),
    ORGANIZATION_ID: alert.ownerOrganizationId,
    STATUS_ID: alert.status.id,
    USER_ID: alert.createdById,
  });

  if (ids.length < keys.length) throw new Error('Not each key has an alert to read.');
  const path = `/api/alerts/${alert.id}`;
  const list = '/api/alerts?limit=25';
  const bytes = await assertSameAnswer(
    `${server.url}${path}`,
    adminKey,
    `${bare.url}/alerts/${alert.id}`,
  );
  const listBytes = await assertSameAnswer(`${server.url}${list}`, adminKey, `${bare.url}/alerts/`);
  await assertSameAnswer(`${server.url}${list}${beforeYear(1)}`, adminKey, `${bare.url}/alerts/`);
  note(`${SEEDED_ALERTS} alerts; equal answers of ${bytes} and ${listBytes} bytes`);

  const as = (key: string) => ({ authorization: `Bearer ${key}` });
  const [one, oneUnlimited, oneBare] = await compete([
    {
      name: 'GET one, enterprise',
      url: server.url,
      requests: keys.map((key, place) => ({
        path: `/api/alerts/${ids[place] ?? ''}`,
        headers: as(key),
      })),
    },
    {
      name: 'GET one, unlimited',
      url: server.url,
      requests: ids.map((id) => ({ path: `/api/alerts/${id}`, headers: as(adminKey) })),
    },
    {
      name: 'GET one, bare',
      url: bare.url,
      requests: ids.map((id) => ({ path: `/alerts/${id}` })),
    },
  ]);
  const [newest, newestEach, newestBare] = await compete([
    {
      name: 'GET newest 25, all the same page',
      url: server.url,
      requests: keys.map((key) => ({ path: list, headers: as(key) })),
    },
    {
      name: 'GET newest 25, each another filter',
      url: server.url,
      requests: keys.map((key, place) => ({
        path: `${list}${beforeYear(place)}`,
        headers: as(key),
      })),
    },
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
        headers: { ...json, ...as(key) },
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
  if (
    !one ||
    !oneUnlimited ||
    !oneBare ||
    !newest ||
    !newestEach ||
    !newestBare ||
    !create ||
    !createBare
  ) {
    throw new Error('A contender has no score.');
  }
  return [
    ratioLine('GET one alert, enterprise keys', one, oneBare, 70),
    ratioLine('GET one alert, unlimited key', oneUnlimited, oneBare, 70),
    ratioLine('GET newest 25, all the same page', newest, newestBare, 60),
    ratioLine('GET newest 25, each another filter', newestEach, newestBare, null),
    ratioLine('POST alert with 5 observables', create, createBare, 40),
    limitLine('Guard: known key, three limits, headers', guard.microseconds, 'µs', 20),
    limitLine('Memory of the server', rssBytes / 1e6, 'MB', 250),
  ];
}
