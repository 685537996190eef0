import { createHmac } from 'node:crypto';
import type { Response } from 'supertest';
import { z } from 'zod';
import {
  apiKeySchema,
  newApiKeySchema,
  newKeyPairSchema,
  usageOfSchema,
  usageSchema,
} from '../../src/api-keys/api-keys.schema.js';
import type {
  ApiKey,
  ApiKeyUsageOf,
  NewApiKey,
  NewKeyPair,
  ScopeRow,
  TierRow,
} from '../../src/api-keys/api-keys.schema.js';
import { isApiKey } from '../../src/auth/api-key-format.js';
import { ROLES } from '../../src/auth/scopes.js';
import type { Role, Scope } from '../../src/auth/scopes.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { TEST_ENVIRONMENT } from '../environment.js';
import { addKey, addMember, addPerson, createTenant } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, nextLink, outcomesOf, readAll, send, within1s } from '../outcomes.js';
import type { Probe } from '../outcomes.js';
import { brief } from '../record-fields.js';
import { addSignedIn } from '../sign-in.js';

let api: TestApp;
/** An organization whose administrator creates the keys. */
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const BODY = { name: 'Intake', tier: 'standard', scopes: ['alerts:read', 'alerts:write'] };
const YEAR_MS = 365 * 86_400_000;

const DOCUMENTED_KEYS = [
  ...['id', 'name', 'description', 'tier', 'scopes', 'status', 'expiresAt', 'allowedCidrs'],
  ...['tlpMax', 'papMax', 'organizationId', 'ownerId', 'prefix', 'last4', 'createdAt'],
  ...['lastUsedAt', 'lastUsedIp', 'usageCount', 'rotatedFromId', 'graceUntil', 'revokedAt', 'kind'],
];

async function create(body: object = {}, agent = http): Promise<NewApiKey> {
  const response = await agent.post('/api/api-keys').send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(newApiKeySchema, response.body);
}

async function read(id: string): Promise<ApiKey> {
  const response = await http.get(`/api/api-keys/${id}`);
  expect(response.status).toBe(200);
  return expectMatches(apiKeySchema, response.body);
}

/** What the key gets for a read that it may do. */
const use = (key: string): Promise<Response> =>
  api
    .http(key)
    .get('/api/users/me')
    .then((r) => r);

const auditOf = async (id: string) =>
  (
    await api.db.rows<{ action: string }>(
      'SELECT action FROM audit_entries WHERE target_id::text = $1 ORDER BY audit_entries.id',
      [id],
    )
  ).map(({ action }) => action);

/** Another tenant's key. */
const foreign = () => Promise.resolve([other.keyId]);

const outcomes = outcomesOf(() => ({ api, tenant }));

/** 401, 403, 404 and 429 of a route, in this order. */
function refusals(probe: Probe, pathOf?: (id: string) => string): void {
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', [
    'alerts:read',
    'alerts:write',
    'cases:read',
    'cases:write',
    'observables:read',
    'observables:write',
    'users:read',
  ]);
  if (pathOf) outcomes.notFound(probe.method, pathOf, 'API_KEY_NOT_FOUND', foreign, probe.body);
}

