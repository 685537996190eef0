import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { queriesOf } from '../document.js';
import { addKey, createTenant } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { send } from '../outcomes.js';
import { kindsIn, probeOf } from '../route-probes.js';
import { declaredRoutes } from '../route-table.js';
import type { DeclaredRoute } from '../route-table.js';

let api: TestApp;

beforeAll(async () => {
  api = await startTestApp();
});

afterAll(() => api.close());

/** What every record says of itself, so that filters and searches find the hidden ones as well. */
const SHARED = { word: 'beacon', value: 'https://shared.example/a', technique: 'T1078' };

/** What only hidden things say. */
const PLANTED = 'planted';

interface Marks {
  readonly tlp: number;
  readonly pap: number;
}

/** Ids by what names them in a path: the segment before, or the kind of record with the parameter. */
type Ids = Readonly<Record<string, string>>;

async function post(agent: Agent, path: string, body: object): Promise<{ readonly id: string }> {
  const response = await agent.post(path).send(body);
  const isMade = response.status === 200 || response.status === 201;
  expect({ path, isMade, body: response.text }).toMatchObject({ isMade: true });
  return response.body as { readonly id: string };
}

async function attach(agent: Agent, path: string, text: string): Promise<string> {
  const request = agent.post(`${path}/attachments`);
  const response = await request.attach('file', Buffer.from(text), `${text}.txt`);
  expect({ path, status: response.status }).toMatchObject({ status: 201 });
  return (response.body as { id: string }[])[0]?.id ?? '';
}

/** An observable of the marks on the alert and on the case. */
async function addObservables(
  agent: Agent,
  records: Ids,
  marks: Marks,
  text: string,
): Promise<Ids> {
  const observable = { dataType: 'url', data: `${SHARED.value}/${text}`, message: text, ...marks };
  await post(agent, `/api/alerts/${records.alerts ?? ''}/observables`, observable);
  const made = await post(agent, `/api/cases/${records.cases ?? ''}/observables`, observable);
  return { observables: made.id };
}

/** A task of the case, which has a TLP and no PAP, with a comment and a file. */
async function addTask(
  agent: Agent,
  { userId }: Tenant,
  records: Ids,
  { tlp }: Marks,
  text: string,
): Promise<Ids> {
  const body = `${SHARED.word} ${text}`;
  const task = { title: body, description: body, tlp, assigneeId: userId };
  const { id } = await post(agent, `/api/cases/${records.cases ?? ''}/tasks`, task);
  const at = `/api/tasks/${id}`;
  const comments = (await post(agent, `${at}/comments`, { body })).id;
  return { tasks: id, comments, attachments: await attach(agent, at, text) };
}

/** An alert and a case that hold one of everything, alike in all that is searched for. */
async function addRecords(agent: Agent, owner: Tenant, marks: Marks, text: string): Promise<Ids> {
  const body = `${SHARED.word} ${text}`;
  const record = {
    title: body,
    description: body,
    ...marks,
    statusValue: 'in-progress',
    severity: 2,
    type: 'edr',
    source: 'siem',
    sourceRef: '1',
    tags: [SHARED.word],
    assigneeId: owner.userId,
    observables: [{ dataType: 'url', data: SHARED.value, message: text, ...marks }],
  };
  const { id: alerts } = await post(agent, '/api/alerts', record);
  const { id: cases } = await post(agent, '/api/cases', { ...record, flag: true });
  const { id: otherCase } = await post(agent, '/api/cases', record);
  await post(agent, `/api/alerts/${alerts}/merge/${otherCase}`, {});
  await post(agent, `/api/cases/${cases}/links`, { caseId: otherCase });
  const ids: Record<string, string> = { alerts, cases, 'cases :otherCaseId': otherCase };
  for (const [kind, id] of [
    ['alerts', alerts],
    ['cases', cases],
  ]) {
    const at = `/api/${kind ?? ''}/${id ?? ''}`;
    await post(agent, `${at}/comments`, { body });
    await attach(agent, at, text);
    const technique = await post(agent, `${at}/ttps`, {
      techniqueId: SHARED.technique,
      note: text,
    });
    ids[`${kind ?? ''} :linkId`] = technique.id;
  }
  const event = { title: body, occurredAt: '2026-01-31T12:00:00Z' };
  ids.timeline = (await post(agent, `/api/cases/${cases}/timeline`, event)).id;
  return {
    ...ids,
    ...(await addObservables(agent, ids, marks, text)),
    ...(await addTask(agent, owner, ids, marks, text)),
  };
}

const YES_NO = ['true', 'false'];

