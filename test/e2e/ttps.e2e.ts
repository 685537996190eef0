import { z } from 'zod';
import type { Activity } from '../../src/activities/activities.schema.js';
import { Database } from '../../src/database/database.service.js';
import { sqlIn } from '../../src/database/sql.js';
import { moveTtps } from '../../src/ttps/record-ttps.queries.js';
import { TACTICS } from '../../src/ttps/technique.js';
import { recordTtpSchema, ttpSchema } from '../../src/ttps/ttps.schema.js';
import type { RecordTtp, Ttp } from '../../src/ttps/ttps.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addTtp,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, NO_READ_SCOPES, READ_SCOPES, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
/** An organization's administrator. */
let tenant: Tenant;
let other: Tenant;
let http: Agent;
let guest: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  await linkOrganizations(api.db, tenant.organizationId, other.organizationId);
});

beforeEach(() => {
  http = api.http(tenant.key);
  guest = api.http(other.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));
const OTHER_SCOPES = [...READ_SCOPES, ...NO_READ_SCOPES];

type Kind = 'alerts' | 'cases';

async function makeRecord(kind: Kind, body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post(`/api/${kind}`)
    .send({ title: unique('Record'), statusValue: 'new', severity: 2, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return (response.body as { id: string }).id;
}

/** A record that the other organization may see as well. */
const makeShared = (kind: Kind) =>
  makeRecord(kind, { organizations: [tenant.organizationId, other.organizationId] });

async function name(path: string, body: object, agent = http): Promise<RecordTtp> {
  const response = await agent.post(`/api/${path}/ttps`).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(recordTtpSchema, response.body);
}

const ttpsOf = (path: string, agent = http) =>
  readAll<RecordTtp>(agent, `/api/${path}/ttps?sort=createdAt`);

/** What analysts see of the techniques on a record. */
const shownOf = async (path: string) =>
  (await ttpsOf(path)).map(({ techniqueId, tactic, occurredAt, note }) => ({
    techniqueId,
    tactic,
    occurredAt,
    note,
  }));

async function historyOf(path: string): Promise<Activity[]> {
  return (await http.get(`/api/${path}/activities`)).body as Activity[];
}

async function add(body: object = {}, agent = http): Promise<Ttp> {
  const response = await agent
    .post('/api/ttps')
    .send({ techniqueId: unique('X'), name: 'Ours', ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(ttpSchema, response.body);
}

/** The technique of ATT&CK that has the id, or had it. */
async function ofAttack(techniqueId: string): Promise<Ttp> {
  const found = await http.get(`/api/ttps?techniqueId=${techniqueId}`);
  return expectMatches(z.tuple([ttpSchema]), found.body)[0];
}

function auditOf(id: string) {
  return api.db.rows<{ action: string; organization: string; changes: unknown }>(
    `SELECT action, organization_id::text AS organization, changes FROM audit_entries WHERE target_id = $1 ORDER BY at, id`,
    [id],
  );
}

describe('the techniques of ATT&CK', () => {
  it('are those of the matrix, each with tactics, and each sub-technique with its technique', async () => {
    const all = await readAll<Ttp>(http, '/api/ttps?source=mitre-attack&limit=300');
    expectMatches(z.array(ttpSchema), all);
    const byId = new Map(all.map((ttp) => [ttp.techniqueId, ttp]));
    expect(all).toHaveLength(697);
    expect(byId.size).toBe(697);
    expect(all.filter(({ parentTechniqueId }) => parentTechniqueId === null)).toHaveLength(222);
    const served = new Set(all.flatMap(({ tactics }) => tactics.map(({ value }) => value)));
    expect(served).toEqual(new Set(TACTICS.map(({ value }) => value)));
    for (const { techniqueId, parentTechniqueId, tactics, formerIds } of all) {
      const [main = '', sub] = techniqueId.split('.');
      expect(parentTechniqueId).toBe(sub === undefined ? null : main);
      expect(byId.has(main)).toBe(true);
      expect(tactics.length).toBeGreaterThan(0);
      expect(formerIds.filter((id) => byId.has(id))).toEqual([]);
    }
  });

  it('show what MITRE says of one, in the order of the matrix', async () => {
    expect(await ofAttack('T1078.002')).toMatchObject({
      id: '01900000-0000-7000-8000-000001078002',
      name: 'Domain Accounts',
      tactics: [
        { id: 'TA0001', value: 'initial-access', name: 'Initial Access' },
        { id: 'TA0003', value: 'persistence', name: 'Persistence' },
        { id: 'TA0004', value: 'privilege-escalation', name: 'Privilege Escalation' },
        { id: 'TA0005', value: 'stealth', name: 'Stealth' },
      ],
      parentTechniqueId: 'T1078',
      formerIds: [],
      source: 'mitre-attack',
      url: 'https://attack.mitre.org/techniques/T1078/002',
      version: 1,
    });
  });

  it.each([
    ['T1562.001', 'T1685'],
    // Replaced twice.
    ['T1073', 'T1574.001'],
  ])('are found by %s, which ATT&CK has replaced by %s', async (former, techniqueId) => {
    const ttp = await ofAttack(former);
    expect(ttp.techniqueId).toBe(techniqueId);
    expect(ttp.formerIds).toContain(former);
  });

  it('lack what ATT&CK has deprecated', async () => {
    expect((await http.get('/api/ttps?techniqueId=T1064')).body).toEqual([]);
  });
});

describe('GET /ttps', () => {
  const idsOf = async (query: string, agent = http) =>
    (await readAll<Ttp>(agent, `/api/ttps?${query}`)).map(({ techniqueId }) => techniqueId);

  it('filters', async () => {
    const own = await add({ parentTechniqueId: 'T1566', tactics: ['TA0001', 'Impact'] });
    const phishing = ['T1566', 'T1566.001', 'T1566.002', 'T1566.003', 'T1566.004'];
    expect(await idsOf('q=t1566')).toEqual(phishing);
    expect(await idsOf('q=T1566.00&limit=2')).toEqual(phishing.slice(1));
    expect(await idsOf('q=SPEARPHISHING%20att')).toEqual(['T1566.001', 'T1598.002']);
    expect(await idsOf('q=%25')).toEqual([]);
    expect(await idsOf('techniqueId=t1566&techniqueId=T1055.011')).toEqual(['T1055.011', 'T1566']);
    expect(await idsOf('parentTechniqueId=t1566')).toEqual([...phishing.slice(1), own.techniqueId]);
    expect(await idsOf('parentTechniqueId=none&tactic=TA0112&source=mitre-attack')).toContain(
      'T1685',
    );
    expect(await idsOf('tactic=impact&parentTechniqueId=T1566')).toEqual([own.techniqueId]);
    expect(await idsOf(`source=custom&q=${own.techniqueId}`)).toEqual([own.techniqueId]);
    expect(await idsOf(`source=mitre-attack&q=${own.techniqueId}`)).toEqual([]);
    expect(await idsOf('techniqueId=NOTHING')).toEqual([]);
  });

  it('sorts, pages and counts', async () => {
    const query = 'parentTechniqueId=T1059&source=mitre-attack';
    const ids = await idsOf(query);
    expect(ids).toEqual([...ids].sort());
    expect(await idsOf(`${query}&limit=4&sort=-techniqueId`)).toEqual([...ids].reverse());
    expect(await idsOf(`${query}&limit=5&sort=name`)).toHaveLength(ids.length);
    expect((await idsOf(`${query}&limit=5&sort=-createdAt`)).sort()).toEqual(ids);
    const counted = await http.get(`/api/ttps?${query}&count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe(String(ids.length));
  });

  it('shows a tenant its own techniques, and a platform administrator those of all', async () => {
    const { techniqueId } = await addTtp(api.db, other.organizationId);
    const query = `techniqueId=${techniqueId}`;
    expect(await idsOf(query)).toEqual([]);
    expect(await idsOf(query, guest)).toEqual([techniqueId]);
    const platform = api.http(api.adminKey);
    expect(await idsOf(query, platform)).toEqual([techniqueId]);
    expect(await idsOf('techniqueId=T1566', platform)).toEqual(['T1566']);
  });

  it.each([
    'limit=0',
    'sort=tactics',
    'source=mitre',
    'tactic=defense-evasion',
    'techniqueId=a%20b',
  ])('answers 400 to ?%s', async (query) => {
    expect((await http.get(`/api/ttps?${query}`)).status).toBe(400);
  });

  outcomes.anyReadScope(() => '/api/ttps');
  outcomes.unauthenticated({ method: 'get', path: () => '/api/ttps' });
});

describe('GET /ttps/:id', () => {
  it('answers what the Location of a new one names, with its ETag', async () => {
    const created = await http.post('/api/ttps').send({ techniqueId: unique('X'), name: 'Ours' });
    const { location } = created.headers as { location: string };
    const found = await http.get(location);
    expect(found.body).toEqual(created.body);
    expect(found.headers.etag).toBe('"1"');
  });

  outcomes.anyReadScope(async () => `/api/ttps/${(await add()).id}`);
  outcomes.notFound('get', (id) => `/api/ttps/${id}`, 'TTP_NOT_FOUND', goneAndForeign);
});

/** A technique that was deleted, and one of another tenant. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await http.delete(`/api/ttps/${id}`)).status).toBe(204);
  return [id, (await addTtp(api.db, other.organizationId)).id];
}

describe('POST /ttps', () => {
  it('adds a technique of the tenant, in capitals, with an audit entry', async () => {
    const techniqueId = unique('x0001.a_b-');
    const created = await add({
      techniqueId,
      name: ' Phishing for our portal ',
      tactics: ['Credential Access', 'TA0001', 'initial-access'],
      parentTechniqueId: 't1566',
      url: 'https://wiki.example/x0001',
    });
    expect(created).toMatchObject({
      techniqueId: techniqueId.toUpperCase(),
      name: 'Phishing for our portal',
      tactics: [{ value: 'initial-access' }, { value: 'credential-access' }],
      parentTechniqueId: 'T1566',
      formerIds: [],
      source: 'custom',
      url: 'https://wiki.example/x0001',
      version: 1,
    });
    expect(await auditOf(created.id)).toMatchObject([
      { action: 'ttp.created', organization: tenant.organizationId },
    ]);
    const small = await add();
    expect(small).toMatchObject({ tactics: [], parentTechniqueId: null, url: null });
  });

  it('lets each tenant have the same id', async () => {
    const { techniqueId } = await add();
    expect((await add({ techniqueId }, guest)).techniqueId).toBe(techniqueId);
  });

  it.each([
    ['an absent id', { techniqueId: undefined }, ['techniqueId']],
    ['an id with blanks', { techniqueId: 'a b' }, ['techniqueId']],
    ['an id above 32 characters', { techniqueId: 'x'.repeat(33) }, ['techniqueId']],
    ['an id of ATT&CK', { techniqueId: 't1566' }, ['techniqueId']],
    ['an id that ATT&CK may have some day', { techniqueId: 'T9999.123' }, ['techniqueId']],
    ['an absent name', { name: undefined }, ['name']],
    ['a blank name', { name: ' ' }, ['name']],
    ['a name above 256 characters', { name: 'x'.repeat(257) }, ['name']],
    ['an unknown tactic', { tactics: ['impact', 'defense-evasion'] }, ['tactics[1]']],
    ['a link that is no URL', { url: 'javascript:alert(1)' }, ['url']],
    ['a server-owned key', { formerIds: ['T1562'] }, ['formerIds']],
  ])('answers 400 to %s, and stores nothing', async (_what, body, paths) => {
    const before = await fingerprint(api.db);
    const sent = { techniqueId: 'X0001', name: 'Ours', ...body };
    expectInvalid(await http.post('/api/ttps').send(sent), paths);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 400 to a parent that is none of ATT&CK, or a sub-technique itself', async () => {
    const { techniqueId } = await add();
    for (const parentTechniqueId of ['T9999', 'T1566.001', techniqueId]) {
      const body = { techniqueId: unique('X'), name: 'Ours', parentTechniqueId };
      const response = await http.post('/api/ttps').send(body);
      expectInvalid(response, ['parentTechniqueId'], 'REFERENCE_NOT_FOUND');
    }
  });

  it('answers 409 to an id that the tenant has, naming the technique, until it is deleted', async () => {
    const { id, techniqueId } = await add();
    const body = { techniqueId: techniqueId.toLowerCase(), name: 'Again' };
    const problem = expectProblem(await http.post('/api/ttps').send(body), 409, 'CONFLICT');
    expect(problem.conflictingId).toBe(id);
    await http.delete(`/api/ttps/${id}`);
    await add(body);
  });

  it('lets one of fifty equal ones win', async () => {
    const body = { techniqueId: unique('X'), name: 'Ours' };
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => api.http(tenant.key).post('/api/ttps').send(body)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(49);
  });

  const probe = {
    method: 'post',
    path: () => '/api/ttps',
    body: { techniqueId: 'X0002', name: 'Ours' },
  } as const;
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
});

describe('PATCH /ttps/:id', () => {
  it('changes a technique, also where records name it', async () => {
    const { id, techniqueId } = await add({ tactics: ['impact'] });
    const path = `alerts/${await makeRecord('alerts')}`;
    await name(path, { techniqueId });
    const response = await http
      .patch(`/api/ttps/${id}`)
      .set('If-Match', '"1"')
      .send({ name: 'Renamed', tactics: ['stealth'], url: null });
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"2"');
    expect(expectMatches(ttpSchema, response.body)).toMatchObject({
      name: 'Renamed',
      tactics: [{ id: 'TA0005' }],
    });
    expect((await ttpsOf(path))[0]?.name).toBe('Renamed');
    expect((await auditOf(id))[1]).toMatchObject({
      action: 'ttp.updated',
      changes: [
        { field: 'name', old: 'Ours', new: 'Renamed' },
        { field: 'tactics', old: ['impact'], new: ['stealth'] },
      ],
    });
  });

  it('leaves the version alone when nothing changes', async () => {
    const created = await add();
    const response = await http.patch(`/api/ttps/${created.id}`).send({ name: 'Ours' });
    expect(response.body).toEqual(created);
  });

  it('answers 400 to another id, and to an unknown parent', async () => {
    const { id } = await add();
    expectInvalid(await http.patch(`/api/ttps/${id}`).send({ techniqueId: 'X1' }), ['techniqueId']);
    const response = await http.patch(`/api/ttps/${id}`).send({ parentTechniqueId: 'T9999' });
    expectInvalid(response, ['parentTechniqueId'], 'REFERENCE_NOT_FOUND');
  });

  it('answers 409 to a technique of ATT&CK, to platform administrators too', async () => {
    const { id } = await ofAttack('T1566');
    const before = await fingerprint(api.db);
    for (const key of [tenant.key, api.adminKey]) {
      const agent = api.http(key);
      const path = `/api/ttps/${id}`;
      expectProblem(await agent.patch(path).send({ name: 'x' }), 409, 'TTP_PROTECTED');
      expectProblem(await agent.delete(path), 409, 'TTP_PROTECTED');
    }
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 412 to one who read an older version', async () => {
    const { id } = await add();
    const response = await http
      .patch(`/api/ttps/${id}`)
      .set('If-Match', '"7"')
      .send({ name: 'Late' });
    expectProblem(response, 412, 'STALE_VERSION');
  });

  outcomes.notFound('patch', (id) => `/api/ttps/${id}`, 'TTP_NOT_FOUND', goneAndForeign, {
    name: 'x',
  });
});

describe('DELETE /ttps/:id', () => {
  it('takes it out of the library; records that name it keep it, and no other can', async () => {
    const { id, techniqueId } = await add();
    const alert = await makeRecord('alerts');
    await name(`alerts/${alert}`, { ttpId: id });
    expect((await http.delete(`/api/ttps/${id}`)).status).toBe(204);
    expect((await http.get(`/api/ttps?techniqueId=${techniqueId}`)).body).toEqual([]);
    expect(await ttpsOf(`alerts/${alert}`)).toMatchObject([{ techniqueId, name: 'Ours' }]);
    const listed = (await http.get(`/api/alerts?technique=${techniqueId}`)).body as object[];
    expect(listed).toMatchObject([{ id: alert }]);
    const response = await http
      .post(`/api/alerts/${await makeRecord('alerts')}/ttps`)
      .send({ ttpId: id });
    expectInvalid(response, ['ttpId'], 'REFERENCE_NOT_FOUND');
    expect((await auditOf(id)).map(({ action }) => action)).toEqual(['ttp.created', 'ttp.deleted']);
  });

  it('answers 412 to one who read an older version', async () => {
    const { id } = await add();
    const response = await http.delete(`/api/ttps/${id}`).set('If-Match', '"7"');
    expectProblem(response, 412, 'STALE_VERSION');
  });
});

describe.each<Kind>(['alerts', 'cases'])('POST /%s/:id/ttps', (kind) => {
  const codeOf = kind === 'alerts' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND';

  it('names a technique by its id, with history and audit, and leaves the ETag of the record', async () => {
    const id = await makeRecord(kind);
    const read = await http.get(`/api/${kind}/${id}`);
    const response = await http.post(`/api/${kind}/${id}/ttps`).send({
      techniqueId: 't1566.001',
      tactic: 'Initial Access',
      occurredAt: '2026-01-31T10:00:00+02:00',
      note: '  Came with the **invoice** <b>☃</b>\n',
    });
    expect(response.status).toBe(201);
    const created = expectMatches(recordTtpSchema, response.body);
    expect(created).toMatchObject({
      alertId: kind === 'alerts' ? id : null,
      caseId: kind === 'cases' ? id : null,
      ttpId: (await ofAttack('T1566.001')).id,
      techniqueId: 'T1566.001',
      name: 'Spearphishing Attachment',
      tactic: 'initial-access',
      occurredAt: '2026-01-31T08:00:00.000Z',
      note: '  Came with the **invoice** <b>☃</b>\n',
      createdById: tenant.userId,
      version: 1,
    });
    expect(response.headers.etag).toBe('"1"');
    expect(response.headers.location).toBe(`/api/${kind}/${id}/ttps/${created.id}`);
    expect((await http.get(response.headers.location ?? '')).body).toEqual(created);
    expect((await historyOf(`${kind}/${id}`))[0]).toMatchObject({
      action: 'added',
      fieldName: 'ttps',
      newValue: { id: created.id, techniqueId: 'T1566.001', tactic: 'initial-access' },
    });
    expect(await auditOf(created.id)).toMatchObject([
      { action: 'record-ttp.created', organization: tenant.organizationId },
    ]);
    expect((await http.get(`/api/${kind}/${id}`)).headers.etag).toBe(read.headers.etag);
  });

  it('names a technique by its id in the library, and by both when they agree', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const { id: ttpId } = await ofAttack('T1685');
    const created = await name(path, { ttpId });
    expect(created).toMatchObject({ ttpId, tactic: null, occurredAt: null, note: '' });
    const again = await http
      .post(`/api/${path}/ttps`)
      .send({ ttpId, techniqueId: 'T1562.001', note: 'not kept' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(created);
  });

  it('takes an id that ATT&CK has replaced for what replaced it', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    expect(await name(path, { techniqueId: 'T1562.004' })).toMatchObject({ techniqueId: 'T1686' });
  });

  it('holds a technique once with each tactic and once without', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const bodies = [null, 'TA0005', 'persistence'].map((tactic) => ({
      techniqueId: 'T1078',
      tactic,
    }));
    const created: RecordTtp[] = [];
    for (const body of bodies) created.push(await name(path, body));
    for (const [index, body] of bodies.entries()) {
      const again = await http.post(`/api/${path}/ttps`).send({ ...body, note: 'again' });
      expect(again.status).toBe(200);
      expect(again.headers).not.toHaveProperty('location');
      expect(again.body).toEqual(created[index]);
    }
    expect(await ttpsOf(path)).toEqual(created);
    expect((await historyOf(path)).filter(({ action }) => action === 'added')).toHaveLength(3);
  });

  it('leaves one of fifty equal ones', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        api.http(tenant.key).post(`/api/${path}/ttps`).send({ techniqueId: 'T1078' }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 200)).toHaveLength(49);
    expect(new Set(answers.map(({ body }) => (body as RecordTtp).id)).size).toBe(1);
    expect(await ttpsOf(path)).toHaveLength(1);
  });

  it.each([
    ['neither id', {}, ['techniqueId']],
    ['an id that is none', { techniqueId: 'T1566 x' }, ['techniqueId']],
    ['a library id that is no UUID', { ttpId: 'T1566' }, ['ttpId']],
    ['an unknown tactic', { techniqueId: 'T1566', tactic: 'defense-evasion' }, ['tactic']],
    ['a tactic of other techniques', { techniqueId: 'T1566', tactic: 'impact' }, ['tactic']],
    [
      'a future instant',
      { techniqueId: 'T1566', occurredAt: '2999-01-01T00:00:00Z' },
      ['occurredAt'],
    ],
    ['an instant that is none', { techniqueId: 'T1566', occurredAt: 'now' }, ['occurredAt']],
    ['a note above 4096 characters', { techniqueId: 'T1566', note: 'x'.repeat(4097) }, ['note']],
    ['a NUL', { techniqueId: 'T1566', note: 'a\u0000' }, ['note']],
    ['an unknown key', { techniqueId: 'T1566', createdById: MISSING_ID }, ['createdById']],
  ])('answers 400 to %s, and stores nothing', async (_what, body, paths) => {
    const id = await makeRecord(kind);
    const before = await fingerprint(api.db);
    expectInvalid(await http.post(`/api/${kind}/${id}/ttps`).send(body), paths);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('lists in the 400 the tactics that the technique has', async () => {
    const path = `/api/${kind}/${await makeRecord(kind)}/ttps`;
    const wrong = await http.post(path).send({ techniqueId: 'T1078', tactic: 'impact' });
    expect(expectInvalid(wrong, ['tactic']).detail).toContain(
      'T1078: initial-access, persistence, privilege-escalation, stealth',
    );
    const { techniqueId } = await add();
    const none = await http.post(path).send({ techniqueId, tactic: 'impact' });
    expect(expectInvalid(none, ['tactic']).detail).toContain('has no tactics');
  });

  it('answers 400 alike to a technique that is missing, deleted or foreign', async () => {
    const path = `/api/${kind}/${await makeRecord(kind)}/ttps`;
    const [deleted, foreign] = [await add(), await addTtp(api.db, other.organizationId)];
    await http.delete(`/api/ttps/${deleted.id}`);
    for (const ttpId of [MISSING_ID, deleted.id, foreign.id])
      expectInvalid(await http.post(path).send({ ttpId }), ['ttpId'], 'REFERENCE_NOT_FOUND');
    for (const techniqueId of ['T9999', deleted.techniqueId, foreign.techniqueId]) {
      const response = await http.post(path).send({ techniqueId });
      expectInvalid(response, ['techniqueId'], 'REFERENCE_NOT_FOUND');
    }
  });

  it('answers 400 to two ids that do not agree', async () => {
    const path = `/api/${kind}/${await makeRecord(kind)}/ttps`;
    const { id: ttpId } = await ofAttack('T1566');
    const response = await http.post(path).send({ ttpId, techniqueId: 'T1078' });
    expect(expectInvalid(response, ['techniqueId']).detail).toContain('T1566');
  });

  it('lets a guest name what is of ATT&CK, neither its own techniques nor those of the owner', async () => {
    const path = `${kind}/${await makeShared(kind)}`;
    const [theirs, ours] = [await addTtp(api.db, other.organizationId), await add()];
    await name(path, { techniqueId: 'T1566' }, guest);
    await name(path, { techniqueId: ours.techniqueId });
    for (const { techniqueId } of [theirs, ours]) {
      const response = await guest.post(`/api/${path}/ttps`).send({ techniqueId });
      expectInvalid(response, ['techniqueId'], 'REFERENCE_NOT_FOUND');
    }
    expect((await ttpsOf(path, guest)).map(({ techniqueId }) => techniqueId)).toEqual([
      'T1566',
      ours.techniqueId,
    ]);
  });

  const probe = {
    method: 'post',
    path: () => `/api/${kind}/${MISSING_ID}/ttps`,
    body: { techniqueId: 'T1566' },
  } as const;

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(
    probe,
    kind === 'alerts' ? 'alerts:write' : 'cases:write',
    kind === 'alerts' ? ['alerts:read', 'cases:write'] : ['cases:read', 'alerts:write'],
  );

  it('answers 403 on a record above the clearance, to every route', async () => {
    const id = await makeRecord(kind, { tlp: 4 });
    const { id: linkId } = await name(`${kind}/${id}`, { techniqueId: 'T1566' });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const path = `/api/${kind}/${id}/ttps`;
    for (const request of [
      low.get(path),
      low.post(path).send({ techniqueId: 'T1566' }),
      low.get(`${path}/${linkId}`),
      low.patch(`${path}/${linkId}`).send({ note: 'x' }),
      low.delete(`${path}/${linkId}`),
    ])
      expectProblem(await request, 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'post',
    (id) => `/api/${kind}/${id}/ttps`,
    codeOf,
    async () => {
      const deleted = await makeRecord(kind);
      await http.delete(`/api/${kind}/${deleted}`);
      return [deleted, await makeRecord(kind, {}, guest)];
    },
    { techniqueId: 'T1566' },
  );
});

describe('GET /alerts/:id/ttps', () => {
  it('pages through all, newest first, and counts', async () => {
    const path = `alerts/${await makeRecord('alerts')}`;
    const ids: string[] = [];
    for (const techniqueId of ['T1566', 'T1078', 'T1059', 'T1003', 'T1486'])
      ids.unshift((await name(path, { techniqueId })).id);
    const all = await readAll<RecordTtp>(http, `/api/${path}/ttps?limit=2`);
    expect(all.map(({ id }) => id)).toEqual(ids);
    const counted = await http.get(`/api/${path}/ttps?limit=1&count=true`);
    expect(counted.headers['x-total-count']).toBe('5');
  });

  it('answers 400 to an unknown parameter', async () => {
    const id = await makeRecord('alerts');
    expect((await http.get(`/api/alerts/${id}/ttps?tactic=impact`)).status).toBe(400);
  });
});

describe.each<Kind>(['alerts', 'cases'])('PATCH /%s/:id/ttps/:linkId', (kind) => {
  it('changes what is said of it, with history and audit', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const created = await name(path, {
      techniqueId: 'T1078',
      tactic: 'stealth',
      occurredAt: '2026-01-01T00:00:00Z',
      note: 'before',
    });
    const response = await http
      .patch(`/api/${path}/ttps/${created.id}`)
      .set('If-Match', '"1"')
      .send({ tactic: 'TA0003', occurredAt: null, note: 'after' });
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"2"');
    const changed = { tactic: 'persistence', occurredAt: null, note: 'after' };
    expect(expectMatches(recordTtpSchema, response.body)).toEqual({
      ...created,
      ...changed,
      version: 2,
      updatedAt: expect.any(String) as string,
    });
    const { id, techniqueId } = created;
    expect((await historyOf(path))[0]).toMatchObject({
      action: 'updated',
      fieldName: 'ttps',
      oldValue: {
        id,
        techniqueId,
        tactic: 'stealth',
        occurredAt: '2026-01-01T00:00:00.000Z',
        note: 'before',
      },
      newValue: { id, techniqueId, ...changed },
    });
    expect((await auditOf(id))[1]).toMatchObject({
      action: 'record-ttp.updated',
      changes: [
        { field: 'tactic', old: 'stealth', new: 'persistence' },
        { field: 'occurredAt', old: '2026-01-01T00:00:00.000Z', new: null },
        { field: 'note', old: 'before', new: 'after' },
      ],
    });
  });

  it('leaves version and history alone when nothing changes', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const created = await name(path, { techniqueId: 'T1078', note: 'same' });
    const lines = await historyOf(path);
    const response = await http
      .patch(`/api/${path}/ttps/${created.id}`)
      .send({ note: 'same', tactic: null });
    expect(response.body).toEqual(created);
    expect(await historyOf(path)).toEqual(lines);
  });

  it('lets a guest', async () => {
    const path = `${kind}/${await makeShared(kind)}`;
    const { id } = await name(path, { techniqueId: 'T1078' });
    expect((await guest.patch(`/api/${path}/ttps/${id}`).send({ note: 'seen too' })).status).toBe(
      200,
    );
  });

  it.each([
    ['a tactic that the technique does not serve', { tactic: 'impact' }, ['tactic']],
    ['a future instant', { occurredAt: '2999-01-01T00:00:00Z' }, ['occurredAt']],
    ['another technique', { techniqueId: 'T1566' }, ['techniqueId']],
    ['a note that is null', { note: null }, ['note']],
  ])('answers 400 to %s', async (_what, body, paths) => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const { id } = await name(path, { techniqueId: 'T1078' });
    expectInvalid(await http.patch(`/api/${path}/ttps/${id}`).send(body), paths);
  });

  it('answers 409 to a tactic with which the record has the technique, naming that', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const { id: takenId } = await name(path, { techniqueId: 'T1078' });
    const { id } = await name(path, { techniqueId: 'T1078', tactic: 'stealth' });
    const response = await http.patch(`/api/${path}/ttps/${id}`).send({ tactic: null });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(takenId);
  });

  it('lets one of fifty win who read the same version', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const { id } = await name(path, { techniqueId: 'T1078' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api
          .http(tenant.key)
          .patch(`/api/${path}/ttps/${id}`)
          .set('If-Match', '"1"')
          .send({ note: `note ${index}` }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(49);
  });

  it('answers 404 under another record, and under one that was deleted', async () => {
    const id = await makeRecord(kind);
    const { id: linkId } = await name(`${kind}/${id}`, { techniqueId: 'T1078' });
    const elsewhere = `/api/${kind}/${await makeRecord(kind)}/ttps/${linkId}`;
    const twin = `/api/${kind === 'alerts' ? 'cases' : 'alerts'}/${await makeRecord(
      kind === 'alerts' ? 'cases' : 'alerts',
    )}/ttps/${linkId}`;
    for (const path of [elsewhere, twin]) {
      expectProblem(await http.get(path), 404, 'TTP_NOT_FOUND');
      expectProblem(await http.patch(path).send({ note: 'x' }), 404, 'TTP_NOT_FOUND');
      expectProblem(await http.delete(path), 404, 'TTP_NOT_FOUND');
    }
    await http.delete(`/api/${kind}/${id}`);
    const gone = `/api/${kind}/${id}/ttps/${linkId}`;
    const code = kind === 'alerts' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND';
    expectProblem(await http.get(gone), 404, code);
    expectProblem(await http.patch(gone).send({ note: 'x' }), 404, code);
    expectProblem(await http.delete(gone), 404, code);
  });
});

describe.each<Kind>(['alerts', 'cases'])('DELETE /%s/:id/ttps/:linkId', (kind) => {
  it('takes it off the record, with history and audit; it can be named again', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const { id } = await name(path, { techniqueId: 'T1078', tactic: 'stealth' });
    expect((await http.delete(`/api/${path}/ttps/${id}`)).status).toBe(204);
    expectProblem(await http.get(`/api/${path}/ttps/${id}`), 404, 'TTP_NOT_FOUND');
    expect(await ttpsOf(path)).toEqual([]);
    expect((await historyOf(path))[0]).toMatchObject({
      action: 'removed',
      fieldName: 'ttps',
      oldValue: { id, techniqueId: 'T1078', tactic: 'stealth' },
    });
    expect((await auditOf(id)).map(({ action }) => action)).toEqual([
      'record-ttp.created',
      'record-ttp.deleted',
    ]);
    await name(path, { techniqueId: 'T1078', tactic: 'stealth' });
  });

  it('answers 403 to a guest', async () => {
    const path = `${kind}/${await makeShared(kind)}`;
    const { id } = await name(path, { techniqueId: 'T1078' }, guest);
    expectProblem(await guest.delete(`/api/${path}/ttps/${id}`), 403, 'OWNER_ONLY');
  });

  it('answers 412 to one who read an older version', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const { id } = await name(path, { techniqueId: 'T1078' });
    const response = await http.delete(`/api/${path}/ttps/${id}`).set('If-Match', '"7"');
    expectProblem(response, 412, 'STALE_VERSION');
  });
});

describe('promotion', () => {
  const [EARLY, LATE] = ['2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'];

  it('unites the techniques of all alerts in the new case: an equal one once, as seen at first, with all notes', async () => {
    const alertIds = [await makeRecord('alerts'), await makeRecord('alerts')];
    const [one, two] = alertIds.map((id) => `alerts/${id}`) as [string, string];
    await name(one, { techniqueId: 'T1078', tactic: 'stealth', occurredAt: LATE, note: 'one' });
    await name(one, { techniqueId: 'T1566', note: 'same' });
    await name(two, { techniqueId: 'T1078', tactic: 'stealth', occurredAt: EARLY, note: 'two' });
    await name(two, { techniqueId: 'T1078' });
    await name(two, { techniqueId: 'T1566', note: 'same' });
    const response = await http
      .post('/api/alerts/create-case')
      .send({ title: 'Both', statusValue: 'new', severity: 3, alertIds });
    expect(response.status).toBe(200);
    const { caseId } = response.body as { caseId: string };
    const expected = [
      { techniqueId: 'T1078', tactic: 'stealth', occurredAt: EARLY, note: 'one\n\ntwo' },
      { techniqueId: 'T1566', tactic: null, occurredAt: null, note: 'same' },
      { techniqueId: 'T1078', tactic: null, occurredAt: null, note: '' },
    ];
    expect(await shownOf(`cases/${caseId}`)).toEqual(expected);
    for (const ttp of await ttpsOf(`cases/${caseId}`))
      expect(ttp).toMatchObject({ caseId, alertId: null, createdById: tenant.userId, version: 1 });
    expect(await ttpsOf(one)).toHaveLength(2);
  });

  it('unites them with those of a case that the alerts are merged into', async () => {
    const caseId = await makeRecord('cases');
    const alert = await makeRecord('alerts');
    const kept = await name(`cases/${caseId}`, { techniqueId: 'T1078', occurredAt: EARLY });
    const same = await name(`cases/${caseId}`, { techniqueId: 'T1059', note: 'as it is' });
    await name(`alerts/${alert}`, { techniqueId: 'T1078', occurredAt: LATE, note: 'of the alert' });
    await name(`alerts/${alert}`, { techniqueId: 'T1059' });
    await name(`alerts/${alert}`, { techniqueId: 'T1486' });
    expect((await http.post(`/api/alerts/${alert}/merge/${caseId}`)).status).toBe(200);
    const united = await ttpsOf(`cases/${caseId}`);
    expect(united).toMatchObject([
      { ...kept, note: 'of the alert', version: 2, updatedAt: expect.any(String) as string },
      same,
      { techniqueId: 'T1486', version: 1 },
    ]);
    expect((await http.post(`/api/alerts/${alert}/merge/${caseId}`)).status).toBe(200);
    expect(await ttpsOf(`cases/${caseId}`)).toEqual(united);
    expect((await http.delete(`/api/cases/${caseId}/alerts/${alert}`)).status).toBe(204);
    expect(await ttpsOf(`cases/${caseId}`)).toEqual(united);
  });

  it('doubles none while fifty name the same technique', async () => {
    const caseId = await makeRecord('cases');
    const alert = await makeRecord('alerts');
    await name(`alerts/${alert}`, { techniqueId: 'T1078' });
    const answers = await Promise.all([
      ...Array.from({ length: 25 }, () =>
        api.http(tenant.key).post(`/api/alerts/${alert}/merge/${caseId}`),
      ),
      ...Array.from({ length: 25 }, () =>
        api.http(tenant.key).post(`/api/cases/${caseId}/ttps`).send({ techniqueId: 'T1078' }),
      ),
    ]);
    expect(answers.filter(({ status }) => status > 201)).toEqual([]);
    expect(await ttpsOf(`cases/${caseId}`)).toHaveLength(1);
  });
});

describe('moveTtps', () => {
  const move = (from: readonly string[], to: string) =>
    api.app.get(Database).transaction({ transaction: null }, async (tx) => {
      // Without the merge around it, which audits what moves.
      await tx.$executeRaw`SET LOCAL application_name = 'test'`;
      await moveTtps(sqlIn(tx), from, to);
    });

  it('moves the techniques of cases to another, an equal one once', async () => {
    const [to, one, two] = [
      await makeRecord('cases'),
      await makeRecord('cases'),
      await makeRecord('cases'),
    ];
    const kept = await name(`cases/${to}`, { techniqueId: 'T1078', note: 'kept' });
    await name(`cases/${one}`, { techniqueId: 'T1078', note: 'of one' });
    const moved = await name(`cases/${one}`, { techniqueId: 'T1566', tactic: 'initial-access' });
    await name(`cases/${two}`, {
      techniqueId: 'T1566',
      tactic: 'initial-access',
      occurredAt: '2026-01-01T00:00:00Z',
    });
    const alone = await name(`cases/${two}`, { techniqueId: 'T1486' });
    await move([one, two], to);
    expect((await ttpsOf(`cases/${to}`)).map(({ id }) => id)).toEqual([
      kept.id,
      moved.id,
      alone.id,
    ]);
    expect(await shownOf(`cases/${to}`)).toEqual([
      { techniqueId: 'T1078', tactic: null, occurredAt: null, note: 'kept\n\nof one' },
      {
        techniqueId: 'T1566',
        tactic: 'initial-access',
        occurredAt: '2026-01-01T00:00:00.000Z',
        note: '',
      },
      { techniqueId: 'T1486', tactic: null, occurredAt: null, note: '' },
    ]);
    for (const id of [one, two]) expect(await ttpsOf(`cases/${id}`)).toEqual([]);
  });

  it('changes nothing where there is nothing to move', async () => {
    const [to, from] = [await makeRecord('cases'), await makeRecord('cases')];
    const kept = await name(`cases/${to}`, { techniqueId: 'T1078', note: 'kept' });
    await move([from], to);
    expect(await ttpsOf(`cases/${to}`)).toEqual([kept]);
  });
});

describe.each<Kind>(['alerts', 'cases'])('the filter technique of %s', (kind) => {
  const listed = async (query: string, agent: Agent) =>
    (await readAll<{ id: string }>(agent, `/api/${kind}?${query}`)).map(({ id }) => id);

  it('finds records by a technique, its sub-techniques, and ids it had, alike in searches', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    const { techniqueId } = await add({ parentTechniqueId: 'T1566' }, agent);
    const records: Record<string, string> = {};
    for (const id of ['T1566', 'T1566.001', 'T1685', 'T1685.001', techniqueId]) {
      records[id] = await makeRecord(kind, {}, agent);
      await name(`${kind}/${records[id]}`, { techniqueId: id }, agent);
    }
    await makeRecord(kind, {}, agent);
    const idsOf = (...techniques: string[]) => techniques.map((id) => records[id]).reverse();
    const cases: [readonly string[], readonly (string | undefined)[]][] = [
      [['t1566'], idsOf('T1566', 'T1566.001', techniqueId)],
      [['T1566.001'], idsOf('T1566.001')],
      [['T1562'], idsOf('T1685', 'T1685.001')],
      [['T1562.002'], idsOf('T1685.001')],
      [[techniqueId], idsOf(techniqueId)],
      [['T1685.001', 'T1566.001'], idsOf('T1566.001', 'T1685.001')],
      [['T1486', 'T9999'], []],
    ];
    for (const [technique, expected] of cases) {
      const query = technique.map((id) => `technique=${id}`).join('&');
      expect(await listed(`${query}&limit=2`, agent)).toEqual(expected);
      expect(await listed(`technique=${technique.join(',')}`, agent)).toEqual(expected);
      const counted = await agent.get(`/api/${kind}?${query}&count=true`);
      expect(counted.headers['x-total-count']).toBe(String(expected.length));
      const found = await agent.post(`/api/${kind}/search`).send({ technique });
      expect((found.body as { items: { id: string }[] }).items.map(({ id }) => id)).toEqual(
        expected,
      );
    }
  });

  it('finds nothing that is deleted, foreign or above the clearance, and what is shared', async () => {
    const { techniqueId } = await add();
    const ids = {
      plain: await makeRecord(kind),
      secret: await makeRecord(kind, { tlp: 4 }),
      deleted: await makeRecord(kind),
      shared: await makeShared(kind),
    };
    for (const id of Object.values(ids)) await name(`${kind}/${id}`, { techniqueId });
    await http.delete(`/api/${kind}/${ids.deleted}`);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const query = `technique=${techniqueId}`;
    expect(await listed(query, http)).toEqual([ids.shared, ids.secret, ids.plain]);
    expect(await listed(query, low)).toEqual([ids.shared, ids.plain]);
    expect(await listed(query, guest)).toEqual([ids.shared]);
  });

  it('answers 400 to what is no id', async () => {
    expectInvalid(await http.get(`/api/${kind}?technique=a%20b`), ['technique[0]']);
    const response = await http.post(`/api/${kind}/search`).send({ technique: [7] });
    expectInvalid(response, ['technique[0]']);
  });
});
