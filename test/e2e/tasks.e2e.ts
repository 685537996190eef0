import type { Activity } from '../../src/activities/activities.schema.js';
import type { CaseDetail, ListedCase } from '../../src/cases/cases.schema.js';
import { taskSchema } from '../../src/tasks/tasks.schema.js';
import type { Task } from '../../src/tasks/tasks.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addPerson,
  addTeam,
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
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
});

beforeEach(() => {
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

async function makeCase(body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post('/api/cases')
    .send({ title: unique('Case'), statusValue: 'new', severity: 2, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return (response.body as { id: string }).id;
}

async function addTask(caseId: string, body: object = {}, agent = http): Promise<Task> {
  const response = await agent.post(`/api/cases/${caseId}/tasks`).send({ title: 'Task', ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(taskSchema, response.body);
}

async function change(id: string, body: object, agent = http): Promise<Task> {
  const response = await agent.patch(`/api/tasks/${id}`).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(taskSchema, response.body);
}

const detail = async (caseId: string, agent = http) =>
  (await agent.get(`/api/cases/${caseId}`)).body as CaseDetail;

/** Titles in their order, which must be dense. */
async function orderOf(caseId: string): Promise<string[]> {
  const { tasks } = await detail(caseId);
  expect(tasks.map(({ order }) => order)).toEqual(tasks.map((_, index) => index));
  return tasks.map(({ title }) => title);
}

const lowKey = async () => api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);

/** What the newest line of a task's history and the newest entry of its audit trail tell. */
async function lastTold(id: string, agent = http) {
  const [line] = (await agent.get(`/api/tasks/${id}/activities`)).body as Activity[];
  const [entry] = await api.db.rows(
    `SELECT action, target_kind, changes, organization_id, actor_kind, actor_id, credential_id, ip, request_id IS NOT NULL AS "isOfRequest"
     FROM audit_entries WHERE target_id = $1 ORDER BY at DESC, id DESC LIMIT 1`,
    [id],
  );
  if (!line) throw new Error('A task has no history.');
  const { action, fieldName, oldValue, newValue, body, username, actor } = line;
  return { line: { action, fieldName, oldValue, newValue, body, username, actor }, entry };
}

describe('POST /cases/:id/tasks', () => {
  it('adds a task with what is absent as documented, and tells of it', async () => {
    const caseId = await makeCase({ tlp: 3 });
    const response = await http.post(`/api/cases/${caseId}/tasks`).send({ title: 'Isolate' });
    expect(response.status).toBe(201);
    const task = expectMatches(taskSchema, response.body);
    expect(task).toMatchObject({
      caseId,
      title: 'Isolate',
      description: '',
      mandatory: false,
      flagged: false,
      status: 'open',
      assigneeId: null,
      dueDate: null,
      tlp: 3,
      teams: [],
      order: 0,
      startedAt: null,
      completedAt: null,
      createdById: tenant.userId,
      deletedAt: null,
      version: 1,
    });
    expect(response.headers.location).toBe(`/api/tasks/${task.id}`);
    expect((await http.get(`/api/tasks/${task.id}`)).body).toEqual(task);
    const shown = await detail(caseId);
    expect(shown.tasks).toEqual([task]);
    expect(shown.version).toBe(2);
    for (const path of [`cases/${caseId}`, `tasks/${task.id}`]) {
      const history = await http.get(`/api/${path}/activities`);
      expect((history.body as Activity[])[0]).toMatchObject({
        action: 'added',
        fieldName: 'tasks',
        newValue: { id: task.id, title: 'Isolate' },
      });
    }
  });

  it('takes everything a task has', async () => {
    const team = await addTeam(api.db, tenant.organizationId);
    const task = await addTask(await makeCase(), {
      description: '**Now**',
      mandatory: true,
      flagged: true,
      status: 'In_Progress',
      assigneeId: { id: tenant.userId },
      dueDate: '2030-01-01T10:00:00+02:00',
      tlp: '4',
      teams: [team.id, { id: team.id }],
    });
    expect(task).toMatchObject({
      status: 'in-progress',
      assigneeId: tenant.userId,
      assignee: { id: tenant.userId },
      dueDate: '2030-01-01T08:00:00.000Z',
      tlp: 4,
      teams: [team],
      completedAt: null,
    });
    expect(task.startedAt).not.toBeNull();
  });

  it('puts a task where it belongs, and keeps the order dense under fifty at once', async () => {
    const caseId = await makeCase();
    for (const title of ['a', 'b', 'c']) await addTask(caseId, { title });
    await addTask(caseId, { title: 'first', order: 0 });
    await addTask(caseId, { title: 'last', order: 99 });
    expect(await orderOf(caseId)).toEqual(['first', 'a', 'b', 'c', 'last']);
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        addTask(caseId, { title: `t${index}`, order: 2 }, api.http(tenant.key)),
      ),
    );
    expect(await orderOf(caseId)).toHaveLength(55);
  });

  it.each([
    ['no title', { title: undefined }, ['title']],
    ['a blank title', { title: ' ' }, ['title']],
    ['a title above 512', { title: 'x'.repeat(513) }, ['title']],
    ['an unknown status', { status: 'waiting' }, ['status']],
    ['a TLP above the scale', { tlp: 5 }, ['tlp']],
    ["a TLP below the case's", { tlp: 1 }, ['tlp']],
    ['a due date that is none', { dueDate: 'tomorrow' }, ['dueDate']],
    ['a negative order', { order: -1 }, ['order']],
    ['a broken order', { order: 1.5 }, ['order']],
    ['a flag of another type', { mandatory: 'yes' }, ['mandatory']],
    ['an unknown key', { caseId: MISSING_ID }, ['caseId']],
    ['a key of the server', { completedAt: '2026-01-01T00:00:00Z' }, ['completedAt']],
  ])('answers 400 to %s, and stores nothing', async (_what, body, paths) => {
    const caseId = await makeCase();
    const before = await fingerprint(api.db);
    const response = await http.post(`/api/cases/${caseId}/tasks`).send({ title: 'x', ...body });
    expectInvalid(response, paths);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 400 alike to an assignee and a team that mean nothing', async () => {
    const caseId = await makeCase();
    const foreignTeam = await addTeam(api.db, other.organizationId);
    for (const [assigneeId, team] of [
      [MISSING_ID, MISSING_ID],
      [other.userId, foreignTeam.id],
    ]) {
      const response = await http
        .post(`/api/cases/${caseId}/tasks`)
        .send({ title: 'x', assigneeId, teams: [team] });
      expectInvalid(response, ['teams[0]', 'assigneeId'], 'REFERENCE_NOT_FOUND');
    }
  });

  const probe = {
    method: 'post',
    path: () => `/api/cases/${MISSING_ID}/tasks`,
    body: { title: 'x' },
  } as const;

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);

  it('answers 403 above the clearance: of the case, and of the task', async () => {
    const low = await lowKey();
    const red = await makeCase({ tlp: 4 });
    const path = (id: string) => `/api/cases/${id}/tasks`;
    expectProblem(await low.post(path(red)).send({ title: 'x' }), 403, 'CLEARANCE_TLP');
    const open = await makeCase();
    expectProblem(await low.post(path(open)).send({ title: 'x', tlp: 3 }), 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'post',
    (id) => `/api/cases/${id}/tasks`,
    'CASE_NOT_FOUND',
    async () => {
      const deleted = await makeCase();
      await http.delete(`/api/cases/${deleted}`);
      return [deleted, await makeCase({}, api.http(other.key))];
    },
    { title: 'x' },
  );
});

describe('POST /cases with tasks', () => {
  it('opens the case with them, in their order', async () => {
    const caseId = await makeCase({
      tasks: [
        { title: 'one', mandatory: true },
        { title: 'two', status: 'completed' },
      ],
    });
    expect(await orderOf(caseId)).toEqual(['one', 'two']);
    const listed = await http.get('/api/cases?limit=1');
    expect((listed.body as ListedCase[])[0]?.taskCounts).toEqual({ total: 2, done: 1 });
  });

  it('answers 400 naming the task, and opens nothing', async () => {
    const before = await fingerprint(api.db);
    const response = await http.post('/api/cases').send({
      title: 'x',
      statusValue: 'new',
      severity: 1,
      tlp: 3,
      tasks: [{ title: 'fine' }, { title: 'too open', tlp: 2 }],
    });
    expectInvalid(response, ['tasks[1].tlp']);
    expect(await fingerprint(api.db)).toBe(before);
  });
});

describe('PATCH /tasks/:id', () => {
  it('keeps the first start, and the completion while it lasts', async () => {
    const { id } = await addTask(await makeCase());
    const started = await change(id, { status: 'in-progress' });
    expect(started.startedAt).not.toBeNull();
    const done = await change(id, { status: 'completed' });
    expect(done).toMatchObject({ startedAt: started.startedAt });
    expect(done.completedAt).not.toBeNull();
    const reopened = await change(id, { status: 'open' });
    expect(reopened).toMatchObject({ startedAt: started.startedAt, completedAt: null });
    const history = await http.get(`/api/tasks/${id}/activities`);
    expect((history.body as Activity[]).map(({ action, newValue }) => [action, newValue])).toEqual([
      ['statusChanged', 'open'],
      ['statusChanged', 'completed'],
      ['statusChanged', 'in-progress'],
      ['added', { id, title: 'Task' }],
    ]);
  });

  it('takes both shapes of body, by PUT as well', async () => {
    const { id } = await addTask(await makeCase());
    const wrapped = await http.put(`/api/tasks/${id}`).send({ fields: { title: 'wrapped' } });
    expect((wrapped.body as Task).title).toBe('wrapped');
    expectInvalid(await http.patch(`/api/tasks/${id}`).send({ fields: { tlp: 9 } }), [
      'fields.tlp',
    ]);
    expectInvalid(await http.patch(`/api/tasks/${id}`).send({ fields: { tlp: 0 } }), [
      'fields.tlp',
    ]);
    const mixed = await http.patch(`/api/tasks/${id}`).send({ fields: {}, title: 'x' });
    expectInvalid(mixed, ['title']);
  });

  it('changes nothing when nothing is new', async () => {
    const task = await addTask(await makeCase());
    expect(await change(task.id, { title: task.title, order: 0 })).toEqual(task);
  });

  it('moves a task up and down, the others making room', async () => {
    const caseId = await makeCase();
    const tasks = [];
    for (const title of ['a', 'b', 'c', 'd']) tasks.push(await addTask(caseId, { title }));
    await change(tasks[3]?.id ?? '', { order: 1 });
    expect(await orderOf(caseId)).toEqual(['a', 'd', 'b', 'c']);
    await change(tasks[0]?.id ?? '', { order: 99 });
    expect(await orderOf(caseId)).toEqual(['d', 'b', 'c', 'a']);
  });

  it('replaces teams, clears what can be empty', async () => {
    const [one, two] = [
      await addTeam(api.db, tenant.organizationId),
      await addTeam(api.db, tenant.organizationId),
    ];
    const { id } = await addTask(await makeCase(), {
      teams: [one.id],
      assigneeId: tenant.userId,
      dueDate: '2030-01-01T00:00:00Z',
    });
    const changed = await change(id, { teams: [two.id], assigneeId: null, dueDate: null });
    expect(changed).toMatchObject({
      teams: [two],
      assigneeId: null,
      assignee: null,
      dueDate: null,
    });
  });

  it('answers 403 when it would be raised above the clearance, or is there', async () => {
    const caseId = await makeCase();
    const { id } = await addTask(caseId);
    const low = await lowKey();
    expectProblem(await low.patch(`/api/tasks/${id}`).send({ tlp: 4 }), 403, 'CLEARANCE_TLP');
    await change(id, { tlp: 4 });
    expectProblem(await low.patch(`/api/tasks/${id}`).send({ title: 'x' }), 403, 'CLEARANCE_TLP');
    expectProblem(await low.get(`/api/tasks/${id}`), 403, 'CLEARANCE_TLP');
    expectProblem(await low.get(`/api/tasks/${id}/activities`), 403, 'CLEARANCE_TLP');
    expect((await detail(caseId, low)).tasks).toEqual([]);
    expect((await low.get(`/api/cases/${caseId}/tasks`)).body).toEqual([]);
  });

  it('lets one of fifty win with one ETag', async () => {
    const { id } = await addTask(await makeCase());
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api
          .http(tenant.key)
          .patch(`/api/tasks/${id}`)
          .set('If-Match', '"1"')
          .send({ title: `t${index}` }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 412)).toHaveLength(49);
  });

  outcomes.notFound(
    'patch',
    (id) => `/api/tasks/${id}`,
    'TASK_NOT_FOUND',
    async () => {
      const caseId = await makeCase();
      const deleted = await addTask(caseId);
      const ofDeleted = await addTask(caseId);
      await http.delete(`/api/tasks/${deleted.id}`);
      await http.delete(`/api/cases/${caseId}`);
      const guest = api.http(other.key);
      return [deleted.id, ofDeleted.id, (await addTask(await makeCase({}, guest), {}, guest)).id];
    },
    { title: 'x' },
  );
});

describe('PATCH /cases/:id', () => {
  it('raises the tasks with the case, and lowers none', async () => {
    const caseId = await makeCase();
    const [low, high] = [await addTask(caseId), await addTask(caseId, { tlp: 4 })];
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 3 });
    expect((await http.get(`/api/tasks/${low.id}`)).body).toMatchObject({ tlp: 3 });
    expect((await http.get(`/api/tasks/${high.id}`)).body).toMatchObject({ tlp: 4 });
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 1 });
    expect((await http.get(`/api/tasks/${low.id}`)).body).toMatchObject({ tlp: 3 });
  });

  it('tells of each raised task as an update of its TLP does, in the audit trail of the owner', async () => {
    const person = await createTenant(api.db);
    await linkOrganizations(api.db, tenant.organizationId, person.organizationId);
    const organizations = [tenant.organizationId, person.organizationId];
    const guest = api.http(person.key);
    const caseId = await makeCase({ organizations, tlp: 1 });
    const [raised, changed, high] = [
      await addTask(caseId),
      await addTask(caseId),
      await addTask(caseId, { title: 'High', tlp: 4 }),
    ];
    const untold = await lastTold(high.id);
    await change(changed.id, { tlp: 3 }, guest);
    await guest.patch(`/api/cases/${caseId}`).send({ tlp: 3 });
    const told = await lastTold(raised.id);
    expect(told).toEqual(await lastTold(changed.id));
    expect(told).toMatchObject({
      line: { action: 'updated', fieldName: 'tlp', oldValue: 1, newValue: 3, body: 'Task' },
      entry: {
        action: 'task.updated',
        organization_id: tenant.organizationId,
        actor_id: person.userId,
        changes: [{ field: 'tlp', old: 1, new: 3 }],
      },
    });
    expect(await lastTold(high.id)).toEqual(untold);
  });

  it('tells of a raised task nobody whose clearance ends below', async () => {
    const caseId = await makeCase();
    const { id } = await addTask(caseId);
    const [before, low] = [await lastTold(id), await lowKey()];
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 3 });
    await http.patch(`/api/cases/${caseId}`).send({ tlp: 2 });
    await change(id, { tlp: 2 });
    expect((await lastTold(id)).line).toMatchObject({ fieldName: 'tlp', oldValue: 3, newValue: 2 });
    expect((await lastTold(id, low)).line).toEqual(before.line);
    const history = (await low.get(`/api/cases/${caseId}/activities`)).body as Activity[];
    expect(history.map(({ fieldName }) => fieldName)).not.toContain('tlp');
  });

  it('answers 409 to a closing while mandatory tasks are open, naming those the caller may see', async () => {
    const caseId = await makeCase();
    const first = await addTask(caseId, { title: 'Isolate', mandatory: true });
    const secret = await addTask(caseId, { title: 'Secret', mandatory: true, tlp: 4 });
    await addTask(caseId, { title: 'Optional' });
    const close = (agent = http) =>
      agent.patch(`/api/cases/${caseId}`).send({ statusValue: 'resolved' });
    const refused = expectProblem(await close(), 409, 'MANDATORY_TASKS_OPEN');
    expect(refused.detail).toContain('"Isolate", "Secret"');
    const low = expectProblem(await close(await lowKey()), 409, 'MANDATORY_TASKS_OPEN');
    expect(low.detail).toContain('"Isolate", one above your clearance');
    const bulk = await http
      .patch('/api/cases/bulk')
      .send({ ids: [caseId], fields: { statusValue: 'resolved' } });
    expect(bulk.body).toMatchObject({
      updatedCount: 0,
      results: [{ code: 'MANDATORY_TASKS_OPEN' }],
    });
    await change(first.id, { status: 'completed' });
    await change(secret.id, { status: 'cancelled' });
    expect((await close()).status).toBe(200);
    expect((await http.patch(`/api/cases/${caseId}`).send({ statusValue: 'new' })).status).toBe(
      200,
    );
  });
});

