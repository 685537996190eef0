import type { Alert } from '../../src/alerts/alerts.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';

let api: TestApp;
let tenant: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const BODY = { title: 'Hostile', statusValue: 'new', severity: 2 };

async function createAlert(fields: object = {}): Promise<Alert> {
  const answer = await http.post('/api/alerts').send({ ...BODY, ...fields });
  return answer.body as Alert;
}

const times = <T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(index)));

const statusesOf = (answers: readonly { readonly status: number }[]) => [
  ...new Set(answers.map((answer) => answer.status)),
];

describe('more writers than connections, on cold caches', () => {
  it('all get through', async () => {
    const cold = await startTestApp({ DATABASE_POOL_MAX: '2' });
    const client = cold.http(tenant.key);
    const alerts = await times(12, () => createAlert());
    const updates = await times(12, (index) =>
      client.patch(`/api/alerts/${alerts[index]?.id ?? ''}`).send({ statusValue: 'in-progress' }),
    );
    expect(statusesOf(updates)).toEqual([200]);
    await cold.close();
  });

  it('all get through with idempotency keys', async () => {
    const cold = await startTestApp({ DATABASE_POOL_MAX: '2' });
    const client = cold.http(tenant.key);
    const posts = await times(12, (index) =>
      client.post('/api/alerts').set('Idempotency-Key', `cold-${index}`).send(BODY),
    );
    expect(statusesOf(posts)).toEqual([200]);
    await cold.close();
  });
});

describe('bodies', () => {
  it.each([[['a', 'a']], [['a', 'A']], [[{ name: 'c' }, ' c ']]])(
    'may name a tag twice: %j',
    async (tags) => {
      expect((await createAlert({ tags })).tags).toHaveLength(1);
      const made = await http.post('/api/cases').send({ ...BODY, tags });
      expect(made.status).toBe(200);
    },
  );

  it.each([
    '0000-01-01T00:00:00Z',
    '1969-12-31T23:59:59Z',
    '9999-12-31T23:59:59-23:59',
    `2026-01-01T00:00:00.${'1'.repeat(300)}Z`,
  ])('answer 400 to the instant %s', async (instant) => {
    const startDate = { dataType: 'ip', data: '192.0.2.1', startDate: instant };
    for (const answer of [
      await http.get('/api/alerts').query({ createdAfter: instant }),
      await http.post('/api/alerts/search').send({ createdBefore: instant }),
      await http.post('/api/alerts').send({ ...BODY, observables: [startDate] }),
      await http.post('/api/cases').send({ ...BODY, createdAt: instant }),
      await http
        .post('/api/api-keys')
        .send({ name: 'k', tier: 'basic', scopes: ['alerts:read'], expiresAt: instant }),
    ])
      expectProblem(answer, 400, 'VALIDATION_FAILED');
  });

  it('answer 400 when nested a million deep or a million wide, before they are parsed', async () => {
    const deep = `{"alerts":[${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}]}`;
    const wide = `{"alerts":[${'1,'.repeat(1_000_000)}1]}`;
    for (const text of [deep, wide]) {
      const answer = await http
        .post('/api/alerts/bulk')
        .set('Content-Type', 'application/json')
        .send(text);
      expectProblem(answer, 400, 'MALFORMED_JSON');
    }
  });

  it('answer 400 to more observables than a bulk may bring', async () => {
    const observables = Array.from({ length: 1000 }, (_, index) => ({
      dataType: 'other',
      data: String(index),
    }));
    const alerts = Array.from({ length: 21 }, () => ({ ...BODY, observables }));
    expectProblem(await http.post('/api/alerts/bulk').send({ alerts }), 400, 'VALIDATION_FAILED');
  });

  it('answer 400 to NUL in a query', async () => {
    expectProblem(await http.get('/api/tags?q=%00'), 400, 'VALIDATION_FAILED');
  });
});

describe('counting into an alert that goes', () => {
  const origin = (sourceRef: string) => ({ type: 'edr', source: 'race', sourceRef });

  it('stores a new one when it is deleted or closed meanwhile', async () => {
    for (let round = 0; round < 6; round++) {
      const fields = origin(`race-${round}`);
      const first = await createAlert(fields);
      const [, ...counted] = await Promise.all([
        round % 2 === 0
          ? http.delete(`/api/alerts/${first.id}`)
          : http.patch(`/api/alerts/${first.id}`).send({ statusValue: 'closed' }),
        ...Array.from({ length: 6 }, () =>
          http
            .post('/api/alerts')
            .set('X-Alert-Dedup', 'count')
            .send({ ...BODY, ...fields }),
        ),
      ]);
      expect(statusesOf(counted)).toEqual([200]);
      const { seen } = await api.db.row<{ seen: number }>(
        `SELECT coalesce(sum(count), 0)::int AS seen FROM alerts
         WHERE organization_id = $1 AND source_ref = $2`,
        [tenant.organizationId, fields.sourceRef],
      );
      expect(seen).toBe(7);
    }
  });
});

