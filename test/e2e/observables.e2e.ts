import { z } from 'zod';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { observableSchema } from '../../src/records/answer.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, nextLink, outcomesOf, readAll } from '../outcomes.js';
import { brief } from '../record-fields.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const DOCUMENTED_KEYS = [
  ...['id', 'caseId', 'alertId', 'createdById', 'createdAt', 'observableTypeId', 'data'],
  ...['startDate', 'tlp', 'dataType', 'pap', 'ioc', 'sighted', 'sightedAt', 'ignoreSimilarity'],
  ...['message', 'tags', 'attachment', 'updatedAt', 'deletedAt', 'version'],
];

const PARENTS = ['alert', 'case'] as const;
type ParentKind = (typeof PARENTS)[number];

/** A fresh alert or case; answers its id. */
async function parent(kind: ParentKind, body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post(`/api/${kind}s`)
    .send({ title: 'Parent', statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
}

async function deleted(kind: ParentKind): Promise<string> {
  const id = await parent(kind);
  expect((await http.delete(`/api/${kind}s/${id}`)).status).toBe(204);
  return id;
}

async function add(kind: ParentKind, id: string, body: object, agent = http): Promise<Observable> {
  const response = await agent
    .post('/api/observables')
    .send({ [`${kind}Id`]: id, dataType: 'other', data: 'x', ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(observableSchema, response.body);
}

const outcomes = outcomesOf(() => ({ api, tenant }));

/** The two ways to add observables: by the body's parent, and below the parent's path. */
const WAYS = PARENTS.flatMap((kind) => [
  { kind, name: `POST /observables with ${kind}Id`, nested: false },
  { kind, name: `POST /${kind}s/:id/observables`, nested: true },
]);

describe.each(WAYS)('$name', ({ kind, nested }) => {
  const post = (id: string, body: object, agent = http) =>
    nested
      ? agent.post(`/api/${kind}s/${id}/observables`).send(body)
      : agent.post('/api/observables').send({ [`${kind}Id`]: id, ...body });

  it('answers 201 with Location and every documented key', async () => {
    const id = await parent(kind, { tlp: 3, pap: 1 });
    const response = await post(id, { dataType: 'IP', data: '10.1.2.3' });
    expect(response.status).toBe(201);
    const observable = expectMatches(observableSchema, response.body);
    expect(response.headers.location).toBe(`/api/observables/${observable.id}`);
    expect(response.headers.etag).toBe('"1"');
    expect(Object.keys(observable)).toEqual(expect.arrayContaining(DOCUMENTED_KEYS));
    expect(observable).toMatchObject({
      alertId: kind === 'alert' ? id : null,
      caseId: kind === 'case' ? id : null,
      createdById: tenant.userId,
      dataType: 'ip',
      data: '10.1.2.3',
      tlp: 3,
      pap: 1,
      ioc: false,
      sighted: false,
      sightedAt: null,
      ignoreSimilarity: false,
      message: '',
      tags: [],
      attachment: null,
      deletedAt: null,
      version: 1,
    });
    const read = await http.get(response.headers.location ?? '');
    expect(read.body).toEqual(observable);
  });

  it('keeps everything that is sent', async () => {
    const id = await parent(kind);
    const body = {
      dataType: 'domain',
      data: 'Evil.Example',
      message: 'seen at the proxy',
      tlp: 1,
      pap: 3,
      ioc: true,
      sighted: true,
      ignoreSimilarity: true,
      startDate: '2026-01-31T12:00:00.000Z',
    };
    const response = await post(id, { ...body, tlp: '1' });
    expect(response.body).toMatchObject(body);
    expect((response.body as Observable).sightedAt).not.toBeNull();
  });

  it('answers 200 with the existing one to an equal value, whatever its spelling', async () => {
    const id = await parent(kind);
    for (const [dataType, first, second] of [
      ['domain', 'evil.example', 'EVIL[.]example'],
      ['url', 'http://a.example/x', 'hxxp://a[.]example/x'],
      ['ip', '10.0.0.1', '::ffff:10.0.0.1'],
      ['hash', 'D41D8CD98F00B204E9800998ECF8427E', 'd41d8cd98f00b204e9800998ecf8427e'],
    ]) {
      const created = await post(id, { dataType, data: first });
      expect(created.status).toBe(201);
      const again = await post(id, { dataType, data: second, message: 'again' });
      expect(again.status).toBe(200);
      expect(again.body).toEqual(created.body);
    }
  });

  it('adds up to 1000 values, each once, in the order sent', async () => {
    const id = await parent(kind);
    const data = Array.from({ length: 1000 }, (_, i) => `value ${i}`);
    const response = await post(id, { dataType: 'other', data });
    expect(response.status).toBe(201);
    const observables = expectMatches(z.array(observableSchema), response.body);
    expect(observables.map((item) => item.data)).toEqual(data);
    const again = await post(id, { dataType: 'other', data: ['value 5', 'new', 'new'] });
    expect(again.status).toBe(201);
    const [five, fresh, same] = again.body as Observable[];
    expect(five?.id).toBe(observables[5]?.id);
    expect(fresh).toEqual(same);
    const nothingNew = await post(id, { dataType: 'other', data: ['value 1', 'new'] });
    expect(nothingNew.status).toBe(200);
    expect(nothingNew.body).toHaveLength(2);
  });

  it('leaves one of fifty equal ones at once', async () => {
    const id = await parent(kind);
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post(id, { dataType: 'ip', data: '10.50.50.50' })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(49);
    expect(new Set(answers.map(({ body }) => (body as Observable).id)).size).toBe(1);
    expect((await http.get(`/api/${kind}s/${id}/observables`)).body).toHaveLength(1);
  });

  it.each([
    ['ip', '999.1.1.1'],
    ['email', 'nobody'],
    ['url', 'not a url'],
    ['hash', 'xyz'],
  ])('takes a malformed %s as it is, and says so in the message', async (dataType, data) => {
    const response = await post(await parent(kind), { dataType, data });
    expect(response.status).toBe(201);
    expect((response.body as Observable).data).toBe(data);
    expect((response.body as Observable).message).not.toBe('');
  });

  it.each(
    'ip domain fqdn hostname url uri_path email mail mail-subject hash file filename registry user-agent autonomous-system regexp other'.split(
      ' ',
    ),
  )('knows the type %s', async (dataType) => {
    const response = await post(await parent(kind), { dataType, data: 'x' });
    expect(response.status).toBe(201);
    expect((response.body as Observable).dataType).toBe(dataType);
  });

  it('takes a value of 16 KiB', async () => {
    const data = 'x'.repeat(16 * 1024);
    const response = await post(await parent(kind), { dataType: 'other', data });
    expect(response.status).toBe(201);
    expect((response.body as Observable).data).toBe(data);
  });

  it('writes an activity of the parent and an audit entry', async () => {
    const id = await parent(kind);
    const created = await post(id, { dataType: 'ip', data: '10.7.7.7' });
    const lines = await api.db.rows(
      `SELECT action, new_value AS new FROM activities WHERE ${kind}_id = $1 ORDER BY activities.id`,
      [id],
    );
    expect(lines).toHaveLength(2);
    expect(lines[1]).toMatchObject({ action: 'added', new: { data: '10.7.7.7' } });
    const entry = await api.db.row(
      'SELECT action, organization_id::text AS organization FROM audit_entries WHERE target_id::text = $1',
      [(created.body as Observable).id],
    );
    expect(entry).toEqual({
      action: 'observable.created',
      organization: tenant.organizationId,
    });
  });

  it.each(
    [
      {},
      { dataType: 'ip' },
      { data: 'x' },
      { dataType: 'ip', data: '' },
      { dataType: 'ip', data: 7 },
      { dataType: 'ip', data: null },
      { dataType: 'ip', data: [] },
      { dataType: 'ip', data: ['x', ''] },
      { dataType: 'ip', data: Array.from({ length: 1001 }, (_, i) => `v${i}`) },
      { dataType: 'ip', data: 'x'.repeat(16 * 1024 + 1) },
      { dataType: 'ip', data: 'a\u0000' },
      { dataType: 'ip', data: 'a\ud800' },
      { dataType: 'nonsense', data: 'x' },
      { dataType: '', data: 'x' },
      { dataType: 7, data: 'x' },
      { dataType: 'ip', data: 'x', tlp: 5 },
      { dataType: 'ip', data: 'x', tlp: -1 },
      { dataType: 'ip', data: 'x', pap: 2.5 },
      { dataType: 'ip', data: 'x', ioc: 'yes' },
      { dataType: 'ip', data: 'x', sighted: 1 },
      { dataType: 'ip', data: 'x', startDate: 'today' },
      { dataType: 'ip', data: 'x', id: MISSING_ID },
      { dataType: 'ip', data: 'x', createdAt: '2000-01-01T00:00:00.000Z' },
      { dataType: 'ip', data: 'x', createdById: MISSING_ID },
      { dataType: 'ip', data: 'x', unknown: 1 },
    ].map((body) => ({ body, name: brief(body) })),
  )('answers 400 to $name, and adds nothing', async ({ body }) => {
    const id = await parent(kind);
    expectProblem(await post(id, body), 400, 'VALIDATION_FAILED');
    expect((await http.get(`/api/${kind}s/${id}/observables`)).body).toEqual([]);
  });

  const body = { dataType: 'ip', data: '10.0.0.9' };
  const probe = nested
    ? { method: 'post' as const, path: () => `/api/${kind}s/${MISSING_ID}/observables`, body }
    : {
        method: 'post' as const,
        path: () => '/api/observables',
        body: { [`${kind}Id`]: MISSING_ID, ...body },
      };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', [
    'observables:read',
    'alerts:write',
    'cases:write',
  ]);

  if (nested) {
    outcomes.notFound(
      'post',
      (id) => `/api/${kind}s/${id}/observables`,
      kind === 'alert' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND',
      async () => [await deleted(kind), await parent(kind, {}, api.http(other.key))],
      body,
    );
  } else {
    it('answers 400 alike to a missing, a deleted and a foreign parent', async () => {
      const ids = [MISSING_ID, await deleted(kind), await parent(kind, {}, api.http(other.key))];
      const answers = new Set<string>();
      for (const id of ids) {
        const response = await post(id, body).set('X-Request-Id', 'same');
        expectInvalid(response, [`${kind}Id`], 'REFERENCE_NOT_FOUND');
        answers.add(response.text);
      }
      expect(answers.size).toBe(1);
    });
  }

  outcomes.limited(probe, ['observables:write']);
});

describe('POST /observables', () => {
  it('answers 400 to both parents, none, and one that is no UUID', async () => {
    const [alertId, caseId] = [await parent('alert'), await parent('case')];
    for (const parents of [{ alertId, caseId }, {}, { alertId: 'x' }, { caseId: 7 }]) {
      const response = await http
        .post('/api/observables')
        .send({ ...parents, dataType: 'ip', data: '10.0.0.1' });
      expectProblem(response, 400, 'VALIDATION_FAILED');
    }
  });
});

describe('GET /observables', () => {
  it('lists the newest first over alerts and cases, and filters by parent', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const alertId = await parent('alert', {}, agent);
    const caseId = await parent('case', {}, agent);
    const first = await add('alert', alertId, { data: 'a' }, agent);
    const second = await add('case', caseId, { data: 'b' }, agent);
    const third = await add('alert', alertId, { data: 'c' }, agent);
    const idsOf = async (query: string) => {
      const response = await agent.get(`/api/observables?count=true${query}`);
      expect(response.status).toBe(200);
      const found = expectMatches(z.array(observableSchema), response.body).map(({ id }) => id);
      expect(response.headers['x-total-count']).toBe(String(found.length));
      return found;
    };
    expect(await idsOf('')).toEqual([third.id, second.id, first.id]);
    expect(await idsOf('&sort=createdAt')).toEqual([first.id, second.id, third.id]);
    expect(await idsOf(`&alertId=${alertId}`)).toEqual([third.id, first.id]);
    expect(await idsOf(`&caseId=${caseId}`)).toEqual([second.id]);
    expect(await idsOf(`&caseId=${MISSING_ID}`)).toEqual([]);
  });

  it('shows each of 300 observables of one moment once, by pages of 7, while another client adds', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const alertId = await parent('alert', {}, agent);
    const data = Array.from({ length: 300 }, (_, i) => `v${i}`);
    await agent.post('/api/observables').send({ alertId, dataType: 'other', data });
    for (const sort of ['createdAt', '-createdAt']) {
      const seen: string[] = [];
      let next: string | undefined = `/api/observables?limit=7&sort=${sort}`;
      let pages = 0;
      while (next !== undefined) {
        const page = await agent.get(next);
        seen.push(...(page.body as Observable[]).map((item) => item.data));
        next = nextLink(page);
        if (pages++ % 10 === 0) await add('alert', alertId, { data: `${sort} ${pages}` }, agent);
      }
      expect(new Set(seen).size).toBe(seen.length);
      expect(seen).toEqual(expect.arrayContaining(data));
    }
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['sort=data', 'sort'],
    ['nonsense=1', 'nonsense'],
    ['alertId=x', 'alertId'],
    [`alertId=${MISSING_ID}&alertId=${MISSING_ID}`, 'alertId'],
    ['count=1', 'count'],
  ])('answers 400 to ?%s', async (query, path) => {
    expectInvalid(await http.get(`/api/observables?${query}`), [path]);
  });

  outcomes.unauthenticated({ method: 'get', path: () => '/api/observables' });
  outcomes.insufficientScope(
    { method: 'get', path: () => '/api/observables' },
    'observables:read',
    ['observables:write', 'alerts:read', 'cases:read'],
  );
  outcomes.limited({ method: 'get', path: () => '/api/observables' }, ['observables:read']);
});

