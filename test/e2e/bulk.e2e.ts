import type { Response } from 'supertest';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import type { CaseDetail } from '../../src/cases/cases.schema.js';
import { bulkDeletedSchema, bulkUpdatedSchema } from '../../src/records/record-bulk.js';
import type { BulkDeleted, BulkUpdated } from '../../src/records/record-bulk.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addPerson,
  addRecords,
  addTag,
  addTeam,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, readAll } from '../outcomes.js';
import type { Method } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
/** Linked with the tenant. */
let guest: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  guest = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const BODY = { title: 'One of many', statusValue: 'new', severity: 2 };

type Record = Alert & CaseDetail;

interface Route {
  readonly name: string;
  readonly kind: 'alert' | 'case';
  readonly method: Method;
  readonly path: string;
}

const UPDATES: readonly Route[] = [
  { name: 'PATCH /alerts/bulk', kind: 'alert', method: 'patch', path: '/api/alerts/bulk' },
  { name: 'PUT /alerts/bulk', kind: 'alert', method: 'put', path: '/api/alerts/bulk' },
  { name: 'POST /alerts/_bulk', kind: 'alert', method: 'post', path: '/api/alerts/_bulk' },
  { name: 'PATCH /cases/bulk', kind: 'case', method: 'patch', path: '/api/cases/bulk' },
  { name: 'PUT /cases/bulk', kind: 'case', method: 'put', path: '/api/cases/bulk' },
];

const DELETES: readonly Route[] = [
  {
    name: 'POST /alerts/bulk/delete',
    kind: 'alert',
    method: 'post',
    path: '/api/alerts/bulk/delete',
  },
  { name: 'POST /cases/bulk/delete', kind: 'case', method: 'post', path: '/api/cases/bulk/delete' },
];

