import { z } from 'zod';
import { verifyPassword } from '../../src/auth/passwords.js';
import { ROLES, SCOPE_NAMES } from '../../src/auth/scopes.js';
import type { Role } from '../../src/auth/scopes.js';
import { userDetailSchema, userWithPasswordSchema } from '../../src/users/users.schema.js';
import type { UserDetail, UserWithPassword } from '../../src/users/users.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { databaseUrl } from '../database.js';
import {
  addKey,
  addMember,
  addPerson,
  addTeam,
  createTenant,
  fingerprint,
  unique,
} from '../factories.js';
import type { Person, PersonOptions, Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID as MISSING, outcomesOf, within1s } from '../outcomes.js';
import { addSignedIn } from '../sign-in.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
/** An organization's administrator. */
let admin: Tenant;
let http: Agent;
/** Of a platform administrator. */
let platform: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  admin = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(admin.key);
  platform = api.http(api.adminKey);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant: admin }));
const ALL_BUT_ADMIN = SCOPE_NAMES.filter((scope) => scope !== 'admin:*');

/** A body that creates a person in the administrator's organization. */
const body = (more: object = {}) => ({
  email: `${unique('new')}@casebender.test`,
  firstName: 'New',
  lastName: 'Person',
  role: 'analyst',
  organizations: [admin.organizationId],
  ...more,
});

async function create(more: object = {}, agent = http): Promise<UserWithPassword> {
  const response = await agent.post('/api/users').send(body(more));
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(userWithPasswordSchema, response.body);
}

async function change(id: string, fields: object, agent = http): Promise<UserDetail> {
  const response = await agent.patch(`/api/users/${id}`).send(fields);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(userDetailSchema, response.body);
}

/** A colleague of the administrator. */
const colleague = (options: PersonOptions = {}) => addPerson(api.db, admin.organizationId, options);

/** A key of a person for the administrator's organization. */
const keyOf = async (person: Person) =>
  (await addKey(api.db, { ...person, organizationId: admin.organizationId })).key;

const auditOf = (id: string) =>
  api.db.rows<{ action: string; changes: { field: string; old: unknown; new: unknown }[] }>(
    'SELECT action, changes FROM audit_entries WHERE target_id = $1 ORDER BY at, id',
    [id],
  );

/** A deleted and a foreign person. */
async function goneAndForeign(): Promise<readonly string[]> {
  const gone = await colleague();
  expect((await http.delete(`/api/users/${gone.userId}`)).status).toBe(204);
  return [gone.userId, other.userId];
}

describe('GET /users', () => {
  it('lists the people of the own organization, newest first, with every documented key', async () => {
    const second = await addPerson(api.db, tenant.organizationId, { role: 'team-lead' });
    const response = await api.http(tenant.key).get('/api/users');
    expect(response.status).toBe(200);
    const users = expectMatches(z.array(userDetailSchema), response.body);
    expect(users.map(({ id }) => id)).toEqual([second.userId, tenant.userId]);
    expect(users[0]).toMatchObject({
      email: second.email,
      role: 'team-lead',
      status: 'active',
      tlpMax: 4,
      papMax: 4,
      tierMax: 'unlimited',
      deletedAt: null,
      lastSeenAt: null,
      organizations: [{ id: tenant.organizationId, name: tenant.organizationName }],
      teams: [],
    });
  });

  it('pages both ways and counts', async () => {
    const crowd = await createTenant(api.db);
    for (let i = 0; i < 6; i++) await addPerson(api.db, crowd.organizationId);
    const all = await api.http(crowd.key).get('/api/users?sort=createdAt&count=true');
    expect(all.headers['x-total-count']).toBe('7');
    expect(all.headers.link).toBeUndefined();
    const seen: string[] = [];
    let next: string | undefined = '/api/users?sort=createdAt&limit=3';
    while (next !== undefined) {
      const page = await api.http(crowd.key).get(next);
      seen.push(...(page.body as { id: string }[]).map(({ id }) => id));
      next = /<(.+)>; rel="next"/.exec(page.headers.link ?? '')?.[1];
    }
    expect(seen).toEqual((all.body as { id: string }[]).map(({ id }) => id));
  });

  it('shows a platform administrator everybody', async () => {
    const response = await api.http(api.adminKey).get('/api/users?limit=1000');
    const ids = (response.body as { id: string }[]).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([tenant.userId, other.userId]));
  });

  it('leaves out who was deleted', async () => {
    const gone = await addPerson(api.db, tenant.organizationId);
    await api.db.rows('UPDATE users SET deleted_at = now() WHERE id = $1', [gone.userId]);
    const response = await api.http(tenant.key).get('/api/users?limit=1000');
    expect(response.text).not.toContain(gone.userId);
  });

  it('never holds a password or its hash', async () => {
    const response = await api.http(api.adminKey).get('/api/users?limit=1000');
    expect(response.text).not.toMatch(/password|salt|argon2/i);
  });

  it('answers 400 to what is no parameter, repeated or out of bounds', async () => {
    const http = api.http(tenant.key);
    expectInvalid(await http.get('/api/users?role=analyst'), ['role']);
    expectInvalid(await http.get('/api/users?limit=0'), ['limit']);
    expectInvalid(await http.get('/api/users?limit=1001'), ['limit']);
    expectInvalid(await http.get('/api/users?limit=5&limit=6'), ['limit']);
    expectInvalid(await http.get('/api/users?sort=email'), ['sort']);
    expectInvalid(await http.get('/api/users?cursor=AAAA'), ['cursor'], 'INVALID_CURSOR');
  });

  it('answers 401 without a credential', async () => {
    expectProblem(await api.http().get('/api/users'), 401, 'AUTHENTICATION_REQUIRED');
  });

  it('answers 403 without users:read, naming it', async () => {
    const { key } = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
    const response = await api.http(key).get('/api/users');
    expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
    expect(response.headers['www-authenticate']).toContain('error="insufficient_scope"');
    expect(response.headers['www-authenticate']).toContain('scope="users:read"');
  });
});