describe('PATCH /cases/bulk', () => {
  it('tells of each task it raises', async () => {
    const ids = [await makeCase({ tlp: 0 }), await makeCase({ tlp: 1 }), await makeCase()];
    const tasks = await Promise.all(ids.map((id) => addTask(id)));
    await http.patch('/api/cases/bulk').send({ ids, fields: { tlp: 2 } });
    const told = await Promise.all(tasks.map(({ id }) => lastTold(id)));
    expect(told.map(({ line }) => line)).toMatchObject([
      { fieldName: 'tlp', oldValue: 0, newValue: 2 },
      { fieldName: 'tlp', oldValue: 1, newValue: 2 },
      { fieldName: 'tasks' },
    ]);
    expect(told.map(({ entry }) => entry?.changes)).toEqual([
      [{ field: 'tlp', old: 0, new: 2 }],
      [{ field: 'tlp', old: 1, new: 2 }],
      [],
    ]);
  });
});

describe('DELETE /tasks/:id', () => {
  it('takes the task out of every read, and closes the gap', async () => {
    const caseId = await makeCase();
    const tasks = [];
    for (const title of ['a', 'b', 'c']) tasks.push(await addTask(caseId, { title }));
    expect((await http.delete(`/api/tasks/${tasks[1]?.id ?? ''}`)).status).toBe(204);
    expect(await orderOf(caseId)).toEqual(['a', 'c']);
    expectProblem(await http.get(`/api/tasks/${tasks[1]?.id ?? ''}`), 404, 'TASK_NOT_FOUND');
  });

  it('is the owner’s: guests add and work tasks, and delete none', async () => {
    await linkOrganizations(api.db, tenant.organizationId, other.organizationId);
    const organizations = [tenant.organizationId, other.organizationId];
    const caseId = await makeCase({ organizations });
    const guest = api.http(other.key);
    const task = await addTask(caseId, {}, guest);
    await change(task.id, { status: 'completed' }, guest);
    expectProblem(await guest.delete(`/api/tasks/${task.id}`), 403, 'OWNER_ONLY');
  });
});

