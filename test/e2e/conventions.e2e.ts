import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import type { NewApiKey } from '../../src/api-keys/api-keys.schema.js';
import { ERROR_CODES } from '../../src/common/error-codes.js';
import { Drain } from '../../src/health/drain.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { databaseUrl } from '../database.js';
import { addKey, createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectProblem } from '../matchers.js';
import { MISSING_ID, send } from '../outcomes.js';
import { sendRaw } from '../raw.js';
import { shortestMs } from '../shortest.js';

let api: TestApp;
let tenant: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const BODY = { title: 'Convention', statusValue: 'new', severity: 2 };

const postAlert = (body: object = BODY, agent = http) => agent.post('/api/alerts').send(body);

/** Sends text or bytes as a JSON body. */
const postText = (body: string | Buffer, headers: Record<string, string> = {}) =>
  sendRaw(
    api.url,
    [
      'POST /api/alerts HTTP/1.1',
      `Authorization: Bearer ${tenant.key}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      ...Object.entries({ 'Content-Type': 'application/json', ...headers }).map(
        ([name, value]) => `${name}: ${value}`,
      ),
    ],
    body,
  );

const codeOf = (body: string) => (JSON.parse(body) as { code?: string }).code;

async function alertCount(): Promise<number> {
  const { n } = await api.db.row<{ n: number }>(
    'SELECT count(*)::int AS n FROM alerts WHERE organization_id = $1',
    [tenant.organizationId],
  );
  return n;
}

describe('X-Request-Id', () => {
  it.each(['a', 'A.b_c-9', 'x'.repeat(128)])('is echoed: %s', async (id) => {
    const good = await http.get('/api/alerts?limit=1').set('X-Request-Id', id);
    expect(good.headers['x-request-id']).toBe(id);
    const bad = await http.get('/api/nowhere').set('X-Request-Id', id);
    expect(expectProblem(bad, 404, 'ROUTE_NOT_FOUND').requestId).toBe(id);
  });

  it.each(['x'.repeat(129), 'a b', 'a/b', '<script>', 'a,b', "'", ''])(
    'is minted instead of %s',
    async (id) => {
      const response = await http.get('/api/nowhere').set('X-Request-Id', id);
      const { requestId } = expectProblem(response, 404, 'ROUTE_NOT_FOUND');
      expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
    },
  );

  it('differs from request to request', async () => {
    const ids = new Set<unknown>();
    for (let i = 0; i < 5; i++) ids.add((await http.get('/api/users/me')).headers['x-request-id']);
    expect(ids.size).toBe(5);
  });
});

describe('a route that does not exist', () => {
  it.each([
    '/api',
    '/api/nowhere',
    '/api/v2/alerts',
    '/alerts',
    '/api/alerts/x/y/z',
    '/api/alertsx',
    '/api/../etc/passwd',
    '/api/%2e%2e/secrets.json',
    '/docs/../package.json',
    '/.env',
  ])('is 404: %s', async (path) => {
    const answer = await sendRaw(api.url, [`GET ${path} HTTP/1.1`]);
    expect(answer.status).toBe(404);
    expect(codeOf(answer.body)).toBe('ROUTE_NOT_FOUND');
    expect(answer.body).not.toMatch(/\/work|node_modules/);
  });
});

describe('/api/v1', () => {
  it('answers the same bytes as /api', async () => {
    const { id } = (await postAlert()).body as Alert;
    for (const path of [`alerts/${id}`, 'alerts?limit=1', 'users/me', 'api-keys/tiers']) {
      const [plain, versioned] = [
        await http.get(`/api/${path}`),
        await http.get(`/api/v1/${path}`),
      ];
      expect(plain.status).toBe(200);
      expect(versioned.status).toBe(200);
      expect(versioned.text).toBe(plain.text);
      expect(versioned.headers.etag).toBe(plain.headers.etag);
    }
  });

  it('creates, updates and deletes, and names itself in errors and links', async () => {
    const created = await http.post('/api/v1/alerts').send(BODY);
    expect(created.status).toBe(200);
    const path = `/api/v1/alerts/${(created.body as Alert).id}`;
    expect((await http.patch(path).send({ title: 'x' })).status).toBe(200);
    expect((await http.delete(path)).status).toBe(204);
    expectProblem(await http.get(path), 404, 'ALERT_NOT_FOUND');
    await postAlert();
    await postAlert();
    const list = await http.get('/api/v1/alerts?limit=1');
    expect(list.headers.link).toMatch(/^<\/api\/v1\/alerts\?/);
  });
});

describe('If-None-Match', () => {
  it.each([
    ['"1"', 304],
    ['W/"1"', 304],
    ['"7", "1"', 304],
    ['*', 304],
    ['"2"', 200],
    ['1', 200],
    ['""', 200],
  ])('%s of a read answers %i', async (tag, status) => {
    const { id } = (await postAlert()).body as Alert;
    const response = await http.get(`/api/alerts/${id}`).set('If-None-Match', tag);
    expect(response.status).toBe(status);
    expect(response.headers.etag).toBe('"1"');
    if (status === 304) expect(response.text).toBe('');
  });

  it('is no condition of a change', async () => {
    const { id } = (await postAlert()).body as Alert;
    const response = await http
      .patch(`/api/alerts/${id}`)
      .set('If-None-Match', '"2"')
      .send({ title: 'changed' });
    expect(response.status).toBe(200);
  });
});

describe('Idempotency-Key', () => {
  const post = (key: string, body: object = BODY, agent = http, path = '/api/alerts') =>
    agent.post(path).set('Idempotency-Key', key).send(body);

  it('replays the first answer and does the work once', async () => {
    const key = unique('replay');
    const before = await alertCount();
    const first = await post(key);
    expect(first.status).toBe(200);
    expect(first.headers).not.toHaveProperty('idempotent-replayed');
    for (let i = 0; i < 3; i++) {
      const again = await post(key);
      expect(again.status).toBe(200);
      expect(again.headers['idempotent-replayed']).toBe('true');
      expect(again.headers.etag).toBe(first.headers.etag);
      expect(again.text).toBe(first.text);
    }
    expect(await alertCount()).toBe(before + 1);
  });

  it('replays the answer as it was, also after the record has gone', async () => {
    const key = unique('gone');
    const first = await post(key);
    await http.delete(`/api/alerts/${(first.body as Alert).id}`);
    expect((await post(key)).text).toBe(first.text);
  });

  it('replays on the /api/v1 twin', async () => {
    const key = unique('twin');
    const first = await post(key);
    const again = await post(key, BODY, http, '/api/v1/alerts');
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.text).toBe(first.text);
  });

  it('replays status and Location', async () => {
    const key = unique('location');
    const { id } = (await postAlert()).body as Alert;
    const body = { alertId: id, dataType: 'ip', data: '10.0.0.1' };
    const first = await post(key, body, http, '/api/observables');
    const again = await post(key, body, http, '/api/observables');
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.headers.location).toBe(first.headers.location);
    expect(again.headers['idempotent-replayed']).toBe('true');
  });

  it('replays a created API key, which is no readable secret at rest', async () => {
    const key = unique('api-key');
    const body = { name: 'Once', tier: 'basic', scopes: ['alerts:read'] };
    const first = await post(key, body, http, '/api/api-keys');
    expect(first.status).toBe(201);
    const again = await post(key, body, http, '/api/api-keys');
    expect(again.text).toBe(first.text);
    expect(again.headers['cache-control']).toBe('no-store');
    const made = (first.body as NewApiKey).key;
    const stored = await api.db.row<{ body: Buffer; headers: unknown }>(
      'SELECT body, headers FROM idempotency_records WHERE key = $1',
      [key],
    );
    expect(stored.body.toString('latin1')).not.toContain(made);
    expect(JSON.stringify(stored.headers)).not.toContain(made);
    expect((await api.http(made).get('/api/alerts')).status).toBe(200);
  });

  it('belongs to credential and path', async () => {
    const key = unique('own');
    const first = await post(key);
    const second = await addKey(api.db, tenant);
    const ofOther = await post(key, BODY, api.http(second.key));
    expect(ofOther.status).toBe(200);
    expect((ofOther.body as Alert).id).not.toBe((first.body as Alert).id);
    const elsewhere = await post(key, BODY, http, '/api/cases');
    expect(elsewhere.status).toBe(200);
    expect(elsewhere.headers).not.toHaveProperty('idempotent-replayed');
  });

  it('ends after 24 hours', async () => {
    const key = unique('old');
    const first = await post(key);
    await api.db.rows(
      "UPDATE idempotency_records SET created_at = now() - interval '25 hours' WHERE key = $1",
      [key],
    );
    const again = await post(key, { ...BODY, title: 'Another' });
    expect(again.status).toBe(200);
    expect((again.body as Alert).id).not.toBe((first.body as Alert).id);
    expect((await post(key, { ...BODY, title: 'Another' })).text).toBe(again.text);
  });

  it('means nothing to a read and an update', async () => {
    const key = unique('read');
    const list = () => http.get('/api/alerts?limit=1').set('Idempotency-Key', key);
    const first = await list();
    await postAlert();
    expect((await list()).text).not.toBe(first.text);
  });

  it('does the work of twenty at once only once: the others replay it or are 409', async () => {
    const key = unique('race');
    const before = await alertCount();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(key)));
    expect(await alertCount()).toBe(before + 1);
    for (const answer of answers) {
      if (answer.status === 409) expectProblem(answer, 409, 'IDEMPOTENCY_IN_PROGRESS');
      else expect(answer.status).toBe(200);
    }
    const bodies = answers.filter(({ status }) => status === 200).map(({ text }) => text);
    expect(bodies.length).toBeGreaterThan(0);
    expect(new Set(bodies).size).toBe(1);
    expect((await post(key)).text).toBe(bodies[0]);
  });

  it('keeps no answer that did no work', async () => {
    const key = unique('failed');
    expect((await post(key, { ...BODY, severity: 9 })).status).toBe(400);
    expect((await post(key, { ...BODY, teams: [MISSING_ID] })).status).toBe(400);
    const reader = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
    expect((await post(key, BODY, api.http(reader.key))).status).toBe(403);
    const missing = `/api/alerts/${MISSING_ID}/observables`;
    const value = { dataType: 'ip', data: '10.0.0.1' };
    expect((await post(key, value, http, missing)).status).toBe(404);
    const kept = await api.db.rows('SELECT 1 FROM idempotency_records WHERE key = $1', [key]);
    expect(kept).toEqual([]);
    const worked = await post(key);
    expect(worked.status).toBe(200);
    expect(worked.headers).not.toHaveProperty('idempotent-replayed');
  });

  it.each(['x', 'x'.repeat(255), 'a b~!"$%&/()=?'])('may be %s', async (key) => {
    const { key: fresh } = await addKey(api.db, tenant);
    expect((await post(key, BODY, api.http(fresh))).status).toBe(200);
  });

  it.each(['x'.repeat(256), 'a\tb', ''])('answers 400 to %j', async (key) => {
    expectInvalid(await post(key), ['Idempotency-Key']);
  });

  it('answers 422 with another body', async () => {
    const key = unique('reused');
    await post(key);
    const response = await post(key, { ...BODY, title: 'Another' });
    expectProblem(response, 422, 'IDEMPOTENCY_KEY_REUSED');
  });
});

describe('405', () => {
  it.each([
    ['patch', '/api/alerts', 'GET, HEAD, POST'],
    ['delete', '/api/cases', 'GET, HEAD, POST'],
    ['post', `/api/alerts/${MISSING_ID}`, 'DELETE, GET, HEAD, PATCH, PUT'],
    ['put', '/api/auth/session', 'GET, HEAD'],
    ['get', `/api/api-keys/${MISSING_ID}/rotate`, 'POST'],
    ['post', '/health/live', 'GET, HEAD'],
    ['delete', '/api/v1/observables', 'GET, HEAD, POST'],
  ] as const)('%s %s names what is allowed', async (method, path, allowed) => {
    const response = await send(http, { method, path: () => path });
    expectProblem(response, 405, 'METHOD_NOT_ALLOWED');
    expect(response.headers.allow?.split(', ').sort().join(', ')).toBe(allowed);
  });
});

describe('406', () => {
  it.each(['text/html', 'application/xml', 'image/*', 'text/csv;q=1'])(
    'Accept: %s',
    async (accept) => {
      expectProblem(await http.get('/api/alerts').set('Accept', accept), 406, 'NOT_ACCEPTABLE');
      const before = await alertCount();
      expectProblem(await postAlert().set('Accept', accept), 406, 'NOT_ACCEPTABLE');
      expect(await alertCount()).toBe(before);
    },
  );

  it.each([
    '*/*',
    'application/json',
    'application/*',
    'text/html, */*;q=0.1',
    'application/json;q=0.5',
  ])('not with Accept: %s', async (accept) => {
    expect((await http.get('/api/users/me').set('Accept', accept)).status).toBe(200);
  });
});

describe('413', () => {
  const large = JSON.stringify({ ...BODY, customFields: { a: 'x'.repeat(2.1 * 1024 ** 2) } });

  it('answers a body beyond 2 MiB, sent whole, in chunks or compressed', async () => {
    expectProblem(await http.post('/api/alerts').type('json').send(large), 413, 'BODY_TOO_LARGE');
    const chunked = await fetch(`${api.url}/api/alerts`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${tenant.key}`, 'Content-Type': 'application/json' },
      body: new Blob([large]).stream(),
      duplex: 'half',
    });
    expect(chunked.status).toBe(413);
    const bomb = gzipSync(Buffer.alloc(50 * 1024 ** 2, ' '));
    const compressed = await postText(bomb, { 'Content-Encoding': 'gzip' });
    expect(compressed.status).toBe(413);
    expect(codeOf(compressed.body)).toBe('BODY_TOO_LARGE');
  });

  it('follows BODY_LIMIT', async () => {
    const app = await startTestApp({ BODY_LIMIT: '1KiB' });
    try {
      const agent = app.http(tenant.key);
      expect((await postAlert(BODY, agent)).status).toBe(200);
      const response = await postAlert(
        { ...BODY, title: 'x'.repeat(512), description: 'x'.repeat(600) },
        agent,
      );
      expectProblem(response, 413, 'BODY_TOO_LARGE');
    } finally {
      await app.close();
    }
  });
});