describe('GET /users/me', () => {
  it('answers the person behind the credential to a key with any one scope', async () => {
    const { key } = await addKey(api.db, tenant, { scopes: ['observables:write'] });
    const response = await api.http(key).get('/api/users/me');
    expect(response.status).toBe(200);
    expect(expectMatches(userDetailSchema, response.body).id).toBe(tenant.userId);
    expect(response.headers.etag).toBe('"1"');
  });

  it('answers 401 without a credential', async () => {
    expectProblem(await api.http().get('/api/users/me'), 401, 'AUTHENTICATION_REQUIRED');
  });
});

describe('GET /users/:id', () => {
  it('answers a person of the own organization with teams', async () => {
    const member = await addPerson(api.db, tenant.organizationId);
    const team = await addTeam(api.db, tenant.organizationId);
    await api.db.rows('INSERT INTO team_members (team_id, user_id) VALUES ($1, $2)', [
      team.id,
      member.userId,
    ]);
    const response = await api.http(tenant.key).get(`/api/users/${member.userId}`);
    expect(response.status).toBe(200);
    expect(expectMatches(userDetailSchema, response.body)).toMatchObject({
      id: member.userId,
      teams: [team],
    });
  });

  it('answers 304 to the ETag it sent', async () => {
    const http = api.http(tenant.key);
    const { headers } = await http.get(`/api/users/${tenant.userId}`);
    const again = await http
      .get(`/api/users/${tenant.userId}`)
      .set('If-None-Match', headers.etag ?? '');
    expect(again.status).toBe(304);
    expect(again.text).toBe('');
  });

  it('answers 400 to an id that is no UUID', async () => {
    expectProblem(await api.http(tenant.key).get('/api/users/7'), 400, 'VALIDATION_FAILED');
  });

  it('answers 401 without a credential', async () => {
    const response = await api.http().get(`/api/users/${tenant.userId}`);
    expectProblem(response, 401, 'AUTHENTICATION_REQUIRED');
  });

  it('answers 403 without users:read', async () => {
    const { key } = await addKey(api.db, tenant, { scopes: ['cases:read'] });
    const response = await api.http(key).get(`/api/users/${tenant.userId}`);
    expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
  });

  it('answers 404 alike to a missing, a deleted and a foreign person', async () => {
    const gone = await addPerson(api.db, tenant.organizationId);
    await api.db.rows('UPDATE users SET deleted_at = now() WHERE id = $1', [gone.userId]);
    const bodies: string[] = [];
    for (const id of [MISSING, gone.userId, other.userId]) {
      const response = await api.http(tenant.key).get(`/api/users/${id}`).set('X-Request-Id', 'r');
      expectProblem(response, 404, 'USER_NOT_FOUND');
      bodies.push(response.text.replaceAll(id, 'ID'));
    }
    expect(new Set(bodies).size).toBe(1);
  });
});

