import type { Response } from 'supertest';
import { z } from 'zod';
import type { Alert, BulkCreated } from '../../src/alerts/alerts.schema.js';
import type { CaseDetail } from '../../src/cases/cases.schema.js';
import { customFieldSchema } from '../../src/custom-fields/custom-fields.schema.js';
import type { CustomField } from '../../src/custom-fields/custom-fields.schema.js';
import type { BulkUpdated } from '../../src/records/record-bulk.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addCustomField,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, NO_READ_SCOPES, READ_SCOPES, outcomesOf, readAll } from '../outcomes.js';
import { brief } from '../record-fields.js';

let api: TestApp;
/** An organization's administrator. */
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

const path = '/api/custom-fields';
const OTHER_SCOPES = [...READ_SCOPES, ...NO_READ_SCOPES];
const KINDS = ['alert', 'case'] as const;
const BODY = { label: 'Field', type: 'text', appliesTo: ['alert', 'case'] };
const RECORD = { title: 'Has custom fields', statusValue: 'new', severity: 2 };
const CHOICES = ['select', 'multi-select', 'radio'];

const post = (body: object = {}, agent = http) =>
  agent.post(path).send({ ...BODY, key: unique('key'), ...body });

async function add(body: object = {}, agent = http): Promise<CustomField> {
  const response = await post(body, agent);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(customFieldSchema, response.body);
}

const patch = (id: string, body: object, agent = http) => agent.patch(`${path}/${id}`).send(body);

const remove = (id: string, agent = http) => agent.delete(`${path}/${id}`);

/** An organization whose fields disturb no other test. */
async function fresh(): Promise<{ readonly owner: Tenant; readonly agent: Agent }> {
  const owner = await createTenant(api.db, { role: 'org-admin' });
  return { owner, agent: api.http(owner.key) };
}

const ok = (response: Response): Response => {
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response;
};

/** An alert or a case with custom fields. */
async function record(kind: 'alert' | 'case', customFields: object, agent: Agent): Promise<Alert> {
  const response = await agent.post(`/api/${kind}s`).send({ ...RECORD, customFields });
  return ok(response).body as Alert;
}

async function fieldsOf(kind: 'alert' | 'case', id: string, agent: Agent): Promise<object> {
  return (ok(await agent.get(`/api/${kind}s/${id}`)).body as Alert).customFields;
}

function auditOf(id: string, action: string) {
  return api.db.rows(
    `SELECT organization_id::text AS organization, actor_id::text AS actor, changes FROM audit_entries
     WHERE target_id = $1 AND action = $2 ORDER BY at, id`,
    [id, action],
  );
}

/** A deleted and a foreign field. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await remove(id)).status).toBe(204);
  return [id, await addCustomField(api.db, other.organizationId)];
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe('GET /custom-fields', () => {
  it('lists the fields of the tenant by their order, then as they were declared, by pages', async () => {
    const { agent } = await fresh();
    const a = await add({ key: 'a', order: 5 }, agent);
    const b = await add({ key: 'b', order: 0 }, agent);
    const c = await add({ key: 'c' }, agent);
    const d = await add({ key: 'd', order: 5 }, agent);
    expect(c.order).toBe(6);
    for (const limit of [1, 2, 3, 100])
      expect(await readAll(agent, `${path}?limit=${limit}`)).toEqual([b, a, d, c]);
    expect(await readAll(agent, `${path}?sort=-order&limit=1`)).toEqual([c, d, a, b]);
    expect(await readAll(agent, `${path}?sort=-createdAt&limit=3`)).toEqual([d, c, b, a]);
    const counted = await agent.get(`${path}?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe('4');
    expectMatches(z.array(customFieldSchema), counted.body);
  });

  it('shows only those of a kind with ?appliesTo, and none that is deleted', async () => {
    const { agent } = await fresh();
    const both = await add({}, agent);
    const task = await add({ appliesTo: ['task'] }, agent);
    const gone = await add({}, agent);
    await remove(gone.id, agent);
    expect(await readAll(agent, path)).toEqual([both, task]);
    expect(await readAll(agent, `${path}?appliesTo=case`)).toEqual([both]);
    expect(await readAll(agent, `${path}?appliesTo=task`)).toEqual([task]);
  });

  it.each([
    'limit=0',
    'sort=label',
    'appliesTo=observable',
    'appliesTo=alert&appliesTo=case',
    'cursor=x',
    'q=x',
  ])('answers 400 to ?%s', async (query) => {
    expect((await http.get(`${path}?${query}`)).status).toBe(400);
  });

  it('answers 400 to the cursor of another filter', async () => {
    const { agent } = await fresh();
    await add({}, agent);
    await add({}, agent);
    const { link = '' } = (await agent.get(`${path}?limit=1`)).headers;
    const next = /<([^>]+)>/.exec(link)?.[1] ?? '';
    expect((await agent.get(next)).status).toBe(200);
    expectInvalid(await agent.get(`${next}&appliesTo=case`), ['cursor'], 'INVALID_CURSOR');
  });

  outcomes.unauthenticated({ method: 'get', path: () => path });
  outcomes.anyReadScope(() => path);
  outcomes.limited({ method: 'get', path: () => path }, ['alerts:read']);
});

describe('GET /custom-fields/:id', () => {
  it('answers what the Location of a new one names, with its ETag', async () => {
    const created = await post();
    const response = await http.get(created.headers.location ?? '');
    expect(response.status).toBe(200);
    expect(response.body).toEqual(created.body);
    expect(response.headers.etag).toBe('"1"');
  });

  it('answers 400 to an id that is none', async () => {
    expectInvalid(await http.get(`${path}/x`), ['id']);
  });

  outcomes.unauthenticated({ method: 'get', path: () => `${path}/${MISSING_ID}` });
  outcomes.anyReadScope(async () => `${path}/${(await add()).id}`);
  outcomes.notFound('get', (id) => `${path}/${id}`, 'CUSTOM_FIELD_NOT_FOUND', goneAndForeign);
});

const OPTIONS = ['Low', 'High'];

/** A declaration of each type with a default. */
const DEFAULTS = [
  ['text', 'one line'],
  ['text-area', 'two\nlines'],
  ['number', -2.5],
  ['date', '2026-01-31'],
  ['select', 'Low'],
  ['multi-select', ['High', 'Low']],
  ['checkbox', false],
  ['radio', 'High'],
  ['url', 'https://siem.example/'],
  ['phone', '+49 (30) 123-456'],
] as const;