describe('POST /api-keys', () => {
  it('answers 201 with the key, Location, no-store and every documented field', async () => {
    const response = await http.post('/api/api-keys').send(BODY);
    expect(response.status).toBe(201);
    const created = expectMatches(newApiKeySchema, response.body);
    expect(response.headers.location).toBe(`/api/api-keys/${created.id}`);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(Object.keys(created)).toEqual(expect.arrayContaining(DOCUMENTED_KEYS));
    expect(created.key).toMatch(/^cbr_live_[0-9A-Za-z]{38}$/);
    expect(isApiKey(created.key)).toBe(true);
    expect(created).toMatchObject({
      ...BODY,
      kind: 'key',
      description: '',
      status: 'active',
      allowedCidrs: [],
      tlpMax: 4,
      papMax: 4,
      organizationId: tenant.organizationId,
      ownerId: tenant.userId,
      prefix: created.key.slice(0, 13),
      last4: created.key.slice(-4),
      lastUsedAt: null,
      lastUsedIp: null,
      usageCount: 0,
      rotatedFromId: null,
      graceUntil: null,
      revokedAt: null,
    });
    const lifetime = Date.parse(created.expiresAt ?? '') - Date.parse(created.createdAt);
    expect(Math.abs(lifetime - YEAR_MS)).toBeLessThan(60_000);
    expect({ ...(await read(created.id)), key: created.key }).toEqual(created);
  });

  it('makes a key that works at once, within its scopes', async () => {
    const { key } = await create({ scopes: ['alerts:read'] });
    expect((await api.http(key).get('/api/alerts')).status).toBe(200);
    expectProblem(await api.http(key).get('/api/cases'), 403, 'INSUFFICIENT_SCOPE');
  });

  it('stores only a keyed digest, and the secret in no table', async () => {
    const { id, key } = await create();
    const row = await api.db.row<{ digest: Buffer; all: string }>(
      'SELECT digest, to_json(c)::text AS all FROM credentials c WHERE id = $1',
      [id],
    );
    const pepper = Buffer.from(TEST_ENVIRONMENT.API_KEY_PEPPER, 'base64');
    expect(row.digest).toEqual(createHmac('sha256', pepper).update(key).digest());
    expect(row.all).not.toContain(key);
    const audit = await api.db.rows(
      'SELECT to_json(a)::text AS entry FROM audit_entries a WHERE target_id::text = $1',
      [id],
    );
    expect(audit).toHaveLength(1);
    expect(JSON.stringify(audit)).not.toContain(key);
    expect(JSON.stringify(audit)).not.toContain(row.digest.toString('hex'));
    expect(await auditOf(id)).toEqual(['key.created']);
  });

  it.each([
    [{ name: 'x' }, { name: 'x' }],
    [{ name: 'x'.repeat(100) }, { name: 'x'.repeat(100) }],
    [{ description: 'For the SIEM' }, { description: 'For the SIEM' }],
    [{ expiresAt: null }, { expiresAt: null }],
    [{ expiresAt: '2999-01-01T00:00:00.000Z' }, { expiresAt: '2999-01-01T00:00:00.000Z' }],
    [{ allowedCidrs: ['10.0.0.0/8', '::1/128'] }, { allowedCidrs: ['10.0.0.0/8', '::1/128'] }],
    [
      { tlpMax: 0, papMax: '2' },
      { tlpMax: 0, papMax: 2 },
    ],
    [{ tier: 'unlimited' }, { tier: 'unlimited' }],
    [{ scopes: ['admin:*'] }, { scopes: ['admin:*'] }],
    [{ scopes: ['alerts:read', 'alerts:read'] }, { scopes: ['alerts:read'] }],
  ])('takes %j', async (body, shown) => {
    expect(await create(body)).toMatchObject(shown);
  });

  it('creates one for another person of the organization', async () => {
    const person = await addPerson(api.db, tenant.organizationId, { role: 'analyst' });
    const { key, ownerId } = await create({ ownerId: person.userId });
    expect(ownerId).toBe(person.userId);
    expect((await use(key)).body).toMatchObject({ id: person.userId });
  });

  it.each(
    [
      { name: '' },
      { name: '  ' },
      { name: 'x'.repeat(101) },
      { name: 7 },
      { name: null },
      { tier: 'gold' },
      { tier: null },
      { scopes: [] },
      { scopes: 'alerts:read' },
      { scopes: ['alerts:*'] },
      { scopes: ['*'] },
      { scopes: ['admin'] },
      { scopes: ['alerts:read', 'nonsense'] },
      { expiresAt: '2000-01-01T00:00:00.000Z' },
      { expiresAt: 'never' },
      { allowedCidrs: ['10.0.0.0/33'] },
      { allowedCidrs: ['everywhere'] },
      { allowedCidrs: '10.0.0.0/8' },
      { tlpMax: 5 },
      { tlpMax: -1 },
      { papMax: 2.5 },
      { organizationId: 'x' },
      { ownerId: 'x' },
      { unknown: 1 },
      { id: MISSING_ID },
      { key: 'cbr_live_mine' },
      { status: 'active' },
      { kind: 'pair' },
      { createdAt: '2000-01-01T00:00:00.000Z' },
      { usageCount: 0 },
    ].map((body) => ({ body, name: brief(body) })),
  )('answers 400 to $name', async ({ body }) => {
    const response = await http.post('/api/api-keys').send({ ...BODY, ...body });
    const problem = expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(problem.errors?.[0]?.path.startsWith(Object.keys(body)[0] ?? '')).toBe(true);
  });

  it.each(['name', 'tier', 'scopes'])('answers 400 without %s', async (field) => {
    const body = Object.fromEntries(Object.entries(BODY).filter(([key]) => key !== field));
    expectInvalid(await http.post('/api/api-keys').send(body), [field]);
  });

  it('answers 400 alike to a missing and a foreign organization or owner', async () => {
    for (const [field, foreignId] of [
      ['organizationId', other.organizationId],
      ['ownerId', other.userId],
    ] as const) {
      const answers = new Set<string>();
      for (const id of [MISSING_ID, foreignId]) {
        const response = await http
          .post('/api/api-keys')
          .set('X-Request-Id', 'same')
          .send({ ...BODY, [field]: id });
        expectInvalid(response, [field], 'REFERENCE_NOT_FOUND');
        answers.add(response.text);
      }
      expect(answers.size).toBe(1);
    }
  });

  const probe = { method: 'post' as const, path: () => '/api/api-keys', body: BODY };
  refusals(probe);

  it('answers 403 to a key beyond its creator: tier and clearance', async () => {
    const modest = await createTenant(api.db, {
      role: 'org-admin',
      tierMax: 'professional',
      tlpMax: 2,
      papMax: 1,
    });
    const agent = api.http(modest.key);
    expect(await create({ tier: 'professional' }, agent)).toMatchObject({ tlpMax: 2, papMax: 1 });
    for (const excess of [
      { tier: 'enterprise' },
      { tier: 'unlimited' },
      { tlpMax: 3 },
      { papMax: 2 },
    ]) {
      const response = await agent.post('/api/api-keys').send({ ...BODY, ...excess });
      expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
    }
  });

  it('answers 403 to a key beyond the clearance of the key that creates it', async () => {
    const { key } = await addKey(api.db, tenant, { scopes: ['admin:*'], tlpMax: 2, papMax: 2 });
    const agent = api.http(key);
    expect(await create({}, agent)).toMatchObject({ tlpMax: 2, papMax: 2 });
    for (const excess of [{ tlpMax: 3 }, { papMax: 3 }]) {
      const response = await agent.post('/api/api-keys').send({ ...BODY, ...excess });
      expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
    }
  });

  it('answers 403 to a key beyond its owner: scopes, tier and clearance', async () => {
    const owner = await addPerson(api.db, tenant.organizationId, {
      role: 'read-only',
      tierMax: 'standard',
      tlpMax: 1,
      papMax: 1,
    });
    const within = { ownerId: owner.userId, tier: 'basic', scopes: ['cases:read'] };
    expect(await create(within)).toMatchObject({ tlpMax: 1, papMax: 1 });
    for (const excess of [
      { scopes: ['alerts:write'] },
      { scopes: ['admin:*'] },
      { tier: 'professional' },
      { tlpMax: 2 },
      { papMax: 2 },
    ]) {
      const response = await http.post('/api/api-keys').send({ ...BODY, ...within, ...excess });
      expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
    }
  });

  outcomes.limited(probe, ['admin:*']);
});