describe('POST /users', () => {
  it('answers 201 with the person, Location, and a temporary password that must be changed', async () => {
    const team = await addTeam(api.db, admin.organizationId);
    const sent = body({ teams: [{ id: team.id }], organizations: [{ id: admin.organizationId }] });
    const response = await http.post('/api/users').send(sent);
    expect(response.status).toBe(201);
    const created = expectMatches(userWithPasswordSchema, response.body);
    expect(response.headers.location).toBe(`/api/users/${created.id}`);
    expect(response.headers['cache-control']).toBe('no-store');
    expect(created).toMatchObject({
      ...sent,
      status: 'active',
      image: null,
      deletedAt: null,
      lastSeenAt: null,
      organizations: [{ id: admin.organizationId, name: admin.organizationName }],
      teams: [team],
      tlpMax: 4,
      papMax: 4,
      tierMax: 'professional',
      version: 1,
    });
    expect(created.temporaryPassword).toMatch(/^[\w-]{20}$/);
    const { temporaryPassword, ...person } = created;
    expect((await http.get(`/api/users/${created.id}`)).body).toEqual(person);
    const row = await api.db.row<{ password_hash: string; must_change_password: boolean }>(
      'SELECT password_hash, must_change_password FROM users WHERE id = $1',
      [created.id],
    );
    expect(row.must_change_password).toBe(true);
    expect(await verifyPassword(row.password_hash, temporaryPassword ?? '')).toBe(true);
  });

  it('takes a password, which no answer, row or entry then holds', async () => {
    const password = 'correct horse battery staple';
    const created = await create({ password });
    expect(created).not.toHaveProperty('temporaryPassword');
    const { row } = await api.db.row<{ row: string }>(
      'SELECT to_json(u)::text AS row FROM users u WHERE id = $1',
      [created.id],
    );
    expect(row).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
    expect(row).toContain('"must_change_password":false');
    expect(row).not.toContain(password);
    const entries = await auditOf(created.id);
    expect(entries.map(({ action }) => action)).toEqual(['user.created']);
    expect(JSON.stringify(entries)).not.toMatch(/correct horse|argon2/);
  });

  it.each([
    ['analyst', 'professional'],
    ['read-only', 'professional'],
    ['org-admin', 'unlimited'],
  ] as const)('gives a new %s keys up to the tier %s', async (role, tierMax) => {
    expect(await create({ role })).toMatchObject({ role, tierMax });
  });

  it('gives a new person no more than the administrator has', async () => {
    const modest = await createTenant(api.db, {
      role: 'org-admin',
      tlpMax: 2,
      papMax: 1,
      tierMax: 'standard',
    });
    const created = await create({ organizations: [modest.organizationId] }, api.http(modest.key));
    expect(created).toMatchObject({ tlpMax: 2, papMax: 1, tierMax: 'standard' });
  });

  it('keeps the order of the organizations, each once', async () => {
    const organizations = [other.organizationId, admin.organizationId, other.organizationId];
    const created = await create({ organizations }, platform);
    expect(created.organizations.map(({ id }) => id)).toEqual(organizations.slice(0, 2));
  });

  it('takes the address of somebody who was deleted', async () => {
    const { id, email } = await create();
    expect((await http.delete(`/api/users/${id}`)).status).toBe(204);
    expect(await create({ email })).toMatchObject({ email });
  });

  it('replays the same temporary password to the same idempotency key', async () => {
    const sent = body();
    const idempotencyKey = unique('idempotency');
    const post = () => http.post('/api/users').set('Idempotency-Key', idempotencyKey).send(sent);
    const [first, second] = [await post(), await post()];
    expect(first.status).toBe(201);
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(second.body).toEqual(first.body);
  });

  it.each([
    ['email', { email: 'nobody' }],
    ['email', { email: null }],
    ['email', { email: `${'x'.repeat(250)}@a.de` }],
    ['firstName', { firstName: ' ' }],
    ['firstName', { firstName: 'x'.repeat(101) }],
    ['lastName', { lastName: 7 }],
    ['role', { role: 'admin' }],
    ['organizations', { organizations: [] }],
    ['organizations', { organizations: 'x' }],
    ['organizations[0]', { organizations: ['x'] }],
    ['teams[0]', { teams: [7] }],
    ['tlpMax', { tlpMax: 5 }],
    ['papMax', { papMax: -1 }],
    ['tierMax', { tierMax: 'gold' }],
    ['password', { password: 'too short' }],
    ['password', { password: 'password1234' }],
    ['password', { password: '' }],
    ['passwordHash', { passwordHash: 'x' }],
    ['id', { id: MISSING }],
    ['status', { status: 'active' }],
    ['mustChangePassword', { mustChangePassword: false }],
    ['createdAt', { createdAt: '2026-01-01T00:00:00.000Z' }],
  ])('answers 400 naming %s to %j', async (path, fields) => {
    expectInvalid(await http.post('/api/users').send(body(fields)), [path]);
  });

  it.each(['email', 'firstName', 'lastName', 'role', 'organizations'])(
    'answers 400 without %s',
    async (field) => {
      const sent = Object.fromEntries(Object.entries(body()).filter(([key]) => key !== field));
      expectInvalid(await http.post('/api/users').send(sent), [field]);
    },
  );

  it('answers 400 alike to a missing and a foreign organization or team', async () => {
    const foreignTeam = await addTeam(api.db, other.organizationId);
    for (const [field, foreignId] of [
      ['organizations', other.organizationId],
      ['teams', foreignTeam.id],
    ] as const) {
      const answers = new Set<string>();
      for (const id of [MISSING, foreignId]) {
        const response = await http
          .post('/api/users')
          .set('X-Request-Id', 'same')
          .send(body({ [field]: field === 'teams' ? [id] : [admin.organizationId, id] }));
        const path = field === 'teams' ? 'teams[0]' : 'organizations[1]';
        expectInvalid(response, [path], 'REFERENCE_NOT_FOUND');
        answers.add(response.text);
      }
      expect(answers.size).toBe(1);
    }
  });

  it('answers 400 to a team of an organization that the person is not to belong to', async () => {
    const team = await addTeam(api.db, other.organizationId);
    const response = await platform.post('/api/users').send(body({ teams: [team.id] }));
    expectInvalid(response, ['teams[0]'], 'REFERENCE_NOT_FOUND');
  });

  const probe = { method: 'post' as const, path: () => '/api/users', body: {} };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);

  it.each([{ tlpMax: 3 }, { papMax: 2 }, { tierMax: 'enterprise' }, { role: 'super-admin' }])(
    'answers 403 to %j from an administrator with less',
    async (excess) => {
      const modest = await createTenant(api.db, {
        role: 'org-admin',
        tlpMax: 2,
        papMax: 1,
        tierMax: 'standard',
      });
      const sent = body({ organizations: [modest.organizationId], ...excess });
      const before = await fingerprint(api.db);
      const response = await api.http(modest.key).post('/api/users').send(sent);
      expectProblem(response, 403, 'GRANT_EXCEEDS_OWN');
      expect(await fingerprint(api.db)).toBe(before);
    },
  );

  it('holds a key to its own clearance, not that of its owner', async () => {
    const { key } = await addKey(api.db, admin, { tlpMax: 1 });
    const response = await api
      .http(key)
      .post('/api/users')
      .send(body({ tlpMax: 2 }));
    expectProblem(response, 403, 'GRANT_EXCEEDS_OWN');
    expect(await create({}, api.http(key))).toMatchObject({ tlpMax: 1, papMax: 4 });
  });

  it('answers 409 to an address in another case, naming the person where the caller may see one', async () => {
    const { id, email } = await create();
    const taken = await http.post('/api/users').send(body({ email: email.toUpperCase() }));
    expect(expectProblem(taken, 409, 'CONFLICT').conflictingId).toBe(id);
    const foreign = await http.post('/api/users').send(body({ email: other.email }));
    expect(expectProblem(foreign, 409, 'CONFLICT')).not.toHaveProperty('conflictingId');
  });

  it('creates one person from 50 equal bodies at once', async () => {
    const sent = body({ password: 'correct horse battery staple' });
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => http.post('/api/users').send(sent)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 201)).toHaveLength(1);
    expect(statuses.filter((status) => status === 409)).toHaveLength(49);
    const ids = new Set(
      answers.map((answer) => {
        const { id, conflictingId } = answer.body as { id?: string; conflictingId?: string };
        return id ?? conflictingId;
      }),
    );
    expect(ids.size).toBe(1);
  });
});

