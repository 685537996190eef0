import argon2 from 'argon2';
import type { Response } from 'supertest';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { ROLES, scopesOfRole } from '../../src/auth/scopes.js';
import { sessionSchema } from '../../src/sessions/sessions.schema.js';
import type { Session } from '../../src/sessions/sessions.schema.js';
import { ChangeFeed } from '../../src/database/change-feed.js';
import type { ChangeTopic } from '../../src/database/change-feed.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addMember,
  addPerson,
  createTenant,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Person, PersonOptions, Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { readAll, within1s } from '../outcomes.js';
import { PASSWORD, addSignedIn, signIn } from '../sign-in.js';
import type { SignedIn } from '../sign-in.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
/** Of an organization's administrator. */
let admin: Agent;

beforeAll(async () => {
  // The tests speak from many addresses.
  api = await startTestApp({ TRUST_PROXY: '127.0.0.1' });
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db);
  admin = api.http(tenant.key);
});

afterAll(() => api.close());

const person = (options: PersonOptions = {}) =>
  addPerson(api.db, tenant.organizationId, { password: PASSWORD, ...options });
const signedIn = (options: PersonOptions = {}) => addSignedIn(api, tenant.organizationId, options);

let addresses = 0;

/** An address that nothing came from so far. */
function freshAddress(): string {
  addresses++;
  return `198.51.${addresses >> 8}.${addresses & 255}`;
}

function login(email: string, password: string, address = freshAddress()): Promise<Response> {
  return api
    .http()
    .post('/api/auth/login')
    .set('X-Forwarded-For', address)
    .set('X-Request-Id', 'same')
    .send({ email, password })
    .then((response) => response);
}

const statusOf = async (agent: Agent) => (await agent.get('/api/auth/session')).status;

const auditOf = (id: string) =>
  api.db.rows<{ action: string; actor_kind: string; actor_id: string | null; ip: string }>(
    `SELECT action, actor_kind, actor_id::text, credential_id::text, organization_id::text, ip
     FROM audit_entries WHERE target_id = $1 ORDER BY at, id`,
    [id],
  );

/** Sets the times of a session, and lets every process know. */
async function shift({ userId }: Person, seen: string, created: string): Promise<void> {
  await api.db.rows(
    `UPDATE sessions SET seen_at = now() - $2::interval, created_at = now() - $3::interval WHERE user_id = $1`,
    [userId, seen, created],
  );
  // The server has heard of it when it hears what was said after it.
  const after = unique('heard');
  const heard = new Promise<void>((resolve) => {
    api.app.get(ChangeFeed).onChange(after as ChangeTopic, resolve);
  });
  for (const topic of ['sessions', after])
    await api.db.rows(`SELECT pg_notify('casebender_changes', $1)`, [topic]);
  await heard;
}