describe('415', () => {
  it.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/json; charset=latin1',
    'application/json; charset=utf-16',
    'json',
    '',
  ])('Content-Type: %s', async (type) => {
    const answer = await postText(JSON.stringify(BODY), { 'Content-Type': type });
    expect(answer.status).toBe(415);
    expect(codeOf(answer.body)).toBe('UNSUPPORTED_MEDIA_TYPE');
  });

  it.each([
    'application/json',
    'APPLICATION/JSON',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
  ])('not with Content-Type: %s', async (type) => {
    const answer = await postText(JSON.stringify(BODY), { 'Content-Type': type });
    expect(answer.status).toBe(200);
  });

  it('answers an unknown content coding', async () => {
    const answer = await postText(JSON.stringify(BODY), { 'Content-Encoding': 'nonsense' });
    expect(answer.status).toBe(415);
  });
});

it('answers 431 to headers beyond 16 KiB', async () => {
  const answer = await sendRaw(api.url, [
    'GET /api/users/me HTTP/1.1',
    `X-Large: ${'x'.repeat(17_000)}`,
  ]);
  expect(answer.status).toBe(431);
});

describe('a compressed body', () => {
  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ])('is read: %s', async (coding, compress) => {
    const body = compress(JSON.stringify({ ...BODY, title: coding }));
    const answer = await postText(body, { 'Content-Encoding': coding });
    expect(answer.status).toBe(200);
    expect((JSON.parse(answer.body) as Alert).title).toBe(coding);
  });

  it('is 400 when it is corrupt', async () => {
    const body = gzipSync(JSON.stringify(BODY));
    body.fill(0, 12, 20);
    const answer = await postText(body, { 'Content-Encoding': 'gzip' });
    expect(answer.status).toBe(400);
    expect(codeOf(answer.body)).toBe('MALFORMED_JSON');
  });
});