describe.each(['patch', 'put'] as const)('%s /users/:id', (method) => {
  it('changes what the body brings, and nothing else', async () => {
    const before = await create();
    const email = `${unique('Changed')}@Casebender.Test`;
    const fields = { firstName: 'Other', lastName: '', email, role: 'team-lead', tlpMax: 3 };
    const response = await http[method](`/api/users/${before.id}`).send(fields);
    expect(response.status).toBe(200);
    const after = expectMatches(userDetailSchema, response.body);
    expect(response.headers.etag).toBe('"2"');
    const created = userDetailSchema.parse(before);
    expect(after).toEqual({
      ...created,
      ...fields,
      email: email.toLowerCase(),
      updatedAt: after.updatedAt,
      version: 2,
    });
    expect((await http.get(`/api/users/${before.id}`)).body).toEqual(after);
  });
});

describe('PATCH /users/me', () => {
  it('changes the name of who is signed in, and writes it into the audit trail', async () => {
    const { agent, userId, email } = await addSignedIn(api, admin.organizationId, {
      role: 'read-only',
    });
    const change = { firstName: 'Ada', lastName: 'Byron' };
    const response = await agent.patch('/api/users/me').send(change);
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"2"');
    expect(expectMatches(userDetailSchema, response.body)).toMatchObject({ ...change, email });
    expect((await agent.get('/api/users/me')).body).toEqual(response.body);
    expect(await auditOf(userId)).toContainEqual({
      action: 'user.updated',
      changes: [
        { field: 'firstName', old: 'Test', new: 'Ada' },
        { field: 'lastName', old: 'Person', new: 'Byron' },
      ],
    });
    const same = await agent.patch('/api/users/me').send(change);
    expect(same.body).toEqual(response.body);
  });

  it.each([
    { firstName: '' },
    { lastName: 'x'.repeat(101) },
    { role: 'super-admin' },
    { email: 'else@casebender.test' },
    { tlpMax: 4 },
  ])('answers 400 to %j', async (fields) => {
    const { agent } = await addSignedIn(api, admin.organizationId);
    expectInvalid(await agent.patch('/api/users/me').send(fields), [Object.keys(fields)[0] ?? '']);
  });

  it('answers 403 to a key', async () => {
    const response = await http.patch('/api/users/me').send({ firstName: 'Ada' });
    expectProblem(response, 403, 'SESSION_REQUIRED');
  });

  it('answers 412 when the person has changed meanwhile', async () => {
    const { agent } = await addSignedIn(api, admin.organizationId);
    await agent.patch('/api/users/me').send({ firstName: 'Ada' });
    const late = agent.patch('/api/users/me').set('If-Match', '"1"').send({ firstName: 'Eve' });
    expectProblem(await late, 412, 'STALE_VERSION');
  });
});