describe('POST /auth/login', () => {
  it('answers 200 with the person, the token and the end, and sets the cookie', async () => {
    const someone = await person();
    const response = await login(someone.email, PASSWORD);
    expect(response.status).toBe(200);
    expect(response.headers['cache-control']).toBe('no-store');
    const session = expectMatches(sessionSchema, response.body);
    expect(session.user).toMatchObject({ id: someone.userId, email: someone.email });
    expect(session.mustChangePassword).toBe(false);
    expect(session.csrfToken).toMatch(/^[\w-]{43}$/);
    const left = Date.parse(session.expiresAt) - Date.now();
    expect(Math.abs(left - 12 * 3_600_000)).toBeLessThan(60_000);
    const cookies = response.headers['set-cookie'] as unknown as string[];
    expect(cookies).toHaveLength(1);
    const [cookie = '', ...attributes] = (cookies[0] ?? '').split('; ');
    expect(cookie).toMatch(/^casebender_session=[\w-]{43}$/);
    expect(attributes.filter((each) => !each.startsWith('Expires='))).toEqual([
      'Max-Age=604800',
      'Path=/',
      'HttpOnly',
      'SameSite=Strict',
    ]);
    const again = await api.http().get('/api/auth/session').set('Cookie', cookie);
    expect(again.body).toEqual(session);
  });

  it('stores only a keyed digest of the token, and audits who came from where', async () => {
    const someone = await person();
    const address = freshAddress();
    const response = await login(someone.email, PASSWORD, address);
    const [cookie = ''] = response.headers['set-cookie'] as unknown as string[];
    const token = /=([^;]+)/.exec(cookie)?.[1] ?? '';
    const row = await api.db.row<{ id: string; row: string }>(
      'SELECT id::text, to_json(s)::text AS row FROM sessions s WHERE user_id = $1',
      [someone.userId],
    );
    for (const form of [
      token,
      Buffer.from(token).toString('hex'),
      (response.body as Session).csrfToken,
    ])
      expect(row.row).not.toContain(form);
    expect(await auditOf(someone.userId)).toEqual([
      {
        action: 'user.signed-in',
        actor_kind: 'user',
        actor_id: someone.userId,
        credential_id: row.id,
        organization_id: tenant.organizationId,
        ip: address,
      },
    ]);
  });

  it('takes the address in any case, and shows when the person was last seen', async () => {
    const someone = await person();
    const response = await login(someone.email.toUpperCase(), PASSWORD);
    expect(response.status).toBe(200);
    const { lastSeenAt } = (response.body as Session).user;
    expect(Date.now() - Date.parse(lastSeenAt ?? '')).toBeLessThan(60_000);
  });

  it('sets a cookie for TLS alone, bound to the host, where the public address is https', async () => {
    const behindTls = await startTestApp({ PUBLIC_URL: 'https://soc.example.org' });
    try {
      const { email } = await person();
      const response = await behindTls
        .http()
        .post('/api/auth/login')
        .send({ email, password: PASSWORD });
      const [cookie = ''] = response.headers['set-cookie'] as unknown as string[];
      expect(cookie).toMatch(/^__Host-casebender_session=/);
      expect(cookie).toMatch(/; Secure(;|$)/);
      expect(cookie).not.toMatch(/Domain/);
      const [pair = ''] = cookie.split(';');
      const session = (set: string) => behindTls.http().get('/api/auth/session').set('Cookie', set);
      expect((await session(pair)).status).toBe(200);
      const tossed = await session(pair.replace('__Host-', ''));
      expectProblem(tossed, 401, 'AUTHENTICATION_REQUIRED');
    } finally {
      await behindTls.close();
    }
  });

  it('renews a hash made with other parameters, also when several sign in at once', async () => {
    const someone = await person();
    const weak = await argon2.hash(PASSWORD, { memoryCost: 8_192, timeCost: 1, parallelism: 1 });
    await api.db.rows('UPDATE users SET password_hash = $2 WHERE id = $1', [someone.userId, weak]);
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => login(someone.email, PASSWORD)),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const { password_hash: renewed } = await api.db.row<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE id = $1',
      [someone.userId],
    );
    expect(renewed).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect((await login(someone.email, PASSWORD)).status).toBe(200);
  });

  it.each([
    ['email', { password: PASSWORD }],
    ['password', { email: 'a@b.de' }],
    ['email', { email: 7, password: PASSWORD }],
    ['password', { email: 'a@b.de', password: null }],
    ['email', { email: 'a\u0000@b.de', password: PASSWORD }],
    ['password', { email: 'a@b.de', password: 'x'.repeat(1025) }],
    ['admin', { email: 'a@b.de', password: PASSWORD, admin: true }],
  ])('answers 400 naming %s to %j', async (path, body) => {
    expectInvalid(await api.http().post('/api/auth/login').send(body), [path]);
  });

  it('answers alike, 401, whoever cannot sign in', async () => {
    const known = await person();
    const deleted = await person();
    await api.db.rows('UPDATE users SET deleted_at = now() WHERE id = $1', [deleted.userId]);
    const homeless = await person();
    await api.db.rows('DELETE FROM organization_members WHERE user_id = $1', [homeless.userId]);
    const answers = new Set<string>();
    for (const [email, password] of [
      [known.email, 'another password'],
      [known.email, ''],
      [known.email, `${PASSWORD} `],
      [`${unique('nobody')}@casebender.test`, PASSWORD],
      ['no address', PASSWORD],
      [(await person({ status: 'inactive' })).email, PASSWORD],
      [(await person({ status: 'invited' })).email, PASSWORD],
      [deleted.email, PASSWORD],
      [homeless.email, PASSWORD],
      [tenant.email, PASSWORD],
    ] as const) {
      const response = await login(email, password);
      expectProblem(response, 401, 'SIGN_IN_FAILED');
      expect(response.headers).not.toHaveProperty('set-cookie');
      answers.add(response.text + JSON.stringify(Object.keys(response.headers)));
    }
    expect(answers.size).toBe(1);
  });

  it('audits a failure without what was typed, of whom it was tried for where that is known', async () => {
    const someone = await person();
    const addressOfKnown = freshAddress();
    await login(someone.email, 'a wrong password', addressOfKnown);
    const entries = await auditOf(someone.userId);
    expect(entries).toEqual([
      {
        action: 'user.sign-in-failed',
        actor_kind: 'anonymous',
        actor_id: null,
        credential_id: null,
        organization_id: tenant.organizationId,
        ip: addressOfKnown,
      },
    ]);
    const addressOfUnknown = freshAddress();
    await login('typed@casebender.test', 'a wrong password', addressOfUnknown);
    const { entry } = await api.db.row<{ entry: string }>(
      'SELECT to_json(a)::text AS entry FROM audit_entries a WHERE ip = $1',
      [addressOfUnknown],
    );
    expect(entry).toContain('user.sign-in-failed');
    expect(entry).not.toMatch(/typed|wrong/);
  });

  it('costs as much for an unknown address as for a wrong password', async () => {
    const known = await Promise.all(Array.from({ length: 10 }, () => person()));
    const cost = async (emails: readonly string[]) => {
      const before = process.cpuUsage();
      for (const email of emails) expect((await login(email, 'a wrong password')).status).toBe(401);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    await cost([unique('warm@up')]);
    const wrong = await cost(known.map(({ email }) => email));
    const unknown = await cost(known.map(({ email }) => `not-${email}`));
    // Without its verification an unknown address would cost a tenth.
    expect(unknown / wrong).toBeGreaterThan(0.5);
    expect(unknown / wrong).toBeLessThan(2);
  });

  it('refuses an address 10 failures a minute, before any password is verified: 429', async () => {
    const someone = await person();
    const address = freshAddress();
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => login(`${unique('x')}@casebender.test`, PASSWORD, address)),
    );
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(30);
    const refused = await login(someone.email, PASSWORD, address);
    expectProblem(refused, 429, 'TOO_MANY_AUTH_FAILURES');
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(60);
    expect((await login(someone.email, PASSWORD)).status).toBe(200);
  });

  it('does not count what was right', async () => {
    const someone = await person();
    const address = freshAddress();
    for (let i = 0; i < 15; i++)
      expect((await login(someone.email, PASSWORD, address)).status).toBe(200);
  });

  it('answers like a wrong password after 10 failures for one account, known or not', async () => {
    const { agent, email } = await signedIn();
    const unknown = `${unique('nobody')}@casebender.test`;
    const answers = new Set<string>();
    for (const account of [email, unknown]) {
      const failures = await Promise.all(
        Array.from({ length: 10 }, () => login(account, 'a wrong password')),
      );
      for (const response of [...failures, await login(account.toUpperCase(), PASSWORD)]) {
        expectProblem(response, 401, 'SIGN_IN_FAILED');
        answers.add(response.text);
      }
    }
    expect(answers.size).toBe(1);
    expect(await statusOf(agent)).toBe(200);
  });

  it('answers 503 to what of a crowd cannot wait, and does not hold it against anybody', async () => {
    const crowd = await Promise.all(Array.from({ length: 40 }, () => person()));
    const address = freshAddress();
    const answers = await Promise.all(crowd.map(({ email }) => login(email, PASSWORD)));
    for (const response of answers)
      if (response.status !== 200) expectProblem(response, 503, 'UNAVAILABLE');
    for (const { email } of crowd.slice(0, 12))
      expect((await login(email, PASSWORD, address)).status).toBe(200);
  });

  it('answers 413 to more than a stranger has to say, and 415 to a form', async () => {
    const post = () => api.http().post('/api/auth/login');
    const large = await post().send({ email: 'x'.repeat(20_000), password: PASSWORD });
    expectProblem(large, 413, 'BODY_TOO_LARGE');
    const form = await post().type('form').send({ email: tenant.email, password: PASSWORD });
    expectProblem(form, 415, 'UNSUPPORTED_MEDIA_TYPE');
  });
});

