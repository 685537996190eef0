import { z } from 'zod';
import { observableTypeSchema } from '../../src/observable-types/observable-types.schema.js';
import type { ObservableTypeDetail } from '../../src/observable-types/observable-types.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { outcomesOf } from '../outcomes.js';
import { brief } from '../record-fields.js';

let api: TestApp;
/** An organization's administrator. */
let tenant: Tenant;
let http: Agent;
/** A platform administrator. */
let platform: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
  platform = api.http(api.adminKey);
});

/** Types belong to the whole instance, which other files share. */
const made = new Set<number>();

afterAll(async () => {
  const ids = [[...made]];
  await api.db.rows('DELETE FROM observables WHERE type_id = ANY($1)', ids);
  await api.db.rows('DELETE FROM observable_types WHERE id = ANY($1)', ids);
  await api.close();
});

const outcomes = outcomesOf(() => ({ api, tenant }));
const PATH = '/api/observable-types';
const MISSING = 2_000_000_000;

async function add(body: object = {}): Promise<ObservableTypeDetail> {
  const response = await platform.post(PATH).send({ name: unique('type'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  const type = expectMatches(observableTypeSchema, response.body);
  made.add(type.id);
  return type;
}

async function all(agent = http): Promise<ObservableTypeDetail[]> {
  const response = await agent.get(PATH);
  expect(response.status).toBe(200);
  return expectMatches(z.array(observableTypeSchema), response.body);
}

async function named(name: string): Promise<ObservableTypeDetail> {
  const type = (await all()).find((each) => each.name === name);
  if (!type) throw new Error(`No type ${name}.`);
  return type;
}

async function record(kind = 'alert'): Promise<string> {
  const response = await http
    .post(`/api/${kind}s`)
    .send({ title: 'Record', statusValue: 'new', severity: 2 });
  return (response.body as { id: string }).id;
}

async function observe(id: string, body: object, kind = 'alert'): Promise<Observable> {
  const response = await http.post(`/api/${kind}s/${id}/observables`).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return response.body as Observable;
}

const listOf = async (id: string, kind = 'alert') =>
  (await http.get(`/api/${kind}s/${id}/observables?sort=createdAt`)).body as Observable[];

const SEEDED =
  'ip domain fqdn hostname url uri_path email mail mail-subject hash file filename registry user-agent autonomous-system regexp other'.split(
    ' ',
  );

describe('GET /observable-types', () => {
  it('lists the seeded ones, which cannot be deleted, alike to every tenant', async () => {
    const types = (await all()).filter(({ id }) => !made.has(id));
    expect(types.map(({ name }) => name)).toEqual(expect.arrayContaining(SEEDED));
    for (const type of types.filter(({ name }) => SEEDED.includes(name)))
      expect(type).toMatchObject({ canDelete: false, isAttachment: type.name === 'file' });
    const other = await createTenant(api.db);
    expect(await all(api.http(other.key))).toEqual(await all());
  });

  outcomes.anyReadScope(() => PATH);
  outcomes.unauthenticated({ method: 'get', path: () => PATH });
});

describe('GET /observable-types/:id', () => {
  it('answers what the Location of a new one names, with its ETag', async () => {
    const response = await platform.post(PATH).send({ name: unique('type') });
    made.add((response.body as ObservableTypeDetail).id);
    const read = await http.get(response.headers.location ?? '');
    expect(read.body).toEqual(response.body);
    expect(read.headers.etag).toBe('"1"');
  });

  outcomes.anyReadScope(async () => `${PATH}/${(await named('ip')).id}`);

  it('answers 400 to an id that is none, and 404 to a missing one', async () => {
    for (const id of ['x', '0', '-1', '1.5', '99999999999'])
      expectProblem(await http.get(`${PATH}/${id}`), 400, 'VALIDATION_FAILED');
    expectProblem(await http.get(`${PATH}/${MISSING}`), 404, 'OBSERVABLE_TYPE_NOT_FOUND');
  });
});

describe('POST /observable-types', () => {
  it('answers 201 with what was sent and defaults, known to the next request', async () => {
    const name = unique('TYPE');
    const type = await add({ name });
    expect(type).toEqual({
      id: type.id,
      name: name.toLowerCase(),
      label: name.toLowerCase(),
      category: 'other',
      isAttachment: false,
      validation: null,
      canDelete: true,
      version: 1,
    });
    const full = { label: 'A label', category: 'host', isAttachment: true, validation: 'a+' };
    expect(await add(full)).toMatchObject(full);
    const observable = await observe(await record(), { dataType: name.toUpperCase(), data: 'x' });
    expect(observable).toMatchObject({ dataType: type.name, observableTypeId: type.id });
  });

  it('takes values that fail the validation, and says so in the message', async () => {
    const { name } = await add({ validation: 'CVE-\\d{4}-\\d{4,}' });
    const id = await record();
    const values = ['CVE-2026-12345', 'CVE-26-1', ' CVE-2026-54321 '];
    const response = await http
      .post(`/api/alerts/${id}/observables`)
      .send({ dataType: name, data: values });
    const note = `The value is not a valid ${name}.`;
    expect((response.body as Observable[]).map(({ message }) => message)).toEqual(['', note, '']);
    const alert = await http.post('/api/alerts').send({
      title: 'x',
      statusValue: 'new',
      severity: 1,
      observables: [{ dataType: name, data: 'none' }],
    });
    expect((alert.body as { observables: Observable[] }).observables[0]?.message).toBe(note);
  });

  it('writes an audit entry', async () => {
    const { id, name } = await add();
    const entry = await api.db.row(
      `SELECT action, changes FROM audit_entries WHERE target_kind = 'observable-type' AND target_id = $1`,
      [String(id)],
    );
    expect(entry).toEqual({
      action: 'observable-type.created',
      changes: [{ field: 'name', old: null, new: name }],
    });
  });

  it.each(
    [
      {},
      { name: '' },
      { name: 'two words' },
      { name: 'ünïcode' },
      { name: '-x' },
      { name: 'x'.repeat(65) },
      { name: 7 },
      { name: 'x', label: ' ' },
      { name: 'x', category: '' },
      { name: 'x', isAttachment: 'yes' },
      { name: 'x', validation: '(' },
      { name: 'x', validation: '(a)\\1' },
      { name: 'x', validation: '(?=a)' },
      { name: 'x', validation: '(a{1000}){1000}' },
      { name: 'x', validation: '(?:a?){500}a{500}' },
      { name: 'x', validation: 'a'.repeat(513) },
      { name: 'x', validation: '' },
      { name: 'x', canDelete: false },
      { name: 'x', id: 7 },
    ].map((body) => ({ body, name: brief(body) })),
  )('answers 400 to $name', async ({ body }) => {
    expectProblem(await platform.post(PATH).send(body), 400, 'VALIDATION_FAILED');
  });

  it('answers 403 to the administrator of an organization, audited', async () => {
    const { key, id } = await addKey(api.db, tenant);
    const response = await api
      .http(key)
      .post(PATH)
      .send({ name: unique('type') });
    expectProblem(response, 403, 'INSUFFICIENT_ROLE');
    const entries = await api.db.rows(
      "SELECT changes FROM audit_entries WHERE credential_id = $1 AND action = 'request.refused'",
      [id],
    );
    expect(JSON.stringify(entries)).toContain('INSUFFICIENT_ROLE');
  });

  it('answers 409 to a name that is taken, and lets one of ten at once have it', async () => {
    const response = await platform.post(PATH).send({ name: 'IP' });
    const problem = expectProblem(response, 409, 'CONFLICT');
    expect(problem.conflictingId).toBe(String((await named('ip')).id));
    const name = unique('raced');
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => platform.post(PATH).send({ name })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(9);
    made.add((await named(name)).id);
  });
});

describe('PATCH /observable-types/:id', () => {
  const update = (id: number, body: object, agent = platform) =>
    agent.patch(`${PATH}/${id}`).send(body);

  it('changes what is sent, which observables show at once', async () => {
    const type = await add();
    const observable = await observe(await record(), { dataType: type.name, data: 'x' });
    const name = unique('renamed');
    const response = await update(type.id, { name, label: 'New', validation: '\\d+' });
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ name, label: 'New', validation: '\\d+', version: 2 });
    const read = await http.get(`/api/observables/${observable.id}`);
    expect(read.body).toMatchObject({ dataType: name, message: '' });
    expect(await named(name)).toEqual(response.body);
    expect((await update(type.id, { validation: null })).body).toMatchObject({ validation: null });
  });

  it('keeps the name of a seeded one and whether it holds files, but takes the rest', async () => {
    const type = await named('mail-subject');
    const changed = await update(type.id, { label: 'Subject', category: 'mail', name: type.name });
    expect(changed.status).toBe(200);
    const { label, category } = type;
    expect((await update(type.id, { label, category })).body).toMatchObject({ label, category });
    for (const body of [{ name: unique('x') }, { isAttachment: true }])
      expectProblem(await update(type.id, body), 409, 'OBSERVABLE_TYPE_PROTECTED');
  });

  it('answers 400, 403, 404, 409 and 412 as others do', async () => {
    const [type, other] = [await add(), await add()];
    for (const body of [{ validation: '(' }, { unknown: 1 }, { label: null }, { canDelete: false }])
      expectProblem(await update(type.id, body), 400, 'VALIDATION_FAILED');
    expectProblem(await update(type.id, { label: 'x' }, http), 403, 'INSUFFICIENT_ROLE');
    expectProblem(await update(MISSING, { label: 'x' }), 404, 'OBSERVABLE_TYPE_NOT_FOUND');
    const taken = await update(type.id, { name: other.name });
    expect(expectProblem(taken, 409, 'CONFLICT').conflictingId).toBe(String(other.id));
    const stale = await update(type.id, { label: 'x' }).set('If-Match', '"7"');
    expectProblem(stale, 412, 'STALE_VERSION');
    expect(await named(type.name)).toEqual(type);
  });
});

describe('DELETE /observable-types/:id', () => {
  const remove = (id: number, query = '', agent = platform) =>
    agent.delete(`${PATH}/${id}${query}`);

  it('deletes what no observable has, also where deleted ones had it', async () => {
    const type = await add();
    const observable = await observe(await record(), { dataType: type.name, data: 'x' });
    expectProblem(await remove(type.id), 409, 'IN_USE');
    await http.delete(`/api/observables/${observable.id}`);
    expect((await remove(type.id)).status).toBe(204);
    expectProblem(await http.get(`${PATH}/${type.id}`), 404, 'OBSERVABLE_TYPE_NOT_FOUND');
    const again = await http
      .post(`/api/alerts/${await record()}/observables`)
      .send({ dataType: type.name, data: 'x' });
    expectInvalid(again, ['dataType']);
  });

  it('gives its observables another type, normalised anew, with a line of history each', async () => {
    const type = await add();
    const [alertId, caseId] = [await record(), await record('case')];
    const host = `${unique('Host')}.Example`;
    const moved = await observe(alertId, { dataType: type.name, data: host, message: 'kept' });
    const odd = await observe(alertId, { dataType: type.name, data: 'no domain' });
    const inCase = await observe(caseId, { dataType: type.name, data: host }, 'case');
    const before = (await http.get(`/api/alerts/${alertId}`)).body as { version: number };
    expect((await remove(type.id, '?replaceWith=DOMAIN')).status).toBe(204);
    const [first, second] = await listOf(alertId);
    expect(first).toMatchObject({ id: moved.id, dataType: 'domain', message: 'kept', version: 2 });
    expect(second).toMatchObject({
      id: odd.id,
      dataType: 'domain',
      message: 'The value is not a valid domain.',
    });
    expect((await listOf(caseId, 'case'))[0]).toMatchObject({ id: inCase.id, dataType: 'domain' });
    const found = await http.get('/api/observables').query({ data: host.toLowerCase() });
    expect(found.body).toHaveLength(2);
    const after = (await http.get(`/api/alerts/${alertId}`)).body as { version: number };
    expect(after.version).toBe(before.version + 1);
    const lines = await api.db.rows(
      `SELECT body, old_value AS old, new_value AS new FROM activities
       WHERE alert_id = $1 AND field_name = 'observables.dataType' ORDER BY id`,
      [alertId],
    );
    expect(lines).toContainEqual({ body: host, old: type.name, new: 'domain' });
    expect(lines).toHaveLength(2);
  });

  it('leaves one where they meet an equal one, or each other, with what any of them knows', async () => {
    const type = await add();
    const id = await record();
    const [a, b] = [`${unique('a')}.example`, `${unique('b')}.example`];
    const held = await observe(id, { dataType: 'domain', data: a, tlp: 1, tags: ['held'] });
    const moved = await observe(id, {
      dataType: type.name,
      data: a.toUpperCase(),
      tlp: 4,
      ioc: true,
      tags: ['moved'],
    });
    const first = await observe(id, { dataType: type.name, data: b });
    const second = await observe(id, {
      dataType: type.name,
      data: `${b}.`,
      sighted: true,
      tags: ['second'],
    });
    const removed = (old: string) => {
      return { action: 'observable.deleted', changes: [{ field: 'data', old, new: null }] };
    };
    expect((await remove(type.id, '?replaceWith=domain')).status).toBe(204);
    const left = await listOf(id);
    expect(left.map((each) => each.id).sort()).toEqual([held.id, first.id].sort());
    const united = left.find((each) => each.id === held.id);
    expect(united).toMatchObject({ data: a, tlp: 4, ioc: true });
    expect(united?.tags.map(({ name }) => name)).toEqual(['held', 'moved']);
    const other = left.find((each) => each.id === first.id);
    expect(other).toMatchObject({ sighted: true, data: b });
    expect(other?.tags.map(({ name }) => name)).toEqual(['second']);
    const audited = await api.db.rows<{ id: string; action: string; changes: unknown }>(
      `SELECT target_id AS id, action, changes FROM audit_entries
       WHERE target_id = ANY($1) AND action <> 'observable.created'`,
      [[held.id, moved.id, first.id, second.id]],
    );
    expect(Object.fromEntries(audited.map(({ id: of, ...entry }) => [of, entry]))).toEqual({
      [held.id]: {
        action: 'observable.updated',
        changes: [
          { field: 'tlp', old: 1, new: 4 },
          { field: 'ioc', old: false, new: true },
          { field: 'tags', old: null, new: 'moved' },
        ],
      },
      [moved.id]: removed(a.toUpperCase()),
      [first.id]: {
        action: 'observable.updated',
        changes: [
          { field: 'sighted', old: false, new: true },
          { field: 'dataType', old: type.name, new: 'domain' },
          { field: 'tags', old: null, new: 'second' },
        ],
      },
      [second.id]: removed(`${b}.`),
    });
  });

  it('moves more than a batch', async () => {
    const type = await add();
    const caseId = await record('case');
    const data = Array.from({ length: 1000 }, (_, index) => `value ${index}`);
    await http.post('/api/observables').send({ caseId, dataType: type.name, data });
    expect((await remove(type.id, '?replaceWith=other')).status).toBe(204);
    const found = await http
      .get('/api/observables')
      .query({ caseId, dataType: 'other', limit: '1000' });
    expect(found.body).toHaveLength(1000);
  });

  it('answers 400 to a replacement that is none, and 403, 404, 409 and 412 as others do', async () => {
    const type = await add();
    for (const query of ['?replaceWith=nothing', `?replaceWith=${type.name}`, '?nonsense=1'])
      expectProblem(await remove(type.id, query), 400, 'VALIDATION_FAILED');
    expectProblem(await remove(type.id, '', http), 403, 'INSUFFICIENT_ROLE');
    expectProblem(await remove(MISSING), 404, 'OBSERVABLE_TYPE_NOT_FOUND');
    for (const query of ['', '?replaceWith=other'])
      expectProblem(await remove((await named('ip')).id, query), 409, 'OBSERVABLE_TYPE_PROTECTED');
    expectProblem(await remove(type.id).set('If-Match', '"7"'), 412, 'STALE_VERSION');
    expect(await named(type.name)).toEqual(type);
  });

  it('loses no observable that takes the type while it goes', async () => {
    const type = await add();
    const alertIds = await Promise.all(Array.from({ length: 10 }, () => record()));
    const [removed, ...answers] = await Promise.all([
      remove(type.id, '?replaceWith=other'),
      ...alertIds.map((id) =>
        http.post(`/api/alerts/${id}/observables`).send({ dataType: type.name, data: 'x' }),
      ),
    ]);
    expect([204, 409]).toContain(removed.status);
    for (const [index, { status }] of answers.entries()) {
      expect([201, 400, 409]).toContain(status);
      expect(await listOf(alertIds[index] ?? '')).toHaveLength(status === 201 ? 1 : 0);
    }
  });
});