describe('a malformed body', () => {
  it.each([
    '{',
    '{"title"',
    "{'title':'x'}",
    '{"title":"x",}',
    '{"severity":NaN}',
    '{"severity":0x2}',
    '{"a":1}{"b":2}',
    'title=x',
    '"\u0001"',
    '{"title":"\\x"}',
  ])('is 400: %s', async (body) => {
    const answer = await postText(body);
    expect(answer.status).toBe(400);
    expect(codeOf(answer.body)).toBe('MALFORMED_JSON');
  });

  it.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong form', [0xc0, 0xaf]],
    ['an encoded surrogate', [0xed, 0xa0, 0x80]],
    ['a cut sequence', [0xe2, 0x82]],
  ])('is 400 when it is not UTF-8: %s', async (_, bytes) => {
    const body = Buffer.concat([
      Buffer.from('{"statusValue":"new","severity":1,"title":"'),
      Buffer.from(bytes),
      Buffer.from('"}'),
    ]);
    const answer = await postText(body);
    expect(answer.status).toBe(400);
    expect(codeOf(answer.body)).toBe('MALFORMED_JSON');
  });

  it('is 400 when it is missing', async () => {
    expectProblem(await http.post('/api/alerts'), 400, 'VALIDATION_FAILED');
  });
});