describe('a session', () => {
  it.each(ROLES)('of a %s has the scopes of the role', async (role) => {
    const { agent } = await signedIn({ role });
    const scopes = scopesOfRole(role);
    const alert = { title: 'x', statusValue: 'new', severity: 1 };
    for (const [request, scope] of [
      [() => agent.get('/api/alerts'), 'alerts:read'],
      [() => agent.post('/api/alerts').send(alert), 'alerts:write'],
      [() => agent.get('/api/users'), 'users:read'],
      [() => agent.post('/api/teams').send({ name: unique('team') }), 'admin:*'],
    ] as const) {
      const response = await request();
      if (scopes.includes(scope)) expect(response.status).toBeLessThan(300);
      else expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
    }
  });

  it('works in all organizations of the person, the first of which owns what it creates', async () => {
    const someone = await person();
    await addMember(api.db, other.organizationId, someone.userId);
    await api.db.rows(
      'UPDATE organization_members SET position = 1 WHERE user_id = $1 AND organization_id = $2',
      [someone.userId, other.organizationId],
    );
    const { agent } = await signIn(api, someone);
    const post = async (more: object = {}) => {
      const body = { title: 'x', statusValue: 'new', severity: 1, ...more };
      return (await agent.post('/api/alerts').send(body)).body as Alert;
    };
    const [here, there] = [await post(), await post({ organizations: [other.organizationId] })];
    expect(here.ownerOrganizationId).toBe(tenant.organizationId);
    expect(there.ownerOrganizationId).toBe(other.organizationId);
    for (const { id } of [here, there])
      expect((await agent.get(`/api/alerts/${id}`)).status).toBe(200);
    const left = `/api/organizations/${other.organizationId}/members/${someone.userId}`;
    expect((await api.http(api.adminKey).delete(left)).status).toBe(204);
    expectProblem(await agent.get(`/api/alerts/${there.id}`), 404, 'ALERT_NOT_FOUND');
    expect((await agent.get(`/api/alerts/${here.id}`)).status).toBe(200);
  });

  it.each(['alerts', 'cases'])(
    'lists the %s of all organizations of the person once, in whatever order',
    async (kind) => {
      const [a, b] = [await createTenant(api.db), await createTenant(api.db)];
      await linkOrganizations(api.db, a.organizationId, b.organizationId);
      const someone = await addPerson(api.db, a.organizationId, { password: PASSWORD });
      await addMember(api.db, b.organizationId, someone.userId);
      const { agent } = await signIn(api, someone);
      const ids: string[] = [];
      for (const [owner, guest] of [
        [a, b],
        [b, a],
        [a, a],
        [b, b],
      ] as const) {
        const organizations = [owner.organizationId, guest.organizationId];
        const body = { title: 'x', statusValue: 'new', severity: 1, organizations };
        ids.push(((await agent.post(`/api/${kind}`).send(body)).body as Alert).id);
      }
      for (const sort of ['createdAt', 'updatedAt', 'severity', 'tinyId']) {
        const path = `/api/${kind}?sort=${sort}&limit=1`;
        const listed = await readAll<Alert>(agent, path);
        expect(listed.map(({ id }) => id)).toEqual(ids);
        const counted = await agent.get(`${path}&count=true`);
        expect(counted.headers['x-total-count']).toBe('4');
      }
    },
  );

  it('is held to the clearance of the person', async () => {
    const { agent } = await signedIn({ tlpMax: 1 });
    const alert = { title: 'x', statusValue: 'new', severity: 1, tlp: 2 };
    expectProblem(await agent.post('/api/alerts').send(alert), 403, 'CLEARANCE_TLP');
  });

  it('is told apart from a key in history and audit', async () => {
    const { agent, userId } = await signedIn();
    const alert = { title: 'x', statusValue: 'new', severity: 1 };
    const { id } = (await agent.post('/api/alerts').send(alert)).body as Alert;
    const [line] = (await agent.get(`/api/alerts/${id}/activities`)).body as object[];
    expect(line).toMatchObject({ actor: { kind: 'user', id: userId } });
    expect(await auditOf(id)).toMatchObject([{ actor_kind: 'user', actor_id: userId }]);
  });

  it('is limited like professional', async () => {
    const { agent } = await signedIn({ tierMax: 'basic' });
    expect((await agent.get('/api/users/me')).headers['x-ratelimit-limit']).toBe('1000');
  });

  it('is ignored beside a key, good or bad', async () => {
    const { cookie, userId } = await signedIn();
    const beside = (key: string) => api.http(key).set('Cookie', cookie);
    const me = await beside(other.key).get('/api/users/me');
    expect((me.body as { id: string }).id).toBe(other.userId);
    expect(me.headers).not.toHaveProperty('x-ratelimit-limit');
    const alert = { title: 'x', statusValue: 'new', severity: 1 };
    expect((await beside(other.key).post('/api/alerts').send(alert)).status).toBe(200);
    expectProblem(await beside('garbage').get('/api/users/me'), 401, 'API_KEY_INVALID');
    const secret = api.http().set('Cookie', cookie).set('X-Api-Secret', 'x');
    expectProblem(await secret.get('/api/users/me'), 401, 'API_KEY_INVALID');
    const among = api.http().set('Cookie', `a=b; ${cookie}; casebender_session=second`);
    expect(((await among.get('/api/users/me')).body as { id: string }).id).toBe(userId);
  });

  it('answers the same again to the same idempotency key', async () => {
    const { agent } = await signedIn();
    const post = () =>
      agent
        .post('/api/alerts')
        .set('Idempotency-Key', 'once')
        .send({ title: 'x', statusValue: 'new', severity: 1 });
    const [first, second] = [await post(), await post()];
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(second.body).toEqual(first.body);
  });

  it('slides 12 hours with its use', async () => {
    const someone = await signedIn();
    await shift(someone, '11 hours 59 minutes', '5 days');
    const response = await someone.agent.get('/api/auth/session');
    expect(response.status).toBe(200);
    const left = Date.parse((response.body as Session).expiresAt) - Date.now();
    expect(Math.abs(left - 12 * 3_600_000)).toBeLessThan(120_000);
    const { age } = await api.db.row<{ age: number }>(
      'SELECT extract(epoch FROM now() - seen_at)::int AS age FROM sessions WHERE user_id = $1',
      [someone.userId],
    );
    expect(age).toBeLessThan(60);
  });

  it('ends 7 days after it began at the latest, and says so', async () => {
    const someone = await signedIn();
    await shift(someone, '2 minutes', '6 days 23 hours');
    const ask = () => someone.agent.get('/api/auth/session');
    await within1s(async () => {
      const response = await ask();
      const left = Date.parse((response.body as Session).expiresAt) - Date.now();
      return left < 3_660_000 ? 1 : 0;
    }, 1);
    await shift(someone, '0 minutes', '7 days');
    await within1s(() => statusOf(someone.agent), 401);
    expectProblem(await ask(), 401, 'SESSION_INVALID');
  });

  it('is over after 12 hours without use', async () => {
    const someone = await signedIn();
    await shift(someone, '12 hours', '13 hours');
    await within1s(() => statusOf(someone.agent), 401);
    expectProblem(await someone.agent.get('/api/users/me'), 401, 'SESSION_INVALID');
  });

  it.each([
    [
      'deactivated',
      ({ userId }: Person) => admin.patch(`/api/users/${userId}`).send({ status: 'inactive' }),
    ],
    [
      'given another role',
      ({ userId }: Person) => admin.patch(`/api/users/${userId}`).send({ role: 'read-only' }),
    ],
    ['deleted', ({ userId }: Person) => admin.delete(`/api/users/${userId}`)],
    ['given another password', ({ userId }: Person) => admin.post(`/api/users/${userId}/password`)],
  ])(
    'ends when its person is %s, here at once and elsewhere within a second',
    async (_, change) => {
      const elsewhere = await startTestApp();
      try {
        const { agent, cookie, ...someone } = await signedIn();
        const there = elsewhere.http().set('Cookie', cookie);
        expect(await statusOf(agent)).toBe(200);
        expect(await statusOf(there)).toBe(200);
        expect((await change(someone)).status).toBeLessThan(300);
        expectProblem(await agent.get('/api/auth/session'), 401, 'SESSION_INVALID');
        await within1s(() => statusOf(there), 401);
        const { count } = await api.db.row<{ count: number }>(
          'SELECT count(*)::int AS count FROM sessions WHERE user_id = $1',
          [someone.userId],
        );
        expect(count).toBe(0);
      } finally {
        await elsewhere.close();
      }
    },
  );

  it('does not come back with its person', async () => {
    const { agent, userId } = await signedIn();
    for (const status of ['inactive', 'active'])
      expect((await admin.patch(`/api/users/${userId}`).send({ status })).status).toBe(200);
    expectProblem(await agent.get('/api/auth/session'), 401, 'SESSION_INVALID');
  });
});

