import { setTimeout as sleep } from 'node:timers/promises';
import type { Response } from 'supertest';
import type { ErrorCode } from '../src/common/error-codes.js';
import type { Scope } from '../src/auth/scopes.js';
import type { Agent, TestApp } from './app.js';
import { addKey } from './factories.js';
import type { Tenant } from './factories.js';
import { expectProblem } from './matchers.js';

export type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

/** A request that a test sends with different credentials. */
export interface Probe {
  readonly method: Method;
  readonly path: () => string;
  readonly body?: object;
  /** A multipart body instead: text parts, and files by name with their content. */
  readonly form?: Form;
}

export interface Form {
  readonly fields?: Readonly<Record<string, string>>;
  readonly files?: readonly (readonly [name: string, content: string])[];
}

/** An id that no record has. */
export const MISSING_ID = '01900000-0000-7000-8000-00000000ffff';

/** Within a second, what is asked elsewhere is answered with this status. */
export async function within1s(ask: () => Promise<number>, wanted: number): Promise<void> {
  const end = performance.now() + 1_000;
  let status = await ask();
  while (status !== wanted && performance.now() < end) {
    await sleep(20);
    status = await ask();
  }
  expect(status).toBe(wanted);
}

/** Sends the request of a probe. */
export async function send(agent: Agent, probe: Probe, path = probe.path()): Promise<Response> {
  const request = agent[probe.method](path);
  if (probe.body !== undefined) return request.send(probe.body);
  for (const [name, value] of Object.entries(probe.form?.fields ?? {})) request.field(name, value);
  for (const [name, content] of probe.form?.files ?? [])
    request.attach('file', Buffer.from(content), name);
  return request;
}

/** The address of the next page in a `Link` header. */
export function nextLink(response: Response): string | undefined {
  const links = (response.headers as Record<string, string | undefined>).link ?? '';
  return /<([^>]+)>; rel="next"/.exec(links)?.[1];
}

/** Every item of a list, page by page. */
export async function readAll<Item>(agent: Agent, first: string): Promise<Item[]> {
  const items: Item[] = [];
  for (let next: string | undefined = first; next !== undefined;) {
    const response: Response = await agent.get(next);
    expect(response.status).toBe(200);
    items.push(...(response.body as Item[]));
    next = nextLink(response);
  }
  return items;
}

/** Uses up a key's minute and burst of the Basic tier. */
export async function spend(api: TestApp, key: string): Promise<void> {
  const headers = { Authorization: `Bearer ${key}` };
  const answers = Array.from({ length: 70 }, () => fetch(`${api.url}/api/users/me`, { headers }));
  for (const answer of await Promise.all(answers)) await answer.arrayBuffer();
}

/** The scopes of which any opens the settings to readers, and scopes that do not. */
export const READ_SCOPES = ['alerts:read', 'cases:read', 'observables:read'] as const;
export const NO_READ_SCOPES = [
  'alerts:write',
  'cases:write',
  'observables:write',
  'users:read',
] as const;

/** Defines the outcomes that every authenticated route has. */
export function outcomesOf(context: () => { readonly api: TestApp; readonly tenant: Tenant }) {
  return {
    /** 401 without and with a bad credential. */
    unauthenticated(probe: Probe): void {
      it('answers 401 without a credential and with an unknown one', async () => {
        const { api } = context();
        expectProblem(await send(api.http(), probe), 401, 'AUTHENTICATION_REQUIRED');
        expectProblem(await send(api.http('cbr_live_x'), probe), 401, 'API_KEY_INVALID');
      });
    },

    /** A setting that any of the read scopes opens, and none other. */
    anyReadScope(pathOf: () => string | Promise<string>): void {
      it.each(READ_SCOPES)('answers a key with %s alone', async (scope) => {
        const { api, tenant } = context();
        const { key } = await addKey(api.db, tenant, { scopes: [scope] });
        expect((await api.http(key).get(await pathOf())).status).toBe(200);
      });

      it('answers 403 to a key without any of the read scopes', async () => {
        const { api, tenant } = context();
        const { key } = await addKey(api.db, tenant, { scopes: NO_READ_SCOPES });
        const response = await api.http(key).get(await pathOf());
        expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
        expect(response.headers['www-authenticate']).toContain(`scope="${READ_SCOPES.join(' ')}"`);
      });
    },

    /** 403 to a key that holds every scope but the needed one. */
    insufficientScope(probe: Probe, needed: Scope, held: readonly Scope[]): void {
      it(`answers 403 to a key without ${needed}`, async () => {
        const { api, tenant } = context();
        const { key } = await addKey(api.db, tenant, { scopes: held });
        const response = await send(api.http(key), probe);
        expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
        expect(response.headers['www-authenticate']).toContain(`scope="${needed}"`);
      });
    },

    /** 404 to a missing, a deleted and a foreign id, alike but for the id. */
    notFound(
      method: Method,
      pathOf: (id: string) => string,
      code: ErrorCode,
      ids: () => Promise<readonly string[]>,
      body?: object,
    ): void {
      it('answers 404 alike to a missing, a deleted and a foreign id', async () => {
        const { api, tenant } = context();
        const answers = new Set<string>();
        for (const id of [MISSING_ID, ...(await ids())]) {
          const agent = api.http(tenant.key).set('X-Request-Id', 'same');
          const probe = { method, path: () => pathOf(id), ...(body && { body }) };
          const response = await send(agent, probe);
          expectProblem(response, 404, code);
          answers.add(response.text.replaceAll(id, 'ID'));
        }
        expect(answers.size).toBe(1);
      });
    },

    /** 429 when the tier is used up. */
    limited(probe: Probe, scopes: readonly Scope[]): void {
      it('answers 429 when the tier is used up', async () => {
        const { api, tenant } = context();
        const { key } = await addKey(api.db, tenant, { scopes, tier: 'basic' });
        await spend(api, key);
        const problem = expectProblem(await send(api.http(key), probe), 429, 'RATE_LIMITED');
        expect(problem.violatedPolicies).toEqual(['minute']);
      });
    },
  };
}