const optionsFor = (type: string) => (CHOICES.includes(type) ? { options: OPTIONS } : {});

describe('POST /custom-fields', () => {
  it('answers 201 with Location and every key', async () => {
    const { agent } = await fresh();
    const key = unique('key');
    const response = await agent.post(path).send({ ...BODY, key });
    expect(response.status).toBe(201);
    const field = expectMatches(customFieldSchema, response.body);
    expect(response.headers.location).toBe(`${path}/${field.id}`);
    expect(response.headers.etag).toBe('"1"');
    const { id, createdAt, updatedAt, ...rest } = field;
    expect(rest).toEqual({
      ...BODY,
      key,
      required: false,
      options: null,
      defaultValue: null,
      description: '',
      order: 0,
      version: 1,
    });
    expect(updatedAt).toBe(createdAt);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
  });

  it.each(DEFAULTS)('takes the type %s with a default', async (type, defaultValue) => {
    const body = { type, defaultValue, required: true, description: 'd', order: 10_000 };
    const field = await add({ ...body, ...optionsFor(type) });
    expect(field).toMatchObject({ ...body, ...optionsFor(type) });
    expect((await http.get(`${path}/${field.id}`)).body).toEqual(field);
  });

  it.each([
    { key: 'a' },
    { key: `A${'9'.repeat(63)}` },
    { key: 'a_b.c-D9' },
    { key: 'constructor' },
    { label: 'x' },
    { label: 'x'.repeat(128) },
    { appliesTo: ['task'] },
    { appliesTo: ['task', 'case', 'alert'] },
    { options: null, defaultValue: null },
    { description: 'x'.repeat(1000) },
    { order: 0 },
    { type: 'select', options: ['x'] },
    { type: 'radio', options: Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(128, 'x')) },
    { type: 'text-area', defaultValue: 'x'.repeat(1024) },
    { type: 'multi-select', options: ['x'], defaultValue: [] },
    { type: 'text', defaultValue: '' },
  ])('takes %j', async (body) => {
    const { agent } = await fresh();
    expect(await add(body, agent)).toMatchObject(body);
  });

  it('answers 409 beyond two hundred of them, as each new record carries their defaults', async () => {
    const { agent, owner } = await fresh();
    await api.db.rows(
      `INSERT INTO custom_fields (id, organization_id, key, label, type, applies_to)
       SELECT gen_random_uuid(), $1, 'k' || n, 'L', 'text', '{alert}' FROM generate_series(1, 199) n`,
      [owner.organizationId],
    );
    const last = await add({}, agent);
    expectProblem(await post({ key: 'beyond' }, agent), 409, 'CONFLICT');
    await agent.delete(`/api/custom-fields/${last.id}`);
    await add({ key: 'beyond' }, agent);
  });

  it('keeps each kind once', async () => {
    expect((await add({ appliesTo: ['case', 'case'] })).appliesTo).toEqual(['case']);
  });

  it('writes an audit entry', async () => {
    const { id, key } = await add();
    expect(await auditOf(id, 'custom-field.created')).toEqual([
      {
        organization: tenant.organizationId,
        actor: tenant.userId,
        changes: [
          { field: 'key', old: null, new: key },
          { field: 'type', old: null, new: 'text' },
        ],
      },
    ]);
  });

  const many = Array.from({ length: 201 }, (_, i) => `o${i}`);
  const refused: [body: object, where: string][] = [
    [{ key: undefined }, 'key'],
    [{ key: '' }, 'key'],
    [{ key: `a${'x'.repeat(64)}` }, 'key'],
    [{ key: '9a' }, 'key'],
    [{ key: '_a' }, 'key'],
    [{ key: '__proto__' }, 'key'],
    [{ key: 'a b' }, 'key'],
    [{ key: 'ä' }, 'key'],
    [{ key: 'a\n' }, 'key'],
    [{ key: 7 }, 'key'],
    [{ label: undefined }, 'label'],
    [{ label: ' ' }, 'label'],
    [{ label: 'x'.repeat(129) }, 'label'],
    [{ type: undefined }, 'type'],
    [{ type: 'Text' }, 'type'],
    [{ type: 'file' }, 'type'],
    [{ appliesTo: undefined }, 'appliesTo'],
    [{ appliesTo: [] }, 'appliesTo'],
    [{ appliesTo: 'alert' }, 'appliesTo'],
    [{ appliesTo: ['observable'] }, 'appliesTo[0]'],
    [{ required: 'yes' }, 'required'],
    [{ required: null }, 'required'],
    [{ description: 'x'.repeat(1001) }, 'description'],
    [{ description: null }, 'description'],
    [{ order: -1 }, 'order'],
    [{ order: 10_001 }, 'order'],
    [{ order: 1.5 }, 'order'],
    [{ options: ['a'] }, 'options'],
    ...CHOICES.flatMap((type): [object, string][] => [
      [{ type }, 'options'],
      [{ type, options: null }, 'options'],
      [{ type, options: [] }, 'options'],
      [{ type, options: many }, 'options'],
      [{ type, options: ['a', 'b', 'a'] }, 'options'],
      [{ type, options: ['a', ''] }, 'options[1]'],
      [{ type, options: ['x'.repeat(129)] }, 'options[0]'],
      [{ type, options: ['a\u0000'] }, 'options[0]'],
      [{ type, options: [7] }, 'options[0]'],
      [{ type, options: 'a' }, 'options'],
      [{ type, options: ['a'], defaultValue: 'b' }, 'defaultValue'],
    ]),
    [{ type: 'multi-select', options: ['a'], defaultValue: ['a', 'a'] }, 'defaultValue'],
    [{ type: 'multi-select', options: ['a'], defaultValue: [], required: true }, 'defaultValue'],
    [{ type: 'text', defaultValue: '', required: true }, 'defaultValue'],
    [{ type: 'text', defaultValue: 'x'.repeat(513) }, 'defaultValue'],
    [{ type: 'text', defaultValue: 'a\nb' }, 'defaultValue'],
    [{ type: 'text', defaultValue: 7 }, 'defaultValue'],
    [{ type: 'text-area', defaultValue: 'x'.repeat(1025) }, 'defaultValue'],
    [{ type: 'number', defaultValue: '7' }, 'defaultValue'],
    [{ type: 'date', defaultValue: '2026-02-30' }, 'defaultValue'],
    [{ type: 'checkbox', defaultValue: 'true' }, 'defaultValue'],
    [{ type: 'url', defaultValue: 'ftp://a' }, 'defaultValue'],
    [{ type: 'phone', defaultValue: '1' }, 'defaultValue'],
    [{ type: 'text', defaultValue: { a: 1 } }, 'defaultValue'],
    [{ id: MISSING_ID }, 'id'],
    [{ organizationId: MISSING_ID }, 'organizationId'],
    [{ version: 7 }, 'version'],
  ];
  it.each(refused.map(([body, where]) => [brief(body), where, body] as const))(
    'answers 400 to %s at %s, and stores nothing',
    async (_, where, body) => {
      const before = await fingerprint(api.db);
      const response = await post(body);
      expectInvalid(response, [where]);
      expect(await fingerprint(api.db)).toBe(before);
    },
  );

  const probe = { method: 'post' as const, path: () => path, body: { ...BODY, key: 'probe' } };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);

  it('answers 409 naming the field that has the key, and takes one of another tenant', async () => {
    const { id, key } = await add();
    const problem = expectProblem(await post({ key, type: 'number' }), 409, 'CONFLICT');
    expect(problem.conflictingId).toBe(id);
    await add({ key: key.toUpperCase() });
    await add({ key }, api.http(other.key));
  });

  it('lets one of fifty at once have a key, and tells the others which', async () => {
    const key = unique('race');
    const answers = await Promise.all(Array.from({ length: 50 }, () => post({ key })));
    const winners = answers.filter(({ status }) => status === 201);
    expect(winners).toHaveLength(1);
    const { id } = winners[0]?.body as CustomField;
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect(expectProblem(answer, 409, 'CONFLICT').conflictingId).toBe(id);
    const rows = await api.db.rows('SELECT 1 FROM custom_fields WHERE key = $1', [key]);
    expect(rows).toHaveLength(1);
  });
});

