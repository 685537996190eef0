import type { Response } from 'supertest';
import type { Activity } from '../../src/activities/activities.schema.js';
import { bulkCreatedObservablesSchema } from '../../src/observables/observables.schema.js';
import type { BulkCreatedObservables } from '../../src/observables/observables.schema.js';
import { observableSchema } from '../../src/records/answer.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { bulkDeletedSchema, bulkUpdatedSchema } from '../../src/records/record-bulk.js';
import type { BulkDeleted, BulkUpdated } from '../../src/records/record-bulk.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addTag,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf } from '../outcomes.js';
import { brief } from '../record-fields.js';

let api: TestApp;
let tenant: Tenant;
/** Linked with the tenant. */
let guest: Tenant;
let stranger: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  stranger = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

const KINDS = ['alert', 'case'] as const;
type Kind = (typeof KINDS)[number];

async function record(kind: Kind, body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post(`/api/${kind}s`)
    .send({ title: 'Record', statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
}

async function add(kind: Kind, id: string, body: object = {}, agent = http): Promise<Observable> {
  const response = await agent
    .post(`/api/${kind}s/${id}/observables`)
    .send({ dataType: 'other', data: unique('value'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return response.body as Observable;
}

function expectOk(response: Response): void {
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
}

const path = (id: string) => `/api/observables/${id}`;

async function read(id: string, agent = http): Promise<Observable> {
  const response = await agent.get(path(id));
  expectOk(response);
  return expectMatches(observableSchema, response.body);
}

const versionOf = async (kind: Kind, id: string) =>
  ((await http.get(`/api/${kind}s/${id}`)).body as { version: number }).version;

const historyOf = async (kind: Kind, id: string, agent = http) =>
  (await agent.get(`/api/${kind}s/${id}/activities`)).body as Activity[];

/** A deleted observable, one of a deleted record, and one of another tenant. */
async function unreachable(): Promise<string[]> {
  const gone = await add('alert', await record('alert'));
  await http.delete(path(gone.id));
  const caseId = await record('case');
  const orphan = await add('case', caseId);
  await http.delete(`/api/cases/${caseId}`);
  const agent = api.http(stranger.key);
  const foreign = await add('alert', await record('alert', {}, agent), {}, agent);
  return [gone.id, orphan.id, foreign.id];
}

const shared = () => ({ organizations: [tenant.organizationId, guest.organizationId] });

describe.each(['patch', 'put'] as const)('%s /observables/:id', (method) => {
  const update = (id: string, body: object, agent = http) => agent[method](path(id)).send(body);

  it.each(KINDS)('changes what is sent, and moves the version of its %s', async (kind) => {
    const id = await record(kind);
    const before = await add(kind, id, { tags: ['kept'] });
    const version = await versionOf(kind, id);
    const body = {
      data: `New ${unique('value')}`,
      message: 'seen at the proxy',
      tlp: 1,
      pap: 0,
      ioc: true,
      ignoreSimilarity: true,
      startDate: '2026-01-31T12:00:00.000Z',
    };
    const response = await update(before.id, body);
    expectOk(response);
    const after = expectMatches(observableSchema, response.body);
    expect(after).toMatchObject({
      ...body,
      version: 2,
      tags: before.tags,
      createdAt: before.createdAt,
    });
    expect(response.headers.etag).toBe('"2"');
    expect(await read(before.id)).toEqual(after);
    expect(await versionOf(kind, id)).toBe(version + 1);
  });

  it('takes the fields wrapped, and references to tags in every form', async () => {
    const known = await addTag(api.db, tenant.organizationId);
    const { id } = await add('alert', await record('alert'), { tags: ['gone'] });
    const name = unique('tag');
    const response = await update(id, { fields: { tags: [{ id: known.id }, name], tlp: '3' } });
    expectOk(response);
    expect(response.body).toMatchObject({ tlp: 3 });
    const { tags } = response.body as Observable;
    expect(tags.map((tag) => tag.name).sort()).toEqual([known.name, name].sort());
    expect((await update(id, { tags: [] })).body).toMatchObject({ tags: [], version: 3 });
  });

  it('sets sightedAt with sighted, keeps it, and clears it', async () => {
    const { id } = await add('alert', await record('alert'));
    const first = (await update(id, { sighted: true })).body as Observable;
    expect(first.sightedAt).not.toBeNull();
    const again = (await update(id, { sighted: true })).body as Observable;
    expect(again).toEqual(first);
    const cleared = (await update(id, { sighted: false })).body as Observable;
    expect(cleared).toMatchObject({ sighted: false, sightedAt: null });
  });

  it('normalises a changed value, and says in the message whether it fails its format', async () => {
    const id = await record('alert');
    const observable = await add('alert', id, { dataType: 'ip', data: '10.1.2', message: 'note' });
    expect(observable.message).toBe('note The value is not a valid ip.');
    const valid = (await update(observable.id, { data: '::FFFF:10.1.2.3' })).body as Observable;
    expect(valid).toMatchObject({ data: '::FFFF:10.1.2.3', message: 'note' });
    const found = await http.get('/api/observables/lookup').query({ data: '10.1.2.3' });
    expect((found.body as Observable[]).map((each) => each.id)).toContain(observable.id);
    const typed = (await update(observable.id, { dataType: 'Domain' })).body as Observable;
    expect(typed).toMatchObject({
      dataType: 'domain',
      message: 'note The value is not a valid domain.',
    });
    expect(typed.observableTypeId).not.toBe(observable.observableTypeId);
  });

  it('answers the same and moves nothing when nothing changes', async () => {
    const id = await record('alert');
    const observable = await add('alert', id, { tags: ['one'], ioc: true });
    const version = await versionOf('alert', id);
    for (const body of [{}, { ioc: true, tags: ['ONE'] }, { data: observable.data }]) {
      expect((await update(observable.id, body)).body).toEqual(observable);
    }
    expect(await versionOf('alert', id)).toBe(version);
  });

  it('writes a line of history for each change and one audit entry', async () => {
    const id = await record('case');
    const observable = await add('case', id, { ioc: false, tlp: 3 });
    await update(observable.id, { ioc: true, tlp: 1, sighted: true });
    const lines = await historyOf('case', id);
    expect(
      lines.slice(0, 3).map(({ fieldName, oldValue, newValue, body }) => ({
        fieldName,
        oldValue,
        newValue,
        body,
      })),
    ).toEqual(
      expect.arrayContaining([
        { fieldName: 'observables.ioc', oldValue: false, newValue: true, body: observable.data },
        { fieldName: 'observables.tlp', oldValue: 3, newValue: 1, body: observable.data },
        {
          fieldName: 'observables.sighted',
          oldValue: false,
          newValue: true,
          body: observable.data,
        },
      ]),
    );
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect((await historyOf('case', id, low)).map(({ fieldName }) => fieldName)).toEqual([null]);
    const entries = await api.db.rows(
      `SELECT action, jsonb_array_length(changes) AS changes, organization_id::text AS organization
       FROM audit_entries WHERE target_id = $1 AND action = 'observable.updated'`,
      [observable.id],
    );
    expect(entries).toEqual([
      { action: 'observable.updated', changes: 3, organization: tenant.organizationId },
    ]);
  });

  it('lets guests change fields, and gives tags by name to the owner', async () => {
    const observable = await add('alert', await record('alert', shared()));
    const response = await update(
      observable.id,
      { ioc: true, tags: [unique('guest')] },
      api.http(guest.key),
    );
    expectOk(response);
    expect(response.body).toMatchObject({ ioc: true });
  });

  it.each(
    [
      { data: '' },
      { data: ['x'] },
      { data: 'a\u0000' },
      { data: 'x'.repeat(16_385) },
      { data: null },
      { dataType: 'nonsense' },
      { tlp: 5 },
      { tlp: null },
      { pap: -1 },
      { ioc: 'yes' },
      { sighted: null },
      { startDate: 'today' },
      { message: null },
      { tags: 'x' },
      { tags: [0] },
      { sightedAt: '2020-01-01T00:00:00Z' },
      { id: MISSING_ID },
      { alertId: MISSING_ID },
      { createdAt: '2020-01-01T00:00:00Z' },
      { deletedAt: null },
      { version: 7 },
      { unknown: 1 },
      { fields: { unknown: 1 } },
      { fields: { tlp: 9 } },
      { tlp: 1, fields: { pap: 1 } },
    ].map((body) => ({ body, name: brief(body) })),
  )('answers 400 to $name, and changes nothing', async ({ body }) => {
    const observable = await add('alert', await record('alert'));
    expectProblem(await update(observable.id, body), 400, 'VALIDATION_FAILED');
    expect(await read(observable.id)).toEqual(observable);
  });

  it('answers 400 to tags that do not exist for the caller, naming the path', async () => {
    const observable = await add('alert', await record('alert'));
    const { id } = await addTag(api.db, stranger.organizationId);
    const flat = await update(observable.id, { tags: ['x', id] });
    expectInvalid(flat, ['tags[1]'], 'REFERENCE_NOT_FOUND');
    const wrapped = await update(observable.id, { fields: { tags: [2_000_000_000] } });
    expectInvalid(wrapped, ['fields.tags[0]'], 'REFERENCE_NOT_FOUND');
    expect(await read(observable.id)).toEqual(observable);
  });

  const probe = { method, path: () => path(MISSING_ID), body: { ioc: true } };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', ['observables:read', 'alerts:write']);

  it('answers 403 above the clearance, of the observable, of its record and of what is asked for', async () => {
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 })).key);
    const red = await add('alert', await record('alert'), { tlp: 4 });
    expectProblem(await update(red.id, { ioc: true }, low), 403, 'CLEARANCE_TLP');
    const inside = await add('case', await record('case', { pap: 3 }), { pap: 0 });
    expectProblem(await update(inside.id, { ioc: true }, low), 403, 'CLEARANCE_PAP');
    const open = await add('alert', await record('alert'));
    expectProblem(await update(open.id, { tlp: 3 }, low), 403, 'CLEARANCE_TLP');
    expectProblem(await update(open.id, { fields: { pap: 3 } }, low), 403, 'CLEARANCE_PAP');
    expect(await read(open.id)).toEqual(open);
  });

  outcomes.notFound(method, path, 'OBSERVABLE_NOT_FOUND', unreachable, { ioc: true });

  it('answers 409 to a value that its record has already, whatever its spelling, and names it', async () => {
    const id = await record('alert');
    const held = await add('alert', id, { dataType: 'domain', data: 'held.example' });
    const other = await add('alert', id, { dataType: 'domain', data: 'other.example' });
    const response = await update(other.id, { data: 'HELD[.]example' });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(held.id);
    const typed = await add('alert', id, { dataType: 'fqdn', data: 'held.example' });
    expectProblem(await update(typed.id, { dataType: 'domain' }), 409, 'CONFLICT');
    expect(await read(other.id)).toEqual(other);
    await http.delete(path(held.id));
    expectOk(await update(other.id, { data: 'HELD[.]example' }));
  });

  it('answers 403 instead when the other is above the clearance', async () => {
    const id = await record('alert');
    await add('alert', id, { data: 'hidden', tlp: 4 });
    const open = await add('alert', id);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expectProblem(await update(open.id, { data: 'hidden' }, low), 403, 'CLEARANCE_TLP');
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add('alert', await record('alert'));
    expectOk(await update(id, { ioc: true }).set('If-Match', '"1"'));
    expectProblem(await update(id, { ioc: false }).set('If-Match', '"1"'), 412, 'STALE_VERSION');
  });

  it('lets one of fifty at once have a version, and one of fifty a value', async () => {
    const id = await record('case');
    const observable = await add('case', id);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        update(observable.id, { message: `by ${index}` }).set('If-Match', '"1"'),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([200, ...Array.from({ length: 49 }, () => 412)]);
    const twins = await Promise.all(Array.from({ length: 10 }, () => add('case', id)));
    const raced = await Promise.all(twins.map((twin) => update(twin.id, { data: 'the one' })));
    expect(raced.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(raced.filter(({ status }) => status === 409)).toHaveLength(9);
  });
});

describe('DELETE /observables/:id', () => {
  it.each(KINDS)(
    'takes it out of every read of it and of its %s, and its value is free',
    async (kind) => {
      const id = await record(kind);
      const observable = await add(kind, id, { data: 'taken' });
      const version = await versionOf(kind, id);
      expect((await http.delete(path(observable.id))).status).toBe(204);
      expectProblem(await http.get(path(observable.id)), 404, 'OBSERVABLE_NOT_FOUND');
      expect((await http.get(`/api/${kind}s/${id}/observables`)).body).toEqual([]);
      const detail = (await http.get(`/api/${kind}s/${id}`)).body as { observables: [] };
      expect(detail.observables).toEqual([]);
      expect((await http.get('/api/observables').query({ [`${kind}Id`]: id })).body).toEqual([]);
      expect(await versionOf(kind, id)).toBe(version + 1);
      const again = await add(kind, id, { data: 'taken' });
      expect(again.id).not.toBe(observable.id);
      const [, line] = await historyOf(kind, id);
      expect(line).toMatchObject({
        action: 'removed',
        fieldName: 'observables',
        oldValue: { id: observable.id, dataType: 'other', data: 'taken' },
      });
      const entry = await api.db.row(
        `SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'observable.deleted'`,
        [observable.id],
      );
      expect(entry.changes).toEqual([{ field: 'data', old: 'taken', new: null }]);
    },
  );

  const probe = { method: 'delete' as const, path: () => path(MISSING_ID) };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', ['observables:read', 'cases:write']);

  it('answers 403 to guests, and above the clearance', async () => {
    const observable = await add('alert', await record('alert', shared()));
    expectProblem(await api.http(guest.key).delete(path(observable.id)), 403, 'OWNER_ONLY');
    const red = await add('case', await record('case'), { tlp: 4 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 3 })).key);
    expectProblem(await low.delete(path(red.id)), 403, 'CLEARANCE_TLP');
    for (const { id } of [observable, red]) await read(id);
  });

  outcomes.notFound('delete', path, 'OBSERVABLE_NOT_FOUND', unreachable);

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add('alert', await record('alert'));
    const response = await http.delete(path(id)).set('If-Match', '"2"');
    expectProblem(response, 412, 'STALE_VERSION');
    await read(id);
  });
});

