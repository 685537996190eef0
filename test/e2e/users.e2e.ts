import { z } from 'zod';
import { userDetailSchema } from '../../src/users/users.schema.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { addKey, addPerson, addTeam, createTenant } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
});

afterAll(() => api.close());

const MISSING = '01900000-0000-7000-8000-00000000ffff';

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
