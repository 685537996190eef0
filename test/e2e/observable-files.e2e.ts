import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Response } from 'supertest';
import { z } from 'zod';
import { observableSchema } from '../../src/records/answer.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, send } from '../outcomes.js';
import type { Form } from '../outcomes.js';
import { brief } from '../record-fields.js';

const UPLOAD_LIMIT = 65_536;

let api: TestApp;
let dataDir: string;
let tenant: Tenant;
let guest: Tenant;
let stranger: Tenant;
let http: Agent;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'casebender-observable-files-'));
  api = await startTestApp({ DATA_DIR: dataDir, UPLOAD_LIMIT: String(UPLOAD_LIMIT) });
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  stranger = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(async () => {
  await api.close();
  await rm(dataDir, { recursive: true, force: true });
});

const outcomes = outcomesOf(() => ({ api, tenant }));

const digest = (algorithm: string, content: string) =>
  createHash(algorithm).update(content).digest('hex');

const KINDS = [
  { kind: 'alert', path: 'alerts', code: 'ALERT_NOT_FOUND' },
  { kind: 'case', path: 'cases', code: 'CASE_NOT_FOUND' },
] as const;
type Kind = (typeof KINDS)[number]['kind'];

async function record(kind: Kind, body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post(`/api/${kind}s`)
    .send({ title: 'Record', statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
}

function post(kind: Kind, id: string, form: Form, agent = http): Promise<Response> {
  const path = `/api/${kind}s/${id}/observables`;
  return send(agent, { method: 'post', path: () => path, form });
}

const listOf = async (kind: Kind, id: string) =>
  (await http.get(`/api/${kind}s/${id}/observables`)).body as Observable[];

const filesOf = async (kind: Kind, id: string) =>
  (await http.get(`/api/${kind}s/${id}/attachments`)).body as { id: string; name: string }[];

/** Whether the content is kept. */
async function isKept(content: string): Promise<boolean> {
  const sha256 = digest('sha256', content);
  const folder = join(dataDir, 'attachments', sha256.slice(0, 2));
  const names = await readdir(folder).catch((): string[] => []);
  return names.some((name) => name.startsWith(sha256));
}

describe.each(KINDS)('POST /$path/:id/observables with files', ({ kind, code }) => {
  it('makes an observable of a file, whose value is its content', async () => {
    const id = await record(kind, { tlp: 3 });
    const content = unique('content');
    const response = await post(kind, id, {
      fields: { message: 'from the mailbox', ioc: 'true', pap: '1' },
      files: [['invoice.docm', content]],
    });
    expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
    const observable = expectMatches(observableSchema, response.body);
    expect(response.headers.location).toBe(`/api/observables/${observable.id}`);
    expect(observable).toMatchObject({
      [`${kind}Id`]: id,
      dataType: 'file',
      data: 'invoice.docm',
      message: 'from the mailbox',
      ioc: true,
      tlp: 3,
      pap: 1,
      attachment: {
        name: 'invoice.docm',
        size: content.length,
        sha256: digest('sha256', content),
        sha1: digest('sha1', content),
        md5: digest('md5', content),
      },
    });
    const [file] = await filesOf(kind, id);
    expect(file?.id).toBe(observable.attachment?.id);
    const download = await http
      .get(`/api/attachments/${file?.id ?? ''}/download`)
      .responseType('blob');
    expect((download.body as Buffer).toString()).toBe(content);
    const found = await http.get('/api/observables').query({ data: digest('sha256', content) });
    expect((found.body as Observable[]).map((each) => each.id)).toEqual([observable.id]);
  });

  it('makes one of each of several, with tags, in the order sent', async () => {
    const id = await record(kind);
    const [a, b] = [unique('a'), unique('b')];
    const response = await http
      .post(`/api/${kind}s/${id}/observables`)
      .field('tags', 'malware')
      .field('tags', 'mail, inbound')
      .attach('file', Buffer.from(b), '../../etc/b.txt')
      .attach('file', Buffer.from(a), 'a.txt');
    expect(response.status).toBe(201);
    const made = expectMatches(z.array(observableSchema), response.body);
    expect(made.map(({ data }) => data)).toEqual(['b.txt', 'a.txt']);
    expect(made[1]?.tags.map(({ name }) => name)).toEqual(['mail, inbound', 'malware']);
    const activities = (await http.get(`/api/${kind}s/${id}/activities`)).body as unknown[];
    expect(activities).toHaveLength(3);
  });

  it('answers 200 with what the record holds already, and attaches nothing', async () => {
    const id = await record(kind);
    const content = unique('content');
    const first = await post(kind, id, { files: [['a.txt', content]] });
    const again = await post(kind, id, { files: [['b.txt', content]] });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect(await filesOf(kind, id)).toHaveLength(1);
    const twice = await post(kind, id, {
      files: [
        ['c.txt', `${content}!`],
        ['d.txt', `${content}!`],
      ],
    });
    const [one, two] = twice.body as Observable[];
    expect(one).toEqual(two);
    expect(await filesOf(kind, id)).toHaveLength(2);
  });

  it('leaves one of twenty equal ones at once', async () => {
    const id = await record(kind);
    const content = unique('content');
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(kind, id, { files: [['a.txt', content]] })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(19);
    expect(await listOf(kind, id)).toHaveLength(1);
    expect(await filesOf(kind, id)).toHaveLength(1);
  });

  it('answers a repeated Idempotency-Key as the first time, and 422 with other parts', async () => {
    const id = await record(kind);
    const key = unique('key');
    const path = `/api/${kind}s/${id}/observables`;
    const once = (message: string) =>
      http
        .post(path)
        .set('Idempotency-Key', key)
        .field('message', message)
        .attach('file', Buffer.from('same'), 'a.txt');
    const first = await once('one');
    expect(first.status).toBe(201);
    expect((await once('one')).body).toEqual(first.body);
    expectProblem(await once('two'), 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('still takes JSON', async () => {
    const response = await http
      .post(`/api/${kind}s/${await record(kind)}/observables`)
      .send({ dataType: 'file', data: '/tmp/x' });
    expect(response.status).toBe(201);
    expect(response.body).toMatchObject({ dataType: 'file', attachment: null });
  });

  it('lets guests add files', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const id = await record(kind, { organizations });
    const form = { files: [['a.txt', unique('content')]] } as const;
    const response = await post(kind, id, form, api.http(guest.key));
    expect(response.status).toBe(201);
  });

  it.each(
    [
      { dataType: 'ip' },
      { dataType: 'nonsense' },
      { tlp: '5' },
      { ioc: 'yes' },
      { data: 'x' },
      { nonsense: 'x' },
      { startDate: 'today' },
      { alert: '{}' },
    ].map((fields) => ({ fields, name: brief(fields) })),
  )('answers 400 to $name, and keeps nothing', async ({ fields }) => {
    const id = await record(kind);
    const content = unique('content');
    const response = await post(kind, id, { fields: fields, files: [['a.txt', content]] });
    expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(await listOf(kind, id)).toEqual([]);
    expect(await filesOf(kind, id)).toEqual([]);
    await expectGone(content);
  });

  it('answers 400 without a file, and to a file under another name', async () => {
    const id = await record(kind);
    expectInvalid(await post(kind, id, { fields: { message: 'x' } }), ['file']);
    const other = await http
      .post(`/api/${kind}s/${id}/observables`)
      .attach('upload', Buffer.from('x'), 'x.txt');
    expectProblem(other, 400, 'VALIDATION_FAILED');
  });

  it('answers 401, 403 and 404 before it reads, and keeps nothing', async () => {
    const content = unique('content');
    const form: Form = { files: [['a.txt', content]] };
    const probe = {
      method: 'post' as const,
      path: () => `/api/${kind}s/${MISSING_ID}/observables`,
      form,
    };
    expectProblem(await send(api.http(), probe), 401, 'AUTHENTICATION_REQUIRED');
    const { key } = await addKey(api.db, tenant, {
      scopes: ['observables:read', `${kind}s:write`],
    });
    expectProblem(await send(api.http(key), probe), 403, 'INSUFFICIENT_SCOPE');
    expectProblem(await send(http, probe), 404, code);
    const foreign = await record(kind, {}, api.http(stranger.key));
    expectProblem(await post(kind, foreign, form), 404, code);
    await expectGone(content);
  });

  it('answers 403 above the clearance, also to a content that is held there', async () => {
    const id = await record(kind);
    const content = unique('content');
    await post(kind, id, { fields: { tlp: '4' }, files: [['a.txt', content]] });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const again = await post(kind, id, { files: [['a.txt', content]] }, low);
    expectProblem(again, 403, 'CLEARANCE_TLP');
    const red = await post(kind, id, { fields: { tlp: '3' }, files: [['b.txt', 'b']] }, low);
    expectProblem(red, 403, 'CLEARANCE_TLP');
    const listed = await low.get(`/api/${kind}s/${id}/attachments`);
    expect(listed.body).toEqual([]);
  });

  it('answers 413 to a file and a number of files above their limits, and 415 to other bodies', async () => {
    const id = await record(kind);
    const large = await post(kind, id, { files: [['a.bin', 'x'.repeat(UPLOAD_LIMIT + 1)]] });
    expectProblem(large, 413, 'BODY_TOO_LARGE');
    const files = Array.from({ length: 11 }, (_, index) => [`${index}.txt`, `${index}`] as const);
    expectProblem(await post(kind, id, { files }), 413, 'BODY_TOO_LARGE');
    const path = `/api/${kind}s/${id}/observables`;
    for (const type of ['text/plain', 'multipart/mixed; boundary=x', 'multipart/form-data']) {
      const response = await http.post(path).set('Content-Type', type).send('x');
      expectProblem(response, 415, 'UNSUPPORTED_MEDIA_TYPE');
    }
  });

  /** The request has ended, but not everything that follows its end. */
  async function expectGone(content: string): Promise<void> {
    for (let attempt = 0; attempt < 100 && (await isKept(content)); attempt++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await isKept(content)).toBe(false);
  }

  outcomes.limited(
    {
      method: 'post',
      path: () => `/api/${kind}s/${MISSING_ID}/observables`,
      form: { files: [['a.txt', 'x']] },
    },
    ['observables:write'],
  );
});

describe('PATCH /observables/:id of a file', () => {
  it('keeps its content as its value, whatever it is called, and its type one of files', async () => {
    const id = await record('alert');
    const content = unique('content');
    const made = (await post('alert', id, { files: [['a.txt', content]] })).body as Observable;
    const renamed = await http.patch(`/api/observables/${made.id}`).send({ data: 'b.txt' });
    expect(renamed.body).toMatchObject({ data: 'b.txt', attachment: { name: 'a.txt' } });
    const found = await http.get('/api/observables').query({ data: digest('sha256', content) });
    expect(found.body).toHaveLength(1);
    const typed = await http.patch(`/api/observables/${made.id}`).send({ dataType: 'filename' });
    expectInvalid(typed, ['dataType']);
  });
});
