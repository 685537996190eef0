import type { Activity } from '../../src/activities/activities.schema.js';
import { timelineEventSchema } from '../../src/timeline/timeline.schema.js';
import type { TimelineEvent } from '../../src/timeline/timeline.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addPerson,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, readAll } from '../outcomes.js';

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
});

beforeEach(() => {
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

async function makeRecord(kind: 'alerts' | 'cases', body: object = {}, agent = http) {
  const response = await agent
    .post(`/api/${kind}`)
    .send({ title: unique('Record'), statusValue: 'new', severity: 2, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as { readonly id: string; readonly tinyId: number; readonly title: string };
}

const makeCase = async (body: object = {}, agent = http) =>
  (await makeRecord('cases', body, agent)).id;

/** Sends what must succeed. */
async function post(path: string, body: object, agent = http): Promise<{ readonly id: string }> {
  const response = await agent.post(`/api/${path}`).send(body);
  expect({ status: response.status, isOk: response.ok, body: response.text }).toMatchObject({
    isOk: true,
  });
  return response.body as { id: string };
}

const EVENT = { title: 'Power was cut', occurredAt: '2026-01-31T12:40:00+01:00' };

async function enter(caseId: string, body: object = {}, agent = http): Promise<TimelineEvent> {
  const created = await post(`cases/${caseId}/timeline`, { ...EVENT, ...body }, agent);
  return expectMatches(timelineEventSchema, created);
}

const timeline = (caseId: string, query = '', agent = http) =>
  readAll<TimelineEvent>(agent, `/api/cases/${caseId}/timeline?${query}`);

const titles = async (caseId: string, agent = http) =>
  (await timeline(caseId, 'sort=occurredAt', agent)).map(({ title }) => title);

/** Another person of the tenant, with a key. */
async function colleague(role: 'analyst' | 'org-admin' = 'analyst'): Promise<Agent> {
  const person = await addPerson(api.db, tenant.organizationId, { role });
  const { organizationId } = tenant;
  return api.http((await addKey(api.db, { ...person, organizationId })).key);
}

const cleared = async (tlpMax: number, papMax = 4) =>
  api.http((await addKey(api.db, tenant, { tlpMax, papMax })).key);

describe('GET /cases/:id/timeline', () => {
  it('tells what was done in the case, in words, and what was entered', async () => {
    const caseId = await makeCase({ title: 'Phishing wave' });
    const alert = await makeRecord('alerts', { title: 'Mail reported' });
    await post(`cases/${caseId}/observables`, { dataType: 'domain', data: 'evil.example.org' });
    await http.post(`/api/cases/${caseId}/attachments`).attach('file', Buffer.from('x'), 'log.txt');
    await post(`cases/${caseId}/comments`, { body: 'Looks **bad**.' });
    const task = await post(`cases/${caseId}/tasks`, { title: 'Block the domain' });
    await post(`tasks/${task.id}/comments`, { body: 'On it.' });
    await http.patch(`/api/tasks/${task.id}`).send({ status: 'completed', flagged: true });
    await post(`alerts/${alert.id}/merge/${caseId}`, {});
    await http.delete(`/api/cases/${caseId}/alerts/${alert.id}`);
    await http.patch(`/api/cases/${caseId}`).send({
      statusValue: 'in-progress',
      severity: 4,
      tlp: 3,
      assigneeId: tenant.userId,
      title: 'Another title',
      customFields: { timeline: { id: 'no id' } },
    });
    await http.patch(`/api/cases/${caseId}`).send({ assigneeId: null });
    await enter(caseId);
    expect(await titles(caseId)).toEqual([
      'Power was cut',
      'Case created: Phishing wave',
      'Observable added: domain evil.example.org',
      'Evidence added: log.txt',
      'Comment added',
      'Task added: Block the domain',
      'Comment added to task: Block the domain',
      'Task completed: Block the domain',
      `Alert #${alert.tinyId} merged: Mail reported`,
      `Alert #${alert.tinyId} unlinked: Mail reported`,
      'Status changed from new to in-progress',
      'Severity changed from Medium to Critical',
      'TLP changed from AMBER to AMBER+STRICT',
      'Assigned to Test Person',
      'Unassigned',
    ]);
  });

  it('shows who did it, and the beginning of a comment while it is there', async () => {
    const caseId = await makeCase();
    const { id } = await post(`cases/${caseId}/comments`, { body: `${'x'.repeat(499)}yz` });
    const [event] = expectMatches(timelineEventSchema.array(), await timeline(caseId));
    expect(event).toEqual({
      id: expect.any(String) as string,
      kind: 'automatic',
      title: 'Comment added',
      description: `${'x'.repeat(499)}…`,
      occurredAt: expect.any(String) as string,
      actor: { kind: 'apiKey', id: tenant.keyId, name: 'Test Person' },
      version: 1,
    });
    await http.delete(`/api/comments/${id}`);
    expect((await timeline(caseId))[0]).toMatchObject({
      title: 'Comment added',
      description: null,
    });
  });

  it('is in the order of the instants, both ways, page by page', async () => {
    const caseId = await makeCase();
    const instants = ['2026-03-01', '2026-01-01', '2027-01-01', '2026-02-01', '2026-02-01'];
    for (const day of instants)
      await enter(caseId, { title: day, occurredAt: `${day}T00:00:00.000Z` });
    const newest = await timeline(caseId);
    expect(newest.map(({ title }) => title)).toEqual([
      '2027-01-01',
      expect.stringMatching(/^Case created/),
      '2026-03-01',
      '2026-02-01',
      '2026-02-01',
      '2026-01-01',
    ]);
    for (const limit of [1, 2, 4]) {
      expect(await timeline(caseId, `limit=${limit}`)).toEqual(newest);
      const oldest = await timeline(caseId, `sort=occurredAt&limit=${limit}`);
      expect(oldest).toEqual([...newest].reverse());
    }
    const counted = await http.get(`/api/cases/${caseId}/timeline?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe('6');
  });

  it('keeps what happened at one moment in its order', async () => {
    const caseId = await makeCase();
    await http.patch(`/api/cases/${caseId}`).send({ statusValue: 'in-progress', severity: 3 });
    const all = await timeline(caseId);
    expect(await timeline(caseId, 'limit=1')).toEqual(all);
    expect(new Set(all.map(({ id }) => id)).size).toBe(3);
  });

  it('shows a guest the case, but of its alerts no more than their number', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const caseId = await makeCase({ organizations, title: 'Shared' });
    const alert = await makeRecord('alerts', { title: 'Not shared' });
    await post(`alerts/${alert.id}/merge/${caseId}`, {});
    const event = await enter(caseId, { title: 'By the guest' }, api.http(guest.key));
    expect(event.actor).toEqual({ kind: 'apiKey', id: guest.keyId, name: 'Test Person' });
    expect(await titles(caseId, api.http(guest.key))).toEqual([
      'By the guest',
      'Case created: Shared',
      `Alert #${alert.tinyId} merged`,
    ]);
  });

  it('leaves out what is, or was, above the clearance', async () => {
    const caseId = await makeCase({ title: 'Open', tlp: 1, pap: 1 });
    const restricted = await makeRecord('alerts', { title: 'Restricted', tlp: 1, pap: 3 });
    await post(`cases/${caseId}/observables`, { dataType: 'ip', data: '10.0.0.4', tlp: 4 });
    await post(`cases/${caseId}/observables`, { dataType: 'ip', data: '10.0.0.1' });
    await post(`cases/${caseId}/tasks`, { title: 'Secret', tlp: 4 });
    const raised = await post(`cases/${caseId}/tasks`, { title: 'Raised later' });
    await post(`tasks/${raised.id}/comments`, { body: 'before' });
    await http.patch(`/api/tasks/${raised.id}`).send({ tlp: 4 });
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 4 });
    await http
      .post(`/api/cases/${caseId}/attachments`)
      .attach('file', Buffer.from('x'), 'while-red.txt');
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 1 });
    await post(`alerts/${restricted.id}/merge/${caseId}`, {});
    await http.patch(`/api/cases/${caseId}`).send({ pap: 1 });

    const low = await cleared(3, 2);
    expect(await titles(caseId, low)).toEqual([
      'Case created: Open',
      'Observable added: ip 10.0.0.1',
    ]);
    const counted = await low.get(`/api/cases/${caseId}/timeline?count=true`);
    expect(counted.headers['x-total-count']).toBe('2');
    const hidden = (await timeline(caseId)).find(({ title }) => title.includes('Secret'));
    const response = await low.get(`/api/cases/${caseId}/timeline/${hidden?.id ?? ''}`);
    expectProblem(response, 404, 'TIMELINE_EVENT_NOT_FOUND');
  });

  it.each([
    ['a sort it does not know', 'sort=createdAt', 'sort', 'VALIDATION_FAILED'],
    ['a limit above the bound', 'limit=1001', 'limit', 'VALIDATION_FAILED'],
    ['a filter it does not know', 'kind=manual', 'kind', 'VALIDATION_FAILED'],
    ['a cursor of nothing', 'cursor=x', 'cursor', 'INVALID_CURSOR'],
  ] as const)('answers 400 to %s', async (_what, query, path, code) => {
    const caseId = await makeCase();
    expectInvalid(await http.get(`/api/cases/${caseId}/timeline?${query}`), [path], code);
  });

  it('refuses the cursor of another case', async () => {
    const [one, two] = [await makeCase(), await makeCase()];
    await enter(one);
    const first = await http.get(`/api/cases/${one}/timeline?limit=1`);
    const cursor = /cursor=([^&>]+)/.exec(first.headers.link ?? '')?.[1] ?? '';
    const response = await http.get(`/api/cases/${two}/timeline?limit=1&cursor=${cursor}`);
    expectInvalid(response, ['cursor'], 'INVALID_CURSOR');
  });

  const probe = { method: 'get', path: () => `/api/cases/${MISSING_ID}/timeline` } as const;
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:read', ['alerts:read', 'cases:write']);

  it('answers 403 for a case above the clearance', async () => {
    const caseId = await makeCase({ tlp: 4 });
    const response = await (await cleared(3)).get(`/api/cases/${caseId}/timeline`);
    expectProblem(response, 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound('get', (id) => `/api/cases/${id}/timeline`, 'CASE_NOT_FOUND', goneCases);
});

/** A deleted case and another tenant's. */
async function goneCases(): Promise<string[]> {
  const deleted = await makeCase();
  await http.delete(`/api/cases/${deleted}`);
  return [deleted, await makeCase({}, api.http(other.key))];
}

describe('POST /cases/:id/timeline', () => {
  it('enters an event, and tells of it', async () => {
    const caseId = await makeCase();
    const response = await http
      .post(`/api/cases/${caseId}/timeline`)
      .send({ ...EVENT, description: '**Nobody** knows why.' });
    expect(response.status).toBe(201);
    const event = expectMatches(timelineEventSchema, response.body);
    expect(event).toEqual({
      id: event.id,
      kind: 'manual',
      title: 'Power was cut',
      description: '**Nobody** knows why.',
      occurredAt: '2026-01-31T11:40:00.000Z',
      actor: { kind: 'apiKey', id: tenant.keyId, name: 'Test Person' },
      version: 1,
    });
    expect(response.headers.location).toBe(`/api/cases/${caseId}/timeline/${event.id}`);
    expect((await http.get(response.headers.location ?? '')).body).toEqual(event);
    const history = (await http.get(`/api/cases/${caseId}/activities`)).body as Activity[];
    expect(history[0]).toMatchObject({
      action: 'added',
      fieldName: 'timeline',
      newValue: { id: event.id, title: 'Power was cut' },
    });
    expect(await audited(event.id, 'created')).toEqual([
      { field: 'title', old: null, new: 'Power was cut' },
      { field: 'occurredAt', old: null, new: '2026-01-31T11:40:00.000Z' },
      { field: 'description', old: null, new: '**Nobody** knows why.' },
    ]);
  });

  it.each([
    ['no title', { title: undefined }, ['title']],
    ['a blank title', { title: ' ' }, ['title']],
    ['a long title', { title: 'x'.repeat(513) }, ['title']],
    ['no instant', { occurredAt: undefined }, ['occurredAt']],
    ['a day for an instant', { occurredAt: '2026-01-31' }, ['occurredAt']],
    ['an instant out of range', { occurredAt: '0001-01-01T00:00:00Z' }, ['occurredAt']],
    ['a long description', { description: 'x'.repeat(30_001) }, ['description']],
    ['a NUL', { description: 'a\u0000' }, ['description']],
    ['a key of the server', { kind: 'automatic' }, ['kind']],
  ])('answers 400 to %s, and stores nothing', async (_what, body, paths) => {
    const caseId = await makeCase();
    const before = await fingerprint(api.db);
    expectInvalid(
      await http.post(`/api/cases/${caseId}/timeline`).send({ ...EVENT, ...body }),
      paths,
    );
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = {
    method: 'post',
    path: () => `/api/cases/${MISSING_ID}/timeline`,
    body: EVENT,
  } as const;
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);

  it('answers 403 for a case above the clearance', async () => {
    const caseId = await makeCase({ pap: 3 });
    const response = await (await cleared(4, 2)).post(`/api/cases/${caseId}/timeline`).send(EVENT);
    expectProblem(response, 403, 'CLEARANCE_PAP');
  });

  outcomes.notFound(
    'post',
    (id) => `/api/cases/${id}/timeline`,
    'CASE_NOT_FOUND',
    goneCases,
    EVENT,
  );
});

/** What an audit entry says of an event. */
async function audited(id: string, verb: string): Promise<unknown> {
  const { changes } = await api.db.row<{ changes: unknown }>(
    'SELECT changes FROM audit_entries WHERE target_id = $1 AND action = $2',
    [id, `timeline.${verb}`],
  );
  return changes;
}

const pathOf = (caseId: string, id: string) => `/api/cases/${caseId}/timeline/${id}`;

/** Events that are not there: of another case, deleted, and below a case of another tenant. */
async function goneEvents(): Promise<{ readonly caseId: string; readonly ids: string[] }> {
  const caseId = await makeCase();
  const deleted = await enter(caseId);
  await http.delete(pathOf(caseId, deleted.id));
  const elsewhere = await enter(await makeCase());
  const owner = api.http(other.key);
  const foreign = await enter(await makeCase({}, owner), {}, owner);
  return { caseId, ids: [MISSING_ID, deleted.id, elsewhere.id, foreign.id] };
}

describe('GET /cases/:id/timeline/:eventId', () => {
  it('answers an event that the server recorded, and 304 to who has it', async () => {
    const caseId = await makeCase();
    const [event] = await timeline(caseId);
    const path = pathOf(caseId, event?.id ?? '');
    const response = await http.get(path);
    expect(response.body).toEqual(event);
    const again = await http.get(path).set('If-None-Match', response.headers.etag ?? '');
    expect(again.status).toBe(304);
  });

  it('answers 404 alike to one that is missing, deleted, elsewhere or foreign', async () => {
    const { caseId, ids } = await goneEvents();
    for (const id of ids)
      expectProblem(await http.get(pathOf(caseId, id)), 404, 'TIMELINE_EVENT_NOT_FOUND');
  });
});

describe('PATCH /cases/:id/timeline/:eventId', () => {
  it('changes what is sent, with history and audit', async () => {
    const caseId = await makeCase();
    const event = await enter(caseId, { description: 'Why?' });
    const occurredAt = '2026-01-31T11:45:00.000Z';
    const response = await http
      .patch(pathOf(caseId, event.id))
      .set('If-Match', '"1"')
      .send({ occurredAt, description: null });
    expect(response.status).toBe(200);
    expect(response.body).toEqual({ ...event, occurredAt, description: null, version: 2 });
    expect(response.headers.etag).toBe('"2"');
    const history = (await http.get(`/api/cases/${caseId}/activities`)).body as Activity[];
    expect(history[0]).toMatchObject({ action: 'updated', fieldName: 'timeline' });
    expect(await audited(event.id, 'updated')).toEqual([
      { field: 'description', old: 'Why?', new: null },
      { field: 'occurredAt', old: event.occurredAt, new: occurredAt },
    ]);
  });

  it('leaves version and history alone when nothing changes', async () => {
    const caseId = await makeCase();
    const event = await enter(caseId);
    const response = await http.patch(pathOf(caseId, event.id)).send({ title: event.title });
    expect(response.body).toEqual(event);
  });

  it('answers 400 to what an event cannot have', async () => {
    const caseId = await makeCase();
    const { id } = await enter(caseId);
    expectInvalid(await http.patch(pathOf(caseId, id)).send({ title: null }), ['title']);
    expectInvalid(await http.patch(pathOf(caseId, id)).send({ version: 7 }), ['version']);
  });

  it('lets an administrator, and answers 403 to anybody else', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const caseId = await makeCase({ organizations });
    const path = pathOf(caseId, (await enter(caseId)).id);
    for (const agent of [await colleague(), api.http(guest.key)])
      expectProblem(await agent.patch(path).send({ title: 'x' }), 403, 'AUTHOR_ONLY');
    expect((await (await colleague('org-admin')).patch(path).send({ title: 'x' })).status).toBe(
      200,
    );
  });

  it('answers 404 alike to one that is missing, deleted, elsewhere or foreign', async () => {
    const { caseId, ids } = await goneEvents();
    for (const id of ids) {
      const response = await http.patch(pathOf(caseId, id)).send({ title: 'x' });
      expectProblem(response, 404, 'TIMELINE_EVENT_NOT_FOUND');
    }
  });

  it('answers 409 to one that the server recorded', async () => {
    const caseId = await makeCase();
    const [event] = await timeline(caseId);
    const response = await http.patch(pathOf(caseId, event?.id ?? '')).send({ title: 'x' });
    expectProblem(response, 409, 'TIMELINE_EVENT_AUTOMATIC');
  });

  it('answers 412 to one who read an older version, and lets one of fifty win', async () => {
    const caseId = await makeCase();
    const { id } = await enter(caseId);
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api
          .http(tenant.key)
          .patch(pathOf(caseId, id))
          .set('If-Match', '"1"')
          .send({ title: `edit ${index}` }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(49);
  });
});

describe('DELETE /cases/:id/timeline/:eventId', () => {
  it('takes the event out of the timeline, with history and audit', async () => {
    const caseId = await makeCase({ title: 'Case' });
    const { id } = await enter(caseId);
    expect((await http.delete(pathOf(caseId, id))).status).toBe(204);
    expect(await titles(caseId)).toEqual(['Case created: Case']);
    expectProblem(await http.get(pathOf(caseId, id)), 404, 'TIMELINE_EVENT_NOT_FOUND');
    const history = (await http.get(`/api/cases/${caseId}/activities`)).body as Activity[];
    expect(history[0]).toMatchObject({
      action: 'removed',
      fieldName: 'timeline',
      oldValue: { id, title: 'Power was cut' },
    });
    expect(await audited(id, 'deleted')).toContainEqual({
      field: 'title',
      old: 'Power was cut',
      new: null,
    });
  });

  it('answers 403 to anybody but its author and administrators', async () => {
    const caseId = await makeCase();
    const path = pathOf(caseId, (await enter(caseId)).id);
    expectProblem(await (await colleague()).delete(path), 403, 'AUTHOR_ONLY');
    expect((await (await colleague('org-admin')).delete(path)).status).toBe(204);
  });

  it('answers 409 to one that the server recorded, and 412 to a stale version', async () => {
    const caseId = await makeCase();
    const [created] = await timeline(caseId);
    const automatic = await http.delete(pathOf(caseId, created?.id ?? ''));
    expectProblem(automatic, 409, 'TIMELINE_EVENT_AUTOMATIC');
    const { id } = await enter(caseId);
    const response = await http.delete(pathOf(caseId, id)).set('If-Match', '"2"');
    expectProblem(response, 412, 'STALE_VERSION');
  });
});