describe('POST /api-keys/legacy', () => {
  it('answers 201 with a pair that works, marked as deprecated, never to be cached', async () => {
    const response = await http.post('/api/api-keys/legacy').send(BODY);
    expect(response.status).toBe(201);
    const pair = expectMatches(newKeyPairSchema, response.body);
    expect(pair).toMatchObject({ ...BODY, kind: 'pair', status: 'active' });
    expect(pair.secretKey).toMatch(/^[0-9a-f]{64}$/);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(response.headers.location).toBe(`/api/api-keys/${pair.id}`);
    expect(response.headers.deprecation).toMatch(/^@\d+$/);
    expect(response.headers.link).toContain('rel="deprecation"');
    const used = await api
      .http()
      .get('/api/alerts')
      .set({ 'X-Api-Key': pair.accessKey, 'X-Api-Secret': pair.secretKey });
    expect(used.status).toBe(200);
    const again = await http.get(`/api/api-keys/${pair.id}`);
    expect(again.text).not.toContain(pair.secretKey);
    expect(expectMatches(apiKeySchema, again.body).kind).toBe('pair');
  });

  it('stores only a digest of the secret', async () => {
    const response = await http.post('/api/api-keys/legacy').send(BODY);
    const { id, secretKey } = response.body as NewKeyPair;
    const row = await api.db.row<{ all: string }>(
      'SELECT to_json(c)::text AS all FROM credentials c WHERE id = $1',
      [id],
    );
    expect(row.all).not.toContain(secretKey);
  });

  it('answers 400 to a body that breaks a rule', async () => {
    const response = await http.post('/api/api-keys/legacy').send({ ...BODY, scopes: [] });
    expectInvalid(response, ['scopes']);
  });

  const probe = { method: 'post' as const, path: () => '/api/api-keys/legacy', body: BODY };
  refusals(probe);

  it('answers 403 beyond the creator', async () => {
    const modest = await createTenant(api.db, { role: 'org-admin', tierMax: 'basic' });
    const response = await api.http(modest.key).post('/api/api-keys/legacy').send(BODY);
    expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
  });

  outcomes.limited(probe, ['admin:*']);
});

describe('GET /api-keys', () => {
  it('lists the keys of the own organization, newest first, without secrets', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    const keys = [await create({ name: 'a' }, agent), await create({ name: 'b' }, agent)];
    const response = await agent.get('/api/api-keys?count=true');
    expect(response.status).toBe(200);
    const listed = expectMatches(z.array(apiKeySchema), response.body);
    expect(listed.map(({ id }) => id)).toEqual([keys[1]?.id, keys[0]?.id, fresh.keyId]);
    expect(response.headers['x-total-count']).toBe('3');
    for (const { key } of keys) expect(response.text).not.toContain(key);
    expect(response.text).not.toMatch(/digest|pepper/);
    const paged = await readAll<ApiKey>(agent, '/api/api-keys?limit=2&sort=createdAt');
    expect(paged.map(({ id }) => id)).toEqual(listed.map(({ id }) => id).reverse());
  });

  it('shows a platform administrator every key', async () => {
    const ids = (await readAll<ApiKey>(api.http(api.adminKey), '/api/api-keys?limit=1000')).map(
      ({ id }) => id,
    );
    expect(ids).toEqual(expect.arrayContaining([tenant.keyId, other.keyId]));
  });

  it('lists those of one person', async () => {
    const { agent, userId } = await addSignedIn(api, tenant.organizationId, { role: 'org-admin' });
    const { id } = await create({}, agent);
    for (const ownerId of ['me', userId]) {
      const listed = (await agent.get(`/api/api-keys?ownerId=${ownerId}`)).body as ApiKey[];
      expect(listed.map((key) => key.id)).toEqual([id]);
    }
    expect((await agent.get(`/api/api-keys?ownerId=${MISSING_ID}`)).body).toEqual([]);
    expectInvalid(await agent.get('/api/api-keys?ownerId=x'), ['ownerId']);
  });

  it('answers 400 to what is no parameter and to a foreign cursor', async () => {
    expectInvalid(await http.get('/api/api-keys?owner=x'), ['owner']);
    const link = nextLink(await api.http(api.adminKey).get('/api/users?limit=1')) ?? '';
    const cursor = new URLSearchParams(link.split('?')[1]).get('cursor') ?? '';
    const response = await http.get(`/api/api-keys?cursor=${cursor}`);
    expectInvalid(response, ['cursor'], 'INVALID_CURSOR');
  });

  const probe = { method: 'get' as const, path: () => '/api/api-keys' };
  refusals(probe);
  outcomes.limited(probe, ['admin:*']);
});

