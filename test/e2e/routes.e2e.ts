import { generateApiKey } from '../../src/auth/api-key-format.js';
import { ROLES, SCOPE_NAMES, hasScope, scopesOfRole } from '../../src/auth/scopes.js';
import type { Scope } from '../../src/auth/scopes.js';
import type { ErrorCode } from '../../src/common/error-codes.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { operationsOf } from '../document.js';
import { addKey, addPerson, createTenant, fingerprint } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { send } from '../outcomes.js';
import { PASSWORD, addSignedIn, signIn } from '../sign-in.js';
import { BODIES, BODILESS, FORMS, kindsIn, probeOf } from '../route-probes.js';
import { declaredRoutes, servedRoutes } from '../route-table.js';
import type { DeclaredRoute } from '../route-table.js';

let api: TestApp;
let routes: DeclaredRoute[];
let tenant: Tenant;
let other: Tenant;
/** Of a platform administrator. */
let platform: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  routes = declaredRoutes(api.app);
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  platform = await createTenant(api.db, { role: 'super-admin' });
});

afterAll(() => api.close());

/** What is served beside the routes of controllers: the documentation, the console and their assets. */
const PAGES = /^GET \/(?:docs(?:\/|-json|-yaml|$)|assets\/|sign-in$|account\/|admin\/|$)/;

/** What the document leaves out: it is for machines and people, not for clients of the API. */
const UNDOCUMENTED = new Set(['GET /metrics']);

type GuardedRoute = DeclaredRoute & { readonly scopes: readonly Scope[] };

const guarded = (): GuardedRoute[] =>
  routes.flatMap((route) =>
    route.access?.kind === 'scopes' ? [{ ...route, scopes: route.access.scopes }] : [],
  );