/** What parameters of queries are asked with, each alone; null where it changes no more than the order or the page. */
const QUERIES: Readonly<Record<string, readonly string[] | null>> = {
  limit: null,
  cursor: null,
  page: null,
  sort: null,
  count: null,
  createdAfter: null,
  createdBefore: null,
  updatedAfter: null,
  dueBefore: null,
  slaDueBefore: null,
  from: null,
  to: null,
  // Encrypted anew each time.
  zip: null,
  // Of settings, which have no marks.
  appliesTo: null,
  parentTechniqueId: null,
  techniqueId: null,
  tactic: null,
  organizationId: null,
  teamId: null,
  clientId: null,
  // Of records that are asked for by their own routes.
  alertId: null,
  caseId: null,
  tag: null,
  assigneeId: null,
  status: ['in-progress'],
  stage: ['InProgress'],
  severity: ['2'],
  severityMin: ['2'],
  tlp: ['0', '1', '2', '3', '4'],
  pap: ['0', '1', '2', '3', '4'],
  type: ['edr'],
  source: ['siem'],
  sourceRef: ['1'],
  technique: [SHARED.technique],
  q: [SHARED.word, PLANTED],
  dataType: ['url'],
  hasCase: YES_NO,
  flag: YES_NO,
  flagged: YES_NO,
  mandatory: YES_NO,
  overdue: YES_NO,
  ioc: YES_NO,
  sighted: YES_NO,
  data: [SHARED.value],
  contains: ['shared.example'],
};

/** One of what every tenant has; and the keys of people, which tell when they were used. */
const OF_THE_INSTANCE = /(?:statuses|observable-types)\/:id$|\/api-keys/;

/** Routes that read records: what they answer must not tell of what is above a clearance. */
function readsOf(routes: readonly DeclaredRoute[]): DeclaredRoute[] {
  return routes.filter(
    ({ name, method, access, isRoot }) =>
      (method === 'get' || name.endsWith('/search')) &&
      !isRoot &&
      access?.kind === 'scopes' &&
      !OF_THE_INSTANCE.test(name) &&
      !access.scopes.every((scope) => scope === 'admin:*'),
  );
}

/** The queries of a route: one without filters, and one for each value of each filter. */
function queriesTo(route: DeclaredRoute): string[] {
  const parameters = queriesOf(api.document, route);
  const valuesOf = (name: string, options: readonly string[]): readonly string[] => {
    const values = options.length > 0 && QUERIES[name] !== null ? options : QUERIES[name];
    if (values === undefined)
      throw new Error(`${route.name}: say in QUERIES what ${name} is asked with.`);
    return values ?? [];
  };
  const fixed = parameters.flatMap(({ name, isRequired }) => {
    if (name === 'count') return ['count=true'];
    return isRequired ? [`${name}=${encodeURIComponent(QUERIES[name]?.[0] ?? '')}`] : [];
  });
  const filters = parameters
    .filter(({ name }) => name !== 'count')
    .flatMap(({ name, options, isRequired }) =>
      isRequired
        ? []
        : valuesOf(name, options).map((value) => `${name}=${encodeURIComponent(value)}`),
    );
  return ['', ...filters].map((filter) => [...fixed, ...(filter ? [filter] : [])].join('&'));
}

/** A search of everything, and those for what the list of the same records may be asked for. */
function searchesOf({ path }: DeclaredRoute): object[] {
  const filters = queriesOf(api.document, { method: 'get', path: path.replace('/search', '') });
  const texts = filters.filter(({ name }) => name === 'q' || name === 'contains');
  return [
    {},
    ...texts.flatMap(({ name }) => (QUERIES[name] ?? []).map((text) => ({ [name]: text }))),
  ];
}

/** What changes by itself, or by being asked. */
const VOLATILE = /"(?:lastSeenAt|exportedAt|from|to)":"[^"]*"|bundle--[\da-f-]+|\d\d:\d\d UTC/g;

/** What of a record tells that something on it changed, not what. */
const CHANGED = /"(?:version|updatedAt)":(?:\d+|"[^"]*")/g;

/** `/api/cases/:id/tasks` → `cases` */
const recordOf = ({ path }: DeclaredRoute) => path.split('/')[2] ?? '';

async function pathIds(route: DeclaredRoute, owner: Tenant, ids: Ids): Promise<Ids> {
  const segments = route.path.split('/');
  const found: Record<string, string> = {};
  for (const { parameter, kind } of kindsIn(route)) {
    const before = segments[segments.indexOf(parameter) - 1] ?? '';
    found[parameter] =
      ids[`${recordOf(route)} ${parameter}`] ??
      ids[before] ??
      (await kind.make?.(api, owner)) ??
      kind.missing;
  }
  return found;
}