describe('GET /api-keys/tiers', () => {
  it('answers the table', async () => {
    const response = await http.get('/api/api-keys/tiers');
    expect(response.status).toBe(200);
    expect(response.body).toEqual([
      { tier: 'basic', allowed: true, perMinute: 60, perHour: 1000, burst: 10 },
      { tier: 'standard', allowed: true, perMinute: 300, perHour: 10_000, burst: 50 },
      { tier: 'professional', allowed: true, perMinute: 1000, perHour: 50_000, burst: 100 },
      { tier: 'enterprise', allowed: true, perMinute: 5000, perHour: 200_000, burst: 500 },
      { tier: 'unlimited', allowed: true, perMinute: null, perHour: null, burst: null },
    ]);
  });

  it('tells which tiers the caller may give to a key', async () => {
    const { agent } = await addSignedIn(api, tenant.organizationId, { tierMax: 'standard' });
    const rows = (await agent.get('/api/api-keys/tiers')).body as TierRow[];
    for (const { tier, allowed } of rows) {
      const { status } = await agent.post('/api/api-keys').send({ ...BODY, tier });
      expect({ tier, status }).toEqual({ tier, status: allowed ? 201 : 403 });
    }
  });

  refusals({ method: 'get', path: () => '/api/api-keys/tiers' });
});

describe('GET /api-keys/scopes', () => {
  it('answers the closed list', async () => {
    const response = await http.get('/api/api-keys/scopes');
    expect(response.status).toBe(200);
    expect((response.body as { scope: string }[]).map(({ scope }) => scope)).toEqual([
      'alerts:read',
      'alerts:write',
      'cases:read',
      'cases:write',
      'observables:read',
      'observables:write',
      'users:read',
      'admin:*',
    ]);
  });

  it.each(ROLES)('tells which scopes a %s may give to a key', async (role) => {
    const { agent } = await addSignedIn(api, tenant.organizationId, { role });
    const rows = (await agent.get('/api/api-keys/scopes')).body as ScopeRow[];
    for (const { scope, allowed } of rows) {
      const { status } = await agent.post('/api/api-keys').send({ ...BODY, scopes: [scope] });
      expect({ scope, status }).toEqual({ scope, status: allowed ? 201 : 403 });
    }
  });

  refusals({ method: 'get', path: () => '/api/api-keys/scopes' });
});

describe('GET /api-keys/usage', () => {
  const pathOf = (...ids: string[]) => `/api/api-keys/usage?ids=${ids.join()}`;

  it('counts the last day of each of the keys by the hour', async () => {
    const [used, unused] = [await create(), await create()];
    for (let i = 0; i < 3; i++) await use(used.key);
    await api.http(used.key).get('/api/cases');
    await api.db.rows(
      `INSERT INTO credential_usage (credential_id, hour, requests)
       VALUES ($1, date_trunc('hour', now()) - interval '23 hours', 7), ($1, date_trunc('hour', now()) - interval '1 day', 9)`,
      [unused.id],
    );
    const response = await http.get(pathOf(used.id, unused.id, MISSING_ID, other.keyId));
    expect(response.status).toBe(200);
    const rows = expectMatches(z.array(usageOfSchema), response.body);
    const sums = rows.map(({ apiKeyId, requests, refusals }) => [apiKeyId, requests, refusals]);
    expect(sums).toEqual([
      [used.id, 4, 1],
      [unused.id, 7, 0],
    ]);
  });

  it('answers 400 without ids, with too many and with what is none', async () => {
    for (const ids of ['', 'x', Array(101).fill(MISSING_ID).join()])
      expectProblem(await http.get(pathOf(ids)), 400, 'VALIDATION_FAILED');
    expectProblem(await http.get('/api/api-keys/usage'), 400, 'VALIDATION_FAILED');
  });

  refusals({ method: 'get', path: () => pathOf(MISSING_ID) });

  it('shows who is signed in the own keys alone', async () => {
    const { agent } = await addSignedIn(api, tenant.organizationId);
    const [own, theirs] = [await create({}, agent), await create()];
    for (const { key } of [own, theirs]) await use(key);
    const rows = (await agent.get(pathOf(own.id, theirs.id))).body as ApiKeyUsageOf[];
    expect(rows.map(({ apiKeyId }) => apiKeyId)).toEqual([own.id]);
  });
});

describe('GET /api-keys/:id', () => {
  it('answers the key with its ETag, and 304 to it', async () => {
    const { id } = await create();
    const response = await http.get(`/api/api-keys/${id}`);
    expect(response.headers.etag).toBe('"1"');
    expectMatches(apiKeySchema, response.body);
    const again = await http.get(`/api/api-keys/${id}`).set('If-None-Match', '"1"');
    expect(again.status).toBe(304);
  });

  it('shows an expired key as expired', async () => {
    const { id, key } = await addKey(api.db, tenant, { expiresAt: new Date(Date.now() - 1000) });
    expect((await read(id)).status).toBe('expired');
    expectProblem(await use(key), 401, 'API_KEY_EXPIRED');
  });

  it('answers 400 to an id that is no UUID', async () => {
    expectProblem(await http.get('/api/api-keys/x'), 400, 'VALIDATION_FAILED');
  });

  refusals(
    { method: 'get', path: () => `/api/api-keys/${MISSING_ID}` },
    (id) => `/api/api-keys/${id}`,
  );
});