describe('POST /observables/bulk', () => {
  const send = (body: object, agent = http) => agent.post('/api/observables/bulk').send(body);

  async function bulk(body: object, agent = http): Promise<BulkCreatedObservables> {
    const response = await send(body, agent);
    expectOk(response);
    return expectMatches(bulkCreatedObservablesSchema, response.body);
  }

  it.each(KINDS)('adds to a %s what it lacks, and answers for each in order', async (kind) => {
    const id = await record(kind);
    const held = await add(kind, id, { dataType: 'domain', data: 'held.example' });
    const version = await versionOf(kind, id);
    const answer = await bulk({
      [`${kind}Id`]: id,
      observables: [
        { dataType: 'ip', data: '10.0.0.1', ioc: true, tags: ['one', 'two'] },
        { dataType: 'domain', data: 'HELD[.]example', tags: ['not given'] },
        { dataType: 'ip', data: '::ffff:10.0.0.1' },
        { dataType: 'nonsense', data: 'x' },
        { dataType: 'ip' },
        'no object',
        { dataType: 'ip', data: 'not an address', sighted: true, message: 'raw' },
        { dataType: 'ip', data: '10.0.0.2', tags: ['one', 2_000_000_000] },
      ],
    });
    expect(answer).toMatchObject({ createdCount: 2, duplicateCount: 2, failedCount: 4 });
    const { results } = answer;
    expect(
      results.map(({ index, status, duplicate, code }) => [index, status, duplicate, code]),
    ).toEqual([
      [0, 200, undefined, undefined],
      [1, 200, true, undefined],
      [2, 200, true, undefined],
      [3, 400, undefined, 'VALIDATION_FAILED'],
      [4, 400, undefined, 'VALIDATION_FAILED'],
      [5, 400, undefined, 'VALIDATION_FAILED'],
      [6, 200, undefined, undefined],
      [7, 400, undefined, 'REFERENCE_NOT_FOUND'],
    ]);
    expect(results[1]?.id).toBe(held.id);
    expect(results[2]?.id).toBe(results[0]?.id);
    expect(results[7]?.detail).toContain('tags[1]');
    const first = await read(results[0]?.id ?? '');
    expect(first).toMatchObject({ data: '10.0.0.1', ioc: true, [`${kind}Id`]: id });
    expect(first.tags.map(({ name }) => name)).toEqual(['one', 'two']);
    expect(await read(held.id)).toEqual(held);
    expect(await read(results[6]?.id ?? '')).toMatchObject({
      sighted: true,
      message: 'raw The value is not a valid ip.',
    });
    expect(await versionOf(kind, id)).toBe(version + 1);
    const added = (await historyOf(kind, id)).filter(({ action }) => action === 'added');
    expect(added).toHaveLength(3);
  });

  it('adds a thousand, and reports a thousand duplicates', async () => {
    const caseId = await record('case');
    const observables = Array.from({ length: 1000 }, (_, index) => ({
      dataType: 'domain',
      data: `host-${index}.example`,
      tags: ['bulk'],
    }));
    const first = await bulk({ caseId, observables });
    expect(first).toMatchObject({ createdCount: 1000, duplicateCount: 0, failedCount: 0 });
    const second = await bulk({ caseId, observables });
    expect(second).toMatchObject({ createdCount: 0, duplicateCount: 1000, failedCount: 0 });
    expect(second.results.map(({ id }) => id)).toEqual(first.results.map(({ id }) => id));
  });

  it('leaves one of each when fifty bring the same at once', async () => {
    const alertId = await record('alert');
    const observables = [1, 2, 3].map((n) => ({ dataType: 'ip', data: `10.0.1.${n}` }));
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => bulk({ alertId, observables })),
    );
    const created = answers.reduce((sum, { createdCount }) => sum + createdCount, 0);
    expect(created).toBe(3);
    expect((await http.get(`/api/alerts/${alertId}/observables`)).body).toHaveLength(3);
  });

  it('replays the first answer to the same Idempotency-Key', async () => {
    const body = {
      alertId: await record('alert'),
      observables: [{ dataType: 'ip', data: '10.0.0.1' }],
    };
    const key = unique('key');
    const first = await send(body).set('Idempotency-Key', key);
    const second = await send(body).set('Idempotency-Key', key);
    expect(second.body).toEqual(first.body);
    expect(second.headers['idempotent-replayed']).toBe('true');
  });

  it('judges clearance by item, reveals nothing that is hidden, and audits the refusals', async () => {
    const alertId = await record('alert');
    await add('alert', alertId, { dataType: 'ip', data: '10.0.0.9', tlp: 4 });
    const key = await addKey(api.db, tenant, { tlpMax: 2 });
    const answer = await bulk(
      {
        alertId,
        observables: [
          { dataType: 'ip', data: '10.0.0.8', tlp: 3 },
          { dataType: 'ip', data: '10.0.0.9', tlp: 1 },
          { dataType: 'ip', data: '10.0.0.7', tlp: 1 },
        ],
      },
      api.http(key.key),
    );
    expect(answer.results.map(({ status, code, id }) => [status, code, id === undefined])).toEqual([
      [403, 'CLEARANCE_TLP', true],
      [403, 'CLEARANCE_TLP', true],
      [200, undefined, false],
    ]);
    const refusals = await api.db.rows(
      "SELECT 1 FROM audit_entries WHERE action = 'request.refused' AND credential_id = $1",
      [key.id],
    );
    expect(refusals).toHaveLength(2);
  });

  it.each(
    [
      {},
      { observables: [] },
      { observables: 'x' },
      { observables: Array.from({ length: 1001 }, () => ({ dataType: 'ip', data: '10.0.0.1' })) },
      { observables: [{}], nonsense: 1 },
    ].map((body) => ({ body, name: brief(body) })),
  )('answers 400 to $name', async ({ body }) => {
    const alertId = await record('alert');
    expectProblem(await send({ alertId, ...body }), 400, 'VALIDATION_FAILED');
  });

  it('answers 400 to both parents, none, and one that means nothing', async () => {
    const observables = [{ dataType: 'ip', data: '10.0.0.1' }];
    const [alertId, caseId] = [await record('alert'), await record('case')];
    expectInvalid(await send({ alertId, caseId, observables }), ['alertId']);
    expectInvalid(await send({ observables }), ['alertId']);
    const foreign = await record('case', {}, api.http(stranger.key));
    for (const id of [MISSING_ID, foreign]) {
      const response = await send({ caseId: id, observables });
      expectInvalid(response, ['caseId'], 'REFERENCE_NOT_FOUND');
    }
  });

  const probe = {
    method: 'post' as const,
    path: () => '/api/observables/bulk',
    body: { alertId: MISSING_ID, observables: [{}] },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', ['observables:read', 'alerts:write']);
});