describe('a hostile body', () => {
  /** Far above what it takes, far below what a quadratic walk or an expression gone wild would. */
  const QUICK_MS = 1_500;

  const wrap = (fields: string) => `{"title":"x","statusValue":"new","severity":1,${fields}}`;
  const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);
  const deepObject = '{"a":'.repeat(50_000) + '1' + '}'.repeat(50_000);

  it.each([
    ['arrays 100 000 deep', DEEP],
    ['arrays 100 000 deep in customFields', wrap(`"customFields":{"a":${DEEP}}`)],
    ['arrays 100 000 deep for a title', `{"title":${DEEP},"statusValue":"new","severity":1}`],
    ['arrays 100 000 deep for tags', wrap(`"tags":${DEEP}`)],
    ['arrays 100 000 deep for observables', wrap(`"observables":${DEEP}`)],
    ['objects 50 000 deep', wrap(`"customFields":${deepObject}`)],
    ['a million opening brackets', '['.repeat(1_000_000)],
    [
      '100 000 keys',
      wrap(`"customFields":{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":1`).join()}}`),
    ],
    ['100 000 tags', wrap(`"tags":[${Array.from({ length: 100_000 }, (_, i) => i + 1).join()}]`)],
    ['100 000 observables', wrap(`"observables":[${'{},'.repeat(99_999)}{}]`)],
    ['__proto__ in customFields', wrap('"customFields":{"__proto__":{"admin":true}}')],
    ['__proto__ deep in customFields', wrap('"customFields":{"a":[{"__proto__":1}]}')],
    ['a lone surrogate', wrap('"description":"\\ud800"')],
    ['a lone surrogate in a key', wrap('"customFields":{"\\udfff":1}')],
    ['NUL', wrap('"description":"a\\u0000b"')],
    ['NUL in a nested value', wrap('"customFields":{"a":["\\u0000"]}')],
    ['a number beyond all for severity', '{"title":"x","statusValue":"new","severity":1e400}'],
    ['a number beyond all for count', wrap('"count":9999999999999999999999')],
    ['a number beyond all in customFields', wrap('"customFields":{"n":1e400}')],
    ['10 kB of bait as status', `{"title":"x","severity":1,"statusValue":"${'_ '.repeat(5000)}!"}`],
    ['10 kB of bait as link', wrap(`"externalLink":"http://${'a.'.repeat(5000)}!"`)],
    [
      '10 kB of bait as type',
      wrap(`"observables":[{"dataType":"${'a-'.repeat(5000)}","data":"x"}]`),
    ],
    [
      '10 kB of blanks as title',
      `{"title":"${' '.repeat(10_000)}","statusValue":"new","severity":1}`,
    ],
  ])('answers 4xx quickly: %s', async (_, body) => {
    const before = await alertCount();
    const tookMs = await shortestMs(QUICK_MS, async () => {
      const answer = await postText(body);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.body.length).toBeLessThan(20_000);
    });
    expect(tookMs).toBeLessThan(QUICK_MS);
    expect(await alertCount()).toBe(before);
    expect((await http.get('/health/live')).status).toBe(200);
  });

  it.each([
    ['email', `${'a@'.repeat(5000)}!`],
    ['url', `http://${'a.'.repeat(5000)}[.]`],
    ['domain', `${'a-'.repeat(5000)}.`],
    ['ip', '1.'.repeat(5000)],
    ['ip', '::'.repeat(5000)],
    ['hash', 'f'.repeat(10_001)],
    ['registry', '\\'.repeat(10_000)],
    ['regexp', '(a+)+'.repeat(2000)],
  ])('takes 10 kB of bait as %s quickly', async (dataType, data) => {
    const tookMs = await shortestMs(QUICK_MS, async () => {
      const response = await postAlert({ ...BODY, observables: [{ dataType, data }] });
      expect(response.status).toBe(200);
    });
    expect(tookMs).toBeLessThan(QUICK_MS);
  });

  it('changes no prototype', async () => {
    const answer = await postText(
      wrap('"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}'),
    );
    expect(answer.status).toBe(200);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });
});