describe('PATCH /api-keys/:id', () => {
  const patch = (id: string, body: object) => http.patch(`/api/api-keys/${id}`).send(body);

  it('changes each field, and acts on the next request', async () => {
    const { id, key } = await create();
    expect((await api.http(key).get('/api/alerts')).status).toBe(200);
    const change = {
      name: 'Renamed',
      description: 'Now for cases',
      tier: 'basic',
      scopes: ['cases:read'],
      expiresAt: '2999-01-01T00:00:00.000Z',
      allowedCidrs: ['127.0.0.0/8'],
      tlpMax: 2,
      papMax: 1,
    };
    const response = await patch(id, change);
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"2"');
    expect(expectMatches(apiKeySchema, response.body)).toMatchObject(change);
    expectProblem(await api.http(key).get('/api/alerts'), 403, 'INSUFFICIENT_SCOPE');
    const cases = await api.http(key).get('/api/cases');
    expect(cases.status).toBe(200);
    expect(cases.headers['ratelimit-policy']).toContain('"minute";q=60');
    expect(await auditOf(id)).toEqual(['key.created', 'key.updated']);
  });

  it('changes nothing with an empty body', async () => {
    const { id } = await create();
    const response = await patch(id, {});
    expect(response.body).toMatchObject({ version: 1 });
    expect(await auditOf(id)).toEqual(['key.created']);
  });

  it('binds the key to addresses from the next request on', async () => {
    const { id, key } = await create();
    expect((await use(key)).status).toBe(200);
    await patch(id, { allowedCidrs: ['192.0.2.0/24'] });
    expectProblem(await use(key), 403, 'KEY_ADDRESS_NOT_ALLOWED');
    await patch(id, { allowedCidrs: ['192.0.2.0/24', '127.0.0.1'] });
    expect((await use(key)).status).toBe(200);
  });

  it.each([
    { name: '' },
    { tier: 'gold' },
    { scopes: [] },
    { scopes: ['nonsense'] },
    { expiresAt: '2000-01-01T00:00:00.000Z' },
    { allowedCidrs: ['x'] },
    { tlpMax: 5 },
    { status: 'active' },
    { ownerId: MISSING_ID },
    { organizationId: MISSING_ID },
    { key: 'x' },
    { revokedAt: null },
    { graceUntil: null },
    { usageCount: 0 },
    { fields: { nonsense: 1 } },
  ])('answers 400 to %j', async (body) => {
    const { id } = await create();
    expectProblem(await patch(id, body), 400, 'VALIDATION_FAILED');
  });

  const probe = {
    method: 'patch' as const,
    path: () => `/api/api-keys/${MISSING_ID}`,
    body: { name: 'x' },
  };
  outcomes.unauthenticated(probe);

  it('answers 403 beyond the creator and the owner', async () => {
    const modest = await createTenant(api.db, {
      role: 'org-admin',
      tierMax: 'standard',
      tlpMax: 2,
      papMax: 2,
    });
    const agent = api.http(modest.key);
    const { id } = await create({}, agent);
    for (const excess of [{ tier: 'professional' }, { tlpMax: 3 }, { papMax: 3 }]) {
      const response = await agent.patch(`/api/api-keys/${id}`).send(excess);
      expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
    }
    const reader = await addPerson(api.db, tenant.organizationId, { role: 'read-only' });
    const ofReader = await create({ ownerId: reader.userId, scopes: ['alerts:read'] });
    expectProblem(
      await patch(ofReader.id, { scopes: ['alerts:write'] }),
      403,
      'KEY_EXCEEDS_CREATOR',
    );
  });

  outcomes.insufficientScope(probe, 'admin:*', ['users:read', 'alerts:write']);
  outcomes.notFound(
    'patch',
    (id) => `/api/api-keys/${id}`,
    'API_KEY_NOT_FOUND',
    foreign,
    probe.body,
  );

  it('answers 409 for a revoked key', async () => {
    const { id } = await create();
    await http.post(`/api/api-keys/${id}/revoke`);
    expectProblem(await patch(id, { name: 'x' }), 409, 'API_KEY_STATE');
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await create();
    await patch(id, { name: 'two' });
    const response = await patch(id, { name: 'three' }).set('If-Match', '"1"');
    expectProblem(response, 412, 'STALE_VERSION');
  });

  outcomes.limited(probe, ['admin:*']);
});

describe('POST /api-keys/:id/suspend and /activate', () => {
  it('stop the key on the very next request, and let it work again', async () => {
    const { id, key } = await create();
    for (let round = 0; round < 5; round++) {
      expect((await use(key)).status).toBe(200);
      const suspended = await http.post(`/api/api-keys/${id}/suspend`);
      expect(suspended.status).toBe(200);
      expect(expectMatches(apiKeySchema, suspended.body).status).toBe('suspended');
      expectProblem(await use(key), 401, 'API_KEY_SUSPENDED');
      const activated = await http.post(`/api/api-keys/${id}/activate`);
      expect(activated.status).toBe(200);
      expect(expectMatches(apiKeySchema, activated.body).status).toBe('active');
    }
    expect((await auditOf(id)).slice(0, 3)).toEqual([
      'key.created',
      'key.suspended',
      'key.activated',
    ]);
  });

  it('change nothing the second time', async () => {
    const { id } = await create();
    const first = await http.post(`/api/api-keys/${id}/suspend`);
    const second = await http.post(`/api/api-keys/${id}/suspend`);
    expect(second.status).toBe(200);
    expect(second.body).toEqual(first.body);
  });

  for (const action of ['suspend', 'activate']) {
    const pathOf = (id: string) => `/api/api-keys/${id}/${action}`;
    refusals({ method: 'post', path: () => pathOf(MISSING_ID) }, pathOf);
  }

  it('answer 409 for a revoked key', async () => {
    const { id } = await create();
    await http.post(`/api/api-keys/${id}/revoke`);
    for (const action of ['suspend', 'activate'])
      expectProblem(await http.post(`/api/api-keys/${id}/${action}`), 409, 'API_KEY_STATE');
  });
});

