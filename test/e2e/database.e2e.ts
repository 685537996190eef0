import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'supertest';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { TestDatabase, databaseUrl } from '../database.js';
import { createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { startProxy } from '../proxy.js';
import type { DatabaseProxy } from '../proxy.js';

let api: TestApp;
let db: TestDatabase;
let tenant: Tenant;
let proxy: DatabaseProxy;

beforeAll(async () => {
  // A database of its own: others would lose their connections with it.
  const url = await databaseUrl(`lossy${process.env.JEST_WORKER_ID ?? ''}`);
  proxy = await startProxy(url);
  api = await startTestApp({ DATABASE_URL: proxy.url });
  db = new TestDatabase(url);
  tenant = await createTenant(db);
});

afterAll(async () => {
  await db.close();
  await api.close();
  await proxy.cut();
});

const body = (title: string) => ({
  title,
  statusValue: 'new',
  severity: 2,
  tags: ['under load'],
  observables: [{ dataType: 'other', data: title }],
});

/** Ends every connection to the database but this one's. */
const killConnections = () =>
  db.rows(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name <> 'test'`,
  );

const KILLS = 8;
const PROGRESS_BETWEEN_KILLS = 4;

/** Kills all connections each time that several clients have got some work done, until all kills are spent. */
async function underFire(
  progress: () => number,
  work: (client: number, round: number) => Promise<void>,
): Promise<void> {
  let isOver = false;
  const fire = async () => {
    for (let kill = 1; kill <= KILLS; kill++) {
      while (progress() < kill * PROGRESS_BETWEEN_KILLS) await sleep(5);
      await killConnections();
    }
    isOver = true;
  };
  const client = async (_: unknown, index: number) => {
    for (let round = 0; !isOver; round++) await work(index, round);
  };
  await Promise.all([fire(), ...Array.from({ length: 6 }, client)]);
}

function expectServedOr503(response: Response): void {
  if (response.status === 503) expectProblem(response, 503, 'UNAVAILABLE');
  else expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
}

async function readyWithin(ms: number): Promise<boolean> {
  const deadline = Date.now() + ms;
  while (Date.now() < deadline) {
    if ((await api.http().get('/health/ready')).status === 200) return true;
    await sleep(20);
  }
  return false;
}

describe('connections killed under load', () => {
  it('answer 2xx or 503 only, lose nothing acknowledged and leave nothing half-written', async () => {
    const acknowledged: Alert[] = [];
    const changed = new Map<string, string>();
    const progress = () => acknowledged.length;
    await underFire(progress, async (client, round) => {
      const http = api.http(tenant.key);
      const created = await http.post('/api/alerts').send(body(unique(`load-${client}-${round}`)));
      expectServedOr503(created);
      if (created.status !== 200) return;
      const alert = created.body as Alert;
      acknowledged.push(alert);
      const title = unique('changed');
      const updated = await http.patch(`/api/alerts/${alert.id}`).send({ title });
      expectServedOr503(updated);
      if (updated.status === 200) changed.set(alert.id, title);
      expectServedOr503(await http.get('/api/alerts?limit=5&count=true'));
    });
    expect(await readyWithin(2_000)).toBe(true);
    expect(acknowledged.length).toBeGreaterThanOrEqual(KILLS * PROGRESS_BETWEEN_KILLS);

    const rows = await db.rows<{ id: string; title: string; observables: number; lines: number }>(
      `SELECT a.id, a.title, (SELECT count(*)::int FROM observables o WHERE o.alert_id = a.id) AS observables,
         (SELECT count(*)::int FROM activities x WHERE x.alert_id = a.id AND x.action = 'created') AS lines
       FROM alerts a`,
    );
    const stored = new Map(rows.map((row) => [row.id, row]));
    for (const { id } of acknowledged) expect(stored.has(id)).toBe(true);
    for (const [id, title] of changed) expect(stored.get(id)?.title).toBe(title);
    for (const row of rows) expect(row).toMatchObject({ observables: 1, lines: 1 });
    const titles = await db.rows('SELECT tiny_id FROM alerts GROUP BY tiny_id HAVING count(*) > 1');
    expect(titles).toEqual([]);
  });

  it('let a client repeat with an Idempotency-Key until it is done exactly once', async () => {
    const done: string[] = [];
    const progress = () => done.length;
    await underFire(progress, async (client, round) => {
      const title = unique(`once-${client}-${round}`);
      for (let attempt = 0; attempt < 50; attempt++) {
        const response = await api
          .http(tenant.key)
          .post('/api/alerts')
          .set('Idempotency-Key', title)
          .send(body(title));
        if (response.status === 409) continue;
        expectServedOr503(response);
        if (response.status === 200) {
          done.push(title);
          return;
        }
        await sleep(10);
      }
    });
    const rows = await db.rows<{ title: string }>(
      'SELECT title FROM alerts WHERE title = ANY($1)',
      [done],
    );
    expect(rows.map(({ title }) => title).sort()).toEqual([...done].sort());
  });

  it('keep a revocation effective on the next request', async () => {
    const admin = await createTenant(db, { role: 'org-admin' });
    expect((await api.http(tenant.key).get('/api/users/me')).status).toBe(200);
    await killConnections();
    const own = await createTenant(db);
    // Each killed connection that is still in the pool is one 503.
    let known = 503;
    for (let tries = 0; known === 503 && tries < 20; tries++)
      known = (await api.http(own.key).get('/api/users/me')).status;
    expect(known).toBe(200);
    await db.rows('UPDATE credentials SET organization_id = $2 WHERE id = $1', [
      own.keyId,
      admin.organizationId,
    ]);
    const revoked = await api.http(admin.key).post(`/api/api-keys/${own.keyId}/revoke`);
    expect(revoked.status).toBe(200);
    expectProblem(await api.http(own.key).get('/api/users/me'), 401, 'API_KEY_REVOKED');
  });
});

describe('the database away', () => {
  it('is 503 within 3 s for known and unknown keys, and back to normal within 2 s of its return', async () => {
    const unused = await createTenant(db);
    const http = api.http(tenant.key);
    expect((await http.get('/api/alerts?limit=1')).status).toBe(200);
    await proxy.cut();
    try {
      const startedAt = Date.now();
      for (const response of await Promise.all([
        http.get('/api/alerts?limit=1'),
        http.post('/api/alerts').send(body('away')),
        http.patch('/api/alerts/01900000-0000-7000-8000-00000000ffff').send({ title: 'x' }),
        http.post('/api/alerts').set('Idempotency-Key', unique('away')).send(body('away')),
        api.http(unused.key).get('/api/users/me'),
        api.http().get('/health/ready'),
      ]))
        expectProblem(response, 503, 'UNAVAILABLE');
      expect(Date.now() - startedAt).toBeLessThan(3_000);
      expect((await api.http().get('/health/live')).status).toBe(200);
      expect((await api.http('garbage').get('/api/alerts')).status).toBe(401);
    } finally {
      await proxy.open();
    }
    expect(await readyWithin(2_000)).toBe(true);
    expect((await http.get('/api/alerts?limit=1')).status).toBe(200);
    expect((await api.http(unused.key).get('/api/users/me')).status).toBe(200);
    expect(await db.rows("SELECT 1 FROM alerts WHERE title = 'away'")).toEqual([]);
  });
});

describe('a database that takes requests and does not answer', () => {
  it('is 503 within 3 s for what runs, waits and comes, and back to normal within 2 s', async () => {
    const unused = await createTenant(db);
    const http = api.http(tenant.key);
    const everything = () => [
      ...Array.from({ length: 15 }, () => http.get('/api/alerts?limit=1')),
      http.post('/api/alerts').send(body('frozen')),
      http.patch('/api/alerts/01900000-0000-7000-8000-00000000ffff').send({ title: 'x' }),
      http.post('/api/alerts').set('Idempotency-Key', unique('frozen')).send(body('frozen')),
      api.http(unused.key).get('/api/users/me'),
      api.http().get('/health/ready'),
    ];
    expect((await http.get('/api/alerts?limit=1')).status).toBe(200);
    proxy.freeze();
    try {
      for (let round = 1; round <= 2; round++) {
        const startedAt = Date.now();
        for (const response of await Promise.all(everything())) {
          expectProblem(response, 503, 'UNAVAILABLE');
        }
        expect(Date.now() - startedAt).toBeLessThan(3_000);
      }
      expect((await api.http().get('/health/live')).status).toBe(200);
    } finally {
      proxy.thaw();
    }
    expect(await readyWithin(2_000)).toBe(true);
    expect((await http.get('/api/alerts?limit=1')).status).toBe(200);
    expect((await api.http(unused.key).get('/api/users/me')).status).toBe(200);
  });

  it('is not one that works for long: what waits for a lock is served when it is free', async () => {
    const http = api.http(tenant.key);
    const { id } = (await http.post('/api/alerts').send(body(unique('locked')))).body as Alert;
    const held = db.rows(
      `WITH locked AS (SELECT id FROM alerts WHERE id = $1 FOR UPDATE)
       SELECT pg_sleep(4)::text FROM locked`,
      [id],
    );
    await sleep(100);
    const updated = await http.patch(`/api/alerts/${id}`).send({ title: 'free at last' });
    await held;
    expect({ status: updated.status, body: updated.text }).toMatchObject({ status: 200 });
  });
});