describe('POST /auth/logout', () => {
  it('answers 204, clears the cookie and ends this session alone', async () => {
    const someone = await person();
    const [one, two] = [await signIn(api, someone), await signIn(api, someone)];
    const response = await one.agent.post('/api/auth/logout');
    expect(response.status).toBe(204);
    const [cleared = ''] = response.headers['set-cookie'] as unknown as string[];
    expect(cleared).toMatch(/^casebender_session=;.*Expires=Thu, 01 Jan 1970/);
    const kept = await api.http().get('/api/auth/session').set('Cookie', one.cookie);
    expectProblem(kept, 401, 'SESSION_INVALID');
    expect(await statusOf(two.agent)).toBe(200);
    const actions = (await auditOf(someone.userId)).map(({ action }) => action);
    expect(actions).toEqual(['user.signed-in', 'user.signed-in', 'user.signed-out']);
  });
});

describe('POST /auth/password', () => {
  const NEXT = 'four words nobody expects';
  const change = ({ agent }: SignedIn, body: object = {}) =>
    agent.post('/api/auth/password').send({ current: PASSWORD, next: NEXT, ...body });

  it('answers 204 and ends the other sessions; keys and this session go on', async () => {
    const someone = await person();
    const [here, there] = [await signIn(api, someone), await signIn(api, someone)];
    const { key } = await addKey(api.db, { ...someone, organizationId: tenant.organizationId });
    expect(await statusOf(there.agent)).toBe(200);
    const response = await change(here);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expect(await statusOf(here.agent)).toBe(200);
    expect(await statusOf(there.agent)).toBe(401);
    expect((await api.http(key).get('/api/users/me')).status).toBe(200);
    expectProblem(await login(someone.email, PASSWORD), 401, 'SIGN_IN_FAILED');
    expect((await login(someone.email, NEXT)).status).toBe(200);
    const entries = (await auditOf(someone.userId)).map(({ action }) => action);
    expect(entries).toContain('user.password-changed');
  });

  it('lifts the duty to change a temporary password', async () => {
    const { userId, email } = await person();
    const reset = await admin.post(`/api/users/${userId}/password`);
    const { temporaryPassword = '' } = reset.body as { temporaryPassword?: string };
    const someone = await signIn(api, { userId, email, role: 'analyst' }, temporaryPassword);
    expect(someone.session.mustChangePassword).toBe(true);
    expect((await someone.agent.get('/api/users/me')).status).toBe(200);
    expectProblem(await someone.agent.get('/api/alerts'), 403, 'PASSWORD_CHANGE_REQUIRED');
    expect((await change(someone, { current: temporaryPassword })).status).toBe(204);
    expect((await someone.agent.get('/api/alerts')).status).toBe(200);
    const session = await someone.agent.get('/api/auth/session');
    expect(session.body).toMatchObject({ mustChangePassword: false });
  });

  it.each([
    ['current', { current: 'a wrong password' }],
    ['current', { current: '' }],
    ['next', { next: PASSWORD }],
    ['next', { next: 'too short' }],
    ['next', { next: 'password1234' }],
    ['next', { next: 'x'.repeat(257) }],
    ['userId', { userId: 'x' }],
  ])('answers 400 naming %s to %j, and changes nothing', async (path, body) => {
    const someone = await signedIn();
    expectInvalid(await change(someone, body), [path]);
    expect((await login(someone.email, PASSWORD)).status).toBe(200);
  });

  it('answers 429 after 10 wrong tries, and the session goes on', async () => {
    const someone = await signedIn();
    for (let i = 0; i < 10; i++)
      expectInvalid(await change(someone, { current: 'a wrong password' }), ['current']);
    expectProblem(await change(someone), 429, 'TOO_MANY_AUTH_FAILURES');
    expect(await statusOf(someone.agent)).toBe(200);
    expect((await login(someone.email, PASSWORD)).status).toBe(200);
  });

  it('has one winner when two come at once', async () => {
    const someone = await signedIn();
    const nexts = [NEXT, `${NEXT} either`];
    const answers = await Promise.all(nexts.map((next) => change(someone, { next })));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 400]);
    const winner = nexts[answers.findIndex(({ status }) => status === 204)] ?? '';
    expect((await login(someone.email, winner)).status).toBe(200);
  });

  it('leaves no session to a sign-in with the old password at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const someone = await signedIn();
      const [changed, ...entered] = await Promise.all([
        change(someone),
        ...Array.from({ length: 4 }, () => login(someone.email, PASSWORD)),
      ]);
      expect(changed.status).toBe(204);
      expect(entered.every(({ status }) => status === 200 || status === 401)).toBe(true);
      const { count } = await api.db.row<{ count: number }>(
        'SELECT count(*)::int AS count FROM sessions WHERE user_id = $1',
        [someone.userId],
      );
      expect(count).toBe(1);
    }
  });
});

describe('POST /users/:id/password by somebody who is signed in', () => {
  it('answers 403 for the own password, which asks for the current one elsewhere', async () => {
    const { agent, userId } = await signedIn({ role: 'org-admin' });
    const response = await agent.post(`/api/users/${userId}/password`);
    expectProblem(response, 403, 'OWN_PASSWORD');
    const colleague = await person();
    expect((await agent.post(`/api/users/${colleague.userId}/password`)).status).toBe(200);
  });
});
