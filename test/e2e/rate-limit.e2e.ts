import type { Response } from 'supertest';
import { TIERS } from '../../src/rate-limit/tiers.js';
import type { Tier } from '../../src/rate-limit/tiers.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { addKey, addPair, createTenant } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { MISSING_ID, spend } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
});

afterAll(() => api.close());

const now = performance.now.bind(performance);

/** Lets the clock of the limits run ahead. */
function aheadBy(seconds: number): void {
  performance.now = () => now() + seconds * 1000;
}

afterEach(() => {
  performance.now = now;
});

const basicKey = async () => (await addKey(api.db, tenant, { tier: 'basic' })).key;

/** What is left of each policy. */
function leftOf(response: Response): Record<string, number> {
  const matches = String(response.headers.ratelimit).matchAll(/"(\w+)";r=(\d+);t=\d+/g);
  return Object.fromEntries([...matches].map(([, name = '', left]) => [name, Number(left)]));
}

const use = (key: string, path = '/api/users/me') => api.http(key).get(path);

describe('the headers', () => {
  it('of the first request of a Basic key are exact', async () => {
    const nowS = Date.now() / 1000;
    const { status, headers } = await use(await basicKey());
    expect(status).toBe(200);
    expect(headers['x-ratelimit-limit']).toBe('60');
    expect(headers['x-ratelimit-remaining']).toBe('59');
    const reset = Number(headers['x-ratelimit-reset']);
    expect(reset - nowS).toBeGreaterThan(58);
    expect(reset - nowS).toBeLessThan(64);
    expect(headers['ratelimit-policy']).toBe(
      '"minute";q=60;w=60, "burst";q=10;w=60, "hour";q=1000;w=3600',
    );
    expect(headers.ratelimit).toMatch(
      /^"minute";r=59;t=(?:59|6[01]), "burst";r=10;t=0, "hour";r=999;t=36\d\d$/,
    );
    expect(headers).not.toHaveProperty('retry-after');
  });

  it.each(Object.entries(TIERS).filter(([, limits]) => limits !== null))(
    'name the policies of %s',
    async (tier, limits) => {
      const { key } = await addKey(api.db, tenant, { tier: tier as Tier });
      const { headers } = await use(key);
      expect(headers['ratelimit-policy']).toBe(
        `"minute";q=${limits?.perMinute ?? 0};w=60, "burst";q=${limits?.burst ?? 0};w=60, "hour";q=${limits?.perHour ?? 0};w=3600`,
      );
      expect(headers['x-ratelimit-limit']).toBe(String(limits?.perMinute));
    },
  );

  it('are absent for unlimited keys, the public and failed authentications', async () => {
    for (const response of [
      await use(tenant.key),
      await use(tenant.key, `/api/alerts/${MISSING_ID}`),
      await api.http().get('/health/live'),
      await api.http('bad').get('/api/alerts'),
    ])
      expect(Object.keys(response.headers as object).join()).not.toMatch(/ratelimit/i);
  });

  it('come with every other answer', async () => {
    const { key } = await addKey(api.db, tenant, {
      tier: 'basic',
      scopes: ['alerts:read', 'alerts:write'],
    });
    const http = api.http(key);
    const created = await http
      .post('/api/alerts')
      .send({ title: 'x', statusValue: 'new', severity: 1 });
    const path = `/api/alerts/${(created.body as { id: string }).id}`;
    const answers = [
      created,
      await http.get(path).set('If-None-Match', created.headers.etag ?? ''),
      await http.get('/api/cases'),
      await http.get('/api/alerts?nonsense=1'),
      await http.post('/api/alerts').type('json').send('{'),
      await http.post('/api/alerts').type('text').send('x'),
      await http.get(`/api/alerts/${MISSING_ID}`),
      await http.patch(path).set('If-Match', '"9"').send({ title: 'y' }),
      await http.delete(path),
    ];
    expect(answers.map(({ status }) => status)).toEqual([
      200, 304, 403, 400, 400, 415, 404, 412, 204,
    ]);
    expect(answers.map((answer) => leftOf(answer).minute)).toEqual([
      59, 58, 57, 56, 55, 54, 53, 52, 51,
    ]);
  });
});