describe('HEAD and OPTIONS', () => {
  it('HEAD answers as GET without a body', async () => {
    const { id } = (await postAlert()).body as Alert;
    const response = await http.head(`/api/alerts/${id}`);
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"1"');
    expect(response.text).toBeFalsy();
    expect((await api.http().head(`/api/alerts/${id}`)).status).toBe(401);
    expect((await http.head(`/api/alerts/${MISSING_ID}`)).status).toBe(404);
  });

  it('OPTIONS needs no credential and tells the methods', async () => {
    const response = await api.http().options('/api/alerts');
    expect(response.status).toBeLessThan(300);
    expect(response.headers.allow).toContain('POST');
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
  });

  it('lets only listed origins read from a browser', async () => {
    const app = await startTestApp({ CORS_ORIGINS: 'https://soc.example' });
    try {
      const of = async (origin: string) =>
        (
          await app.http().options('/api/alerts').set({
            Origin: origin,
            'Access-Control-Request-Method': 'POST',
          })
        ).headers['access-control-allow-origin'];
      expect(await of('https://soc.example')).toBe('https://soc.example');
      expect(await of('https://evil.example')).toBeUndefined();
    } finally {
      await app.close();
    }
  });
});

describe('every answer', () => {
  it('is marked against sniffing and does not name its software', async () => {
    for (const path of ['/api/users/me', '/api/nowhere', '/docs', '/health/live']) {
      const { headers } = await http.get(path);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers).not.toHaveProperty('x-powered-by');
      expect(headers).not.toHaveProperty('server');
    }
  });

  it('holds no planted key, digest or secret', async () => {
    const planted = await addKey(api.db, tenant);
    const { digest } = await api.db.row<{ digest: Buffer }>(
      'SELECT digest FROM credentials WHERE id = $1',
      [planted.id],
    );
    const agent = api.http(planted.key);
    const answers = [
      await agent.get('/api/api-keys'),
      await agent.get(`/api/api-keys/${planted.id}`),
      await agent.get(`/api/alerts?key=${planted.key}`),
      await agent.get(`/api/alerts/${planted.key}`),
      await agent.get(`/api/nowhere?${planted.key}`),
      await agent.post('/api/alerts').type('json').send(`{"title": ${planted.key}`),
      await agent.post('/api/api-keys').send({ name: 'x', tier: 'basic', scopes: [planted.key] }),
      await api.http().get('/api/users/me').set({ 'X-Api-Key': planted.key, Authorization: 'x' }),
    ];
    for (const answer of answers) {
      const all = JSON.stringify([answer.text, answer.headers]).replaceAll(
        `/api/alerts/${planted.key}`,
        'the path that was asked for',
      );
      expect(all).not.toContain(planted.key);
      expect(all).not.toContain(digest.toString('hex'));
      expect(all).not.toContain(digest.toString('base64'));
      expect(all).not.toContain(api.config.secrets.apiKeyPepper);
    }
  });

  it('is a bare 500 problem when the server fails, without SQL, stack or path', async () => {
    const url = await databaseUrl(`broken${process.env.JEST_WORKER_ID ?? ''}`);
    const app = await startTestApp({ DATABASE_URL: url });
    try {
      await app.db.rows('ALTER TABLE alerts RENAME TO alerts_elsewhere');
      const agent = app.http(app.adminKey);
      for (const response of [
        await agent.get('/api/alerts'),
        await agent.post('/api/alerts').send(BODY),
        await agent.patch(`/api/alerts/${MISSING_ID}`).send({ title: 'x' }),
      ]) {
        expectProblem(response, 500, 'INTERNAL');
        expect(response.text).not.toMatch(/alerts_elsewhere|relation|42P01/);
      }
    } finally {
      await app.close();
    }
  });
});