describe('PATCH /observables/bulk', () => {
  const send = (body: object, agent = http) => agent.patch('/api/observables/bulk').send(body);

  async function bulk(body: object, agent = http): Promise<BulkUpdated> {
    const response = await send(body, agent);
    expectOk(response);
    return expectMatches(bulkUpdatedSchema, response.body);
  }

  it('tells many the same, over alerts and cases, with history and one step of each version', async () => {
    const [alertId, caseId] = [await record('alert'), await record('case')];
    const made = [
      await add('alert', alertId, { tags: ['old', 'kept'] }),
      await add('alert', alertId, { tlp: 3, ioc: true }),
      await add('case', caseId, { tags: ['OLD'] }),
    ];
    const ids = made.map(({ id }) => id).reverse();
    const answer = await bulk({
      ids: [...ids, ids[0]],
      fields: { tlp: 3, ioc: true, sighted: true, message: 'seen' },
      tagsToAdd: ['new'],
      tagsToRemove: ['old'],
    });
    expect(answer).toEqual({
      updatedCount: 3,
      failedCount: 0,
      failedIds: [],
      results: ids.map((id) => ({ id, status: 200 })),
    });
    for (const { id } of made) {
      const after = await read(id);
      expect(after).toMatchObject({
        tlp: 3,
        ioc: true,
        sighted: true,
        message: 'seen',
        version: 2,
      });
      expect(after.sightedAt).not.toBeNull();
      expect(after.tags.map(({ name }) => name)).toContain('new');
      expect(after.tags.map(({ name }) => name.toLowerCase())).not.toContain('old');
    }
    expect((await read(made[0]?.id ?? '')).tags.map(({ name }) => name)).toEqual(['kept', 'new']);
    expect(await versionOf('alert', alertId)).toBe(4);
    const lines = (await historyOf('case', caseId)).map(({ fieldName }) => fieldName);
    expect(lines).toEqual(expect.arrayContaining(['observables.tlp', 'observables.tags']));
    const same = await bulk({ ids, fields: { tlp: 3 } });
    expect(same.updatedCount).toBe(3);
    expect(await versionOf('alert', alertId)).toBe(4);
  });

  it('fails the missing, deleted, foreign and uncleared each by itself', async () => {
    const observable = await add('alert', await record('alert'));
    const red = await add('alert', await record('alert'), { tlp: 4 });
    const lost = [MISSING_ID, ...(await unreachable())];
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const answer = await bulk(
      { ids: [...lost, red.id, observable.id], fields: { ioc: true } },
      low,
    );
    expect(answer).toMatchObject({ updatedCount: 1, failedCount: 5, failedIds: [...lost, red.id] });
    expect(answer.results.map(({ status }) => status)).toEqual([404, 404, 404, 404, 403, 200]);
    expect(new Set(answer.results.slice(0, 4).map(({ detail }) => detail)).size).toBe(1);
    expect((await read(red.id)).ioc).toBe(false);
    const raised = await bulk({ ids: [observable.id], updates: { tlp: 3 } }, low);
    expect(raised.results).toMatchObject([{ status: 403, code: 'CLEARANCE_TLP' }]);
    const unknown = await bulk({ ids: [observable.id], tagsToAdd: [2_000_000_000] });
    expect(unknown.results).toMatchObject([{ status: 400, code: 'REFERENCE_NOT_FOUND' }]);
  });

  it('changes a thousand in one request', async () => {
    const caseId = await record('case');
    const data = Array.from({ length: 1000 }, (_, index) => `value ${index}`);
    const created = await http.post('/api/observables').send({ caseId, dataType: 'other', data });
    const ids = (created.body as Observable[]).map(({ id }) => id);
    expect(await bulk({ ids, fields: { ioc: true } })).toMatchObject({ updatedCount: 1000 });
    const found = await http
      .get('/api/observables')
      .query({ caseId, ioc: 'true', count: 'true', limit: '1' });
    expect(found.headers['x-total-count']).toBe('1000');
  });

  it('lets bulks over the same in opposite orders all succeed', async () => {
    const made: string[] = [];
    for (const kind of [...KINDS, ...KINDS, ...KINDS])
      made.push((await add(kind, await record(kind))).id);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        bulk({ ids: index % 2 ? made : [...made].reverse(), fields: { message: `by ${index}` } }),
      ),
    );
    for (const answer of answers) expect(answer.updatedCount).toBe(made.length);
    for (const id of made) expect((await read(id)).version).toBe(21);
  });

  it.each(
    [
      {},
      { ids: [] },
      { ids: [MISSING_ID] },
      { ids: [MISSING_ID], fields: { data: 'x' } },
      { ids: [MISSING_ID], fields: { dataType: 'ip' } },
      { ids: [MISSING_ID], fields: { unknown: 1 } },
      { ids: [MISSING_ID], fields: { tlp: 9 } },
      { ids: ['x'], fields: { ioc: true } },
      { ids: Array.from({ length: 1001 }, () => MISSING_ID), fields: { ioc: true } },
    ].map((body) => ({ body, name: brief(body) })),
  )('answers 400 to $name', async ({ body }) => {
    expectProblem(await send(body), 400, 'VALIDATION_FAILED');
  });

  const probe = {
    method: 'patch' as const,
    path: () => '/api/observables/bulk',
    body: { ids: [MISSING_ID], fields: { ioc: true } },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', ['observables:read']);
});