describe('a Basic key', () => {
  it('gets 70 requests of a minute, the last ten out of the burst, and the 71st is 429', async () => {
    const key = await basicKey();
    const left: unknown[] = [];
    for (let i = 0; i < 70; i++) {
      const response = await use(key);
      expect(response.status).toBe(200);
      const { minute, burst, hour } = leftOf(response);
      left.push([minute, burst, hour]);
    }
    expect(left).toEqual(
      Array.from({ length: 70 }, (_, i) => [Math.max(0, 59 - i), Math.min(10, 69 - i), 999 - i]),
    );
    const refused = await use(key);
    const problem = expectProblem(refused, 429, 'RATE_LIMITED');
    expect(problem.violatedPolicies).toEqual(['minute']);
    expect(refused.headers['x-ratelimit-remaining']).toBe('0');
    expect(leftOf(refused)).toEqual({ minute: 0, burst: 0, hour: 930 });
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(61);
  });

  it('consumes nothing by refused requests, and passes after exactly Retry-After', async () => {
    const key = await basicKey();
    await spend(api, key);
    for (let i = 0; i < 5; i++) expect(leftOf(await use(key))).toMatchObject({ hour: 930 });
    const wait = Number((await use(key)).headers['retry-after']);
    aheadBy(wait - 3);
    expect((await use(key)).status).toBe(429);
    aheadBy(wait);
    expect((await use(key)).status).toBe(200);
  });

  it('gets 1000 requests of an hour and then waits for it', async () => {
    const key = await basicKey();
    for (let minute = 0; minute < 15; minute++) {
      aheadBy(minute * 62);
      await spend(api, key);
    }
    expect(leftOf(await use(key))).toMatchObject({ hour: 0 });
    const refused = await use(key);
    expect(expectProblem(refused, 429, 'RATE_LIMITED').violatedPolicies).toContain('hour');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(2000);
    aheadBy(15 * 62);
    const later = await use(key);
    expect(expectProblem(later, 429, 'RATE_LIMITED').violatedPolicies).toEqual(['hour']);
    expect(later.headers['x-ratelimit-limit']).toBe('1000');
    const wait = Number(later.headers['retry-after']);
    aheadBy(15 * 62 + wait);
    expect((await use(key)).status).toBe(200);
  });

  it('never gets more than 70 of 200 requests at once', async () => {
    const key = await basicKey();
    const headers = { Authorization: `Bearer ${key}` };
    const answers = await Promise.all(
      Array.from({ length: 200 }, async () => {
        const answer = await fetch(`${api.url}/api/users/me`, { headers });
        await answer.arrayBuffer();
        return answer.status;
      }),
    );
    expect(answers.filter((status) => status === 200)).toHaveLength(70);
    expect(answers.filter((status) => status === 429)).toHaveLength(130);
  });

  it('may use what is free when it is used up, and leaves other keys and pairs alone', async () => {
    const key = await basicKey();
    await spend(api, key);
    const http = api.http(key);
    expect((await http.get('/api/alerts')).status).toBe(429);
    expect((await http.get('/health/live')).status).toBe(200);
    expect((await http.get('/health/ready')).status).toBe(200);
    expect((await http.get('/docs-json')).status).toBe(200);
    expect((await http.get('/docs/errors')).status).toBe(200);
    expect((await http.options('/api/alerts')).status).not.toBe(429);
    expect((await use(await basicKey())).status).toBe(200);
    const pair = await addPair(api.db, tenant, { tier: 'basic' });
    const ofPair = await api
      .http()
      .get('/api/users/me')
      .set({ 'X-Api-Key': pair.accessKey, 'X-Api-Secret': pair.secretKey });
    expect(ofPair.status).toBe(200);
  });

  it('is limited before its scope and its body are looked at', async () => {
    const { key } = await addKey(api.db, tenant, { tier: 'basic', scopes: ['alerts:read'] });
    await spend(api, key);
    expectProblem(await use(key, '/api/cases'), 429, 'RATE_LIMITED');
    const broken = await api.http(key).post('/api/alerts').type('json').send('{');
    expectProblem(broken, 429, 'RATE_LIMITED');
  });
});