describe('the documentation', () => {
  it('is shown at /docs without anything from another host', async () => {
    const response = await api.http().get('/docs');
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toMatch(/^text\/html/);
    expect(response.text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  it('is served as JSON and as YAML', async () => {
    const json = await api.http().get('/docs-json');
    expect(json.status).toBe(200);
    expect(json.body).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) as string });
    const yaml = await api.http().get('/docs-yaml');
    expect(yaml.status).toBe(200);
    expect(yaml.text).toMatch(/^openapi: ['"]?3\.1/);
  });

  it('explains every error code at its anchor', async () => {
    const { status, text } = await api.http().get('/docs/errors');
    expect(status).toBe(200);
    for (const code of Object.keys(ERROR_CODES)) {
      expect(text).toContain(`id="${code.toLowerCase().replaceAll('_', '-')}"`);
      expect(text).toContain(code);
    }
  });
});

describe('health', () => {
  it('answers live and ready to everybody', async () => {
    for (const path of ['/health/live', '/health/ready']) {
      const response = await api.http().get(path);
      expect(response.status).toBe(200);
      expect(response.body).toEqual({ status: 'ok' });
    }
  });

  it('is not under /api', async () => {
    expectProblem(await api.http().get('/api/health/live'), 404, 'ROUTE_NOT_FOUND');
  });

  it('is 503 once the server stops', async () => {
    const app = await startTestApp();
    try {
      app.app.get(Drain).begin();
      expectProblem(await app.http().get('/health/ready'), 503, 'UNAVAILABLE');
      expect((await app.http().get('/health/live')).status).toBe(200);
    } finally {
      await app.close();
    }
  });
});

describe('GET /metrics', () => {
  it('answers administrators in the text form of Prometheus', async () => {
    const response = await api.http(api.adminKey).get('/metrics');
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toMatch(/^text\/plain/);
    expect(response.text).toMatch(/^# HELP /m);
    expect(response.text).not.toContain(MISSING_ID);
    expect(response.text).not.toContain(tenant.organizationId);
  });

  it('answers 401 and 403 to others', async () => {
    expectProblem(await api.http().get('/metrics'), 401, 'AUTHENTICATION_REQUIRED');
    const reader = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
    expectProblem(await api.http(reader.key).get('/metrics'), 403, 'INSUFFICIENT_SCOPE');
  });
});