const notFound = (kind: Route['kind']) => (kind === 'alert' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND');

async function create(kind: Route['kind'], body: object = {}, agent = http): Promise<Record> {
  const response = await agent.post(`/api/${kind}s`).send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return read(kind, (response.body as Record).id, agent);
}

async function read(kind: Route['kind'], id: string, agent = http): Promise<Record> {
  const response = await agent.get(`/api/${kind}s/${id}`);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as Record;
}

function expectOk(response: Response): void {
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
}

const tagNames = ({ tags }: Record) => tags.map(({ name }) => name).sort();

/** Shared with the guest. */
const shared = () => ({ organizations: [tenant.organizationId, guest.organizationId] });

/** A deleted record, and one of another tenant. */
async function unreachable(kind: Route['kind']): Promise<readonly string[]> {
  const deleted = await create(kind);
  await http.delete(`/api/${kind}s/${deleted.id}`);
  const foreign = await create(kind, {}, api.http(other.key));
  return [deleted.id, foreign.id];
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe.each(UPDATES)('$name', ({ kind, method, path }) => {
  const send = (body: object, agent = http) => agent[method](path).send(body);
  const probe = { method, path: () => path, body: { ids: [MISSING_ID], fields: { title: 'x' } } };

  async function update(body: object, agent = http): Promise<BulkUpdated> {
    const response = await send(body, agent);
    expectOk(response);
    return expectMatches(bulkUpdatedSchema, response.body);
  }

  it('changes every record and answers for each in order', async () => {
    const records = [await create(kind), await create(kind, { severity: 4 }), await create(kind)];
    const ids = records.map(({ id }) => id).reverse();
    const answer = await update({
      ids,
      fields: { title: 'Changed', severity: '3', statusValue: 'In Progress' },
    });
    expect(answer).toEqual({
      updatedCount: 3,
      failedCount: 0,
      failedIds: [],
      results: ids.map((id) => ({ id, status: 200 })),
    });
    for (const { id } of records)
      expect(await read(kind, id)).toMatchObject({
        title: 'Changed',
        severity: 3,
        statusValue: 'in-progress',
        version: 2,
      });
  });

  it('takes `updates` for `fields`, and ids as objects', async () => {
    const { id } = await create(kind, { customFields: { a: 1, b: 2 } });
    const updates = { customFields: { a: null, c: 3 }, assigneeId: { id: tenant.userId } };
    expect((await update({ ids: [{ id }], updates })).updatedCount).toBe(1);
    expect(await read(kind, id)).toMatchObject({
      customFields: { b: 2, c: 3 },
      assigneeId: tenant.userId,
    });
    await update({ ids: [id], updates: { assigneeId: null } });
    expect((await read(kind, id)).assigneeId).toBeNull();
  });

  it('adds and removes tags beside those a record has, with or without fields', async () => {
    const known = await addTag(api.db, tenant.organizationId);
    const [fresh, gone] = [unique('fresh'), unique('gone')];
    const a = await create(kind, { tags: ['a', gone] });
    const b = await create(kind, { tags: ['b'] });
    const ids = [a.id, b.id];
    await update({ ids, tagsToAdd: [known.id, fresh, { name: 'A' }], tagsToRemove: [gone] });
    expect(tagNames(await read(kind, a.id))).toEqual(['a', fresh, known.name].sort());
    expect(tagNames(await read(kind, b.id)).map((name) => name.toLowerCase())).toEqual(
      ['a', 'b', fresh, known.name].sort(),
    );
    await update({
      ids,
      fields: { title: 'Tagged' },
      tagsToRemove: [{ id: known.id }, fresh.toUpperCase(), 'never had'],
    });
    expect(tagNames(await read(kind, a.id))).toEqual(['a']);
    expect((await read(kind, b.id)).title).toBe('Tagged');
  });

  it('writes history and audit of each, and nothing where nothing changes', async () => {
    const changed = await create(kind);
    const same = await create(kind, { title: 'Same' });
    const answer = await update({ ids: [changed.id, same.id], fields: { title: 'Same' } });
    expect(answer.updatedCount).toBe(2);
    expect((await read(kind, same.id)).version).toBe(1);
    for (const [{ id }, count] of [
      [changed, 1],
      [same, 0],
    ] as const) {
      const lines = await api.db.rows(
        `SELECT field_name AS field, old_value AS old, new_value AS new FROM activities
         WHERE ${kind}_id = $1 AND action = 'updated'`,
        [id],
      );
      expect(lines).toEqual(
        Array.from({ length: count }, () => ({ field: 'title', old: BODY.title, new: 'Same' })),
      );
      const entries = await api.db.rows(
        'SELECT 1 FROM audit_entries WHERE target_id = $1 AND action = $2',
        [id, `${kind}.updated`],
      );
      expect(entries).toHaveLength(count);
    }
  });

  it('answers once for an id that is named twice', async () => {
    const { id } = await create(kind);
    const { results } = await update({ ids: [id, id.toUpperCase()], fields: { title: 'Twice' } });
    expect(results).toEqual([{ id, status: 200 }]);
    expect((await read(kind, id)).version).toBe(2);
  });

  it('fails the missing, deleted and foreign alike, and changes the others', async () => {
    const { id } = await create(kind);
    const [deleted = '', foreign = ''] = await unreachable(kind);
    const ids = [MISSING_ID, id, deleted, foreign];
    const answer = await update({ ids, fields: { title: 'Changed' } });
    expect(answer).toMatchObject({
      updatedCount: 1,
      failedCount: 3,
      failedIds: [MISSING_ID, deleted, foreign],
    });
    expect(answer.results.map((each) => [each.id, each.status, each.code])).toEqual([
      [MISSING_ID, 404, notFound(kind)],
      [id, 200, undefined],
      [deleted, 404, notFound(kind)],
      [foreign, 404, notFound(kind)],
    ]);
    const failed = answer.results.filter(({ status }) => status === 404);
    expect(new Set(failed.map(({ detail }) => detail)).size).toBe(1);
    expect((await read(kind, foreign, api.http(other.key))).title).toBe(BODY.title);
  });

  it('judges clearance by item', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 });
    const low = await create(kind, { tlp: 1, pap: 1 });
    const red = await create(kind, { tlp: 3 });
    const noAction = await create(kind, { pap: 3 });
    const ids = [red.id, low.id, noAction.id];
    const agent = api.http(key);
    const { results } = await update({ ids, fields: { title: 'Seen' } }, agent);
    expect(results.map(({ status, code }) => [status, code])).toEqual([
      [403, 'CLEARANCE_TLP'],
      [200, undefined],
      [403, 'CLEARANCE_PAP'],
    ]);
    const raised = await update({ ids: [low.id], fields: { tlp: 3 } }, agent);
    expect(raised.results).toMatchObject([{ status: 403, code: 'CLEARANCE_TLP' }]);
    expect(await read(kind, low.id)).toMatchObject({ title: 'Seen', tlp: 1 });
    expect(await read(kind, red.id)).toEqual(red);
  });

  it('audits each refusal for clearance', async () => {
    const { key, id: credential } = await addKey(api.db, tenant, { tlpMax: 2 });
    const { id } = await create(kind, { tlp: 4 });
    await update({ ids: [id], fields: { title: 'x' } }, api.http(key));
    const entries = await api.db.rows(
      "SELECT changes FROM audit_entries WHERE credential_id = $1 AND action = 'request.refused'",
      [credential],
    );
    expect(entries).toHaveLength(1);
    expect(JSON.stringify(entries)).toContain('CLEARANCE_TLP');
  });

  it('lets guests change fields, but not who sees the record', async () => {
    const { id } = await create(kind, shared());
    const agent = api.http(guest.key);
    const fields = { title: 'By a guest' };
    expect((await update({ ids: [id], fields }, agent)).updatedCount).toBe(1);
    for (const denied of [
      { visibleToAllOrganizations: true },
      { organizations: [guest.organizationId] },
    ]) {
      const { results } = await update({ ids: [id], fields: denied }, agent);
      expect(results).toMatchObject([{ id, status: 403, code: 'OWNER_ONLY' }]);
    }
    expect(await read(kind, id)).toMatchObject({ ...fields, visibleToAllOrganizations: false });
  });

  it('fails an unknown status and references that do not exist, naming the path, changing nothing', async () => {
    const team = await addTeam(api.db, other.organizationId);
    const tag = await addTag(api.db, other.organizationId);
    const person = await addPerson(api.db, other.organizationId);
    const record = await create(kind, { tags: ['kept'] });
    const ids = [record.id];
    for (const [body, code, where] of [
      [{ fields: { title: 'x', statusValue: 'nonsense' } }, 'VALIDATION_FAILED', 'fields.status'],
      [{ fields: { title: 'x', teams: [team.id] } }, 'REFERENCE_NOT_FOUND', 'fields.teams[0]'],
      [{ updates: { teams: [MISSING_ID] } }, 'REFERENCE_NOT_FOUND', 'updates.teams[0]'],
      [
        { fields: { title: 'x', assigneeId: person.userId } },
        'REFERENCE_NOT_FOUND',
        'fields.assigneeId',
      ],
      [{ fields: { tags: ['x', tag.id] } }, 'REFERENCE_NOT_FOUND', 'fields.tags[1]'],
      [{ fields: { title: 'x' }, tagsToAdd: [tag.id] }, 'REFERENCE_NOT_FOUND', 'tagsToAdd[0]'],
      [{ tagsToAdd: ['x', 2_000_000_000] }, 'REFERENCE_NOT_FOUND', 'tagsToAdd[1]'],
    ] as const) {
      const { updatedCount, failedIds, results } = await update({ ids, ...body });
      expect({ updatedCount, failedIds }).toEqual({ updatedCount: 0, failedIds: ids });
      expect(results).toMatchObject([{ status: 400, code }]);
      expect(results[0]?.detail?.startsWith(where)).toBe(true);
    }
    expect(await read(kind, record.id)).toEqual(record);
  });

  // The routes of a kind run the same code; a thousand take seconds.
  if (method === 'patch')
    it('changes 1000 in one request', async () => {
      const fresh = await createTenant(api.db);
      const agent = api.http(fresh.key);
      const ids = await addRecords(api.db, `${kind}s`, fresh, 1000, new Date());
      const answer = await update({ ids, fields: { severity: 4 }, tagsToAdd: ['thousand'] }, agent);
      expect({ ...answer, results: answer.results.length }).toEqual({
        updatedCount: 1000,
        failedCount: 0,
        failedIds: [],
        results: 1000,
      });
      const filter = `/api/${kind}s?severity=4&tag=thousand&limit=1000`;
      expect(await readAll<Record>(agent, filter)).toHaveLength(1000);
    });

  it('takes a body of more than the limit of other routes', async () => {
    const { id } = await create(kind);
    const fields = { customFields: { a: 'x'.repeat(3 * 1024 ** 2) } };
    expect((await update({ ids: [id], fields })).updatedCount).toBe(1);
  });

  if (method === 'post')
    it('replays the first answer to the same Idempotency-Key', async () => {
      const { id } = await create(kind);
      const body = { ids: [id, MISSING_ID], fields: { title: 'Once' } };
      const key = unique('bulk');
      const first = await send(body).set('Idempotency-Key', key);
      await http.patch(`/api/${kind}s/${id}`).send({ title: 'Since' });
      const second = await send(body).set('Idempotency-Key', key);
      expect(second.headers['idempotent-replayed']).toBe('true');
      expect(second.body).toEqual(first.body);
      expect((await read(kind, id)).title).toBe('Since');
    });

  it.each([
    [{ fields: { title: 'x' } }, ['ids']],
    [{ ids: [], fields: { title: 'x' } }, ['ids']],
    [{ ids: ['x'], fields: { title: 'x' } }, ['ids[0]']],
    [{ ids: MISSING_ID, fields: { title: 'x' } }, ['ids']],
    [{ ids: [MISSING_ID] }, ['fields']],
    [{ ids: [MISSING_ID], fields: 'x' }, ['fields']],
    [{ ids: [MISSING_ID], fields: { title: 'x' }, updates: { title: 'y' } }, ['updates']],
    [
      { ids: [MISSING_ID], fields: { title: '', severity: 9 } },
      ['fields.title', 'fields.severity'],
    ],
    [{ ids: [MISSING_ID], updates: { tlp: 5 } }, ['updates.tlp']],
    [{ ids: [MISSING_ID], tagsToAdd: 'x' }, ['tagsToAdd']],
    [{ ids: [MISSING_ID], tagsToAdd: ['a', ''] }, ['tagsToAdd[1]']],
    [{ ids: [MISSING_ID], tagsToRemove: [0] }, ['tagsToRemove[0]']],
    [{ ids: [MISSING_ID], title: 'x' }, ['title']],
    [{ ids: [MISSING_ID], fields: { title: 'x', nonsense: 1 } }, ['fields.nonsense']],
    [{ ids: [MISSING_ID], fields: { id: MISSING_ID } }, ['fields.id']],
  ])('answers 400 to %j', async (body, paths) => {
    const problem = expectProblem(await send(body), 400, 'VALIDATION_FAILED');
    const named = new Set(problem.errors?.map((error) => error.path));
    for (const each of paths) expect(named).toContain(each);
  });

  it('answers 400 to 1001 ids and changes none', async () => {
    const { id } = await create(kind);
    const ids = [id, ...Array.from({ length: 1000 }, () => MISSING_ID)];
    expectInvalid(await send({ ids, fields: { title: 'x' } }), ['ids']);
    expect((await read(kind, id)).version).toBe(1);
  });

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, `${kind}s:write`, [
    `${kind}s:read`,
    kind === 'alert' ? 'cases:write' : 'alerts:write',
  ]);
  outcomes.limited(probe, [`${kind}s:write`]);
});