describe('POST /observables/bulk/delete', () => {
  async function remove(ids: readonly string[], agent = http): Promise<BulkDeleted> {
    const response = await agent.post('/api/observables/bulk/delete').send({ ids });
    expectOk(response);
    return expectMatches(bulkDeletedSchema, response.body);
  }

  it('deletes many, judging tenant, clearance and ownership by item', async () => {
    const alertId = await record('alert', shared());
    const made = [await add('alert', alertId), await add('case', await record('case'))];
    const ids = made.map(({ id }) => id);
    const byGuest = await remove(ids, api.http(guest.key));
    expect(byGuest.results.map(({ status, code }) => [status, code])).toEqual([
      [403, 'OWNER_ONLY'],
      [404, 'OBSERVABLE_NOT_FOUND'],
    ]);
    const red = await add('alert', alertId, { tlp: 4 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect(await remove([...ids, red.id, MISSING_ID], low)).toMatchObject({
      deletedCount: 2,
      failedCount: 2,
      failedIds: [red.id, MISSING_ID],
    });
    for (const id of ids) expectProblem(await http.get(path(id)), 404, 'OBSERVABLE_NOT_FOUND');
    await read(red.id);
  });

  it('answers 400 to what is no list of ids, and changes nothing', async () => {
    const before = await fingerprint(api.db);
    for (const body of [{}, { ids: [] }, { ids: ['x'] }, { ids: [MISSING_ID], all: true }])
      expectProblem(
        await http.post('/api/observables/bulk/delete').send(body),
        400,
        'VALIDATION_FAILED',
      );
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = {
    method: 'post' as const,
    path: () => '/api/observables/bulk/delete',
    body: { ids: [MISSING_ID] },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'observables:write', ['observables:read']);
});