describe('PATCH /custom-fields/:id', () => {
  it('changes what is sent, which the next request is held against', async () => {
    const { agent, owner } = await fresh();
    const field = await add({ type: 'select', options: OPTIONS, defaultValue: 'Low' }, agent);
    const { id } = await record('alert', { [field.key]: 'High' }, agent);
    const changes = {
      label: 'Renamed',
      options: ['Low', 'Medium'],
      defaultValue: 'Medium',
      description: 'd',
      order: 7,
      appliesTo: ['alert'],
      required: true,
    };
    const response = await patch(field.id, changes, agent);
    expect(response.status).toBe(200);
    const changed = expectMatches(customFieldSchema, response.body);
    expect(changed).toEqual({
      ...field,
      ...changes,
      version: 2,
      updatedAt: expect.any(String) as string,
    });
    expect(response.headers.etag).toBe('"2"');
    expect(await fieldsOf('alert', id, agent)).toEqual({ [field.key]: 'High' });
    const where = `customFields.${field.key}`;
    const send = (value: unknown) =>
      agent.post('/api/alerts').send({ ...RECORD, customFields: { [field.key]: value } });
    expectInvalid(await send('High'), [where]);
    expect((await send('Medium')).status).toBe(200);
    const [entry] = await auditOf(field.id, 'custom-field.updated');
    expect(entry).toMatchObject({ organization: owner.organizationId });
    expect(entry?.changes).toEqual(
      expect.arrayContaining([
        { field: 'label', old: 'Field', new: 'Renamed' },
        { field: 'options', old: OPTIONS, new: ['Low', 'Medium'] },
        { field: 'defaultValue', old: 'Low', new: 'Medium' },
        { field: 'order', old: field.order, new: 7 },
      ]),
    );
  });

  it('clears the default with null', async () => {
    const { id } = await add({ defaultValue: 'x' });
    expect((await patch(id, { defaultValue: null })).body).toMatchObject({ defaultValue: null });
  });

  it('leaves the version when nothing changes', async () => {
    const field = await add({ type: 'select', options: OPTIONS });
    const { label, options, appliesTo, order } = field;
    for (const body of [{}, { label, options, appliesTo, order }])
      expect((await patch(field.id, body)).body).toEqual(field);
    expect(await auditOf(field.id, 'custom-field.updated')).toEqual([]);
  });

  it.each<[object, string]>([
    [{ key: 'other' }, 'key'],
    [{ type: 'text' }, 'type'],
    [{ label: '' }, 'label'],
    [{ appliesTo: [] }, 'appliesTo'],
    [{ required: 1 }, 'required'],
    [{ options: null }, 'options'],
    [{ options: [] }, 'options'],
    [{ options: ['a', 'a'] }, 'options'],
    [{ options: ['High'] }, 'options'],
    [{ defaultValue: 'Medium' }, 'defaultValue'],
    [{ options: ['High'], defaultValue: 'Low' }, 'defaultValue'],
    [{ order: 10_001 }, 'order'],
    [{ id: MISSING_ID }, 'id'],
    [{ version: 9 }, 'version'],
  ])('answers 400 to %j, and changes nothing', async (body, where) => {
    const field = await add({ type: 'select', options: OPTIONS, defaultValue: 'Low' });
    expectInvalid(await patch(field.id, body), [where]);
    expect((await http.get(`${path}/${field.id}`)).body).toEqual(field);
  });

  it('answers 400 to options of a type that has none, and to requiring what defaults to empty', async () => {
    const { id } = await add({ defaultValue: '' });
    expectInvalid(await patch(id, { options: ['a'] }), ['options']);
    expectInvalid(await patch(id, { required: true }), ['required']);
    expectInvalid(await patch('x', { label: 'x' }), ['id']);
  });

  const probe = {
    method: 'patch' as const,
    path: () => `${path}/${MISSING_ID}`,
    body: { label: 'x' },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
  outcomes.notFound('patch', (id) => `${path}/${id}`, 'CUSTOM_FIELD_NOT_FOUND', goneAndForeign, {
    label: 'x',
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    const send = (etag: string) => patch(id, { label: unique('Label') }).set('If-Match', etag);
    expect((await send('"1"')).status).toBe(200);
    expectProblem(await send('"1"'), 412, 'STALE_VERSION');
  });
});

describe('DELETE /custom-fields/:id', () => {
  it('leaves the values in the records, free of any rule; the key can be declared again', async () => {
    const { agent, owner } = await fresh();
    const field = await add({ type: 'number', required: true }, agent);
    const { id } = await record('alert', { [field.key]: 7 }, agent);
    const response = await remove(field.id, agent);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expect(await fieldsOf('alert', id, agent)).toEqual({ [field.key]: 7 });
    await record('alert', {}, agent);
    await record('alert', { [field.key]: { any: ['thing'] } }, agent);
    expect(await auditOf(field.id, 'custom-field.deleted')).toEqual([
      {
        organization: owner.organizationId,
        actor: owner.userId,
        changes: [{ field: 'key', old: field.key, new: null }],
      },
    ]);
    const again = await add({ key: field.key, type: 'text' }, agent);
    expect(again.id).not.toBe(field.id);
    expect(await readAll(agent, path)).toEqual([again]);
  });

  it('answers 400 to an id that is none and to parameters', async () => {
    expectInvalid(await remove('x'), ['id']);
    expectInvalid(await http.delete(`${path}/${MISSING_ID}?force=true`), ['force']);
  });

  const probe = { method: 'delete' as const, path: () => `${path}/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
  outcomes.notFound('delete', (id) => `${path}/${id}`, 'CUSTOM_FIELD_NOT_FOUND', goneAndForeign);

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    expectProblem(await remove(id).set('If-Match', '"7"'), 412, 'STALE_VERSION');
    expect((await remove(id).set('If-Match', '"1"')).status).toBe(204);
  });
});

const url = (length: number) => `https://siem.example/${'x'.repeat(length - 21)}`;

/** Values of each type at, below and above its bounds. */
const VALUES: readonly (readonly [
  type: string,
  fit: readonly unknown[],
  unfit: readonly unknown[],
])[] = [
  ['text', ['', 'a', 'x'.repeat(512)], ['x'.repeat(513), 'a\nb', 'a\r', 7, false, [], {}]],
  ['text-area', ['', 'a\nb', 'x'.repeat(65_536)], ['x'.repeat(65_537), 7, ['a']]],
  ['number', [0, -1, 2.5, 1e15], ['1', '', true, [1]]],
  [
    'date',
    ['2026-01-31', '2026-01-31T08:00:00Z', '2026-01-31T08:00:00.5+02:00'],
    ['', '2026-02-30', '31.01.2026', '2026-01-31T08:00:00', 1_769_846_400],
  ],
  ['select', OPTIONS, ['', 'low', 'Medium', ['Low'], 0]],
  ['radio', OPTIONS, ['', 'HIGH', 'constructor', {}]],
  [
    'multi-select',
    [[], ['Low'], ['High', 'Low']],
    ['Low', ['Medium'], ['Low', 'Low'], [7], [['Low']], {}],
  ],
  ['checkbox', [true, false], ['true', 0, 1, '']],
  ['url', ['http://a', url(4096)], [url(4097), '', 'ftp://a', 'javascript:alert(1)', '//a']],
  ['phone', ['112', '+49 (30) 1/2-3.4', '1'.repeat(32)], ['11', '1'.repeat(33), '++112', 'x', 112]],
];

describe.each(VALUES)('a value of the type %s', (type, fit, unfit) => {
  it('is stored as it is sent where it fits, by creation and update', async () => {
    const { agent } = await fresh();
    const { key } = await add({ type, ...optionsFor(type) }, agent);
    for (const kind of KINDS) {
      const updated = await record(kind, {}, agent);
      for (const value of fit) {
        const created = await record(kind, { [key]: value, free: { any: ['thing'] } }, agent);
        expect(created.customFields).toEqual({ [key]: value, free: { any: ['thing'] } });
        const body = { customFields: { [key]: value } };
        const response = ok(await agent.patch(`/api/${kind}s/${updated.id}`).send(body));
        expect((response.body as Alert).customFields).toEqual({ [key]: value });
      }
      const cleared = await agent
        .put(`/api/${kind}s/${updated.id}`)
        .send({ fields: { customFields: { [key]: null } } });
      expect((ok(cleared).body as Alert).customFields).toEqual({});
    }
  });

  it('is 400 at its path where it does not fit, and nothing is stored', async () => {
    const { agent } = await fresh();
    const { key } = await add({ type, ...optionsFor(type) }, agent);
    for (const kind of KINDS) {
      const { id } = await record(kind, {}, agent);
      const before = await fingerprint(api.db);
      for (const value of unfit) {
        const customFields = { [key]: value };
        const sent = [
          await agent.post(`/api/${kind}s`).send({ ...RECORD, customFields }),
          await agent.patch(`/api/${kind}s/${id}`).send({ customFields }),
          await agent.put(`/api/${kind}s/${id}`).send({ title: 'x', customFields }),
        ];
        for (const response of sent) expectInvalid(response, [`customFields.${key}`]);
        const wrapped = await agent.patch(`/api/${kind}s/${id}`).send({ fields: { customFields } });
        expectInvalid(wrapped, [`fields.customFields.${key}`]);
      }
      expect({ unfit: brief(unfit), digest: await fingerprint(api.db) }).toMatchObject({
        digest: before,
      });
    }
  });
});

describe('a declared key', () => {
  it('means nothing to kinds of records it does not apply to', async () => {
    const { agent } = await fresh();
    const { key } = await add(
      { type: 'number', appliesTo: ['case'], required: true, defaultValue: 7 },
      agent,
    );
    expect((await record('alert', {}, agent)).customFields).toEqual({});
    expect((await record('alert', { [key]: 'x' }, agent)).customFields).toEqual({ [key]: 'x' });
    expect((await record('case', {}, agent)).customFields).toEqual({ [key]: 7 });
  });

  it('reports every broken value at once', async () => {
    const { agent } = await fresh();
    await add({ key: 'n', type: 'number' }, agent);
    await add({ key: 'a.b', type: 'date' }, agent);
    const customFields = { 'a.b': 'x', n: 'x', other: 'x' };
    const response = await agent.post('/api/cases').send({ ...RECORD, customFields });
    expectInvalid(response, ['customFields.n', 'customFields.a.b']);
  });

  it('gives a new record its default, and leaves updates alone', async () => {
    const { agent } = await fresh();
    for (const [type, defaultValue] of DEFAULTS)
      await add({ key: type, type, defaultValue, ...optionsFor(type) }, agent);
    for (const kind of KINDS) {
      const { id, customFields } = await record(kind, { text: 'sent', number: null }, agent);
      const expected: Record<string, unknown> = Object.fromEntries<unknown>(DEFAULTS);
      Object.assign(expected, { text: 'sent', number: null });
      expect(customFields).toEqual(expected);
      await agent.patch(`/api/${kind}s/${id}`).send({ customFields: { phone: null, url: null } });
      const left = Object.entries(expected).filter(([key]) => key !== 'phone' && key !== 'url');
      expect(await fieldsOf(kind, id, agent)).toEqual(Object.fromEntries(left));
    }
  });

  it('judges an update by the keys it brings alone', async () => {
    const { agent } = await fresh();
    const records = await Promise.all(
      KINDS.map(async (kind) => [kind, (await record(kind, { n: 'old' }, agent)).id] as const),
    );
    await add({ key: 'n', type: 'number', required: true }, agent);
    for (const [kind, id] of records) {
      const response = await agent
        .patch(`/api/${kind}s/${id}`)
        .send({ title: 'Changed', customFields: { other: 1 } });
      expect((ok(response).body as Alert).customFields).toEqual({ n: 'old', other: 1 });
    }
  });

  it('tells its changes in the history, whatever its name', async () => {
    const { agent } = await fresh();
    await add({ key: 'constructor', type: 'number' }, agent);
    const { id } = await record('alert', {}, agent);
    ok(await agent.patch(`/api/alerts/${id}`).send({ customFields: { constructor: 7 } }));
    const lines = await api.db.rows(
      `SELECT field_name AS field, old_value AS old, new_value AS new FROM activities
       WHERE alert_id = $1 AND action = 'updated'`,
      [id],
    );
    expect(lines).toEqual([{ field: 'customFields.constructor', old: null, new: 7 }]);
  });
});

describe('a required key', () => {
  it('is 400 "Required." where a new alert lacks it or leaves it empty', async () => {
    const { agent } = await fresh();
    await add({ key: 't', required: true }, agent);
    await add({ key: 'm', type: 'multi-select', options: OPTIONS, required: true }, agent);
    await add({ key: 'd', required: true, defaultValue: 'x' }, agent);
    const before = await fingerprint(api.db);
    const send = (customFields: object | undefined) =>
      agent.post('/api/alerts').send({ ...RECORD, customFields });
    for (const [customFields, paths] of [
      [undefined, ['customFields.t', 'customFields.m']],
      [{}, ['customFields.t', 'customFields.m']],
      [{ t: null, m: null }, ['customFields.t', 'customFields.m']],
      [{ t: '', m: [] }, ['customFields.t', 'customFields.m']],
      [{ t: 'x', m: [] }, ['customFields.m']],
      [{ t: 'x', m: ['Low'], d: null }, ['customFields.d']],
      [{ t: 'x', m: ['Low'], d: '' }, ['customFields.d']],
    ] as const) {
      const problem = expectInvalid(await send(customFields), paths);
      expect(problem.detail).toContain('Required.');
    }
    expect(await fingerprint(api.db)).toBe(before);
    const response = await send({ t: 'x', m: ['Low'] });
    expect((ok(response).body as Alert).customFields).toEqual({ t: 'x', m: ['Low'], d: 'x' });
  });

  it('has a value in 0 and in false', async () => {
    const { agent } = await fresh();
    await add({ key: 'n', type: 'number', required: true }, agent);
    await add({ key: 'c', type: 'checkbox', required: true }, agent);
    const { id } = await record('alert', { n: 0, c: false }, agent);
    ok(await agent.patch(`/api/alerts/${id}`).send({ customFields: { n: 0, c: false } }));
  });

  it.each(KINDS)('is 400 where an update of an %s empties it', async (kind) => {
    const { agent } = await fresh();
    await add({ key: 't', required: true }, agent);
    await add({ key: 'm', type: 'multi-select', options: OPTIONS, required: true }, agent);
    const { id } = await record(kind, { t: 'x', m: ['Low'] }, agent);
    for (const [customFields, where] of [
      [{ t: null }, 't'],
      [{ t: '' }, 't'],
      [{ m: null }, 'm'],
      [{ m: [] }, 'm'],
    ] as const) {
      const flat = await agent.patch(`/api/${kind}s/${id}`).send({ customFields });
      const { detail } = expectInvalid(flat, [`customFields.${where}`]);
      expect(detail).toBe(`customFields.${where}: Required.`);
      const wrapped = await agent.put(`/api/${kind}s/${id}`).send({ fields: { customFields } });
      expectInvalid(wrapped, [`fields.customFields.${where}`]);
    }
    expect(await fieldsOf(kind, id, agent)).toEqual({ t: 'x', m: ['Low'] });
  });
});

describe('a case that lacks a required key', () => {
  const close = { statusValue: 'resolved' };

  async function incomplete() {
    const { agent } = await fresh();
    await add({ key: 'cause', required: true, appliesTo: ['case'] }, agent);
    await add({ key: 'impact', type: 'number', required: true, appliesTo: ['case'] }, agent);
    const { id } = await record('case', { cause: '' }, agent);
    return { agent, id, update: (body: object) => agent.patch(`/api/cases/${id}`).send(body) };
  }

  it('is created and worked on, and closed once the key has a value, in one update too', async () => {
    const { update } = await incomplete();
    ok(await update({ statusValue: 'in-progress' }));
    ok(await update({ customFields: { impact: 0 } }));
    const response = ok(await update({ ...close, customFields: { cause: 'Phishing' } }));
    expect(response.body).toMatchObject({
      status: { stage: 'Closed' },
      customFields: { cause: 'Phishing', impact: 0 },
    });
  });

  it('answers 409 naming the keys when it is to be closed, and stays as it is', async () => {
    const { agent, id, update } = await incomplete();
    const before = ok(await agent.get(`/api/cases/${id}`)).body as CaseDetail;
    for (const statusValue of ['resolved', 'false-positive', 'DUPLICATED', 'other']) {
      const flat = expectProblem(await update({ statusValue }), 409, 'REQUIRED_FIELDS_EMPTY');
      expect(flat.detail).toMatch(/: cause, impact\.$/);
      const partly = { title: 'x', statusValue, customFields: { cause: 'Phishing' } };
      const wrapped = await update({ fields: partly });
      expect(expectProblem(wrapped, 409, 'REQUIRED_FIELDS_EMPTY').detail).toMatch(/: impact\.$/);
    }
    const { title, statusValue, customFields, version, updatedAt } = before;
    expect(ok(await agent.get(`/api/cases/${id}`)).body).toMatchObject({
      title,
      statusValue,
      customFields,
      version,
      updatedAt,
    });
  });

  it('is reported by itself in a bulk update', async () => {
    const { agent, id } = await incomplete();
    const complete = await record('case', { cause: 'x', impact: 1 }, agent);
    const response = await agent
      .patch('/api/cases/bulk')
      .send({ ids: [id, complete.id], fields: close });
    expect(ok(response).body as BulkUpdated).toMatchObject({
      updatedCount: 1,
      failedIds: [id],
      results: [
        {
          id,
          status: 409,
          code: 'REQUIRED_FIELDS_EMPTY',
          detail: expect.stringContaining('cause, impact') as string,
        },
        { id: complete.id, status: 200 },
      ],
    });
  });

  it('answers 409 to a case that is opened as closed, by itself and from alerts', async () => {
    const { agent } = await fresh();
    await add({ key: 'impact', appliesTo: ['case'], required: true }, agent);
    const alert = await record('alert', {}, agent);
    const body = { title: 'x', statusValue: 'resolved', severity: 1 };
    const send = (path: string, rest: object) => agent.post(path).send({ ...body, ...rest });
    expectProblem(await send('/api/cases', {}), 409, 'REQUIRED_FIELDS_EMPTY');
    const path = '/api/alerts/create-case';
    const alertIds = [alert.id];
    expectProblem(await send(path, { alertIds }), 409, 'REQUIRED_FIELDS_EMPTY');
    ok(await send(path, { alertIds, customFields: { impact: 'none' } }));
  });

  it('stays changeable when it was closed before the key was declared', async () => {
    const { agent } = await fresh();
    const { id } = await record('case', {}, agent);
    ok(await agent.patch(`/api/cases/${id}`).send(close));
    await add({ key: 'cause', required: true }, agent);
    ok(await agent.patch(`/api/cases/${id}`).send({ title: 'x', statusValue: 'other' }));
    ok(await agent.patch(`/api/cases/${id}`).send({ statusValue: 'in-progress' }));
    expectProblem(await agent.patch(`/api/cases/${id}`).send(close), 409, 'REQUIRED_FIELDS_EMPTY');
  });

  it('does not keep alerts from being closed', async () => {
    const { agent } = await fresh();
    const { id } = await record('alert', {}, agent);
    await add({ key: 'cause', required: true }, agent);
    ok(await agent.patch(`/api/alerts/${id}`).send({ statusValue: 'closed' }));
  });
});

describe('a bulk', () => {
  async function declared() {
    const { agent } = await fresh();
    await add({ key: 'n', type: 'number', required: true, appliesTo: ['alert'] }, agent);
    await add({ key: 'd', defaultValue: 'default', appliesTo: ['alert'] }, agent);
    return agent;
  }

  const alerts = [
    { ...RECORD, customFields: { n: 1 } },
    { ...RECORD, customFields: { n: 'x' } },
    { ...RECORD, customFields: { n: 2, d: 'sent' } },
    RECORD,
  ];

  it('of new alerts judges each by itself', async () => {
    const agent = await declared();
    const response = ok(await agent.post('/api/alerts/bulk').send({ alerts }));
    const { results, ...counts } = response.body as BulkCreated;
    expect(counts).toEqual({ createdCount: 2, failedCount: 2 });
    expect(results.map(({ status, code }) => [status, code])).toEqual([
      [200, undefined],
      [400, 'VALIDATION_FAILED'],
      [200, undefined],
      [400, 'VALIDATION_FAILED'],
    ]);
    expect(results[1]?.detail).toBe('customFields.n: Must be a number.');
    expect(results[3]?.detail).toBe('customFields.n: Required.');
    expect(await fieldsOf('alert', results[0]?.id ?? '', agent)).toEqual({ n: 1, d: 'default' });
    expect(await fieldsOf('alert', results[2]?.id ?? '', agent)).toEqual({ n: 2, d: 'sent' });
  });

  it('that is atomic stores nothing and names each path', async () => {
    const agent = await declared();
    const before = await fingerprint(api.db);
    const response = await agent.post('/api/alerts/bulk').send({ alerts, atomic: true });
    expectInvalid(response, ['alerts[1].customFields.n', 'alerts[3].customFields.n']);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it.each(['fields', 'updates'])('of updates in `%s` reports what does not fit', async (name) => {
    const agent = await declared();
    const ids = [(await record('alert', { n: 1 }, agent)).id];
    const send = (customFields: object) =>
      agent.patch('/api/alerts/bulk').send({ ids, [name]: { customFields } });
    for (const value of ['x', null]) {
      const { results } = ok(await send({ n: value })).body as BulkUpdated;
      expect(results).toMatchObject([
        { status: 400, code: 'VALIDATION_FAILED', detail: expect.any(String) as string },
      ]);
      expect(results[0]?.detail).toMatch(new RegExp(`^${name}\\.customFields\\.n: `));
    }
    expect(ok(await send({ n: 2 })).body).toMatchObject({ updatedCount: 1 });
    expect(await fieldsOf('alert', ids[0] ?? '', agent)).toEqual({ n: 2, d: 'default' });
  });
});

describe('promotion', () => {
  async function declared() {
    const { agent } = await fresh();
    const alert = await record('alert', { n: 'of the alert', free: 1 }, agent);
    await add({ key: 'n', type: 'number', appliesTo: ['case'] }, agent);
    await add({ key: 'd', defaultValue: 'default', appliesTo: ['case'] }, agent);
    await add({ key: 'r', required: true, appliesTo: ['case'] }, agent);
    const promote = (customFields: object) =>
      agent.post('/api/alerts/create-case').send({ ...RECORD, alertIds: [alert.id], customFields });
    return { agent, alert, promote };
  }

  it('takes what alerts hold as it is, and fills in the defaults of cases', async () => {
    const { agent, promote } = await declared();
    const { caseId } = ok(await promote({ body: true })).body as { caseId: string };
    expect(await fieldsOf('case', caseId, agent)).toEqual({
      n: 'of the alert',
      free: 1,
      d: 'default',
      body: true,
    });
  });

  it("prefers the body's values, and alerts' values to defaults", async () => {
    const { agent, promote } = await declared();
    const other = await record('alert', { d: 'of the alert' }, agent);
    const { caseId } = ok(await promote({ n: 7, r: 'x' })).body as { caseId: string };
    expect(await fieldsOf('case', caseId, agent)).toMatchObject({ n: 7, r: 'x', d: 'default' });
    const response = await agent
      .post('/api/alerts/create-case')
      .send({ ...RECORD, alertIds: [other.id] });
    const second = ok(response).body as { caseId: string };
    expect(await fieldsOf('case', second.caseId, agent)).toEqual({ d: 'of the alert' });
  });

  it('answers 400 to what the body itself brings wrong, and changes nothing', async () => {
    const { promote } = await declared();
    const before = await fingerprint(api.db);
    expectInvalid(await promote({ n: 'x' }), ['customFields.n']);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('merges into a case whatever the alert holds', async () => {
    const { agent, alert } = await declared();
    const { id } = await record('case', {}, agent);
    ok(await agent.post(`/api/alerts/${alert.id}/merge/${id}`));
    expect(await fieldsOf('case', id, agent)).toEqual({ n: 'of the alert', free: 1, d: 'default' });
  });
});

describe('the declarations that count', () => {
  it('are those of the organization that owns the record, to guests too', async () => {
    const [mine, theirs] = [await fresh(), await fresh()];
    await linkOrganizations(api.db, mine.owner.organizationId, theirs.owner.organizationId);
    await add({ key: 'n', type: 'number', appliesTo: ['alert', 'case'] }, mine.agent);
    await add({ key: 'own', type: 'number', required: true }, theirs.agent);
    const organizations = [mine.owner.organizationId, theirs.owner.organizationId];
    for (const kind of KINDS) {
      const response = await mine.agent.post(`/api/${kind}s`).send({ ...RECORD, organizations });
      const { id } = ok(response).body as Alert;
      const byGuest = (customFields: object) =>
        theirs.agent.patch(`/api/${kind}s/${id}`).send({ customFields });
      expectInvalid(await byGuest({ n: 'x' }), ['customFields.n']);
      ok(await byGuest({ n: 7, own: 'any' }));
      ok(await byGuest({ own: null }));
    }
    const platform = api.http(api.adminKey);
    const forMine = { ...RECORD, organizations: [mine.owner.organizationId] };
    const sent = await platform.post('/api/alerts').send({ ...forMine, customFields: { n: 'x' } });
    expectInvalid(sent, ['customFields.n']);
    expect(await readAll(theirs.agent, path)).toHaveLength(1);
  });

  it('are kept in memory until they change', async () => {
    const { agent } = await fresh();
    const field = await add({ key: 'n', type: 'number' }, agent);
    const send = () => agent.post('/api/alerts').send({ ...RECORD, customFields: { n: 'x' } });
    expectInvalid(await send(), ['customFields.n']);
    // Nobody is told, so nobody reads it again.
    await api.db.rows("UPDATE custom_fields SET type = 'text' WHERE id = $1", [field.id]);
    expectInvalid(await send(), ['customFields.n']);
    await patch(field.id, { label: 'Told' }, agent);
    ok(await send());
  });

  it('are known inside an idempotent request', async () => {
    const { agent } = await fresh();
    await add({ key: 'n', type: 'number', required: true }, agent);
    const send = (customFields: object) =>
      agent
        .post('/api/alerts')
        .set('Idempotency-Key', unique('key'))
        .send({ ...RECORD, customFields });
    expectInvalid(await send({ n: 'x' }), ['customFields.n']);
    ok(await send({ n: 1 }));
  });
});

describe.each(['alert', 'case'] as const)('many custom fields of a %s', (kind) => {
  it('are refused as they outgrow the largest request, and can be removed', async () => {
    const { agent } = await fresh();
    const large = 'x'.repeat(1_900_000);
    const { id } = await record(kind, { f0: large }, agent);
    const change = (customFields: object) =>
      agent.patch(`/api/${kind}s/${id}`).send({ customFields });
    for (let index = 1; index < 8; index++) ok(await change({ [`f${index}`]: large }));
    expectInvalid(await change({ f8: large }), ['customFields']);
    expect(Object.keys(await fieldsOf(kind, id, agent))).toHaveLength(8);
    ok(await change({ f0: null, f8: large }));
    expect(Object.keys(await fieldsOf(kind, id, agent))).toHaveLength(8);
  });
});