describe('PATCH /users/:id', () => {
  it('moves a person between organizations; teams of one that is left go with it', async () => {
    const [here, there] = [admin.organizationId, other.organizationId];
    const [ours, theirs] = [await addTeam(api.db, here), await addTeam(api.db, there)];
    const { id } = await create(
      { organizations: [here, there], teams: [ours.id, theirs.id] },
      platform,
    );
    const moved = await change(id, { organizations: [there, here] }, platform);
    expect(moved.organizations.map((each) => each.id)).toEqual([there, here]);
    expect(moved.teams).toHaveLength(2);
    const left = await change(id, { organizations: [there] }, platform);
    expect(left.organizations.map((each) => each.id)).toEqual([there]);
    expect(left.teams).toEqual([theirs]);
    expect(await change(id, { teams: [] }, platform)).toMatchObject({ teams: [], version: 4 });
    expectProblem(await http.get(`/api/users/${id}`), 404, 'USER_NOT_FOUND');
  });

  it('tells an organization nothing of others that a person leaves, or joins behind it', async () => {
    const [first, second] = [admin.organizationId, other.organizationId];
    const third = (await createTenant(api.db)).organizationId;
    const { id, email } = await create({ organizations: [first, second] }, platform);
    await change(id, { organizations: [second] }, platform);
    await change(id, { organizations: [second, third] }, platform);
    const told = await api.db.rows<{ action: string }>(
      `SELECT action FROM audit_entries WHERE organization_id::text = target_id AND target_id = $1 AND changes::text LIKE $2`,
      [second, `%${email}%`],
    );
    expect(told.map((entry) => entry.action)).toEqual(['organization.member-added']);
  });

  it('tells each organization that has another place among those of a person', async () => {
    const [first, second] = [admin.organizationId, other.organizationId];
    const third = (await createTenant(api.db)).organizationId;
    const { id, email } = await create({ organizations: [first, second, third] }, platform);
    await change(id, { organizations: [first, third, second] }, platform);
    const told = await api.db.rows<{ id: string }>(
      `SELECT target_id AS id FROM audit_entries
       WHERE action = 'organization.member-reordered' AND changes = $1::jsonb AND organization_id::text = target_id`,
      [JSON.stringify([{ field: 'members', old: email, new: email }])],
    );
    expect(told.map((entry) => entry.id).sort()).toEqual([second, third].sort());
  });

  it('leaves version and history alone when nothing changes', async () => {
    const person = await create();
    const same = await change(person.id, {
      firstName: person.firstName,
      organizations: [admin.organizationId],
      teams: [],
    });
    expect(same).toMatchObject({ version: 1, updatedAt: person.updatedAt });
    expect(await auditOf(person.id)).toHaveLength(1);
  });

  it('writes what changed into the audit trail of the organization', async () => {
    const { id } = await create();
    await change(id, { role: 'team-lead', status: 'inactive' });
    const [, entry] = await auditOf(id);
    expect(entry).toEqual({
      action: 'user.updated',
      changes: [
        { field: 'role', old: 'analyst', new: 'team-lead' },
        { field: 'status', old: 'active', new: 'inactive' },
      ],
    });
  });

  it.each([
    ['its owner is inactive', { status: 'inactive' }, 401],
    ['its owner has a lesser role', { role: 'read-only' }, 403],
    ['its owner may see less', { tlpMax: 0 }, 403],
  ] as const)('holds a key back at once when %s', async (_, fields, status) => {
    const person = await colleague();
    const agent = api.http(await keyOf(person));
    const alert = { title: 'x', statusValue: 'new', severity: 1, tlp: 2 };
    expect((await agent.post('/api/alerts').send(alert)).status).toBe(200);
    await change(person.userId, fields);
    expect((await agent.post('/api/alerts').send(alert)).status).toBe(status);
  });

  it('holds a key of the person to the lower tier at once', async () => {
    const person = await colleague();
    const agent = api.http(await keyOf(person));
    expect((await agent.get('/api/users/me')).headers).not.toHaveProperty('x-ratelimit-limit');
    await change(person.userId, { tierMax: 'basic' });
    expect((await agent.get('/api/users/me')).headers['x-ratelimit-limit']).toBe('60');
  });

  it('holds a key back when its owner leaves its organization', async () => {
    const person = await colleague();
    await addMember(api.db, other.organizationId, person.userId);
    const key = await keyOf(person);
    expect((await api.http(key).get('/api/users/me')).status).toBe(200);
    await change(person.userId, { organizations: [other.organizationId] }, platform);
    expectProblem(await api.http(key).get('/api/users/me'), 401, 'API_KEY_SUSPENDED');
  });

  it('acts within a second in another process', async () => {
    const elsewhere = await startTestApp();
    try {
      const person = await colleague();
      const agent = elsewhere.http(await keyOf(person));
      const ask = async () => (await agent.get('/api/users/me')).status;
      expect(await ask()).toBe(200);
      await change(person.userId, { status: 'inactive' });
      await within1s(ask, 401);
      await change(person.userId, { status: 'active' });
      await within1s(ask, 200);
    } finally {
      await elsewhere.close();
    }
  });

  it.each([
    ['email', { email: 'nobody' }],
    ['firstName', { firstName: null }],
    ['role', { role: 'admin' }],
    ['status', { status: 'invited' }],
    ['organizations', { organizations: [] }],
    ['tlpMax', { tlpMax: 2.5 }],
    ['password', { password: 'correct horse battery staple' }],
    ['version', { version: 7 }],
    ['deletedAt', { deletedAt: null }],
  ])('answers 400 naming %s to %j', async (path, fields) => {
    const { userId } = await colleague();
    expectInvalid(await http.patch(`/api/users/${userId}`).send(fields), [path]);
  });

  it('answers 400 to an organization that is not the own, and changes nothing', async () => {
    const { userId } = await colleague();
    const before = await fingerprint(api.db);
    const organizations = [admin.organizationId, other.organizationId];
    const response = await http.patch(`/api/users/${userId}`).send({ organizations });
    expectInvalid(response, ['organizations[1]'], 'REFERENCE_NOT_FOUND');
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = {
    method: 'patch' as const,
    path: () => `/api/users/${admin.userId}`,
    body: { firstName: 'x' },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);

  it('lets nobody raise the own clearance or tier', async () => {
    const modest = await createTenant(api.db, {
      role: 'super-admin',
      tlpMax: 2,
      papMax: 2,
      tierMax: 'standard',
    });
    const agent = api.http(modest.key);
    for (const more of [{ tlpMax: 3 }, { papMax: 3 }, { tierMax: 'professional' }]) {
      const response = await agent.patch(`/api/users/${modest.userId}`).send(more);
      expectProblem(response, 403, 'GRANT_EXCEEDS_OWN');
    }
    const less = { tlpMax: 1, papMax: 1, tierMax: 'basic' };
    expect(await change(modest.userId, less, agent)).toMatchObject(less);
  });

  it('lets an administrator with less change what grants nothing', async () => {
    const person = await colleague();
    const { key } = await addKey(api.db, admin, { tlpMax: 0, papMax: 0 });
    const fields = { firstName: 'Renamed', tlpMax: 4 };
    expect(await change(person.userId, fields, api.http(key))).toMatchObject(fields);
  });

  outcomes.notFound('patch', (id) => `/api/users/${id}`, 'USER_NOT_FOUND', goneAndForeign, {
    firstName: 'x',
  });

  it('answers 409 to an address that somebody has', async () => {
    const [one, two] = [await create(), await create()];
    const response = await http.patch(`/api/users/${one.id}`).send({ email: two.email });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(two.id);
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await create();
    await change(id, { firstName: 'Changed' });
    const response = await http
      .patch(`/api/users/${id}`)
      .set('If-Match', '"1"')
      .send({ lastName: 'x' });
    expectProblem(response, 412, 'STALE_VERSION');
  });
});

describe('DELETE /users/:id', () => {
  it('answers 204; the person, the keys and nothing else are gone', async () => {
    const person = await colleague();
    const key = await keyOf(person);
    const alert = { title: 'Kept', statusValue: 'new', severity: 1 };
    const { id } = (await api.http(key).post('/api/alerts').send(alert)).body as { id: string };
    const response = await http.delete(`/api/users/${person.userId}`);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expectProblem(await api.http(key).get('/api/users/me'), 401, 'API_KEY_SUSPENDED');
    expect((await http.get(`/api/alerts/${id}`)).body).toMatchObject({
      createdById: person.userId,
    });
    const actions = (await auditOf(person.userId)).map(({ action }) => action);
    expect(actions).toEqual(['user.deleted']);
  });

  const probe = { method: 'delete' as const, path: () => `/api/users/${admin.userId}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);
  outcomes.notFound('delete', (id) => `/api/users/${id}`, 'USER_NOT_FOUND', goneAndForeign);

  it('answers 412 to a stale If-Match', async () => {
    const { userId } = await colleague();
    const response = await http.delete(`/api/users/${userId}`).set('If-Match', '"9"');
    expectProblem(response, 412, 'STALE_VERSION');
  });
});

describe('POST /users/:id/password', () => {
  const hashOf = (id: string) =>
    api.db.row<{ password_hash: string; must_change_password: boolean }>(
      'SELECT password_hash, must_change_password FROM users WHERE id = $1',
      [id],
    );

  it('answers 200 with a temporary password that must be changed', async () => {
    const { userId } = await colleague();
    const response = await http.post(`/api/users/${userId}/password`);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    const { temporaryPassword = '' } = expectMatches(userWithPasswordSchema, response.body);
    const row = await hashOf(userId);
    expect(row.must_change_password).toBe(true);
    expect(await verifyPassword(row.password_hash, temporaryPassword)).toBe(true);
    const entries = await auditOf(userId);
    expect(entries.map(({ action }) => action)).toEqual(['user.password-reset']);
    expect(JSON.stringify(entries)).not.toContain(temporaryPassword);
  });

  it('takes a password, to be changed or not', async () => {
    const { userId } = await colleague();
    const password = 'correct horse battery staple';
    for (const mustChange of [undefined, true, false]) {
      const sent = { password, ...(mustChange !== undefined && { mustChange }) };
      const response = await http.post(`/api/users/${userId}/password`).send(sent);
      expect(response.status).toBe(200);
      expect(response.body).not.toHaveProperty('temporaryPassword');
      const row = await hashOf(userId);
      expect(row.must_change_password).toBe(mustChange ?? true);
      expect(await verifyPassword(row.password_hash, password)).toBe(true);
    }
  });

  it.each([
    ['password', { password: 'password1234' }],
    ['mustChange', { mustChange: 'no' }],
    ['current', { current: 'x' }],
  ])('answers 400 naming %s to %j', async (path, sent) => {
    const { userId } = await colleague();
    expectInvalid(await http.post(`/api/users/${userId}/password`).send(sent), [path]);
  });

  const probe = { method: 'post' as const, path: () => `/api/users/${admin.userId}/password` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ALL_BUT_ADMIN);

  it.each([{ tlpMax: 3 }, { papMax: 3 }, { tierMax: 'unlimited' }] as const)(
    'answers 403 for a person with %j to an administrator with less: the password would open it',
    async (more) => {
      const rights = { tlpMax: 2, papMax: 2, tierMax: 'standard' } as const;
      const modest = await createTenant(api.db, { role: 'org-admin', ...rights });
      const person = await addPerson(api.db, modest.organizationId, { ...rights, ...more });
      const path = `/api/users/${person.userId}/password`;
      expectProblem(await api.http(modest.key).post(path), 403, 'GRANT_EXCEEDS_OWN');
      const equal = await addPerson(api.db, modest.organizationId, rights);
      const allowed = await api.http(modest.key).post(`/api/users/${equal.userId}/password`);
      expect(allowed.status).toBe(200);
    },
  );

  outcomes.notFound('post', (id) => `/api/users/${id}/password`, 'USER_NOT_FOUND', goneAndForeign);
});

/** Which roles a person of a role may give, and whose people it may change; nothing is derived here. */
const MAY_GRANT: Readonly<Record<Role, readonly Role[]>> = {
  'super-admin': ['super-admin', 'org-admin', 'team-lead', 'analyst', 'integration', 'read-only'],
  'org-admin': ['org-admin', 'team-lead', 'analyst', 'integration', 'read-only'],
  'team-lead': [],
  analyst: [],
  integration: [],
  'read-only': [],
};

describe.each(ROLES)('an actor with the role %s', (actorRole) => {
  let actor: Tenant;
  let agent: Agent;
  /** What a refusal says: without `admin:*` the route is closed. */
  const refusal = (code: 'GRANT_EXCEEDS_OWN' | 'INSUFFICIENT_ROLE') =>
    MAY_GRANT[actorRole].length === 0 ? 'INSUFFICIENT_SCOPE' : code;

  beforeAll(async () => {
    actor = await createTenant(api.db, { role: actorRole });
    agent = api.http(actor.key);
  });

  it.each(ROLES)('may create and promote a %s only where the table says so', async (role) => {
    const isAllowed = MAY_GRANT[actorRole].includes(role);
    const organizations = [actor.organizationId];
    const created = await agent.post('/api/users').send(body({ role, organizations }));
    const target = await addPerson(api.db, actor.organizationId, { role: 'read-only' });
    const path = `/api/users/${target.userId}`;
    const promoted = await agent.patch(path).send({ role });
    if (isAllowed) {
      expect(created.status).toBe(201);
      expect(promoted.status).toBe(200);
    } else {
      expectProblem(created, 403, refusal('GRANT_EXCEEDS_OWN'));
      expectProblem(promoted, 403, refusal('GRANT_EXCEEDS_OWN'));
    }
    const row = await api.db.row('SELECT role FROM users WHERE id = $1', [target.userId]);
    expect(row).toEqual({ role: isAllowed ? role : 'read-only' });
  });

  it.each(ROLES)('may change, reset and delete a %s only where the table says so', async (role) => {
    const isAllowed = MAY_GRANT[actorRole].includes(role);
    const target = await addPerson(api.db, actor.organizationId, { role });
    const path = `/api/users/${target.userId}`;
    const before = await fingerprint(api.db);
    for (const [request, status] of [
      [() => agent.patch(path).send({ firstName: 'Touched' }), 200],
      [() => agent.patch(path).send({ status: 'inactive' }), 200],
      [() => agent.patch(path).send({ role: 'read-only' }), 200],
      [() => agent.post(`${path}/password`), 200],
      [() => agent.delete(path), 204],
    ] as const) {
      const response = await request();
      if (isAllowed) expect(response.status).toBe(status);
      else expectProblem(response, 403, refusal('INSUFFICIENT_ROLE'));
    }
    if (!isAllowed) expect(await fingerprint(api.db)).toBe(before);
  });

  it('may touch a person of another organization as well only as super-admin', async () => {
    const target = await addPerson(api.db, actor.organizationId, { role: 'read-only' });
    await addMember(api.db, other.organizationId, target.userId);
    const response = await agent.patch(`/api/users/${target.userId}`).send({ firstName: 'x' });
    if (actorRole === 'super-admin') expect(response.status).toBe(200);
    else {
      const problem = expectProblem(response, 403, refusal('INSUFFICIENT_ROLE'));
      expect(JSON.stringify(problem)).not.toContain(other.organizationName);
    }
  });

  it('cannot raise the own role', async () => {
    const above = ROLES.slice(ROLES.indexOf(actorRole) + 1);
    for (const role of above) {
      const response = await agent.patch(`/api/users/${actor.userId}`).send({ role });
      expectProblem(response, 403, refusal('GRANT_EXCEEDS_OWN'));
    }
    const row = await api.db.row('SELECT role FROM users WHERE id = $1', [actor.userId]);
    expect(row).toEqual({ role: actorRole });
  });
});

describe('the last super-admin', () => {
  /** On a database of its own, where nobody else needs a super-admin. */
  let alone: TestApp;

  beforeAll(async () => {
    alone = await startTestApp({ DATABASE_URL: await databaseUrl('super_admins') });
  });

  afterAll(() => alone.close());

  /** Two super-admins, and no other that is active. */
  async function onlyTwo(): Promise<readonly [Tenant, Tenant]> {
    await alone.db.rows(`UPDATE users SET status = 'inactive'`);
    return [
      await createTenant(alone.db, { role: 'super-admin' }),
      await createTenant(alone.db, { role: 'super-admin' }),
    ];
  }

  it.each([
    ['demoted', (agent: Agent, path: string) => agent.patch(path).send({ role: 'org-admin' }), 200],
    [
      'deactivated',
      (agent: Agent, path: string) => agent.patch(path).send({ status: 'inactive' }),
      200,
    ],
    ['deleted', (agent: Agent, path: string) => agent.delete(path), 204],
  ] as const)('is not %s: 409', async (_, end, status) => {
    const [one, two] = await onlyTwo();
    const agent = alone.http(one.key);
    expect((await end(agent, `/api/users/${two.userId}`)).status).toBe(status);
    expectProblem(await end(agent, `/api/users/${one.userId}`), 409, 'LAST_SUPER_ADMIN');
    expect((await agent.get('/api/users/me')).body).toMatchObject({
      role: 'super-admin',
      status: 'active',
    });
  });

  it('is left when the last two demote each other at once, however often', async () => {
    for (let round = 0; round < 10; round++) {
      const [one, two] = await onlyTwo();
      const answers = await Promise.all([
        alone.http(one.key).patch(`/api/users/${two.userId}`).send({ role: 'analyst' }),
        alone.http(two.key).patch(`/api/users/${one.userId}`).send({ role: 'analyst' }),
      ]);
      const { count } = await alone.db.row<{ count: number }>(
        `SELECT count(*)::int AS count FROM users WHERE role = 'super-admin' AND status = 'active' AND deleted_at IS NULL`,
      );
      expect({ statuses: answers.map(({ status }) => status), count }).toEqual({
        statuses: expect.arrayContaining([200]) as number[],
        count: 1,
      });
    }
  });
});
