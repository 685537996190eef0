import { z } from 'zod';
import { SCOPE_NAMES } from '../../src/auth/scopes.js';
import { organizationSchema } from '../../src/organizations/organizations.schema.js';
import type { Organization } from '../../src/organizations/organizations.schema.js';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { userDetailSchema } from '../../src/users/users.schema.js';
import type { UserDetail } from '../../src/users/users.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addMember,
  addPerson,
  addRecords,
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
/** An organization's administrator. */
let tenant: Tenant;
/** Linked with the tenant. */
let linked: Tenant;
let other: Tenant;
let http: Agent;
/** Of a platform administrator. */
let platform: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  linked = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  await linkOrganizations(api.db, tenant.organizationId, linked.organizationId);
  http = api.http(tenant.key);
  platform = api.http(api.adminKey);
});

afterAll(() => api.close());

const path = '/api/organizations';
const outcomes = outcomesOf(() => ({ api, tenant }));
const ALL_BUT_ADMIN = SCOPE_NAMES.filter((scope) => scope !== 'admin:*');
const ALL_BUT_USERS = ALL_BUT_ADMIN.filter((scope) => scope !== 'users:read');

async function add(body: object = {}): Promise<Organization> {
  const response = await platform.post(path).send({ name: unique('Organization'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(organizationSchema, response.body);
}

const named = ({ organizationId, organizationName }: Tenant) => ({
  id: organizationId,
  name: organizationName,
});

const auditOf = (id: string) =>
  api.db.rows(
    `SELECT action, organization_id::text AS organization, changes FROM audit_entries
     WHERE target_id = $1 ORDER BY at, id`,
    [id],
  );

/** A deleted and a foreign organization. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await platform.delete(`${path}/${id}`)).status).toBe(204);
  return [id, other.organizationId];
}

describe('GET /organizations', () => {
  it('lists the own and the linked ones, of which only id and name are told', async () => {
    await api.db.rows(`UPDATE organizations SET description = 'secret' WHERE id = $1`, [
      linked.organizationId,
    ]);
    const listed = expectMatches(z.array(organizationSchema), (await http.get(path)).body);
    expect(listed.map(({ id, name, description }) => ({ id, name, description }))).toEqual([
      { ...named(linked), description: null },
      { ...named(tenant), description: '' },
    ]);
  });

  it('lists all to a platform administrator, by pages and by the beginning of the name', async () => {
    const prefix = unique('Prefix');
    for (const name of [`${prefix} 1`, `${prefix} 2`, `${prefix}_3`]) await add({ name });
    const names = async (query: string) =>
      (await readAll<Organization>(platform, `${path}?${query}`)).map(({ name }) => name);
    expect(await names(`limit=2&q=${prefix.toUpperCase()}`)).toEqual([
      `${prefix}_3`,
      `${prefix} 2`,
      `${prefix} 1`,
    ]);
    expect(await names(`q=${prefix}_`)).toEqual([`${prefix}_3`]);
    expect(await names('limit=1000')).toEqual(expect.arrayContaining([other.organizationName]));
  });

  it.each(['limit=0', 'sort=name', 'name=x', 'cursor=x'])('answers 400 to ?%s', async (query) => {
    expect((await http.get(`${path}?${query}`)).status).toBe(400);
  });

  const probe = { method: 'get' as const, path: () => path };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'users:read', ALL_BUT_USERS);
});

describe('GET /organizations/:id', () => {
  it('answers the own, and a linked one without what it says of itself', async () => {
    const own = await http.get(`${path}/${tenant.organizationId}`);
    expect(own.status).toBe(200);
    expect(own.headers.etag).toBe('"1"');
    expect(expectMatches(organizationSchema, own.body)).toMatchObject({
      ...named(tenant),
      description: '',
    });
    const theirs = await http.get(`${path}/${linked.organizationId}`);
    expect(theirs.body).toMatchObject({ ...named(linked), description: null });
  });

  outcomes.notFound('get', (id) => `${path}/${id}`, 'ORGANIZATION_NOT_FOUND', goneAndForeign);
});

describe('POST /organizations', () => {
  it('answers 201 with the organization and Location', async () => {
    const name = unique('New');
    const response = await platform.post(path).send({ name: ` ${name} `, description: 'Vienna' });
    expect(response.status).toBe(201);
    const created = expectMatches(organizationSchema, response.body);
    expect(created).toMatchObject({ name, description: 'Vienna', version: 1 });
    expect(response.headers.location).toBe(`${path}/${created.id}`);
    expect((await platform.get(`${path}/${created.id}`)).body).toEqual(created);
    expect(await auditOf(created.id)).toEqual([
      {
        action: 'organization.created',
        organization: created.id,
        changes: [{ field: 'name', old: null, new: name }],
      },
    ]);
  });

  it.each([
    ['name', {}],
    ['name', { name: ' ' }],
    ['name', { name: 'x'.repeat(257) }],
    ['description', { name: 'x', description: null }],
    ['id', { name: 'x', id: MISSING_ID }],
  ])('answers 400 naming %s to %j', async (field, body) => {
    expectInvalid(await platform.post(path).send(body), [field]);
  });

  const probe = { method: 'post' as const, path: () => path, body: { name: 'x' } };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);

  it("answers 403 to an organization's administrator", async () => {
    const response = await http.post(path).send({ name: unique('Mine') });
    expectProblem(response, 403, 'INSUFFICIENT_ROLE');
  });

  it('answers 409 to a name in another case, naming its holder; wildcards are none', async () => {
    const { id, name } = await add({ name: unique('a_b') });
    const taken = await platform.post(path).send({ name: name.toUpperCase() });
    expect(expectProblem(taken, 409, 'CONFLICT').conflictingId).toBe(id);
    await add({ name: name.replace('_', 'x') });
  });

  it('creates one from 50 equal bodies at once', async () => {
    const name = unique('Race');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => platform.post(path).send({ name })),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array.from({ length: 49 }, () => 409)]);
  });
});

describe('PATCH /organizations/:id', () => {
  it('changes what the body brings', async () => {
    const { id, name } = await add();
    const response = await platform.patch(`${path}/${id}`).send({ description: 'Changed' });
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"2"');
    expect(expectMatches(organizationSchema, response.body)).toMatchObject({
      name,
      description: 'Changed',
      version: 2,
    });
    const same = await platform.patch(`${path}/${id}`).send({ name });
    expect(same.body).toEqual(response.body);
  });

  it('answers 403 to its administrator and to that of a linked one', async () => {
    for (const id of [tenant.organizationId, linked.organizationId]) {
      const response = await http.patch(`${path}/${id}`).send({ description: 'x' });
      expectProblem(response, 403, 'INSUFFICIENT_ROLE');
    }
  });

  outcomes.notFound('patch', (id) => `${path}/${id}`, 'ORGANIZATION_NOT_FOUND', goneAndForeign, {
    description: 'x',
  });

  it('answers 409 to a name that another has', async () => {
    const [one, two] = [await add(), await add()];
    const response = await platform.patch(`${path}/${one.id}`).send({ name: two.name });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(two.id);
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    const response = await platform
      .patch(`${path}/${id}`)
      .set('If-Match', '"2"')
      .send({ description: 'x' });
    expectProblem(response, 412, 'STALE_VERSION');
  });
});

describe('DELETE /organizations/:id', () => {
  it('answers 204; its teams, its links and its name are gone with it', async () => {
    const { id, name } = await add();
    const team = await addTeam(api.db, id);
    await linkOrganizations(api.db, id, tenant.organizationId);
    const shared = await http.post('/api/alerts').send({
      title: 'Shared',
      statusValue: 'new',
      severity: 1,
      organizations: [tenant.organizationId, id],
    });
    expect((shared.body as Alert).organizations).toHaveLength(2);
    expect((await platform.delete(`${path}/${id}`)).status).toBe(204);
    expectProblem(await platform.get(`${path}/${id}`), 404, 'ORGANIZATION_NOT_FOUND');
    expectProblem(await platform.get(`/api/teams/${team.id}`), 404, 'TEAM_NOT_FOUND');
    const links = (await http.get(`${path}/${tenant.organizationId}/links`)).body as object[];
    expect(links).toEqual([named(linked)]);
    const alert = (await http.get(`/api/alerts/${(shared.body as Alert).id}`)).body as Alert;
    expect(alert.organizations).toEqual([named(tenant)]);
    expect(await auditOf(tenant.organizationId)).toContainEqual({
      action: 'organization.linked',
      organization: tenant.organizationId,
      changes: [{ field: 'links', old: name, new: null }],
    });
    expect((await add({ name })).name).toBe(name);
  });

  it.each([
    ['people', (id: string) => addPerson(api.db, id)],
    [
      'keys',
      async (id: string) => {
        const admin = await createTenant(api.db, { role: 'super-admin' });
        await addKey(api.db, { ...admin, organizationId: id });
      },
    ],
    [
      'alerts',
      (id: string) =>
        addRecords(api.db, 'alerts', { ...tenant, organizationId: id }, 1, new Date()),
    ],
    [
      'cases',
      (id: string) => addRecords(api.db, 'cases', { ...tenant, organizationId: id }, 1, new Date()),
    ],
  ])('answers 409 while it has %s, and changes nothing', async (what, fill) => {
    const { id } = await add();
    await fill(id);
    const before = await fingerprint(api.db);
    const problem = expectProblem(await platform.delete(`${path}/${id}`), 409, 'IN_USE');
    expect(problem.detail).toContain(what);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('is not held by deleted people and records, and revoked keys', async () => {
    const { id } = await add();
    const person = await addPerson(api.db, id);
    await addKey(api.db, { ...person, organizationId: id });
    const admin = await createTenant(api.db, { role: 'super-admin' });
    await addKey(api.db, { ...admin, organizationId: id }, { state: 'revoked' });
    const [alert = ''] = await addRecords(
      api.db,
      'alerts',
      { ...tenant, organizationId: id },
      1,
      new Date(),
    );
    expect((await platform.delete(`/api/alerts/${alert}`)).status).toBe(204);
    expect((await platform.delete(`/api/users/${person.userId}`)).status).toBe(204);
    expect((await platform.delete(`${path}/${id}`)).status).toBe(204);
  });

  it('either has the new member or is deleted when both come at once', async () => {
    for (let round = 0; round < 10; round++) {
      const { id } = await add();
      const { userId } = await addPerson(api.db, tenant.organizationId);
      const [joined, deleted] = await Promise.all([
        platform.put(`${path}/${id}/members/${userId}`),
        platform.delete(`${path}/${id}`),
      ]);
      expect([
        [204, 409],
        [404, 204],
      ]).toContainEqual([joined.status, deleted.status]);
    }
  });

  const probe = { method: 'delete' as const, path: () => `${path}/${tenant.organizationId}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);

  it('answers 403 to its administrator', async () => {
    const response = await http.delete(`${path}/${tenant.organizationId}`);
    expectProblem(response, 403, 'INSUFFICIENT_ROLE');
  });

  outcomes.notFound('delete', (id) => `${path}/${id}`, 'ORGANIZATION_NOT_FOUND', goneAndForeign);
});

describe('GET /organizations/:id/members', () => {
  it('lists the members, newest first, with the organizations that the caller may read of', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const second = await addPerson(api.db, fresh.organizationId);
    await addMember(api.db, other.organizationId, second.userId);
    const members = `${path}/${fresh.organizationId}/members`;
    const response = await api.http(fresh.key).get(members);
    expect(response.status).toBe(200);
    const people = expectMatches(z.array(userDetailSchema), response.body);
    expect(people.map(({ id }) => id)).toEqual([second.userId, fresh.userId]);
    expect(people[0]?.organizations).toEqual([named(fresh)]);
    expect(await readAll<UserDetail>(api.http(fresh.key), `${members}?limit=1`)).toEqual(people);
  });

  it('answers 404 for a linked organization', async () => {
    const response = await http.get(`${path}/${linked.organizationId}/members`);
    expectProblem(response, 404, 'ORGANIZATION_NOT_FOUND');
  });

  outcomes.notFound(
    'get',
    (id) => `${path}/${id}/members`,
    'ORGANIZATION_NOT_FOUND',
    goneAndForeign,
  );
});

describe('PUT and DELETE /organizations/:id/members/:userId', () => {
  it('add a person last, and take a person out with teams and keys, each told in its own tenant', async () => {
    const person = await addPerson(api.db, tenant.organizationId);
    const { id } = await add();
    const team = await addTeam(api.db, id);
    const member = `${path}/${id}/members/${person.userId}`;
    for (let i = 0; i < 2; i++) expect((await platform.put(member)).status).toBe(204);
    expect((await platform.put(`/api/teams/${team.id}/members/${person.userId}`)).status).toBe(204);
    const { key } = await addKey(api.db, { ...person, organizationId: id });
    expect((await api.http(key).get('/api/users/me')).status).toBe(200);
    const joined = (await platform.get(`/api/users/${person.userId}`)).body as UserDetail;
    expect(joined.organizations.map((each) => each.id)).toEqual([tenant.organizationId, id]);
    expect(joined).toMatchObject({ teams: [team], version: 3 });

    expect((await platform.delete(member)).status).toBe(204);
    expectProblem(await api.http(key).get('/api/users/me'), 401, 'API_KEY_SUSPENDED');
    const left = (await platform.get(`/api/users/${person.userId}`)).body as UserDetail;
    expect(left).toMatchObject({ organizations: [named(tenant)], teams: [], version: 4 });
    expectProblem(await platform.delete(member), 404, 'USER_NOT_FOUND');
    expect((await auditOf(id)).slice(1)).toEqual([
      {
        action: 'organization.member-added',
        organization: id,
        changes: [{ field: 'members', old: null, new: person.email }],
      },
      {
        action: 'organization.member-removed',
        organization: id,
        changes: [{ field: 'members', old: person.email, new: null }],
      },
    ]);
    expect((await auditOf(team.id)).at(-1)).toEqual({
      action: 'team.member-removed',
      organization: id,
      changes: [{ field: 'members', old: person.email, new: null }],
    });
  });

  it("lets an organization's administrator take out whoever it shares with others", async () => {
    const person = await addPerson(api.db, tenant.organizationId);
    await addMember(api.db, other.organizationId, person.userId);
    const member = `${path}/${tenant.organizationId}/members/${person.userId}`;
    expectProblem(await http.put(member), 403, 'INSUFFICIENT_ROLE');
    expect((await http.delete(member)).status).toBe(204);
    expectProblem(await http.get(`/api/users/${person.userId}`), 404, 'USER_NOT_FOUND');
  });

  it('answer 403 for somebody of higher rank', async () => {
    const above = await addPerson(api.db, tenant.organizationId, { role: 'super-admin' });
    await addMember(api.db, other.organizationId, above.userId);
    const member = `${path}/${tenant.organizationId}/members/${above.userId}`;
    expectProblem(await http.delete(member), 403, 'INSUFFICIENT_ROLE');
  });

  it('answer 409 to the last organization of a person', async () => {
    const { userId } = await addPerson(api.db, tenant.organizationId);
    const response = await http.delete(`${path}/${tenant.organizationId}/members/${userId}`);
    expectProblem(response, 409, 'LAST_ORGANIZATION');
  });

  it('leave one organization when a person is taken out of the last two at once', async () => {
    for (let round = 0; round < 5; round++) {
      const { userId } = await addPerson(api.db, tenant.organizationId);
      await addMember(api.db, other.organizationId, userId);
      const answers = await Promise.all(
        [tenant, other].map(({ organizationId }) =>
          platform.delete(`${path}/${organizationId}/members/${userId}`),
        ),
      );
      expect(answers.map(({ status }) => status).sort()).toEqual([204, 409]);
    }
  });
});

describe('GET and PUT /organizations/:id/links', () => {
  const linksOf = async (agent: Agent, id: string) => {
    const response = await agent.get(`${path}/${id}/links`);
    expect(response.status).toBe(200);
    return (response.body as { id: string }[]).map((each) => each.id).sort();
  };

  it('link both ways with exactly these', async () => {
    const [a, b, c] = [await add(), await add(), await add()];
    const put = (id: string, organizationIds: unknown[]) =>
      platform.put(`${path}/${id}/links`).send({ organizationIds });
    const first = await put(a.id, [b.id, { id: c.id }, b.id]);
    expect(first.status).toBe(200);
    expect((first.body as { id: string }[]).map(({ id }) => id).sort()).toEqual(
      [b.id, c.id].sort(),
    );
    expect(await linksOf(platform, b.id)).toEqual([a.id]);
    expect((await put(b.id, [a.id])).status).toBe(200);
    expect((await put(a.id, [c.id])).status).toBe(200);
    expect(await linksOf(platform, b.id)).toEqual([]);
    expect(await linksOf(platform, c.id)).toEqual([a.id]);
    expect((await put(c.id, [])).body).toEqual([]);
    expect(await linksOf(platform, a.id)).toEqual([]);
    expect((await auditOf(b.id)).slice(1)).toEqual([
      {
        action: 'organization.linked',
        organization: b.id,
        changes: [{ field: 'links', old: null, new: a.name }],
      },
      {
        action: 'organization.linked',
        organization: b.id,
        changes: [{ field: 'links', old: a.name, new: null }],
      },
    ]);
  });

  it('open and close what may be shared; what is shared stays until its owner ends it', async () => {
    const [owner, guest] = [await createTenant(api.db), await createTenant(api.db)];
    const share = { organizations: [owner.organizationId, guest.organizationId] };
    const alert = { title: 'Shared', statusValue: 'new', severity: 1, ...share };
    const post = () => api.http(owner.key).post('/api/alerts').send(alert);
    const link = (organizationIds: string[]) =>
      platform.put(`${path}/${owner.organizationId}/links`).send({ organizationIds });
    expectInvalid(await post(), ['organizations[1]'], 'REFERENCE_NOT_FOUND');
    expect((await link([guest.organizationId])).status).toBe(200);
    expect(await linksOf(api.http(guest.key), guest.organizationId)).toEqual([
      owner.organizationId,
    ]);
    const shared = await post();
    expect(shared.status).toBe(200);
    const { id } = shared.body as Alert;
    expect((await link([])).status).toBe(200);
    expectInvalid(await post(), ['organizations[1]'], 'REFERENCE_NOT_FOUND');
    expect((await api.http(guest.key).get(`/api/alerts/${id}`)).status).toBe(200);
    const ended = await api
      .http(owner.key)
      .patch(`/api/alerts/${id}`)
      .send({ organizations: [owner.organizationId] });
    expect(ended.status).toBe(200);
    expectProblem(await api.http(guest.key).get(`/api/alerts/${id}`), 404, 'ALERT_NOT_FOUND');
  });

  it('stay in pairs when two organizations link and unlink each other at once', async () => {
    const [a, b] = [await add(), await add()];
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => {
        const [one, two] = i % 2 === 0 ? [a, b] : [b, a];
        const organizationIds = i % 4 < 2 ? [two.id] : [];
        return platform.put(`${path}/${one.id}/links`).send({ organizationIds });
      }),
    );
    expect((await linksOf(platform, a.id)).length).toBe((await linksOf(platform, b.id)).length);
  });

  it('answer 400 to itself, a missing organization and what is no list', async () => {
    const { id } = await add();
    const put = (body: object) => platform.put(`${path}/${id}/links`).send(body);
    expectInvalid(await put({ organizationIds: [id] }), ['organizationIds[0]']);
    const missing = await put({ organizationIds: [tenant.organizationId, MISSING_ID] });
    expectInvalid(missing, ['organizationIds[1]'], 'REFERENCE_NOT_FOUND');
    expectInvalid(await put({ organizationIds: id }), ['organizationIds']);
    expectInvalid(await put({}), ['organizationIds']);
    expect(await linksOf(platform, id)).toEqual([]);
  });

  it('answer 403 to a change by its administrator, who may read them', async () => {
    const links = `${path}/${tenant.organizationId}/links`;
    expectProblem(await http.put(links).send({ organizationIds: [] }), 403, 'INSUFFICIENT_ROLE');
    expect((await http.get(links)).body).toEqual([named(linked)]);
    const theirs = `${path}/${linked.organizationId}/links`;
    expectProblem(await http.get(theirs), 404, 'ORGANIZATION_NOT_FOUND');
  });

  outcomes.notFound(
    'put',
    (id) => `${path}/${id}/links`,
    'ORGANIZATION_NOT_FOUND',
    goneAndForeign,
    {
      organizationIds: [],
    },
  );
});
