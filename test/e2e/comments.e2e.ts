import type { Activity } from '../../src/activities/activities.schema.js';
import { commentSchema } from '../../src/comments/comments.schema.js';
import type { Comment } from '../../src/comments/comments.schema.js';
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

type Kind = 'alerts' | 'cases';

async function makeRecord(kind: Kind, body: object = {}, agent = http): Promise<string> {
  const response = await agent
    .post(`/api/${kind}`)
    .send({ title: unique('Record'), statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
}

async function comment(path: string, body: object, agent = http): Promise<Comment> {
  const response = await agent.post(`/api/${path}/comments`).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(commentSchema, response.body);
}

/** Another person of the tenant, with a key. */
async function colleague(role: 'analyst' | 'org-admin' = 'analyst'): Promise<Agent> {
  const person = await addPerson(api.db, tenant.organizationId, { role });
  const { organizationId } = tenant;
  return api.http((await addKey(api.db, { ...person, organizationId })).key);
}

describe.each<Kind>(['alerts', 'cases'])('POST /%s/:id/comments', (kind) => {
  it('keeps the Markdown as it was typed, and tells of it in the history', async () => {
    const id = await makeRecord(kind);
    const body = '  **Isolated** <script>alert(1)</script>\r\n\n- [ ] image ☃  ';
    const response = await http.post(`/api/${kind}/${id}/comments`).send({ body });
    expect(response.status).toBe(201);
    const created = expectMatches(commentSchema, response.body);
    expect(created).toMatchObject({
      body,
      alertId: kind === 'alerts' ? id : null,
      caseId: kind === 'cases' ? id : null,
      parentId: null,
      mentions: [],
      createdBy: { id: tenant.userId, email: tenant.email },
      editedAt: null,
      version: 1,
    });
    expect(response.headers.location).toBe(`/api/comments/${created.id}`);
    expect((await http.get(response.headers.location ?? '')).body).toEqual(created);
    const history = await http.get(`/api/${kind}/${id}/activities`);
    expect((history.body as Activity[])[0]).toMatchObject({
      action: 'commentAdded',
      newValue: { id: created.id },
    });
  });

  it('answers another comment of the same record', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const first = await comment(path, { body: 'first' });
    const reply = await comment(path, { body: 'reply', parentId: first.id });
    expect(reply.parentId).toBe(first.id);
  });

  it('mentions people of the organization, whatever the case of their address', async () => {
    const path = `${kind}/${await makeRecord(kind)}`;
    const person = await addPerson(api.db, tenant.organizationId);
    const inactive = await addPerson(api.db, tenant.organizationId, { status: 'inactive' });
    const body = `@${person.email.toUpperCase()} @${inactive.email} @${other.email} @nobody@example.org`;
    const created = await comment(path, { body });
    expect(created.mentions.map(({ id }) => id)).toEqual([person.userId]);
    const edited = await http.patch(`/api/comments/${created.id}`).send({ body: 'nobody' });
    expect((edited.body as Comment).mentions).toEqual([]);
  });

  it.each([
    ['an absent body', {}, ['body']],
    ['an empty body', { body: '' }, ['body']],
    ['a blank body', { body: ' \n' }, ['body']],
    ['a body above 30 000 characters', { body: 'x'.repeat(30_001) }, ['body']],
    ['a NUL', { body: 'a\u0000' }, ['body']],
    ['a lone surrogate', { body: 'a\ud800' }, ['body']],
    ['a body of another type', { body: 7 }, ['body']],
    ['a parent that is no id', { body: 'x', parentId: 'x' }, ['parentId']],
    ['an unknown key', { body: 'x', createdById: MISSING_ID }, ['createdById']],
  ])('answers 400 to %s, and stores nothing', async (_what, body, paths) => {
    const id = await makeRecord(kind);
    const before = await fingerprint(api.db);
    expectInvalid(await http.post(`/api/${kind}/${id}/comments`).send(body), paths);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('takes 30 000 characters', async () => {
    await comment(`${kind}/${await makeRecord(kind)}`, { body: 'x'.repeat(30_000) });
  });

  it('answers 400 alike to a parent that is missing, deleted, elsewhere or foreign', async () => {
    const id = await makeRecord(kind);
    const elsewhere = await comment(`${kind}/${await makeRecord(kind)}`, { body: 'elsewhere' });
    const deleted = await comment(`${kind}/${id}`, { body: 'deleted' });
    await http.delete(`/api/comments/${deleted.id}`);
    const guest = api.http(other.key);
    const foreignPath = `${kind}/${await makeRecord(kind, {}, guest)}`;
    const foreign = await comment(foreignPath, { body: 'foreign' }, guest);
    for (const parentId of [MISSING_ID, deleted.id, elsewhere.id, foreign.id]) {
      const response = await http.post(`/api/${kind}/${id}/comments`).send({ body: 'x', parentId });
      expectInvalid(response, ['parentId'], 'REFERENCE_NOT_FOUND');
    }
  });

  const probe = {
    method: 'post',
    path: () => `/api/${kind}/${MISSING_ID}/comments`,
    body: { body: 'x' },
  } as const;

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(
    probe,
    kind === 'alerts' ? 'alerts:write' : 'cases:write',
    kind === 'alerts' ? ['alerts:read', 'cases:write'] : ['cases:read', 'alerts:write'],
  );

  it('answers 403 on a record above the clearance', async () => {
    const id = await makeRecord(kind, { tlp: 4 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    const response = await low.post(`/api/${kind}/${id}/comments`).send({ body: 'x' });
    expectProblem(response, 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'post',
    (id) => `/api/${kind}/${id}/comments`,
    kind === 'alerts' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND',
    async () => {
      const deleted = await makeRecord(kind);
      await http.delete(`/api/${kind}/${deleted}`);
      return [deleted, await makeRecord(kind, {}, api.http(other.key))];
    },
    { body: 'x' },
  );
});

describe('GET /alerts/:id/comments', () => {
  it('pages through all, newest first, and counts', async () => {
    const path = `alerts/${await makeRecord('alerts')}`;
    const ids: string[] = [];
    for (let index = 0; index < 7; index++)
      ids.unshift((await comment(path, { body: `${index}` })).id);
    const all = await readAll<Comment>(http, `/api/${path}/comments?limit=3`);
    expect(all.map(({ id }) => id)).toEqual(ids);
    const counted = await http.get(`/api/${path}/comments?limit=1&count=true`);
    expect(counted.headers['x-total-count']).toBe('7');
  });

  it('refuses the cursor of another record', async () => {
    const [one, two] = [await makeRecord('alerts'), await makeRecord('alerts')];
    for (const body of ['a', 'b']) await comment(`alerts/${one}`, { body });
    const first = await http.get(`/api/alerts/${one}/comments?limit=1`);
    const cursor = /cursor=([^&>]+)/.exec(first.headers.link ?? '')?.[1] ?? '';
    const response = await http.get(`/api/alerts/${two}/comments?limit=1&cursor=${cursor}`);
    expectInvalid(response, ['cursor'], 'INVALID_CURSOR');
  });

  it('shows a guest what is said, and lets it answer', async () => {
    await linkOrganizations(api.db, tenant.organizationId, other.organizationId);
    const organizations = [tenant.organizationId, other.organizationId];
    const path = `alerts/${await makeRecord('alerts', { organizations })}`;
    const first = await comment(path, { body: 'ours' });
    const guest = api.http(other.key);
    const reply = await comment(path, { body: 'theirs', parentId: first.id }, guest);
    const listed = await guest.get(`/api/${path}/comments`);
    expect((listed.body as Comment[]).map(({ id }) => id)).toEqual([reply.id, first.id]);
    expectProblem(await guest.delete(`/api/comments/${first.id}`), 403, 'AUTHOR_ONLY');
  });
});

describe('PATCH /comments/:id', () => {
  it('changes the text as its author, with the time of the edit, history and audit', async () => {
    const id = await makeRecord('cases');
    const created = await comment(`cases/${id}`, { body: 'before' });
    const response = await http
      .patch(`/api/comments/${created.id}`)
      .set('If-Match', '"1"')
      .send({ body: 'after' });
    expect(response.status).toBe(200);
    const edited = expectMatches(commentSchema, response.body);
    expect(edited).toMatchObject({ body: 'after', version: 2, createdAt: created.createdAt });
    expect(edited.editedAt).not.toBeNull();
    expect(response.headers.etag).toBe('"2"');
    const history = await http.get(`/api/cases/${id}/activities`);
    expect((history.body as Activity[])[0]).toMatchObject({
      action: 'updated',
      fieldName: 'comments',
    });
    const [audit] = await api.db.rows<{ changes: unknown }>(
      `SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'comment.updated'`,
      [created.id],
    );
    expect(audit?.changes).toEqual([{ field: 'body', old: 'before', new: 'after' }]);
  });

  it('leaves version and history alone when nothing changes', async () => {
    const created = await comment(`cases/${await makeRecord('cases')}`, { body: 'same' });
    const response = await http.patch(`/api/comments/${created.id}`).send({ body: 'same' });
    expect(response.body).toEqual(created);
  });

  it('lets an administrator, and answers 403 to anybody else', async () => {
    const created = await comment(`alerts/${await makeRecord('alerts')}`, { body: 'mine' });
    const path = `/api/comments/${created.id}`;
    expectProblem(await (await colleague()).patch(path).send({ body: 'x' }), 403, 'AUTHOR_ONLY');
    const byAdmin = await (await colleague('org-admin')).patch(path).send({ body: 'x' });
    expect(byAdmin.status).toBe(200);
    expect((byAdmin.body as Comment).createdBy.id).toBe(tenant.userId);
  });

  it("answers 403 without the write scope of its record's kind", async () => {
    const created = await comment(`alerts/${await makeRecord('alerts')}`, { body: 'mine' });
    const { key } = await addKey(api.db, tenant, { scopes: ['alerts:read', 'cases:write'] });
    const response = await api.http(key).patch(`/api/comments/${created.id}`).send({ body: 'x' });
    expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
  });

  it('answers 412 to one who read an older version, and lets one of fifty win', async () => {
    const created = await comment(`alerts/${await makeRecord('alerts')}`, { body: 'first' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api
          .http(tenant.key)
          .patch(`/api/comments/${created.id}`)
          .set('If-Match', '"1"')
          .send({ body: `edit ${index}` }),
      ),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(statuses.filter((status) => status === 412)).toHaveLength(49);
  });

  outcomes.notFound(
    'patch',
    (id) => `/api/comments/${id}`,
    'COMMENT_NOT_FOUND',
    async () => {
      const deleted = await comment(`alerts/${await makeRecord('alerts')}`, { body: 'x' });
      await http.delete(`/api/comments/${deleted.id}`);
      const gone = await makeRecord('alerts');
      const ofDeleted = await comment(`alerts/${gone}`, { body: 'x' });
      await http.delete(`/api/alerts/${gone}`);
      const guest = api.http(other.key);
      const path = `alerts/${await makeRecord('alerts', {}, guest)}`;
      return [deleted.id, ofDeleted.id, (await comment(path, { body: 'x' }, guest)).id];
    },
    { body: 'x' },
  );
});

describe('DELETE /comments/:id', () => {
  it('takes the comment out of every read; its answers then answer what it answered', async () => {
    const path = `cases/${await makeRecord('cases')}`;
    const first = await comment(path, { body: 'first' });
    const second = await comment(path, { body: 'second', parentId: first.id });
    const third = await comment(path, { body: 'third', parentId: second.id });
    expect((await http.delete(`/api/comments/${second.id}`)).status).toBe(204);
    expectProblem(await http.get(`/api/comments/${second.id}`), 404, 'COMMENT_NOT_FOUND');
    const listed = await http.get(`/api/${path}/comments?sort=createdAt`);
    expect((listed.body as Comment[]).map(({ id, parentId }) => ({ id, parentId }))).toEqual([
      { id: first.id, parentId: null },
      { id: third.id, parentId: first.id },
    ]);
  });

  it('answers 403 to anybody but its author and administrators', async () => {
    const created = await comment(`alerts/${await makeRecord('alerts')}`, { body: 'mine' });
    const path = `/api/comments/${created.id}`;
    expectProblem(await (await colleague()).delete(path), 403, 'AUTHOR_ONLY');
    expect((await (await colleague('org-admin')).delete(path)).status).toBe(204);
  });
});

describe('comments of a task', () => {
  const makeTask = async (body: object = {}, agent = http): Promise<string> => {
    const caseId = await makeRecord('cases', {}, agent);
    const response = await agent.post(`/api/cases/${caseId}/tasks`).send({ title: 'x', ...body });
    return (response.body as { id: string }).id;
  };

  it('are said, answered, changed and deleted, and told of by the task and its case', async () => {
    const id = await makeTask();
    const first = await comment(`tasks/${id}`, { body: 'first' });
    expect(first).toMatchObject({ alertId: null, caseId: null, taskId: id });
    const reply = await comment(`tasks/${id}`, { body: 'reply', parentId: first.id });
    expect((await http.patch(`/api/comments/${reply.id}`).send({ body: 'other' })).status).toBe(
      200,
    );
    expect((await http.delete(`/api/comments/${first.id}`)).status).toBe(204);
    const listed = await http.get(`/api/tasks/${id}/comments`);
    expect(listed.body).toMatchObject([{ id: reply.id, body: 'other', parentId: null }]);
    const { caseId } = (await http.get(`/api/tasks/${id}`)).body as { caseId: string };
    for (const path of [`tasks/${id}`, `cases/${caseId}`]) {
      const history = (await http.get(`/api/${path}/activities`)).body as Activity[];
      expect(history.map(({ action }) => action).slice(0, 4)).toEqual([
        'removed',
        'updated',
        'commentAdded',
        'commentAdded',
      ]);
    }
  });

  it('are as restricted as the task', async () => {
    const id = await makeTask({ tlp: 4 });
    const { id: commentId } = await comment(`tasks/${id}`, { body: 'secret' });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expectProblem(await low.get(`/api/tasks/${id}/comments`), 403, 'CLEARANCE_TLP');
    expectProblem(await low.get(`/api/comments/${commentId}`), 403, 'CLEARANCE_TLP');
    const guest = api.http(other.key);
    expectProblem(await guest.get(`/api/comments/${commentId}`), 404, 'COMMENT_NOT_FOUND');
  });

  it('go out of sight with the task', async () => {
    const id = await makeTask();
    const { id: commentId } = await comment(`tasks/${id}`, { body: 'x' });
    await http.delete(`/api/tasks/${id}`);
    expectProblem(await http.get(`/api/comments/${commentId}`), 404, 'COMMENT_NOT_FOUND');
    expectProblem(await http.get(`/api/tasks/${id}/comments`), 404, 'TASK_NOT_FOUND');
  });
});