describe('keys', () => {
  it('of a lower clearance cannot widen one above it', async () => {
    const low = await addKey(api.db, tenant, { scopes: ['admin:*'], tlpMax: 1, papMax: 1 });
    const wide = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
    const client = api.http(low.key);
    const path = `/api/api-keys/${wide.id}`;
    expectProblem(
      await client.patch(path).send({ scopes: ['admin:*'] }),
      403,
      'KEY_EXCEEDS_CREATOR',
    );
    expectProblem(await client.patch(path).send({ allowedCidrs: [] }), 403, 'KEY_EXCEEDS_CREATOR');
    expect((await client.patch(path).send({ name: 'renamed' })).status).toBe(200);
  });

  it('of an organization administrator cannot touch those of a platform administrator', async () => {
    const platform = await createTenant(api.db, { role: 'super-admin' });
    await api.db.rows('UPDATE credentials SET organization_id = $1 WHERE id = $2', [
      tenant.organizationId,
      platform.keyId,
    ]);
    for (const action of ['suspend', 'activate', 'revoke', 'rotate']) {
      const answer = await http.post(`/api/api-keys/${platform.keyId}/${action}`).send({});
      expectProblem(answer, 403, 'KEY_EXCEEDS_CREATOR');
    }
  });

  it.each(['::ffff:192.0.2.0/120', '192.0.2.1'])('are bound to %s in one form', async (network) => {
    const made = await http
      .post('/api/api-keys')
      .send({ name: 'k', tier: 'basic', scopes: ['alerts:read'], allowedCidrs: [network] });
    expect((made.body as { allowedCidrs: string[] }).allowedCidrs[0]).toMatch(
      /^192\.0\.2\.\d\/(24|32)$/,
    );
  });

  it.each(['1', '0x7f.1', '010.1.1.1', 'fe80::1%eth0', '::ffff:1.2.3.4/64'])(
    'cannot be bound to %s',
    async (network) => {
      const body = { name: 'k', tier: 'basic', scopes: ['alerts:read'], allowedCidrs: [network] };
      expectProblem(await http.post('/api/api-keys').send(body), 400, 'VALIDATION_FAILED');
    },
  );
});

describe('an idempotency key', () => {
  it('replays nothing to rights that are gone', async () => {
    const key = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
    const client = api.http(key.key);
    await createAlert({ title: 'Secret beacon', tlp: 4, pap: 4 });
    const ask = () =>
      client.post('/api/alerts/search').set('Idempotency-Key', 'rights').send({ q: 'beacon' });
    expect(((await ask()).body as { items: unknown[] }).items).toHaveLength(1);
    await http.patch(`/api/api-keys/${key.id}`).send({ tlpMax: 1, papMax: 1 });
    expectProblem(await ask(), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('is one for all spellings of a path', async () => {
    const ids = new Set<string>();
    for (const path of ['/api/alerts', '/api/Alerts', '/api/alerts/', '/api/v1/alerts']) {
      const answer = await http.post(path).set('Idempotency-Key', 'spelling').send(BODY);
      ids.add((answer.body as Alert).id);
    }
    expect(ids.size).toBe(1);
  });
});

describe('history', () => {
  it('keeps what was written under a stricter marking from those below it', async () => {
    const alert = await createAlert({ tlp: 4 });
    const path = `/api/alerts/${alert.id}`;
    await http.patch(path).send({ description: 'Only for TLP:RED' });
    await http.patch(path).send({ description: 'Harmless', tlp: 1, pap: 1 });
    const low = await addKey(api.db, tenant, { scopes: ['alerts:read'], tlpMax: 1, papMax: 1 });
    const { status, text } = await api.http(low.key).get(`${path}/activities`);
    expect(status).toBe(200);
    expect(text).not.toContain('TLP:RED');
  });
});

describe('bulks over the same records in opposite orders', () => {
  it('all succeed', async () => {
    const ids = (await times(20, () => createAlert())).map((alert) => alert.id);
    const answers = await times(6, (index) =>
      http
        .post('/api/alerts/_bulk')
        .set('Idempotency-Key', `order-${index}`)
        .send({ ids: index % 2 === 0 ? ids : [...ids].reverse(), fields: { severity: 4 } }),
    );
    expect(statusesOf(answers)).toEqual([200]);
  });
});