describe.each(['/api/observables', '/api/observables/lookup'])('GET %s?data=', (path) => {
  const idsOf = async (query: Record<string, string>, agent = http) => {
    const response = await agent.get(path).query(query);
    expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
    return (response.body as Observable[]).map(({ id }) => id);
  };

  it('finds a value in whatever form it was sent, newest first, on alerts and cases', async () => {
    const host = `${unique('evil')}.example`;
    const dataType = 'url';
    const first = await add('alert', await parent('alert'), {
      dataType,
      data: `hxxps://${host.toUpperCase().replace('.', '[.]')}/a`,
    });
    const second = await add('case', await parent('case'), { dataType, data: `https://${host}/a` });
    await add('alert', await parent('alert'), { dataType, data: `https://${host}/b` });
    for (const data of [`https://${host}/a`, `hXXps://${host}/a`, `https://${host}:443/a`])
      expect(await idsOf({ data })).toEqual([second.id, first.id]);
    expect(await idsOf({ data: `https://${host}/a`, dataType: 'URL' })).toHaveLength(2);
    expect(await idsOf({ data: `https://${host}/a`, dataType: 'domain' })).toEqual([]);
    expect(await idsOf({ data: `https://${host}/a`, dataType: 'no such' })).toEqual([]);
    expect(await idsOf({ data: `https://${host}/c` })).toEqual([]);
  });

  it('pages and counts', async () => {
    const data = unique('seen often');
    const ids: string[] = [];
    for (let index = 0; index < 5; index++)
      ids.unshift((await add('alert', await parent('alert'), { data })).id);
    const all = await readAll<Observable>(http, `${path}?data=${encodeURIComponent(data)}&limit=2`);
    expect(all.map(({ id }) => id)).toEqual(ids);
    const counted = await http.get(path).query({ data, limit: '1', count: 'true' });
    expect(counted.headers['x-total-count']).toBe('5');
  });

  it('finds nothing of other tenants, of deleted alerts, and above the clearance', async () => {
    const data = unique('hidden');
    const alertId = await parent('alert');
    await add('alert', alertId, { data });
    await http.delete(`/api/alerts/${alertId}`);
    const red = await add('alert', await parent('alert'), { data, tlp: 4 });
    const guest = api.http(other.key);
    const foreign = await add('alert', await parent('alert', {}, guest), { data }, guest);
    expect(await idsOf({ data })).toEqual([red.id]);
    expect(await idsOf({ data }, guest)).toEqual([foreign.id]);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect(await idsOf({ data }, low)).toEqual([]);
  });
});

