import { generateApiKey } from '../../src/auth/api-key-format.js';
import { SCOPE_NAMES } from '../../src/auth/scopes.js';
import type { Scope } from '../../src/auth/scopes.js';
import type { ErrorCode } from '../../src/common/error-codes.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { operationsOf } from '../document.js';
import { addKey, createTenant, fingerprint } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { MISSING_ID, send } from '../outcomes.js';
import { declaredRoutes, servedRoutes } from '../route-table.js';
import type { DeclaredRoute } from '../route-table.js';

let api: TestApp;
let routes: DeclaredRoute[];
let tenant: Tenant;
let other: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  routes = declaredRoutes(api.app);
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
});

afterAll(() => api.close());

/** What is served beside the routes of controllers: the documentation and its assets. */
const DOCUMENTATION = /^GET \/docs(?:\/|-json|-yaml|$)/;

/** What the document leaves out: it is for machines and people, not for clients of the API. */
const UNDOCUMENTED = new Set(['GET /docs/errors', 'GET /metrics']);

/** A body that each route with one takes, so that only the credential and the id can be wrong. */
const BODIES: Readonly<Record<string, object>> = {
  'POST /api/alerts': { title: 'x', statusValue: 'new', severity: 1 },
  'PATCH /api/alerts/:id': { title: 'changed' },
  'PUT /api/alerts/:id': { title: 'changed' },
  'POST /api/alerts/:id/observables': { dataType: 'ip', data: '10.0.0.1' },
  'POST /api/cases': { title: 'x', statusValue: 'new', severity: 1 },
  'PATCH /api/cases/:id': { title: 'changed' },
  'PUT /api/cases/:id': { title: 'changed' },
  'POST /api/cases/:id/observables': { dataType: 'ip', data: '10.0.0.1' },
  'POST /api/observables': { alertId: MISSING_ID, dataType: 'ip', data: '10.0.0.1' },
  'POST /api/api-keys': { name: 'x', tier: 'basic', scopes: ['alerts:read'] },
  'POST /api/api-keys/legacy': { name: 'x', tier: 'basic', scopes: ['alerts:read'] },
  'PATCH /api/api-keys/:id': { name: 'changed' },
  'POST /api/api-keys/:id/rotate': { graceSeconds: 0 },
};

/** Routes that change something without a body. */
const BODILESS = new Set([
  'DELETE /api/alerts/:id',
  'DELETE /api/cases/:id',
  'DELETE /api/api-keys/:id',
  'POST /api/api-keys/:id/suspend',
  'POST /api/api-keys/:id/activate',
  'POST /api/api-keys/:id/revoke',
]);

/** What the id of a path names, by the segment before it. */
const KINDS: Readonly<
  Record<string, { readonly code: ErrorCode; readonly make: () => Promise<string> }>
> = {
  alerts: { code: 'ALERT_NOT_FOUND', make: () => foreignRecord('alerts') },
  cases: { code: 'CASE_NOT_FOUND', make: () => foreignRecord('cases') },
  observables: { code: 'OBSERVABLE_NOT_FOUND', make: foreignObservable },
  users: { code: 'USER_NOT_FOUND', make: () => Promise.resolve(other.userId) },
  'api-keys': { code: 'API_KEY_NOT_FOUND', make: () => Promise.resolve(other.keyId) },
};

async function foreignRecord(kind: string): Promise<string> {
  const response = await api
    .http(other.key)
    .post(`/api/${kind}`)
    .send({ title: 'foreign', statusValue: 'new', severity: 1 });
  expect(response.status).toBe(200);
  return (response.body as { id: string }).id;
}

async function foreignObservable(): Promise<string> {
  const response = await api
    .http(other.key)
    .post('/api/observables')
    .send({ alertId: await foreignRecord('alerts'), dataType: 'ip', data: '10.0.0.1' });
  expect(response.status).toBe(201);
  return (response.body as { id: string }).id;
}

type GuardedRoute = DeclaredRoute & { readonly scopes: readonly Scope[] };

const guarded = (): GuardedRoute[] =>
  routes.flatMap((route) =>
    route.access?.kind === 'scopes' ? [{ ...route, scopes: route.access.scopes }] : [],
  );

const probeOf = (route: DeclaredRoute, id = MISSING_ID) => {
  const body = BODIES[route.name];
  return {
    method: route.method,
    path: () => route.path.replaceAll(/:\w+/g, id),
    ...(body && { body }),
  };
};

describe('the route table', () => {
  it('holds routes', () => {
    expect(routes.length).toBeGreaterThan(25);
  });

  it('declares for each route who may call it', () => {
    expect(routes.filter(({ access }) => access === undefined).map(({ name }) => name)).toEqual([]);
  });

  it('makes public only what is meant to be', () => {
    const open = routes.filter(({ access }) => access?.kind === 'public').map(({ name }) => name);
    expect(open.sort()).toEqual(['GET /docs/errors', 'GET /health/live', 'GET /health/ready']);
  });

  it('is all that is served, once under /api and once under /api/v1', () => {
    const expected = routes.flatMap(({ name, isRoot }) =>
      isRoot ? [name] : [name, name.replace(' /api/', ' /api/v1/')],
    );
    const served = servedRoutes(api.app).filter(
      (name) => !DOCUMENTATION.test(name) || expected.includes(name),
    );
    expect(new Set(served)).toEqual(new Set(expected));
  });

  it('knows a body, or that there is none, for every route that changes something', () => {
    const unknown = routes.filter(
      ({ name, method }) => method !== 'get' && !(name in BODIES) && !BODILESS.has(name),
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
        const schema = content?.['application/json']?.schema;
        if (status === '204') expect(content).toBeUndefined();
        else
          expect({ route: route.name, status, schema }).toMatchObject({
            schema: expect.any(Object) as object,
          });
      }
      const isGuarded = route.access?.kind === 'scopes';
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
        const { key } = await addKey(api.db, tenant, {
          scopes: scopes.length > 0 ? scopes : ['alerts:read'],
        });
        const { status } = await send(api.http(key), probeOf(route));
        const isIn = ![401, 403, 405, 429, 500].includes(status);
        expect({ route: route.name, status, isIn }).toMatchObject({ isIn: true });
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

  it('answers 400 to an id that is no UUID', async () => {
    for (const route of guarded().filter(({ path }) => path.includes(':'))) {
      const response = await send(api.http(tenant.key), probeOf(route, 'x'));
      expectProblem(response, 400, 'VALIDATION_FAILED');
    }
  });

  it("answers another tenant's id with the bytes of a missing one, and changes nothing", async () => {
    for (const route of guarded().filter(({ path }) => path.includes(':'))) {
      const segments = route.path.split('/');
      const kind = KINDS[segments[segments.findIndex((part) => part.startsWith(':')) - 1] ?? ''];
      if (!kind) throw new Error(`${route.name}: say in KINDS what its id names.`);
      const id = await kind.make();
      const before = await fingerprint(api.db);
      const answers = new Set<string>();
      for (const wanted of [MISSING_ID, id]) {
        const agent = api.http(tenant.key).set('X-Request-Id', 'same');
        const response = await send(agent, probeOf(route, wanted));
        expectProblem(response, 404, kind.code);
        answers.add(response.text.replaceAll(wanted, 'ID'));
      }
      expect({ route: route.name, answers: answers.size }).toEqual({
        route: route.name,
        answers: 1,
      });
      expect(await fingerprint(api.db)).toBe(before);
    }
  });
});