describe('GET /tasks', () => {
  it("shows a person's own work, by due date, those without one last", async () => {
    const person = await addPerson(api.db, tenant.organizationId);
    const { organizationId } = tenant;
    const me = api.http((await addKey(api.db, { ...person, organizationId })).key);
    const caseId = await makeCase();
    const assigneeId = person.userId;
    const never = await addTask(caseId, { assigneeId });
    const late = await addTask(caseId, { assigneeId, dueDate: '2030-02-01T00:00:00Z' });
    const early = await addTask(caseId, { assigneeId, dueDate: '2020-01-01T00:00:00Z' });
    const done = await addTask(caseId, {
      assigneeId,
      dueDate: '2020-01-02T00:00:00Z',
      status: 'completed',
    });
    const ids = async (query: string) =>
      ((await me.get(`/api/tasks?assigneeId=me&${query}`)).body as Task[]).map(({ id }) => id);
    expect(await ids('sort=dueDate')).toEqual([early.id, done.id, late.id, never.id]);
    expect(await ids('overdue=true')).toEqual([early.id]);
    expect((await ids('overdue=false')).sort()).toEqual([never.id, late.id, done.id].sort());
    expect(await ids('dueBefore=2020-01-02T00:00:00Z')).toEqual([early.id]);
    expect(await ids('status=Completed,blocked')).toEqual([done.id]);
    const paged = await readAll<Task>(me, '/api/tasks?assigneeId=me&sort=dueDate&limit=1');
    expect(paged.map(({ id }) => id)).toEqual([early.id, done.id, late.id, never.id]);
    const searched = await me
      .post('/api/tasks/search')
      .send({ assigneeId: ['me'], sort: '-dueDate', limit: 2, count: true });
    expect(searched.body).toMatchObject({
      items: [{ id: never.id }, { id: late.id }],
      nextCursor: expect.any(String) as string,
      total: 4,
      totalCapped: false,
    });
  });

  it('filters by case, flags and nobody', async () => {
    const caseId = await makeCase();
    const flagged = await addTask(caseId, { flagged: true });
    const mandatory = await addTask(caseId, { mandatory: true, assigneeId: tenant.userId });
    const ids = async (query: string) =>
      ((await http.get(`/api/tasks?caseId=${caseId}&${query}`)).body as Task[]).map(({ id }) => id);
    expect(await ids('flagged=true')).toEqual([flagged.id]);
    expect(await ids('mandatory=true')).toEqual([mandatory.id]);
    expect(await ids('assigneeId=none')).toEqual([flagged.id]);
    expect(await ids('sort=order')).toEqual([flagged.id, mandatory.id]);
  });

  it('shows what is shared, nothing of other tenants, nothing of deleted cases', async () => {
    const own = await createTenant(api.db);
    const guest = await createTenant(api.db);
    await linkOrganizations(api.db, own.organizationId, guest.organizationId);
    const owner = api.http(own.key);
    const organizations = [own.organizationId, guest.organizationId];
    const shared = await addTask(await makeCase({ organizations }, owner), {}, owner);
    const kept = await addTask(await makeCase({}, owner), {}, owner);
    const gone = await makeCase({}, owner);
    await addTask(gone, {}, owner);
    await owner.delete(`/api/cases/${gone}`);
    const seen = async (agent: Agent) => {
      const response = await agent.get('/api/tasks?count=true');
      const ids = (response.body as Task[]).map(({ id }) => id);
      expect(response.headers['x-total-count']).toBe(String(ids.length));
      return ids;
    };
    expect(await seen(owner)).toEqual([kept.id, shared.id]);
    expect(await seen(api.http(guest.key))).toEqual([shared.id]);
    const all = await api.http(api.adminKey).get('/api/tasks?limit=1000');
    expect((all.body as Task[]).map(({ id }) => id)).toEqual(
      expect.arrayContaining([kept.id, shared.id]),
    );
  });

  it.each([
    ['assigneeId=you', 'assigneeId[0]'],
    ['status=waiting', 'status[0]'],
    ['caseId=x', 'caseId[0]'],
    ['dueBefore=x', 'dueBefore'],
    ['overdue=1', 'overdue'],
    ['sort=title', 'sort'],
    ['limit=0', 'limit'],
    ['nonsense=1', 'nonsense'],
  ])('answers 400 to %s', async (query, path) => {
    expectInvalid(await http.get(`/api/tasks?${query}`), [path]);
  });
});

describe('a list of large tasks', () => {
  it('has fewer of them on a page, and all of them on its pages', async () => {
    const caseId = await makeCase();
    const ids: string[] = [];
    for (let index = 0; index < 20; index++)
      ids.push((await addTask(caseId, { description: 'd '.repeat(500_000) })).id);
    const path = `/api/tasks?caseId=${caseId}&limit=1000&sort=createdAt`;
    const first = await http.get(path);
    expect(first.status).toBe(200);
    expect((first.body as Task[]).length).toBeLessThan(20);
    expect((await readAll<Task>(http, path)).map(({ id }) => id)).toEqual(ids);
  });
});
