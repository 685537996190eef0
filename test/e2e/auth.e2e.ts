import { setTimeout as sleep } from 'node:timers/promises';
import { generateApiKey } from '../../src/auth/api-key-format.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { TEST_ENVIRONMENT } from '../environment.js';
import { addKey, addPair, createTenant } from '../factories.js';
import type { Pair, Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { MISSING_ID } from '../outcomes.js';
import { sendRaw } from '../raw.js';

let api: TestApp;
let tenant: Tenant;
let key: string;
let otherKey: string;
let pair: Pair;
let otherPair: Pair;

const unknownKey = generateApiKey();

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  ({ key } = tenant);
  otherKey = (await addKey(api.db, tenant)).key;
  pair = await addPair(api.db, tenant);
  otherPair = await addPair(api.db, tenant);
});

afterAll(() => api.close());

/** Sends header lines as they are. */
const raw = (...lines: string[]) => sendRaw(api.url, ['GET /api/users/me HTTP/1.1', ...lines]);

const codeOf = (body: string) => (JSON.parse(body) as { code?: string }).code;

describe('a valid credential', () => {
  it.each([
    ['Authorization: Bearer', () => [`Authorization: Bearer ${key}`]],
    ['the scheme in lower case', () => [`Authorization: bearer ${key}`]],
    ['the scheme in upper case', () => [`Authorization: BEARER ${key}`]],
    ['the header in lower case', () => [`authorization: Bearer ${key}`]],
    ['the header in upper case', () => [`AUTHORIZATION: Bearer ${key}`]],
    ['blanks around it', () => [`Authorization:    Bearer   ${key}   `]],
    ['X-Api-Key', () => [`X-Api-Key: ${key}`]],
    ['X-Api-Key in another case', () => [`x-API-key: ${key}`]],
    ['X-Api-Key with blanks around', () => [`X-Api-Key:   ${key}  `]],
    ['the same key in both headers', () => [`Authorization: Bearer ${key}`, `X-Api-Key: ${key}`]],
    ['a stray secret beside the key', () => [`X-Api-Key: ${key}`, 'X-Api-Secret: stray']],
    ['an empty secret beside the key', () => [`X-Api-Key: ${key}`, 'X-Api-Secret:']],
    [
      'the key twice and a stray secret',
      () => [`Authorization: Bearer ${key}`, `X-Api-Key: ${key}`, 'X-Api-Secret: stray'],
    ],
    ['a session cookie beside the key', () => [`X-Api-Key: ${key}`, 'Cookie: session=abc']],
    ['a pair', () => [`X-Api-Key: ${pair.accessKey}`, `X-Api-Secret: ${pair.secretKey}`]],
    [
      'a pair in any case and order',
      () => [`x-api-secret:  ${pair.secretKey} `, `X-API-KEY: ${pair.accessKey}`],
    ],
  ] as const)('is taken: %s', async (_, lines) => {
    const answer = await raw(...lines());
    expect({ status: answer.status, body: answer.body }).toMatchObject({ status: 200 });
    expect((JSON.parse(answer.body) as { id: string }).id).toBe(tenant.userId);
  });
});

describe('two credentials in one request', () => {
  it.each([
    ['two keys', () => [`Authorization: Bearer ${key}`, `X-Api-Key: ${otherKey}`]],
    [
      'a valid and an unknown key',
      () => [`Authorization: Bearer ${key}`, `X-Api-Key: ${unknownKey}`],
    ],
    [
      'an unknown and a valid key',
      () => [`Authorization: Bearer ${unknownKey}`, `X-Api-Key: ${key}`],
    ],
    ['a valid key and garbage', () => [`Authorization: Bearer ${key}`, 'X-Api-Key: garbage']],
    ['two that are garbage', () => ['Authorization: Bearer a', 'X-Api-Key: b']],
    ['another scheme and a key', () => ['Authorization: Basic dTpw', `X-Api-Key: ${key}`]],
    [
      'two Authorization headers',
      () => [`Authorization: Bearer ${key}`, `Authorization: Bearer ${otherKey}`],
    ],
    [
      'the same Authorization twice',
      () => [`Authorization: Bearer ${key}`, `Authorization: Bearer ${key}`],
    ],
    ['two X-Api-Key headers', () => [`X-Api-Key: ${key}`, `X-Api-Key: ${otherKey}`]],
    [
      'a key and a pair',
      () => [
        `Authorization: Bearer ${key}`,
        `X-Api-Key: ${pair.accessKey}`,
        `X-Api-Secret: ${pair.secretKey}`,
      ],
    ],
    ['a key and a secret alone', () => [`Authorization: Bearer ${key}`, 'X-Api-Secret: secret']],
    [
      'two secrets',
      () => [`X-Api-Key: ${pair.accessKey}`, `X-Api-Secret: ${pair.secretKey}`, 'X-Api-Secret: b'],
    ],
  ] as const)('are 400: %s', async (_, lines) => {
    const answer = await raw(...lines());
    expect(answer.status).toBe(400);
    expect(codeOf(answer.body)).toBe('AMBIGUOUS_CREDENTIALS');
    expect(answer.body).not.toContain(key);
  });
});