describe.each([
  { name: 'POST /api-keys/:id/revoke', method: 'post' as const, suffix: '/revoke', status: 200 },
  { name: 'DELETE /api-keys/:id', method: 'delete' as const, suffix: '', status: 204 },
])('$name', ({ method, suffix, status }) => {
  const pathOf = (id: string) => `/api/api-keys/${id}${suffix}`;

  it('ends the key on the very next request, for good', async () => {
    const { id, key } = await create();
    expect((await use(key)).status).toBe(200);
    const response = await http[method](pathOf(id));
    expect(response.status).toBe(status);
    expectProblem(await use(key), 401, 'API_KEY_REVOKED');
    const revoked = await read(id);
    expect(revoked.status).toBe('revoked');
    expect(revoked.revokedAt).not.toBeNull();
    expect(await auditOf(id)).toEqual(['key.created', 'key.revoked']);
  });

  it('lets no request through that begins after a revocation under load', async () => {
    const { id, key } = await create();
    let isRevoked = false;
    const late: number[] = [];
    const load = Array.from({ length: 8 }, async () => {
      for (let i = 0; i < 20; i++) {
        const startsAfter = isRevoked;
        const { status: answered } = await use(key);
        if (startsAfter) late.push(answered);
      }
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await http[method](pathOf(id))).status).toBe(status);
    isRevoked = true;
    await Promise.all(load);
    expect(late.every((answered) => answered === 401)).toBe(true);
    expect((await use(key)).status).toBe(401);
  });

  const probe = { method, path: () => pathOf(MISSING_ID) };
  refusals(probe, pathOf);

  it('answers 412 to a stale If-Match, and leaves the key', async () => {
    const { id, key } = await create();
    await http.patch(`/api/api-keys/${id}`).send({ name: 'two' });
    expectProblem(await http[method](pathOf(id)).set('If-Match', '"1"'), 412, 'STALE_VERSION');
    expect((await use(key)).status).toBe(200);
  });
});

describe('POST /api-keys/:id/rotate', () => {
  const rotate = (id: string, body?: object) => {
    const request = http.post(`/api/api-keys/${id}/rotate`);
    return body === undefined ? request : request.send(body);
  };

  it('answers 201 with a new key of the same rights; the old one works on, marked, until its grace ends', async () => {
    const old = await create({
      tlpMax: 3,
      papMax: 2,
      description: 'd',
      allowedCidrs: ['127.0.0.1'],
    });
    const response = await rotate(old.id, { graceSeconds: 3600 });
    expect(response.status).toBe(201);
    expect(response.headers['cache-control']).toBe('no-store');
    const fresh = expectMatches(newApiKeySchema, response.body);
    expect(response.headers.location).toBe(`/api/api-keys/${fresh.id}`);
    expect(fresh.key).not.toBe(old.key);
    expect(fresh).toMatchObject({
      name: old.name,
      description: old.description,
      tier: old.tier,
      scopes: old.scopes,
      tlpMax: 3,
      papMax: 2,
      allowedCidrs: old.allowedCidrs,
      ownerId: old.ownerId,
      organizationId: old.organizationId,
      status: 'active',
      rotatedFromId: old.id,
      graceUntil: null,
    });
    const { graceUntil } = await read(old.id);
    expect(Date.parse(graceUntil ?? '') - Date.now()).toBeGreaterThan(3_590_000);
    expect((await auditOf(old.id)).at(-1)).toBe('key.updated');
    expect(await auditOf(fresh.id)).toContain('key.rotated');

    const ofOld = await use(old.key);
    expect(ofOld.status).toBe(200);
    expect(ofOld.headers.deprecation).toMatch(/^@\d+$/);
    expect(Date.parse(ofOld.headers.sunset ?? '')).toBe(
      Math.floor(Date.parse(graceUntil ?? '') / 1000) * 1000,
    );
    const refused = await api.http(old.key).get('/api/cases');
    expectProblem(refused, 403, 'INSUFFICIENT_SCOPE');
    expect(refused.headers.sunset).toBeDefined();
    const ofFresh = await use(fresh.key);
    expect(ofFresh.status).toBe(200);
    expect(ofFresh.headers).not.toHaveProperty('deprecation');

    await api.db.rows("UPDATE credentials SET grace_until = now() - interval '1 s' WHERE id = $1", [
      old.id,
    ]);
    await http.patch(`/api/api-keys/${fresh.id}`).send({ name: 'clears the cache' });
    expectProblem(await use(old.key), 401, 'API_KEY_EXPIRED');
    expect((await read(old.id)).status).toBe('expired');
  });

  it('takes a day without a body or with an empty one, and none at all with 0', async () => {
    for (const body of [undefined, {}]) {
      const old = await create();
      expect((await rotate(old.id, body)).status).toBe(201);
      const grace = Date.parse((await read(old.id)).graceUntil ?? '') - Date.now();
      expect(Math.abs(grace - 86_400_000)).toBeLessThan(60_000);
    }
    const old = await create();
    await rotate(old.id, { graceSeconds: 0 });
    expectProblem(await use(old.key), 401, 'API_KEY_EXPIRED');
  });

  it('answers an API key for a pair', async () => {
    const pair = await http.post('/api/api-keys/legacy').send(BODY);
    const response = await rotate((pair.body as NewKeyPair).id, { graceSeconds: 60 });
    expect(response.status).toBe(201);
    const fresh = expectMatches(newApiKeySchema, response.body);
    expect(fresh).toMatchObject({ kind: 'key', scopes: BODY.scopes });
    expect((await api.http(fresh.key).get('/api/alerts')).status).toBe(200);
  });

  it.each([
    { graceSeconds: -1 },
    { graceSeconds: 604_801 },
    { graceSeconds: 1.5 },
    { graceSeconds: '60' },
    { graceSeconds: null },
    { unknown: 1 },
  ])('answers 400 to %j', async (body) => {
    const { id } = await create();
    expectProblem(await rotate(id, body), 400, 'VALIDATION_FAILED');
  });

  const pathOf = (id: string) => `/api/api-keys/${id}/rotate`;
  const probe = { method: 'post' as const, path: () => pathOf(MISSING_ID), body: {} };
  refusals(probe, pathOf);

  it('answers 403 when the key holds more than its rotator', async () => {
    const { id } = await create({ tlpMax: 4 });
    const { key } = await addKey(api.db, tenant, { scopes: ['admin:*'], tlpMax: 2 });
    const response = await api.http(key).post(pathOf(id)).send({});
    expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
  });

  it('answers 409 to all but one of ten at once', async () => {
    const { id } = await create();
    const answers = await Promise.all(Array.from({ length: 10 }, () => rotate(id, {})));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      201,
      ...Array<number>(9).fill(409),
    ]);
    const successors = await api.db.rows('SELECT 1 FROM credentials WHERE rotated_from_id = $1', [
      id,
    ]);
    expect(successors).toHaveLength(1);
  });

  it('answers 409 for a revoked and an expired key', async () => {
    const { id } = await create();
    await http.post(`/api/api-keys/${id}/revoke`);
    expectProblem(await rotate(id), 409, 'API_KEY_STATE');
    const expired = await addKey(api.db, tenant, { expiresAt: new Date(Date.now() - 1000) });
    expectProblem(await rotate(expired.id), 409, 'API_KEY_STATE');
  });

  it('gives a suspended key no working successor', async () => {
    const { id } = await create();
    await http.post(`/api/api-keys/${id}/suspend`);
    const response = await rotate(id);
    if (response.status === 201)
      expect((await use((response.body as NewApiKey).key)).status).toBe(401);
    else expectProblem(response, 409, 'API_KEY_STATE');
  });

  outcomes.limited(probe, ['admin:*']);
});