interface Asked {
  readonly name: string;
  readonly ask: () => Promise<string>;
}

/** Everything that a reader may ask about the records of the ids. */
async function questionsOf(reader: Agent, owner: Tenant, ids: Ids): Promise<Asked[]> {
  const asked: Asked[] = [];
  for (const route of readsOf(declaredRoutes(api.app))) {
    const probe = probeOf(route, await pathIds(route, owner, ids));
    const bodies = route.method === 'post' ? searchesOf(route) : [undefined];
    for (const query of queriesTo(route))
      for (const body of bodies) {
        asked.push({
          name: `${route.name}?${query} ${body ? JSON.stringify(body) : ''}`,
          ask: async () => {
            const path = `${probe.path()}${query ? `?${query}` : ''}`;
            const response = await send(reader, { ...probe, ...(body && { body }) }, path);
            const status = response.status;
            expect({ route: route.name, query, status }).toEqual({
              route: route.name,
              query,
              status: 200,
            });
            const total = String(response.headers['x-total-count']);
            const { body: bytes, text } = response as { body: unknown; text: string };
            return `${total} ${Buffer.isBuffer(bytes) ? bytes.toString() : text}`.replaceAll(
              VOLATILE,
              '',
            );
          },
        });
      }
  }
  return asked;
}

async function answersTo(questions: readonly Asked[]): Promise<ReadonlyMap<string, string>> {
  const answers = new Map<string, string>();
  for (const { name, ask } of questions) answers.set(name, await ask());
  return answers;
}

/** The questions that are answered otherwise than before, but for what matches. */
async function changedSince(
  before: ReadonlyMap<string, string>,
  questions: readonly Asked[],
  except: RegExp = VOLATILE,
): Promise<string[]> {
  const now = await answersTo(questions);
  return questions
    .map(({ name }) => name)
    .filter(
      (name) => now.get(name)?.replaceAll(except, '') !== before.get(name)?.replaceAll(except, ''),
    );
}

const READER = ['alerts:read', 'cases:read', 'observables:read', 'users:read'] as const;

const CEILINGS = [
  ...[0, 1, 2, 3].map((max) => ({ mark: 'tlp' as const, max })),
  ...[0, 1, 2].map((max) => ({ mark: 'pap' as const, max })),
];

describe.each(CEILINGS)('what is above $mark $max', ({ mark, max }) => {
  const marked = (level: number): Marks => ({ tlp: 0, pap: 0, [mark]: level });

  it('is in no answer, count or statistic of whoever is cleared no further, and not found by its id', async () => {
    const owner = await createTenant(api.db);
    const all = api.http(owner.key);
    const { key } = await addKey(api.db, owner, {
      [`${mark}Max`]: max,
      scopes: READER,
    });
    const reader = api.http(key);
    const seen = await addRecords(all, owner, marked(max), 'seen');
    const questions = await questionsOf(reader, owner, seen);
    expect(questions.length).toBeGreaterThan(150);
    const before = await answersTo(questions);

    const hidden: Ids[] = [];
    for (let level = max + 1; level <= 4; level++)
      hidden.push(await addRecords(all, owner, marked(level), PLANTED));
    expect(await changedSince(before, questions)).toEqual([]);

    for (const ids of hidden) {
      await post(all, `/api/cases/${seen.cases ?? ''}/links`, { caseId: ids.cases });
      for (const route of readsOf(declaredRoutes(api.app))) {
        if (kindsIn(route).length === 0 || !(recordOf(route) in ids)) continue;
        const named = await pathIds(route, owner, ids);
        const response = await send(reader, probeOf(route, named));
        expectProblem(response, 403, mark === 'tlp' ? 'CLEARANCE_TLP' : 'CLEARANCE_PAP');
        expect(response.text).not.toContain(PLANTED);
      }
    }
    await addObservables(all, seen, marked(4), PLANTED);
    if (mark === 'tlp') await addTask(all, owner, seen, marked(4), PLANTED);
    expect(await changedSince(before, questions, CHANGED)).toEqual([]);
  }, 120_000);
});

describe('what another tenant has', () => {
  it('is in no answer, count or statistic', async () => {
    const owner = await createTenant(api.db);
    const other = await createTenant(api.db);
    const seen = await addRecords(api.http(owner.key), owner, { tlp: 0, pap: 0 }, 'seen');
    const { key } = await addKey(api.db, owner, { scopes: READER });
    const questions = await questionsOf(api.http(key), owner, seen);
    const before = await answersTo(questions);
    await addRecords(api.http(other.key), other, { tlp: 0, pap: 0 }, PLANTED);
    expect(await changedSince(before, questions)).toEqual([]);
  }, 60_000);
});
