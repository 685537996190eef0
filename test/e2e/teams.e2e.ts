import { z } from 'zod';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { SCOPE_NAMES } from '../../src/auth/scopes.js';
import { teamSchema } from '../../src/teams/teams.schema.js';
import type { Team } from '../../src/teams/teams.schema.js';
import { userDetailSchema } from '../../src/users/users.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addMember, addPerson, addTeam, createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
/** An organization's administrator. */
let tenant: Tenant;
let other: Tenant;
let http: Agent;
let platform: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
  platform = api.http(api.adminKey);
});

afterAll(() => api.close());

const path = '/api/teams';
const outcomes = outcomesOf(() => ({ api, tenant }));
const ALL_BUT_ADMIN = SCOPE_NAMES.filter((scope) => scope !== 'admin:*');
const ALL_BUT_USERS = ALL_BUT_ADMIN.filter((scope) => scope !== 'users:read');

async function add(body: object = {}, agent = http): Promise<Team> {
  const response = await agent.post(path).send({ name: unique('Team'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(teamSchema, response.body);
}

/** A deleted and a foreign team. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await http.delete(`${path}/${id}`)).status).toBe(204);
  return [id, (await addTeam(api.db, other.organizationId)).id];
}

const auditOf = (id: string) =>
  api.db.rows<{ action: string }>(
    'SELECT action FROM audit_entries WHERE target_id = $1 ORDER BY at, id',
    [id],
  );

describe('GET /teams', () => {
  it('lists the teams of the own organizations, by pages, organization and beginning of the name', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    for (const name of ['Tier 1', 'Tier 2', 'Hunters']) await add({ name }, agent);
    const names = async (query: string, by = agent) => {
      const listed = await readAll<Team>(by, `${path}?${query}`);
      return expectMatches(z.array(teamSchema), listed).map(({ name }) => name);
    };
    expect(await names('limit=2')).toEqual(['Hunters', 'Tier 2', 'Tier 1']);
    expect(await names('sort=createdAt&q=tier')).toEqual(['Tier 1', 'Tier 2']);
    expect(await names(`organizationId=${fresh.organizationId}`, platform)).toHaveLength(3);
    expect(await names(`organizationId=${fresh.organizationId}`, http)).toEqual([]);
  });

  it.each(['limit=0', 'sort=name', 'name=x', 'organizationId=x'])(
    'answers 400 to ?%s',
    async (query) => {
      expect((await http.get(`${path}?${query}`)).status).toBe(400);
    },
  );

  const probe = { method: 'get' as const, path: () => path };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'users:read', ALL_BUT_USERS);
});

describe('POST /teams', () => {
  it('answers 201 with the team of the own organization and Location', async () => {
    const response = await http.post(path).send({ name: ' Night shift ' });
    expect(response.status).toBe(201);
    const created = expectMatches(teamSchema, response.body);
    expect(created).toMatchObject({
      name: 'Night shift',
      organizationId: tenant.organizationId,
      version: 1,
    });
    expect(response.headers.location).toBe(`${path}/${created.id}`);
    expect((await http.get(`${path}/${created.id}`)).body).toEqual(created);
    expect((await auditOf(created.id)).map(({ action }) => action)).toEqual(['team.created']);
  });

  it('takes an organization as an id and as an object', async () => {
    const { organizationId } = other;
    expect(await add({ organizationId }, platform)).toMatchObject({ organizationId });
    const named = await add({ organizationId: { id: organizationId } }, platform);
    expect(named).toMatchObject({ organizationId });
  });

  it.each([
    ['name', {}],
    ['name', { name: ' ' }],
    ['organizationId', { name: 'x', organizationId: 7 }],
    ['members', { name: 'x', members: [] }],
  ])('answers 400 naming %s to %j', async (field, body) => {
    expectInvalid(await http.post(path).send(body), [field]);
  });

  it('answers 400 alike to a missing and a foreign organization', async () => {
    const answers = new Set<string>();
    for (const organizationId of [MISSING_ID, other.organizationId]) {
      const body = { name: 'x', organizationId };
      const response = await http.post(path).set('X-Request-Id', 'same').send(body);
      expectInvalid(response, ['organizationId'], 'REFERENCE_NOT_FOUND');
      answers.add(response.text);
    }
    expect(answers.size).toBe(1);
  });

  const probe = { method: 'post' as const, path: () => path, body: { name: 'x' } };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);

  it('answers 409 to a name of the organization in another case; another may have it', async () => {
    const { id, name } = await add();
    const taken = await http.post(path).send({ name: name.toUpperCase() });
    expect(expectProblem(taken, 409, 'CONFLICT').conflictingId).toBe(id);
    await add({ name }, api.http(other.key));
  });
});

describe('PATCH /teams/:id', () => {
  it('renames the team', async () => {
    const { id } = await add();
    const name = unique('Renamed');
    const response = await http.patch(`${path}/${id}`).send({ name });
    expect(response.status).toBe(200);
    expect(expectMatches(teamSchema, response.body)).toMatchObject({ name, version: 2 });
    expect((await http.patch(`${path}/${id}`).send({ name })).body).toEqual(response.body);
  });

  it('answers 400 to another organization', async () => {
    const { id } = await add();
    const { organizationId } = other;
    expectInvalid(await http.patch(`${path}/${id}`).send({ organizationId }), ['organizationId']);
  });

  outcomes.notFound('patch', (id) => `${path}/${id}`, 'TEAM_NOT_FOUND', goneAndForeign, {
    name: 'x',
  });

  it('answers 409 to a name that another has, and 412 to a stale If-Match', async () => {
    const [one, two] = [await add(), await add()];
    const taken = await http.patch(`${path}/${one.id}`).send({ name: two.name });
    expect(expectProblem(taken, 409, 'CONFLICT').conflictingId).toBe(two.id);
    const stale = await http.patch(`${path}/${one.id}`).set('If-Match', '"9"').send({ name: 'x' });
    expectProblem(stale, 412, 'STALE_VERSION');
  });
});

describe('DELETE /teams/:id', () => {
  it('answers 204; records and people have it no more, and its name is free', async () => {
    const { id, name } = await add();
    const { userId } = await addPerson(api.db, tenant.organizationId);
    expect((await http.put(`${path}/${id}/members/${userId}`)).status).toBe(204);
    const alert = { title: 'x', statusValue: 'new', severity: 1, teams: [id] };
    const created = (await http.post('/api/alerts').send(alert)).body as Alert;
    expect(created.teams).toEqual([{ id, name }]);
    expect((await http.delete(`${path}/${id}`)).status).toBe(204);
    expect((await http.get(`/api/alerts/${created.id}`)).body).toMatchObject({ teams: [] });
    expect((await http.get(`/api/users/${userId}`)).body).toMatchObject({ teams: [] });
    expect((await add({ name })).name).toBe(name);
  });

  outcomes.notFound('delete', (id) => `${path}/${id}`, 'TEAM_NOT_FOUND', goneAndForeign);
});

describe('members of a team', () => {
  it('come by PUT, are listed, and go by DELETE', async () => {
    const { id } = await add();
    const [one, two] = [
      await addPerson(api.db, tenant.organizationId),
      await addPerson(api.db, tenant.organizationId, { role: 'super-admin' }),
    ];
    for (const { userId } of [one, two, one])
      expect((await http.put(`${path}/${id}/members/${userId}`)).status).toBe(204);
    const list = async () => {
      const response = await http.get(`${path}/${id}/members`);
      expect(response.status).toBe(200);
      return expectMatches(z.array(userDetailSchema), response.body);
    };
    expect((await list()).map((each) => each.id)).toEqual([two.userId, one.userId]);
    expect((await list())[1]).toMatchObject({ teams: [{ id }], version: 2 });
    expect((await http.delete(`${path}/${id}/members/${one.userId}`)).status).toBe(204);
    expect((await list()).map((each) => each.id)).toEqual([two.userId]);
    const again = await http.delete(`${path}/${id}/members/${one.userId}`);
    expectProblem(again, 404, 'USER_NOT_FOUND');
    expect((await auditOf(id)).map(({ action }) => action)).toEqual([
      'team.created',
      'team.member-added',
      'team.member-added',
      'team.member-removed',
    ]);
  });

  it('leave the list when they leave the organization or are deleted', async () => {
    const { id } = await add();
    const [gone, left] = [
      await addPerson(api.db, tenant.organizationId),
      await addPerson(api.db, tenant.organizationId),
    ];
    await addMember(api.db, other.organizationId, left.userId);
    for (const { userId } of [gone, left])
      expect((await http.put(`${path}/${id}/members/${userId}`)).status).toBe(204);
    expect((await http.delete(`/api/users/${gone.userId}`)).status).toBe(204);
    const membership = `/api/organizations/${tenant.organizationId}/members/${left.userId}`;
    expect((await http.delete(membership)).status).toBe(204);
    expect((await platform.get(`${path}/${id}/members`)).body).toEqual([]);
  });

  it('are 409 unless they belong to its organization', async () => {
    const { id } = await add();
    const response = await platform.put(`${path}/${id}/members/${other.userId}`);
    expectProblem(response, 409, 'NOT_A_MEMBER');
  });
});