describe('the route table', () => {
  it('holds routes', () => {
    expect(routes.length).toBeGreaterThan(25);
  });

  it('declares for each route who may call it', () => {
    expect(routes.filter(({ access }) => access === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('makes public only what is meant to be', () => {
    const open = routes.filter(({ access }) => access?.kind === 'public').map(({ name }) => name);
    expect(open.sort()).toEqual(['GET /health/live', 'GET /health/ready', 'POST /api/auth/login']);
  });

  it('is all that is served, once under /api and once under /api/v1', () => {
    const expected = routes.flatMap(({ name, isRoot }) =>
      isRoot ? [name] : [name, name.replace(' /api/', ' /api/v1/')],
    );
    const served = servedRoutes(api.app).filter(
      (name) => !PAGES.test(name) || expected.includes(name),
    );
    expect(new Set(served)).toEqual(new Set(expected));
  });

  it('knows a body, or that there is none, for every route that changes something', () => {
    const unknown = routes.filter(
      ({ name, method }) =>
        method !== 'get' && !(name in BODIES) && !(name in FORMS) && !BODILESS.has(name),
    );
    expect(unknown.map(({ name }) => name)).toEqual([]);
  });

  it('is in the OpenAPI document, each route with the schema of its answer and its errors', () => {
    const operations = new Map(
      operationsOf(api.document).map((operation) => [
        `${operation.method.toUpperCase()} ${operation.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
        operation,
      ]),
    );
    const documented = routes.map(({ name }) => name).filter((name) => !UNDOCUMENTED.has(name));
    expect([...operations.keys()].sort()).toEqual(documented.sort());
    for (const route of routes) {
      const operation = operations.get(route.name);
      if (!operation) continue;
      const success = Object.entries(operation.answers).filter(([status]) => status < '300');
      expect(success.length).toBeGreaterThan(0);
      for (const [status, { content }] of success) {
        const [{ schema } = {}] = Object.values(content ?? {});
        if (status === '204') expect(content).toBeUndefined();
        else
          expect({ route: route.name, status, schema }).toMatchObject({
            schema: expect.any(Object) as object,
          });
      }
      const isGuarded = route.access?.kind !== 'public';
      expect({ route: route.name, isGuarded: operation.isGuarded }).toEqual({
        route: route.name,
        isGuarded,
      });
      if (isGuarded) {
        expect(Object.keys(operation.answers)).toEqual(
          expect.arrayContaining(['401', '403', '429', '503']),
        );
        if (route.path.includes(':'))
          expect(Object.keys(operation.answers)).toEqual(expect.arrayContaining(['400', '404']));
      }
    }
  });
});

/** What must stay open to whoever has to change the password, and would end the test. */
const SESSION_ENDS = new Set(['POST /api/auth/logout', 'POST /api/auth/password']);

/** Routes that only somebody who is signed in may call. */
const ofSessions = (): DeclaredRoute[] =>
  routes.filter((route) => route.access?.kind === 'session');

describe('every route of a session', () => {
  it('answers 401 without a cookie and with a bad one, 403 to a key, and changes nothing', async () => {
    expect(ofSessions()).toHaveLength(4);
    const before = await fingerprint(api.db);
    for (const route of ofSessions()) {
      expectProblem(await send(api.http(), probeOf(route)), 401, 'AUTHENTICATION_REQUIRED');
      for (const token of ['', 'garbage', 'A'.repeat(43)]) {
        const agent = api.http().set('Cookie', `casebender_session=${token}`);
        expectProblem(await send(agent, probeOf(route)), 401, 'SESSION_INVALID');
      }
      expectProblem(await send(api.http(platform.key), probeOf(route)), 403, 'SESSION_REQUIRED');
    }
    expect(await fingerprint(api.db)).toBe(before);
  });
});

/** Whoever is signed in has keys of their own. */
const OWN_KEYS = '/api/api-keys';

describe('every route, to somebody who is signed in', () => {
  it('answers 403 to a change without the token against forgery, and changes nothing', async () => {
    const { cookie, session } = await addSignedIn(api, platform.organizationId, {
      role: 'super-admin',
    });
    const stranger = await addSignedIn(api, platform.organizationId, { role: 'super-admin' });
    const tokens = [undefined, '', session.csrfToken.slice(1), stranger.session.csrfToken];
    const before = await fingerprint(api.db);
    for (const route of [...guarded(), ...ofSessions()]) {
      if (route.method === 'get') continue;
      for (const token of tokens) {
        const agent = api.http().set('Cookie', cookie);
        if (token !== undefined) agent.set('X-CSRF-Token', token);
        expectProblem(await send(agent, probeOf(route)), 403, 'CSRF_TOKEN_INVALID');
      }
    }
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('is closed until a password that somebody else set is changed, but for four', async () => {
    const person = await addPerson(api.db, platform.organizationId, {
      role: 'super-admin',
      password: PASSWORD,
    });
    await api.db.rows('UPDATE users SET must_change_password = true WHERE id = $1', [
      person.userId,
    ]);
    const { agent } = await signIn(api, person);
    const before = await fingerprint(api.db);
    const open: string[] = [];
    const probed = [...guarded(), ...ofSessions()].filter(({ name }) => !SESSION_ENDS.has(name));
    for (const route of probed) {
      const response = await send(agent, probeOf(route));
      if (response.status === 403) expectProblem(response, 403, 'PASSWORD_CHANGE_REQUIRED');
      else open.push(route.name);
    }
    expect(open).toEqual(['GET /api/users/me', 'GET /api/auth/session']);
    expect(await fingerprint(api.db)).toBe(before);
    expect((await agent.get('/api/auth/session')).body).toMatchObject({ mustChangePassword: true });
    const next = 'four words nobody expects';
    const changed = await agent.post('/api/auth/password').send({ current: PASSWORD, next });
    expect(changed.status).toBe(204);
    expect((await agent.get('/api/users')).status).toBe(200);
    expect((await agent.post('/api/auth/logout')).status).toBe(204);
  });

  it.each(ROLES)('lets in the role %s as far as its scopes go, and no further', async (role) => {
    const { agent } = await addSignedIn(api, platform.organizationId, { role });
    const held = new Set(scopesOfRole(role));
    const wrong: string[] = [];
    for (const route of guarded()) {
      const mayCall =
        route.scopes.length === 0 ||
        route.scopes.some((scope) => hasScope(held, scope)) ||
        route.path.startsWith(OWN_KEYS);
      const before = mayCall ? '' : await fingerprint(api.db);
      const response = await send(agent, probeOf(route));
      const { status } = response;
      const { code } = response.body as { readonly code?: ErrorCode };
      // What belongs to the whole instance is the platform's, whatever the scopes.
      const isOfPlatform = role === 'org-admin' && code === 'INSUFFICIENT_ROLE';
      const isIn = ![401, 403, 405, 429, 500].includes(status) || isOfPlatform;
      const isRefused = status === 403 && code === 'INSUFFICIENT_SCOPE';
      const isKept = mayCall || (await fingerprint(api.db)) === before;
      if ((mayCall ? !isIn : !isRefused) || !isKept)
        wrong.push(`${route.name} → ${status} ${code ?? ''}`);
    }
    expect(wrong).toEqual([]);
  });
});

describe('every authenticated route', () => {
  it('answers 401 to each kind of bad credential, and changes nothing', async () => {
    const unknown = generateApiKey();
    const past = new Date(Date.now() - 1000);
    const credentials: readonly [string | undefined, ErrorCode][] = [
      [undefined, 'AUTHENTICATION_REQUIRED'],
      ['garbage', 'API_KEY_INVALID'],
      [`${unknown.slice(0, -1)}${unknown.endsWith('0') ? '1' : '0'}`, 'API_KEY_INVALID'],
      [unknown, 'API_KEY_INVALID'],
      [(await addKey(api.db, tenant, { expiresAt: past })).key, 'API_KEY_EXPIRED'],
      [(await addKey(api.db, tenant, { state: 'suspended' })).key, 'API_KEY_SUSPENDED'],
      [(await addKey(api.db, tenant, { state: 'revoked' })).key, 'API_KEY_REVOKED'],
    ];
    const before = await fingerprint(api.db);
    for (const route of guarded()) {
      for (const [key, code] of credentials)
        expectProblem(await send(api.http(key), probeOf(route)), 401, code);
    }
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 403 to a key with every other scope, naming what is missing, and changes nothing', async () => {
    const before = await fingerprint(api.db);
    for (const route of guarded()) {
      const needed = route.scopes;
      if (needed.length === 0) continue;
      const scopes = SCOPE_NAMES.filter((scope) => scope !== 'admin:*' && !needed.includes(scope));
      const { key } = await addKey(api.db, tenant, { scopes });
      const response = await send(api.http(key), probeOf(route));
      expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
      for (const scope of needed) expect(response.headers['www-authenticate']).toContain(scope);
    }
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('lets in a key with just its scopes and a key with admin:*', async () => {
    for (const route of guarded()) {
      for (const scopes of [route.scopes, ['admin:*'] as const]) {
        const { key } = await addKey(api.db, platform, {
          scopes: scopes.length > 0 ? scopes : ['alerts:read'],
        });
        const { status } = await send(api.http(key), probeOf(route));
        const isIn = ![401, 403, 405, 429, 500].includes(status);
        expect({ route: route.name, status, isIn }).toEqual({
          route: route.name,
          status,
          isIn: true,
        });
      }
    }
  });

  it('answers 400 to a parameter it does not know', async () => {
    const open: string[] = [];
    for (const route of guarded()) {
      if (route.isRoot) continue;
      const probe = probeOf(route);
      const response = await send(api.http(tenant.key), probe, `${probe.path()}?nonsense=1`);
      if (response.status !== 400) open.push(`${route.name} → ${response.status}`);
    }
    expect(open).toEqual([]);
  });

  it('answers 400 to an id of the wrong form', async () => {
    for (const route of guarded()) {
      for (const { parameter } of kindsIn(route)) {
        const response = await send(api.http(tenant.key), probeOf(route, { [parameter]: 'x' }));
        expectProblem(response, 400, 'VALIDATION_FAILED');
      }
    }
  });

  it("answers another tenant's id with the bytes of a missing one, and changes nothing", async () => {
    for (const route of guarded()) {
      const kinds = kindsIn(route);
      for (const { parameter, kind } of kinds) {
        const ids: Record<string, string> = {};
        for (const { parameter: name, kind: own } of kinds)
          ids[name] = (await own.make?.(api, tenant)) ?? own.missing;
        const wanted = [kind.missing, ...(kind.make ? [await kind.make(api, other)] : [])];
        const before = await fingerprint(api.db);
        const answers = new Set<string>();
        for (const id of wanted) {
          // What belongs to no tenant is the platform's to change.
          const { key } = kind.make ? tenant : platform;
          const agent = api.http(key).set('X-Request-Id', 'same');
          const response = await send(agent, probeOf(route, { ...ids, [parameter]: id }));
          const { status } = response;
          expect({ route: route.name, parameter, status }).toMatchObject({ status: 404 });
          expectProblem(response, 404, kind.code);
          answers.add(response.text.replaceAll(`/${id}`, '/ID'));
        }
        expect({ route: route.name, parameter, answers: [...answers] }).toEqual({
          route: route.name,
          parameter,
          answers: [expect.any(String) as string],
        });
        expect(await fingerprint(api.db)).toBe(before);
      }
    }
  }, 120_000);
});