describe('GET /api-keys/:id/usage', () => {
  it('counts requests and refusals per hour, up to this moment', async () => {
    const { id, key } = await create();
    for (let i = 0; i < 3; i++) await use(key);
    for (let i = 0; i < 2; i++) await api.http(key).get('/api/cases');
    const response = await http.get(`/api/api-keys/${id}/usage`);
    expect(response.status).toBe(200);
    const hours = expectMatches(z.array(usageSchema), response.body);
    const sum = (field: 'requests' | 'refusals' | 'errors') =>
      hours.reduce((total, hour) => total + hour[field], 0);
    expect([sum('requests'), sum('refusals'), sum('errors')]).toEqual([5, 2, 0]);
    expect(hours[0]?.hour).toMatch(/:00:00\.000Z$/);
    const used = await read(id);
    expect(used).toMatchObject({ usageCount: 5, lastUsedIp: '127.0.0.1' });
    expect(Date.now() - Date.parse(used.lastUsedAt ?? '')).toBeLessThan(60_000);
  });

  it('is empty for a key that was never used', async () => {
    const { id } = await create();
    expect((await http.get(`/api/api-keys/${id}/usage`)).body).toEqual([]);
  });

  const pathOf = (id: string) => `/api/api-keys/${id}/usage`;
  refusals({ method: 'get', path: () => pathOf(MISSING_ID) }, pathOf);
});

describe('a key and its owner', () => {
  it.each([
    ['is inactive', "UPDATE users SET status = 'inactive' WHERE id = $1"],
    ['was deleted', 'UPDATE users SET deleted_at = now() WHERE id = $1'],
    ['left the organization', 'DELETE FROM organization_members WHERE user_id = $1'],
  ])('does not work when the owner %s', async (_, statement) => {
    const person = await createTenant(api.db);
    await api.db.rows(statement, [person.userId]);
    expect((await use(person.key)).status).toBe(401);
  });

  it('drops with the role, the tier and the clearance of its owner', async () => {
    const person = await createTenant(api.db, { key: { tier: 'professional' } });
    await api.db.rows(
      "UPDATE users SET role = 'read-only', tier_max = 'basic', tlp_max = 1 WHERE id = $1",
      [person.userId],
    );
    const agent = api.http(person.key);
    const list = await agent.get('/api/alerts');
    expect(list.status).toBe(200);
    expect(list.headers['ratelimit-policy']).toContain('"minute";q=60');
    const alert = { title: 'x', statusValue: 'new', severity: 1 };
    expectProblem(await agent.post('/api/alerts').send(alert), 403, 'INSUFFICIENT_SCOPE');
  });

  it('holds of an analyst everything but admin:*, whatever is stored', async () => {
    const person = await createTenant(api.db, { key: { scopes: ['admin:*', 'alerts:read'] } });
    expect((await api.http(person.key).get('/api/alerts')).status).toBe(200);
    const probe = { method: 'get' as const, path: () => '/api/api-keys' };
    expectProblem(await send(api.http(person.key), probe), 403, 'INSUFFICIENT_SCOPE');
  });
});