describe('a bad credential', () => {
  it.each([
    ['an empty bearer', () => ['Authorization: Bearer']],
    ['garbage', () => ['Authorization: Bearer garbage']],
    ['an unknown key', () => [`Authorization: Bearer ${unknownKey}`]],
    [
      'a wrong checksum',
      () => [`Authorization: Bearer ${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`],
    ],
    ['a key that is cut', () => [`X-Api-Key: ${key.slice(0, -1)}`]],
    ['a key with more behind it', () => [`X-Api-Key: ${key}A`]],
    ['a key in lower case', () => [`X-Api-Key: ${key.toLowerCase()}_`]],
    ['another prefix', () => [`X-Api-Key: ${key.replace('live', 'test')}`]],
    ['a blank inside', () => [`X-Api-Key: ${key.slice(0, 20)} ${key.slice(20)}`]],
    ['a tab inside', () => [`X-Api-Key: ${key.slice(0, 20)}\t${key.slice(20)}`]],
    ['quotes', () => [`X-Api-Key: "${key}"`]],
    ['two keys in one header', () => [`X-Api-Key: ${key}, ${key}`]],
    ['bytes beyond ASCII', () => [`X-Api-Key: ${key.slice(0, -1)}é`]],
    ['10 kB', () => [`X-Api-Key: cbr_live_${'a'.repeat(10_000)}`]],
    ['Basic', () => ['Authorization: Basic dXNlcjpwYXNz']],
    ['a key without a scheme', () => [`Authorization: ${key}`]],
    ['a key under another scheme', () => [`Authorization: Token ${key}`]],
    ['an access key alone', () => [`X-Api-Key: ${pair.accessKey}`]],
    ['an access key as bearer', () => [`Authorization: Bearer ${pair.accessKey}`]],
    ['an access key with an empty secret', () => [`X-Api-Key: ${pair.accessKey}`, 'X-Api-Secret:']],
    ['a wrong secret', () => [`X-Api-Key: ${pair.accessKey}`, `X-Api-Secret: ${'0'.repeat(64)}`]],
    [
      'the secret of another pair',
      () => [`X-Api-Key: ${pair.accessKey}`, `X-Api-Secret: ${otherPair.secretKey}`],
    ],
    ['a secret alone', () => [`X-Api-Secret: ${pair.secretKey}`]],
    ['a secret as bearer', () => [`Authorization: Bearer ${pair.secretKey}`]],
    ['an id as key', () => [`X-Api-Key: ${tenant.keyId}`]],
    ["a user's id as key", () => [`Authorization: Bearer ${tenant.userId}`]],
  ] as const)('is 401: %s', async (_, lines) => {
    const answer = await raw(...lines());
    expect(answer.status).toBe(401);
    expect(codeOf(answer.body)).toBe('API_KEY_INVALID');
    expect(answer.headers['www-authenticate']).toBe(
      'Bearer realm="casebender", error="invalid_token"',
    );
  });

  it('is 401 without error="invalid_token" when there is none', async () => {
    const response = await api.http().get('/api/users/me');
    expectProblem(response, 401, 'AUTHENTICATION_REQUIRED');
    expect(response.headers['www-authenticate']).toBe('Bearer realm="casebender"');
  });

  it('is 401 when it stands in the query, the body or a cookie', async () => {
    for (const path of [
      `?api_key=${key}`,
      `?key=${key}`,
      `?access_token=${key}`,
      `?X-Api-Key=${key}`,
    ])
      expectProblem(await api.http().get(`/api/users/me${path}`), 401, 'AUTHENTICATION_REQUIRED');
    const cookie = await api.http().get('/api/users/me').set('Cookie', `session=${key}`);
    expect(cookie.status).toBe(401);
    const body = await api.http().post('/api/alerts').send({ key, 'X-Api-Key': key });
    expectProblem(body, 401, 'AUTHENTICATION_REQUIRED');
  });

  it('tells the holder of a key that once existed why it is refused', async () => {
    const past = new Date(Date.now() - 1000);
    for (const [options, code] of [
      [{ expiresAt: past }, 'API_KEY_EXPIRED'],
      [{ state: 'revoked' }, 'API_KEY_REVOKED'],
      [{ state: 'suspended' }, 'API_KEY_SUSPENDED'],
    ] as const) {
      const made = await addKey(api.db, tenant, options);
      expectProblem(await api.http(made.key).get('/api/users/me'), 401, code);
      const madePair = await addPair(api.db, tenant, options);
      const headers = { 'X-Api-Key': madePair.accessKey, 'X-Api-Secret': madePair.secretKey };
      expectProblem(await api.http().get('/api/users/me').set(headers), 401, code);
      const wrong = { ...headers, 'X-Api-Secret': '0'.repeat(64) };
      expectProblem(await api.http().get('/api/users/me').set(wrong), 401, 'API_KEY_INVALID');
    }
  });

  it('gets the same bytes for an unknown access key and a wrong secret', async () => {
    const answers = new Set<string>();
    for (const accessKey of [pair.accessKey, 'f'.repeat(32)]) {
      const response = await api
        .http()
        .get('/api/users/me')
        .set({ 'X-Api-Key': accessKey, 'X-Api-Secret': 'x', 'X-Request-Id': 'same' });
      answers.add(response.text);
    }
    expect(answers.size).toBe(1);
  });

  it('is refused before the body is read', async () => {
    const response = await api.http('cbr_live_x').post('/api/alerts').type('json').send('{broken');
    expectProblem(response, 401, 'API_KEY_INVALID');
  });
});

