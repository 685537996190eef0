import type { OpenAPIObject } from '@nestjs/swagger';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { idFieldsOf } from '../document.js';
import type { IdField } from '../document.js';
import { createTenant, fingerprint, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { MISSING_ID, send } from '../outcomes.js';
import { BODIES, KINDS, kindsIn, probeOf } from '../route-probes.js';
import type { Kind } from '../route-probes.js';
import { declaredRoutes } from '../route-table.js';
import type { DeclaredRoute } from '../route-table.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
});

afterAll(() => api.close());

/** What the ids of a field name: the segment of the path that such things are under. */
const FIELDS: Readonly<Record<string, string>> = {
  actorId: 'users',
  alertId: 'alerts',
  alertIds: 'alerts',
  assigneeId: 'users',
  caseId: 'cases',
  caseIds: 'cases',
  clientId: 'clients',
  credentialId: 'api-keys',
  organizationId: 'organizations',
  organizationIds: 'organizations',
  organizations: 'organizations',
  ownerId: 'users',
  parentId: 'comments',
  replaceWith: 'clients',
  slaConfigId: 'sla-configs',
  tag: 'tags',
  tags: 'tags',
  tagsToAdd: 'tags',
  tagsToRemove: 'tags',
  teamId: 'teams',
  teams: 'teams',
  templateId: 'case-templates',
  ttpId: 'ttps',
};

/** Where an id of the own tenant is not enough: a reply answers a comment of the same record. */
const NOT_EVERY_OWN_ID = new Set(['parentId']);

/** What is asked to be gone may be gone already: such a request does the rest of its work. */
const MAY_BE_GONE = new Set(['tagsToRemove']);

/** Of two that say the same, a body has one. */
const INSTEAD_OF: Readonly<Record<string, string>> = { caseId: 'alertId', ttpId: 'techniqueId' };

/** Whoever may call these sees every organization. */
const OF_PLATFORM = new Set(['PUT /api/organizations/:id/links']);

function kindOf(route: DeclaredRoute, { path }: IdField): Kind {
  const name = path.findLast((part) => part !== '[]' && part !== 'id') ?? '';
  const segment = name === 'ids' ? (route.path.split('/')[2] ?? '') : FIELDS[name];
  const kind = KINDS[segment ?? ''];
  if (!kind) throw new Error(`${route.name}: say in FIELDS what the ids of ${name} name.`);
  return kind;
}

/** The same with the value in its place: `['tags', '[]', 'id']` is in the only tag, an object. */
function placed(within: unknown, [part, ...rest]: readonly string[], value: unknown): unknown {
  if (part === undefined) return value;
  if (part === '[]') return [placed(undefined, rest, value)];
  const object = within ?? (part === 'id' ? {} : { title: 'x' });
  return { ...object, [part]: placed((object as Record<string, unknown>)[part], rest, value) };
}

interface Case {
  readonly route: DeclaredRoute;
  readonly field: IdField;
}

function casesOf(document: OpenAPIObject, routes: readonly DeclaredRoute[]): Case[] {
  return routes
    .filter(({ name }) => !OF_PLATFORM.has(name))
    .flatMap((route) => idFieldsOf(document, route).map((field) => ({ route, field })));
}

const idOf = async ({ make, missing }: Kind, owner: Tenant): Promise<string> =>
  (await make?.(api, owner)) ?? missing;

function valueAt(body: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (value, part) => (value as Record<string, unknown> | undefined)?.[part === '[]' ? 0 : part],
    body,
  );
}

/** The request of the route, with own things wherever its path and its body name something. */
async function ownRequest({ route, field }: Case) {
  const ids: Record<string, string> = {};
  for (const { parameter, kind } of kindsIn(route)) ids[parameter] = await idOf(kind, tenant);
  const own = Object.values(ids);
  let body = BODIES[route.name] && fresh(BODIES[route.name]);
  for (const named of idFieldsOf(api.document, route)) {
    if (valueAt(body, named.path) !== MISSING_ID) continue;
    const id = await idOf(kindOf(route, named), tenant);
    own.push(id);
    body = placed(body, named.path, id) as object;
  }
  const [first = ''] = field.path;
  const replaced = INSTEAD_OF[first];
  if (body && replaced) body = { ...body, [replaced]: undefined };
  return { probe: probeOf(route, ids), body: wrapped(body, first), own };
}

/** The same body under names that are not taken. */
function fresh(body: object | undefined): object {
  const text = JSON.stringify(body).replaceAll(/from[- ]the[- ]route[- ]table|route-table/gi, () =>
    unique('made'),
  );
  return JSON.parse(text) as object;
}

/** Changes may be wrapped, in one of several ways. */
function wrapped(body: object | undefined, wrapping: string | undefined): object | undefined {
  if (!body || (wrapping !== 'fields' && wrapping !== 'updates')) return body;
  const { fields, ...rest } = body as { readonly fields?: object };
  return fields ? { ...rest, [wrapping]: fields } : { [wrapping]: rest };
}

/** What the caller learns when the field names the id, and whether anything was written. */
async function answerTo(each: Case, id: string) {
  const { probe, body, own } = await ownRequest(each);
  const { place, path, isInteger } = each.field;
  const query = place === 'query' ? `?${path[0] ?? ''}=${id}` : '';
  const sent = query ? body : (placed(body, path, isInteger ? Number(id) : id) as object);
  const agent = api.http(tenant.key).set('X-Request-Id', 'same');
  const before = await fingerprint(api.db);
  const response = await send(
    agent,
    { method: probe.method, path: probe.path, ...(sent && { body: sent }) },
    `${probe.path()}${query}`,
  );
  const text = own.reduce(
    (whole, known) => whole.replaceAll(known, 'OWN'),
    response.text.replaceAll(new RegExp(`\\b${id}\\b`, 'g'), 'ID'),
  );
  return { status: response.status, text, isUnchanged: (await fingerprint(api.db)) === before };
}

describe("another tenant's id", () => {
  it('is known for every field that takes ids', () => {
    const cases = casesOf(api.document, declaredRoutes(api.app));
    expect(cases.length).toBeGreaterThan(200);
    expect(new Set(cases.map(({ field }) => field.place))).toEqual(new Set(['body', 'query']));
    for (const { route, field } of cases) kindOf(route, field);
  });

  it('in a body or a query is answered with the bytes of a missing one, and changes nothing', async () => {
    const wrong: unknown[] = [];
    for (const each of casesOf(api.document, declaredRoutes(api.app))) {
      const { route, field } = each;
      const kind = kindOf(route, field);
      const missing = await answerTo(each, kind.missing);
      const foreign = await answerTo(each, await idOf(kind, other));
      const own = await answerTo(each, await idOf(kind, tenant));
      const isRead = route.method === 'get' || route.path.endsWith('/search');
      const mayBeGone = field.path.some((part) => MAY_BE_GONE.has(part));
      const isTaken = own.status < 300 && (isRead || mayBeGone || own.text !== foreign.text);
      const isOwnEnough = isTaken || field.path.some((part) => NOT_EVERY_OWN_ID.has(part));
      const isAlike = foreign.text === missing.text && foreign.status === missing.status;
      const isUnchanged = mayBeGone || (foreign.isUnchanged && missing.isUnchanged);
      if (!isOwnEnough || !isAlike || !isUnchanged)
        wrong.push({ name: `${route.name} ${field.path.join('.')}`, own, foreign, missing });
    }
    expect(wrong).toEqual([]);
  }, 300_000);
});