describe.each(DELETES)('$name', ({ kind, path }) => {
  const send = (body: object, agent = http) => agent.post(path).send(body);
  const probe = { method: 'post' as const, path: () => path, body: { ids: [MISSING_ID] } };

  async function remove(ids: readonly unknown[], agent = http): Promise<BulkDeleted> {
    const response = await send({ ids }, agent);
    expectOk(response);
    return expectMatches(bulkDeletedSchema, response.body);
  }

  it('deletes every record, out of reads, lists and searches', async () => {
    const word = unique('doomed');
    const ids = [];
    for (let i = 0; i < 3; i++) ids.push((await create(kind, { title: word })).id);
    const kept = await create(kind, { title: word });
    expect(await remove(ids)).toEqual({
      deletedCount: 3,
      failedCount: 0,
      failedIds: [],
      results: ids.map((id) => ({ id, status: 200 })),
    });
    for (const id of ids) expectProblem(await http.get(`/api/${kind}s/${id}`), 404, notFound(kind));
    const found = await readAll<Record>(http, `/api/${kind}s?q=${word}`);
    expect(found.map(({ id }) => id)).toEqual([kept.id]);
    const rows = await api.db.rows(
      `SELECT deleted_at IS NOT NULL AS deleted FROM ${kind}s WHERE id = ANY($1)`,
      [ids],
    );
    expect(rows).toEqual(ids.map(() => ({ deleted: true })));
    const entries = await api.db.rows(
      'SELECT 1 FROM audit_entries WHERE target_id = ANY($1) AND action = $2',
      [ids, `${kind}.deleted`],
    );
    expect(entries).toHaveLength(3);
  });

  it('fails the missing, deleted and foreign alike, and deletes the others', async () => {
    const { id } = await create(kind);
    const [deleted = '', foreign = ''] = await unreachable(kind);
    const answer = await remove([MISSING_ID, deleted, { id }, foreign, id]);
    expect(answer).toMatchObject({
      deletedCount: 1,
      failedCount: 3,
      failedIds: [MISSING_ID, deleted, foreign],
    });
    const failed = answer.results.filter(({ status }) => status !== 200);
    expect(
      new Set(failed.map(({ status, code, detail }) => `${status} ${code} ${detail}`)).size,
    ).toBe(1);
    expect(failed[0]).toMatchObject({ status: 404, code: notFound(kind) });
    await read(kind, foreign, api.http(other.key));
  });

  it('judges clearance and ownership by item', async () => {
    const low = await create(kind, { tlp: 1 });
    const high = await create(kind, { tlp: 4 });
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    const { results } = await remove([high.id, low.id], api.http(key));
    expect(results.map(({ status, code }) => [status, code])).toEqual([
      [403, 'CLEARANCE_TLP'],
      [200, undefined],
    ]);
    const seen = await create(kind, shared());
    const refused = await remove([seen.id], api.http(guest.key));
    expect(refused).toMatchObject({
      deletedCount: 0,
      failedIds: [seen.id],
      results: [{ status: 403, code: 'OWNER_ONLY' }],
    });
    expect(await read(kind, seen.id)).toEqual(seen);
    expect(await read(kind, high.id)).toEqual(high);
  });

  it('deletes 1000 in one request', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const ids = await addRecords(api.db, `${kind}s`, fresh, 1000, new Date());
    expect((await remove(ids, agent)).deletedCount).toBe(1000);
    expect((await agent.get(`/api/${kind}s`)).body).toEqual([]);
  });

  it('replays the first answer to the same Idempotency-Key', async () => {
    const { id } = await create(kind);
    const key = unique('delete');
    const first = await send({ ids: [id] }).set('Idempotency-Key', key);
    const second = await send({ ids: [id] }).set('Idempotency-Key', key);
    expectOk(second);
    expect(second.body).toEqual(first.body);
    expect(second.headers['idempotent-replayed']).toBe('true');
  });

  it.each([
    [{}, ['ids']],
    [{ ids: [] }, ['ids']],
    [{ ids: 'x' }, ['ids']],
    [{ ids: [MISSING_ID, 'x'] }, ['ids[1]']],
    [{ ids: [MISSING_ID], hard: true }, ['hard']],
  ])('answers 400 to %j', async (body, paths) => {
    expectInvalid(await send(body), paths);
  });

  it('answers 400 to 1001 ids and deletes none', async () => {
    const { id } = await create(kind);
    const before = await fingerprint(api.db);
    expectInvalid(await send({ ids: [id, ...Array.from({ length: 1000 }, () => MISSING_ID)] }), [
      'ids',
    ]);
    expect(await fingerprint(api.db)).toBe(before);
  });

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, `${kind}s:write`, [`${kind}s:read`]);
  outcomes.limited(probe, [`${kind}s:write`]);
});