describe('a person who is signed in', () => {
  const MAY_HOLD: Readonly<Record<Role, readonly Scope[]>> = {
    'super-admin': ['alerts:read', 'alerts:write', 'admin:*'],
    'org-admin': ['alerts:read', 'alerts:write', 'admin:*'],
    'team-lead': ['alerts:read', 'alerts:write'],
    analyst: ['alerts:read', 'alerts:write'],
    integration: ['alerts:read', 'alerts:write'],
    'read-only': ['alerts:read'],
  };

  it.each(ROLES)('creates keys with the scopes of a %s and no more', async (role) => {
    const { agent, userId } = await addSignedIn(api, tenant.organizationId, { role });
    for (const scope of ['alerts:read', 'alerts:write', 'admin:*'] as const) {
      const response = await agent.post('/api/api-keys').send({ ...BODY, scopes: [scope] });
      if (MAY_HOLD[role].includes(scope)) {
        expect(response.status).toBe(201);
        const { key } = expectMatches(newApiKeySchema, response.body);
        expect((await use(key)).body).toMatchObject({ id: userId });
      } else expectProblem(response, 403, 'KEY_EXCEEDS_CREATOR');
    }
  });

  it('creates keys for each of the own organizations and within the own tier and clearance', async () => {
    const { agent, userId } = await addSignedIn(api, tenant.organizationId, {
      tierMax: 'standard',
      tlpMax: 2,
      papMax: 1,
    });
    await addMember(api.db, other.organizationId, userId);
    await api.db.rows(`SELECT pg_notify('casebender_changes', 'credentials')`);
    const organizationId = other.organizationId;
    const post = (more: object) => agent.post('/api/api-keys').send({ ...BODY, ...more });
    await within1s(async () => (await post({ organizationId })).status, 201);
    const created = (await post({ organizationId })).body as NewApiKey;
    expect(created).toMatchObject({ organizationId, ownerId: userId, tlpMax: 2, papMax: 1 });
    for (const excess of [
      { tier: 'professional' },
      { tlpMax: 3 },
      { papMax: 2 },
      { expiresAt: null },
    ])
      expectProblem(await post(excess), 403, 'KEY_EXCEEDS_CREATOR');
    const foreign = await createTenant(api.db);
    expectInvalid(
      await post({ organizationId: foreign.organizationId }),
      ['organizationId'],
      'REFERENCE_NOT_FOUND',
    );
  });

  it('sees, changes, rotates and revokes the own keys', async () => {
    const { agent } = await addSignedIn(api, tenant.organizationId);
    const { id } = await create({}, agent);
    const path = `/api/api-keys/${id}`;
    expect(((await agent.get('/api/api-keys')).body as ApiKey[]).map((key) => key.id)).toEqual([
      id,
    ]);
    expect((await agent.get(path)).status).toBe(200);
    expect((await agent.patch(path).send({ name: 'Renamed' })).status).toBe(200);
    const forever = await agent.patch(path).send({ expiresAt: null });
    expectProblem(forever, 403, 'KEY_EXCEEDS_CREATOR');
    const more = await agent.patch(path).send({ scopes: ['admin:*'] });
    expectProblem(more, 403, 'KEY_EXCEEDS_CREATOR');
    expect((await agent.post(`${path}/suspend`)).status).toBe(200);
    expect((await agent.post(`${path}/activate`)).status).toBe(200);
    expect((await agent.get(`${path}/usage`)).status).toBe(200);
    expect((await agent.post(`${path}/rotate`)).status).toBe(201);
    expect((await agent.delete(path)).status).toBe(204);
    expect((await agent.get('/api/api-keys/tiers')).status).toBe(200);
    expect((await agent.get('/api/api-keys/scopes')).status).toBe(200);
    const pair = await agent.post('/api/api-keys/legacy').send(BODY);
    expect(pair.status).toBe(201);
  });

  it("finds no key of a colleague, and creates none in a colleague's name", async () => {
    const { agent } = await addSignedIn(api, tenant.organizationId, { role: 'team-lead' });
    const path = `/api/api-keys/${tenant.keyId}`;
    for (const request of [
      agent.get(path),
      agent.patch(path).send({ name: 'x' }),
      agent.delete(path),
      agent.post(`${path}/rotate`),
      agent.post(`${path}/suspend`),
      agent.get(`${path}/usage`),
    ])
      expectProblem(await request, 404, 'API_KEY_NOT_FOUND');
    const named = await agent.post('/api/api-keys').send({ ...BODY, ownerId: tenant.userId });
    expectProblem(named, 403, 'INSUFFICIENT_SCOPE');
  });

  it('administers the keys of the organization as its administrator', async () => {
    const { agent } = await addSignedIn(api, tenant.organizationId, { role: 'org-admin' });
    expect((await agent.get(`/api/api-keys/${tenant.keyId}`)).status).toBe(200);
    const owner = await addPerson(api.db, tenant.organizationId);
    expect(await create({ ownerId: owner.userId }, agent)).toMatchObject({ ownerId: owner.userId });
    const theirs = await agent.get(`/api/api-keys/${other.keyId}`);
    expectProblem(theirs, 404, 'API_KEY_NOT_FOUND');
  });
});