describe('GET /observables/lookup', () => {
  it('answers 400 without a value', async () => {
    expectInvalid(await http.get('/api/observables/lookup'), ['data']);
  });
});

describe.each(PARENTS)('GET /%ss/:id/observables', (kind) => {
  it('lists those of the parent alone, with pages', async () => {
    const id = await parent(kind);
    await add(kind, await parent(kind), { data: 'elsewhere' });
    for (const data of ['a', 'b', 'c']) await add(kind, id, { data });
    const all = await readAll<Observable>(http, `/api/${kind}s/${id}/observables?limit=2`);
    expect(all.map(({ data }) => data)).toEqual(['c', 'b', 'a']);
    const counted = await http.get(`/api/${kind}s/${id}/observables?count=true`);
    expect(counted.headers['x-total-count']).toBe('3');
    expectMatches(z.array(observableSchema), counted.body);
  });

  it('answers 400 to a parameter of the wide list and to a cursor of another parent', async () => {
    const id = await parent(kind);
    const path = `/api/${kind}s/${id}/observables`;
    expectInvalid(await http.get(`${path}?alertId=${id}`), ['alertId']);
    for (const data of ['a', 'b']) await add(kind, id, { data });
    const link = nextLink(await http.get(`${path}?limit=1`)) ?? '';
    const elsewhere = link.replace(id, await parent(kind));
    expectInvalid(await http.get(elsewhere), ['cursor'], 'INVALID_CURSOR');
    expectProblem(await http.get(`/api/${kind}s/x/observables`), 400, 'VALIDATION_FAILED');
  });

  const probe = { method: 'get' as const, path: () => `/api/${kind}s/${MISSING_ID}/observables` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:read', ['observables:write', `${kind}s:read`]);
  outcomes.notFound(
    'get',
    (id) => `/api/${kind}s/${id}/observables`,
    kind === 'alert' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND',
    async () => [await deleted(kind), await parent(kind, {}, api.http(other.key))],
  );
  outcomes.limited(probe, ['observables:read']);
});

describe('GET /observables/:id', () => {
  it('answers one from inside an alert or a case, and 304 to its ETag', async () => {
    const observables = [{ dataType: 'ip', data: '10.3.3.3' }];
    for (const kind of PARENTS) {
      const id = await parent(kind, { observables });
      const detail = (await http.get(`/api/${kind}s/${id}`)).body as Alert;
      const [inside] = detail.observables;
      const response = await http.get(`/api/observables/${inside?.id ?? ''}`);
      expect(response.status).toBe(200);
      expect(expectMatches(observableSchema, response.body)).toEqual(inside);
      const again = await http
        .get(`/api/observables/${inside?.id ?? ''}`)
        .set('If-None-Match', response.headers.etag ?? '');
      expect(again.status).toBe(304);
    }
  });

  it('answers 400 to an id that is no UUID', async () => {
    expectProblem(await http.get('/api/observables/x'), 400, 'VALIDATION_FAILED');
  });

  const probe = { method: 'get' as const, path: () => `/api/observables/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:read', ['observables:write', 'alerts:read']);
  outcomes.notFound(
    'get',
    (id) => `/api/observables/${id}`,
    'OBSERVABLE_NOT_FOUND',
    async () => {
      const orphan = await parent('case');
      const child = await add('case', orphan, {});
      await http.delete(`/api/cases/${orphan}`);
      const agent = api.http(other.key);
      const foreign = await add('alert', await parent('alert', {}, agent), {}, agent);
      return [child.id, foreign.id];
    },
  );
  outcomes.limited(probe, ['observables:read']);
});