describe('a deprecated pair', () => {
  const headers = () => ({ 'X-Api-Key': pair.accessKey, 'X-Api-Secret': pair.secretKey });
  const NOTICE = '</docs#legacy-authentication>; rel="deprecation"; type="text/html"';

  it('is announced as deprecated on every answer, with the end that is set', async () => {
    const app = await startTestApp({ LEGACY_AUTH_SUNSET: '2030-06-30' });
    try {
      const http = app.http().set(headers());
      const narrow = await addPair(app.db, tenant, { scopes: ['alerts:read'] });
      const answers = [
        await http.get('/api/users/me'),
        await http.post('/api/alerts').send({ title: 'x', statusValue: 'new', severity: 1 }),
        await http.post('/api/alerts').send({ title: 'y', statusValue: 'new', severity: 1 }),
        await http.get('/api/alerts?limit=1'),
        await http.get('/api/alerts?nonsense=1'),
        await http.post('/api/alerts').type('json').send('{'),
        await http.get(`/api/alerts/${MISSING_ID}`),
        await http.get('/api/alerts').set('X-Api-Secret', 'wrong'),
        await app
          .http()
          .get('/api/cases')
          .set({ 'X-Api-Key': narrow.accessKey, 'X-Api-Secret': narrow.secretKey }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([
        200, 200, 200, 200, 400, 400, 404, 401, 403,
      ]);
      for (const answer of answers) {
        expect(answer.headers.deprecation).toMatch(/^@\d+$/);
        expect(answer.headers.sunset).toBe('Sun, 30 Jun 2030 00:00:00 GMT');
        expect(answer.headers.link).toContain(NOTICE);
      }
      expect(answers[3]?.headers.link).toContain('rel="next"');
    } finally {
      await app.close();
    }
  });

  it('has no Sunset while none is set, and API keys are never announced', async () => {
    const response = await api.http().get('/api/users/me').set(headers());
    expect(response.headers).not.toHaveProperty('sunset');
    expect(response.headers.deprecation).toMatch(/^@\d+$/);
    const modern = await api.http(key).get('/api/users/me');
    expect(modern.headers).not.toHaveProperty('deprecation');
    expect(modern.headers).not.toHaveProperty('link');
  });

  it('is limited by its own tier', async () => {
    const basic = await addPair(api.db, tenant, { tier: 'basic' });
    const response = await api
      .http()
      .get('/api/users/me')
      .set({ 'X-Api-Key': basic.accessKey, 'X-Api-Secret': basic.secretKey });
    expect(response.headers['x-ratelimit-limit']).toBe('60');
  });

  it('is 401 LEGACY_AUTH_DISABLED with LEGACY_AUTH=off, whether valid or not, while keys work', async () => {
    const app = await startTestApp({ LEGACY_AUTH: 'off' });
    try {
      const valid = await app.http().get('/api/users/me').set(headers());
      expectProblem(valid, 401, 'LEGACY_AUTH_DISABLED');
      const wrong = { 'X-Api-Key': 'x', 'X-Api-Secret': 'y' };
      expectProblem(await app.http().get('/api/users/me').set(wrong), 401, 'LEGACY_AUTH_DISABLED');
      expect((await app.http(key).get('/api/users/me')).status).toBe(200);
    } finally {
      await app.close();
    }
  });

  it('is counted in the metrics and marked as deprecated in the document', async () => {
    await api.http().get('/api/users/me').set(headers());
    const metrics = await api.http(api.adminKey).get('/metrics');
    expect(metrics.text).toMatch(/legacy[a-z_]*\s[1-9]/);
    const schemes = api.document.components?.securitySchemes ?? {};
    expect(Object.keys(schemes)).toEqual(expect.arrayContaining(['accessKey', 'secretKey']));
    expect(JSON.stringify(schemes.secretKey)).toMatch(/deprecated/i);
  });
});

describe('failed authentications of one address', () => {
  it('are 429 beyond the limit of a minute, while a valid key passes', async () => {
    const app = await startTestApp({ AUTH_FAILURES_PER_MINUTE: '5' });
    try {
      for (let i = 0; i < 5; i++)
        expect((await app.http('bad').get('/api/alerts')).status).toBe(401);
      const refused = await app.http('bad').get('/api/alerts');
      expectProblem(refused, 429, 'TOO_MANY_AUTH_FAILURES');
      expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
      expectProblem(await app.http().get('/api/alerts'), 429, 'TOO_MANY_AUTH_FAILURES');
      const secret = { 'X-Api-Key': 'x', 'X-Api-Secret': 'y' };
      const ofPair = await app.http().get('/api/alerts').set(secret);
      expectProblem(ofPair, 429, 'TOO_MANY_AUTH_FAILURES');
      for (let i = 0; i < 3; i++) expect((await app.http(key).get('/api/alerts')).status).toBe(200);
      expect((await app.http().get('/health/live')).status).toBe(200);
    } finally {
      await app.close();
    }
  });

  it('believe a forwarded address only from a trusted proxy', async () => {
    const from = (app: TestApp, address: string) =>
      app.http('bad').get('/api/alerts').set('X-Forwarded-For', address);
    const plain = await startTestApp({ AUTH_FAILURES_PER_MINUTE: '2' });
    const proxied = await startTestApp({
      AUTH_FAILURES_PER_MINUTE: '2',
      TRUST_PROXY: '127.0.0.1',
    });
    try {
      for (const address of ['192.0.2.1', '192.0.2.2']) await from(plain, address);
      expect((await from(plain, '192.0.2.3')).status).toBe(429);
      for (let i = 0; i < 2; i++) expect((await from(proxied, '192.0.2.1')).status).toBe(401);
      expect((await from(proxied, '192.0.2.1')).status).toBe(429);
      expect((await from(proxied, '192.0.2.2')).status).toBe(401);
    } finally {
      await plain.close();
      await proxied.close();
    }
  });
});

describe('a key bound to addresses', () => {
  it('works from inside its networks only, and the address is believed from a trusted proxy only', async () => {
    const bound = await addKey(api.db, tenant, { allowedCidrs: ['192.0.2.0/24', '2001:db8::/32'] });
    const proxied = await startTestApp({ TRUST_PROXY: '127.0.0.1' });
    const from = (app: TestApp, address: string) =>
      app.http(bound.key).get('/api/users/me').set('X-Forwarded-For', address);
    try {
      for (const address of ['192.0.2.7', '::ffff:192.0.2.7', '2001:db8::1'])
        expect((await from(proxied, address)).status).toBe(200);
      for (const address of ['192.0.3.7', '2001:db9::1', 'nonsense'])
        expectProblem(await from(proxied, address), 403, 'KEY_ADDRESS_NOT_ALLOWED');
      expectProblem(await from(api, '192.0.2.7'), 403, 'KEY_ADDRESS_NOT_ALLOWED');
    } finally {
      await proxied.close();
    }
  });
});

describe('rotation of the pepper', () => {
  it('keeps every credential working, and moves each to the new pepper on its first use', async () => {
    const pepper = Buffer.alloc(32, 'fresh').toString('base64');
    const moving = await addKey(api.db, tenant);
    const movingPair = await addPair(api.db, tenant);
    const revoked = await addKey(api.db, tenant, { state: 'revoked' });
    const pairHeaders = {
      'X-Api-Key': movingPair.accessKey,
      'X-Api-Secret': movingPair.secretKey,
    };
    const during = await startTestApp({
      API_KEY_PEPPER: pepper,
      API_KEY_PEPPER_PREVIOUS: TEST_ENVIRONMENT.API_KEY_PEPPER,
    });
    const pepperOf = (id: string) =>
      api.db.row('SELECT pepper_id, digest FROM credentials WHERE id = $1', [id]);
    const before = await pepperOf(moving.id);
    try {
      const first = await Promise.all(
        Array.from({ length: 5 }, () => during.http(moving.key).get('/api/users/me')),
      );
      expect(first.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
      expect((await during.http().get('/api/users/me').set(pairHeaders)).status).toBe(200);
      expectProblem(await during.http(revoked.key).get('/api/users/me'), 401, 'API_KEY_REVOKED');
      expectProblem(await during.http(unknownKey).get('/api/users/me'), 401, 'API_KEY_INVALID');
      const after = await pepperOf(moving.id);
      expect(after.pepper_id).not.toBe(before.pepper_id);
      expect(after.digest).not.toEqual(before.digest);
    } finally {
      await during.close();
    }
    const afterwards = await startTestApp({ API_KEY_PEPPER: pepper });
    try {
      expect((await afterwards.http(moving.key).get('/api/users/me')).status).toBe(200);
      expect((await afterwards.http().get('/api/users/me').set(pairHeaders)).status).toBe(200);
      const never = await addKey(api.db, tenant);
      expectProblem(await afterwards.http(never.key).get('/api/users/me'), 401, 'API_KEY_INVALID');
    } finally {
      await afterwards.close();
    }
  });
});

describe('another process', () => {
  it('refuses a suspended and a revoked key within a second, and narrows a changed one', async () => {
    const admin = await createTenant(api.db, { role: 'org-admin' });
    const elsewhere = await startTestApp();
    const within = async (made: string, wanted: number, path = '/api/alerts') => {
      const deadline = Date.now() + 1000;
      let status = 0;
      while (status !== wanted && Date.now() < deadline) {
        ({ status } = await elsewhere.http(made).get(path));
        if (status !== wanted) await sleep(20);
      }
      return status;
    };
    try {
      const made = await addKey(api.db, admin, { scopes: ['alerts:read', 'cases:read'] });
      expect((await elsewhere.http(made.key).get('/api/alerts')).status).toBe(200);
      const http = api.http(admin.key);
      await http.patch(`/api/api-keys/${made.id}`).send({ scopes: ['cases:read'] });
      expect(await within(made.key, 403)).toBe(403);
      await http.post(`/api/api-keys/${made.id}/suspend`);
      expect(await within(made.key, 401)).toBe(401);
      await http.post(`/api/api-keys/${made.id}/activate`);
      expect(await within(made.key, 200, '/api/cases')).toBe(200);
      await http.post(`/api/api-keys/${made.id}/revoke`);
      expect(await within(made.key, 401)).toBe(401);
    } finally {
      await elsewhere.close();
    }
  });
});
