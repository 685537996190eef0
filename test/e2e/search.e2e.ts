import type { Response } from 'supertest';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addClient,
  addKey,
  addPerson,
  addRecords,
  addTag,
  addTeam,
  createTenant,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectProblem } from '../matchers.js';
import { MISSING_ID, nextLink, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let http: Agent;
/** Shared with the tenant's guest: the filters by organization. */
let guest: Tenant;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const KINDS = [
  { kind: 'alert', path: '/api/alerts', word: 'imported' },
  { kind: 'case', path: '/api/cases', word: 'resolved' },
] as const;

type Filter = Readonly<Record<string, unknown>>;

const BODY = { title: 'Found', statusValue: 'new', severity: 2 };

async function create(path: string, body: object = {}, agent = http): Promise<Alert> {
  const response = await agent.post(path).send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as Alert;
}

/** The filter as a query string: lists repeat the parameter. */
function queryOf(filter: Filter): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(filter))
    for (const each of [value].flat()) query.append(name, String(each));
  return query.toString();
}

const list = (path: string, filter: Filter, agent = http) =>
  agent.get(`${path}?${queryOf(filter)}`);

const search = (path: string, filter: Filter, agent = http) =>
  agent.post(`${path}/search`).send(filter);

interface SearchBody {
  readonly items: readonly Alert[];
  readonly nextCursor: string | null;
  readonly total?: number;
  readonly totalCapped?: boolean;
}

/** Titles that list and search find, which must agree, with count and total. */
async function found(path: string, filter: Filter, agent = http): Promise<string[]> {
  const listed = await list(path, { ...filter, count: true, limit: 1000 }, agent);
  expect({ status: listed.status, body: listed.text }).toMatchObject({ status: 200 });
  const searched = await search(path, { ...filter, count: true, limit: 1000 }, agent);
  expect({ status: searched.status, body: searched.text }).toMatchObject({ status: 200 });
  const { items, total, totalCapped, nextCursor } = searched.body as SearchBody;
  const titles = (listed.body as Alert[]).map(({ title }) => title);
  expect(items.map(({ title }) => title)).toEqual(titles);
  expect(listed.headers['x-total-count']).toBe(String(titles.length));
  expect({ total, totalCapped, nextCursor }).toEqual({
    total: titles.length,
    totalCapped: false,
    nextCursor: null,
  });
  return titles.sort();
}

function expectBad(response: Response, name: string): void {
  const { errors } = expectProblem(response, 400, 'VALIDATION_FAILED');
  expect(errors?.[0]?.path).toMatch(new RegExp(`^${name}(?:\\[\\d+\\])?$`));
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe.each(KINDS)('the filters of $path, alike in list and search', ({ kind, path, word }) => {
  const FIRST = '2026-02-01T10:00:00.000Z';
  const LATER = '2026-02-02T10:00:00.000Z';
  let agent: Agent;
  let own: Tenant;
  /** What the filters name. */
  const names: Record<string, unknown> = {};

  beforeAll(async () => {
    own = await createTenant(api.db);
    agent = api.http(own.key);
    await linkOrganizations(api.db, own.organizationId, guest.organizationId);
    const person = await addPerson(api.db, own.organizationId);
    const teams = [
      await addTeam(api.db, own.organizationId),
      await addTeam(api.db, own.organizationId),
    ];
    const client = await addClient(api.db, own.organizationId);
    const tag = await addTag(api.db, own.organizationId);
    const alpha = await create(
      path,
      {
        title: 'alpha',
        statusValue: 'in-progress',
        severity: 1,
        tlp: 0,
        pap: 1,
        type: 'edr',
        source: 'sentinel',
        sourceRef: 'ref,1',
        assigneeId: person.userId,
        tags: [tag.id, '2026', 'Comma, tag'],
        teams: [teams[0]?.id],
        clientId: client.id,
        flag: true,
      },
      agent,
    );
    const beta = await create(
      path,
      {
        title: 'beta',
        statusValue: word,
        severity: 3,
        tlp: 2,
        pap: 3,
        type: 'siem',
        source: 'splunk',
        sourceRef: 'ref-2',
        assigneeId: own.userId,
        tags: ['beta-tag'],
        teams: teams.map(({ id }) => id),
        organizations: [own.organizationId, guest.organizationId],
      },
      agent,
    );
    const gamma = await create(path, { title: 'gamma', severity: 4, tlp: 4, pap: 4 }, agent);
    for (const [{ id }, created, updated] of [
      [alpha, FIRST, FIRST],
      [beta, LATER, LATER],
      [gamma, '2026-02-03T10:00:00.000Z', '2026-02-04T10:00:00.000Z'],
    ] as const)
      await api.db.rows(`UPDATE ${kind}s SET created_at = $2, updated_at = $3 WHERE id = $1`, [
        id,
        created,
        updated,
      ]);
    Object.assign(names, {
      person: person.userId,
      me: own.userId,
      team0: teams[0]?.id,
      team1: teams[1]?.id,
      client: client.id,
      tagId: tag.id,
      tagName: tag.name,
      organization: own.organizationId,
      guest: guest.organizationId,
    });
  });

  /** Puts what was created in place of `$name`. */
  function filled(filter: Filter): Filter {
    const fill = (value: unknown): unknown =>
      Array.isArray(value)
        ? value.map(fill)
        : typeof value === 'string' && value.startsWith('$')
          ? names[value.slice(1)]
          : value;
    return Object.fromEntries(Object.entries(filter).map(([name, value]) => [name, fill(value)]));
  }

  const all = ['alpha', 'beta', 'gamma'];
  const cases: readonly (readonly [filter: Filter, titles: readonly string[]])[] = [
    [{}, all],
    [{ status: 'in-progress' }, ['alpha']],
    [{ status: 'In Progress' }, ['alpha']],
    [{ status: ['IN_PROGRESS', 'new'] }, ['alpha', 'gamma']],
    [{ status: 'in-progress,new' }, ['alpha', 'gamma']],
    [{ status: 'nonsense' }, []],
    [{ status: ['nonsense', 'new'] }, ['gamma']],
    [{ stage: 'InProgress' }, ['alpha']],
    [{ stage: ['New', 'Closed'] }, ['beta', 'gamma']],
    [{ severity: 1 }, ['alpha']],
    [{ severity: [3, 4] }, ['beta', 'gamma']],
    [{ severity: 2 }, []],
    [{ severityMin: 1 }, all],
    [{ severityMin: 3 }, ['beta', 'gamma']],
    [{ severityMin: 4 }, ['gamma']],
    [{ tlp: 0 }, ['alpha']],
    [{ tlp: [0, 4] }, ['alpha', 'gamma']],
    [{ tlp: 1 }, []],
    [{ pap: 1 }, ['alpha']],
    [{ pap: [3, 4] }, ['beta', 'gamma']],
    [{ pap: 0 }, []],
    [{ type: 'edr' }, ['alpha']],
    [{ type: ['edr', 'siem'] }, ['alpha', 'beta']],
    [{ type: 'none' }, []],
    [{ source: 'splunk' }, ['beta']],
    [{ source: ['splunk', 'sentinel'] }, ['alpha', 'beta']],
    [{ source: 'nowhere' }, []],
    [{ sourceRef: 'ref-2' }, ['beta']],
    [{ sourceRef: 'ref' }, []],
    [{ assigneeId: '$person' }, ['alpha']],
    [{ assigneeId: 'none' }, ['gamma']],
    [{ assigneeId: ['$me', 'none'] }, ['beta', 'gamma']],
    [{ assigneeId: MISSING_ID }, []],
    [{ tag: '$tagId' }, ['alpha']],
    [{ tag: '$tagName' }, ['alpha']],
    [{ tag: 'BETA-tag' }, ['beta']],
    [{ tag: ['$tagId', 'beta-tag'] }, ['alpha', 'beta']],
    [{ tag: '2026' }, ['alpha']],
    [{ tag: 2_000_000_000 }, []],
    [{ tag: 'nonsense' }, []],
    [{ organizationId: '$organization' }, all],
    [{ organizationId: '$guest' }, ['beta']],
    [{ organizationId: MISSING_ID }, []],
    [{ teamId: '$team0' }, ['alpha', 'beta']],
    [{ teamId: '$team1' }, ['beta']],
    [{ teamId: ['$team1', MISSING_ID] }, ['beta']],
    [{ teamId: MISSING_ID }, []],
    [{ clientId: '$client' }, ['alpha']],
    [{ clientId: MISSING_ID }, []],
    [{ createdAfter: FIRST }, all],
    [{ createdAfter: '2026-02-01T10:00:00.001Z' }, ['beta', 'gamma']],
    [{ createdAfter: '2026-02-02T12:00:00+02:00' }, ['beta', 'gamma']],
    [{ createdBefore: FIRST }, []],
    [{ createdBefore: LATER }, ['alpha']],
    [{ createdBefore: '2026-02-02T10:00:00.001Z' }, ['alpha', 'beta']],
    [{ createdAfter: LATER, createdBefore: '2026-02-03T10:00:00.000Z' }, ['beta']],
    [{ updatedAfter: LATER }, ['beta', 'gamma']],
    [{ updatedAfter: '2026-02-04T10:00:00.000Z' }, ['gamma']],
    [{ updatedAfter: '2026-02-04T10:00:00.001Z' }, []],
    [{ severityMin: 3, tlp: 4, assigneeId: 'none' }, ['gamma']],
    [{ severityMin: 3, status: 'in-progress' }, []],
    [{ q: 'alp', severity: 1 }, ['alpha']],
    ...(kind === 'case'
      ? ([
          [{ flag: true }, ['alpha']],
          [{ flag: false }, ['beta', 'gamma']],
        ] as const)
      : ([
          [{ hasCase: false }, all],
          [{ hasCase: true }, []],
          [{ caseId: 'none' }, all],
          [{ caseId: MISSING_ID }, []],
        ] as const)),
  ];

  it.each(cases.map(([filter, titles]) => ({ filter, titles })))(
    '$filter finds $titles',
    async ({ filter, titles }) => {
      expect(await found(path, filled(filter), agent)).toEqual(titles);
    },
  );

  it('takes a value with a comma in a body as it is', async () => {
    for (const filter of [
      { sourceRef: 'ref,1' },
      { sourceRef: ['ref,1'] },
      { tag: 'comma, tag' },
    ]) {
      const { items } = (await search(path, filter, agent)).body as SearchBody;
      expect(items.map(({ title }) => title)).toEqual(['alpha']);
    }
  });

  it('takes numbers and flags as text in a query and as JSON in a body', async () => {
    const titles = ({ body }: Response) => (body as SearchBody).items.map(({ title }) => title);
    expect(titles(await search(path, { severity: 3 }, agent))).toEqual(['beta']);
    expect(titles(await search(path, { severity: [1, 3] }, agent))).toEqual(['beta', 'alpha']);
    const listed = await agent.get(`${path}?severity=1,3`);
    expect((listed.body as Alert[]).map(({ title }) => title)).toEqual(['beta', 'alpha']);
  });

  const malformed: readonly (readonly [name: string, values: readonly unknown[]])[] = [
    ['stage', ['Open', 'new', '']],
    ['severity', [0, 5, 'high', 2.5, -1, '']],
    ['severityMin', [0, 5, 'x', 1.5, '']],
    ['tlp', [5, -1, 'red']],
    ['pap', [5, -1, 'red']],
    ['assigneeId', ['x', 'None', 7]],
    ['organizationId', ['x', 'none']],
    ['teamId', ['x', 'none']],
    ['clientId', ['x']],
    ['createdAfter', ['yesterday', '2026-02-30T00:00:00Z', '2026-02-01', 7, '']],
    ['createdBefore', ['2026-02-01T10:00:00', '']],
    ['updatedAfter', ['x', '']],
    ['q', ['x'.repeat(201), '', '   ']],
    ...(kind === 'case'
      ? ([['flag', ['yes', 1, '']]] as const)
      : ([
          ['hasCase', ['yes', 0, '']],
          ['caseId', ['x', 'any', '']],
        ] as const)),
  ];

  it.each(malformed.map(([name, values]) => ({ name, values })))(
    'answers 400 to a malformed $name',
    async ({ name, values }) => {
      for (const value of values) {
        expectBad(await list(path, { [name]: value }, agent), name);
        expectBad(await search(path, { [name]: value }, agent), name);
      }
    },
  );

  it('answers 400 in a body to values of another type', async () => {
    for (const [name, value] of [
      ['status', 7],
      ['status', [{}]],
      ['status', null],
      ['type', [7]],
      ['createdAfter', {}],
      ['q', 7],
      ['q', ['x']],
      ['severity', [[1]]],
    ] as const)
      expectBad(await search(path, { [name]: value }, agent), name);
  });

  it('answers 400 to a scalar filter given twice', async () => {
    for (const name of ['severityMin', 'createdAfter', 'createdBefore', 'updatedAfter', 'q']) {
      const value = name === 'severityMin' ? 1 : name === 'q' ? 'x' : FIRST;
      expectBad(await agent.get(`${path}?${name}=${value}&${name}=${value}`), name);
    }
  });

  it('answers 400 to unknown keys', async () => {
    for (const name of ['title', 'statusValue', 'offset', 'deletedAt', 'organizationIds']) {
      expectInvalid(await list(path, { [name]: 'x' }, agent), [name]);
      expectInvalid(await search(path, { [name]: 'x' }, agent), [name]);
    }
    const nested = await http.post(`${path}/search`).send({ filters: { severity: 1 } });
    expectInvalid(nested, ['filters']);
  });

  it('answers 400 to a limit, sort or count that is none', async () => {
    for (const [name, value] of [
      ['limit', 0],
      ['limit', 1001],
      ['limit', 2.5],
      ['sort', 'title'],
      ['count', 'yes'],
      ['cursor', 7],
    ] as const)
      expectBad(await search(path, { [name]: value }, agent), name);
  });
});

describe.each(KINDS)('q of $path', ({ path }) => {
  let agent: Agent;

  beforeAll(async () => {
    agent = api.http((await createTenant(api.db)).key);
    for (const [title, description] of [
      ['Suspicious PowerShell on WS-042', 'Started by **winword.exe**'],
      ['Failed logins', 'Password spraying against 10.1.2.3\nAD server'],
      ['100% disk on db_01', 'C:\\Temp\\evil.exe'],
      ['100 disks on dbx01', ''],
      ['Ärger im Büro STRASSE', 'Это тревога 日本語のログ'],
    ] as const)
      await create(path, { title, description }, agent);
  });

  it.each([
    ['powershell', 'Suspicious'],
    ['POWERSHELL', 'Suspicious'],
    ['powershell suspicious', 'Suspicious'],
    ['  ws-042   susp ', 'Suspicious'],
    ['spicio', 'Suspicious'],
    ['ershe', 'Suspicious'],
    ['042', 'Suspicious'],
    ['winword', 'Suspicious'],
    ['suspicious winword.exe', 'Suspicious'],
    ['**winword', 'Suspicious'],
    ['10.1.2.3', 'Failed'],
    ['spraying logins', 'Failed'],
    ['100%', '100%'],
    ['%', ''],
    ['db_01', '100%'],
    ['b_0', '100%'],
    ['c:\\temp\\evil', '100%'],
    ['\\temp\\', '100%'],
    ['100', '100 100%'],
    ['ws', 'Suspicious'],
    ['on', '100 100% Suspicious'],
    ['im', 'Ärger'],
    ['by', 'Suspicious'],
    ['ad', 'Failed'],
    ['10', '100 100% Failed'],
    ['ärger', 'Ärger'],
    ['ÄRGER BÜRO', 'Ärger'],
    ['straße', ''],
    ['strasse', 'Ärger'],
    ['ТРЕВОГА', 'Ärger'],
    ['日本語', 'Ärger'],
    ['powershell winword nothing', ''],
    ['power logins', ''],
    ['a b c d e f zzz', ''],
    ['p', 'Failed Suspicious'],
    ['**', 'Suspicious'],
    ['.*', ''],
    ['[a', ''],
    ['(', ''],
    ['\\d', ''],
    ['+', ''],
    ['ก็', ''],
    ['🙂', ''],
  ])('%j finds %j', async (q, words) => {
    const titles = await found(path, { q }, agent);
    const first = titles.map((title) => title.split(' ')[0] ?? '');
    expect(first.sort()).toEqual(words.split(' ').filter(Boolean).sort());
  });

  it('needs every one of many words', async () => {
    const nine = 'suspicious powershell on ws-042 started by winword exe wor';
    expect(await found(path, { q: `${nine} hel` }, agent)).toHaveLength(1);
    expect(await found(path, { q: `${nine} logins` }, agent)).toEqual([]);
    expectBad(await search(path, { q: `${nine} hel logins` }, agent), 'q');
  });

  it('finds what an update wrote, and no longer what it took away', async () => {
    const { id } = await create(path, { title: 'before' }, agent);
    await agent.patch(`${path}/${id}`).send({ title: 'afterwards', description: 'elsewhere' });
    expect(await found(path, { q: 'afterwards elsewhere' }, agent)).toEqual(['afterwards']);
    expect(await found(path, { q: 'before' }, agent)).toEqual([]);
    await agent.delete(`${path}/${id}`);
    expect(await found(path, { q: 'afterwards' }, agent)).toEqual([]);
  });
});

describe.each(KINDS)('POST $path/search', ({ kind, path }) => {
  const probe = { method: 'post' as const, path: () => `${path}/search`, body: {} };

  it('answers items as the list does, newest first', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    for (const title of ['one', 'two', 'three']) await create(path, { title }, agent);
    const response = await search(path, {}, agent);
    expect(response.status).toBe(200);
    const listed = await agent.get(path);
    expect(response.body).toEqual({ items: listed.body as unknown, nextCursor: null });
    expect((response.body as SearchBody).items.map(({ title }) => title)).toEqual([
      'three',
      'two',
      'one',
    ]);
  });

  it('pages with its cursor in every order, each record once', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const ids = await addRecords(api.db, `${kind}s`, fresh, 25, new Date('2026-01-01T00:00:00Z'));
    for (const sort of [
      'createdAt',
      '-createdAt',
      'severity',
      '-severity',
      'updatedAt',
      '-tinyId',
    ]) {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const filter: Filter = { sort, limit: 10, stage: ['New'], ...(cursor && { cursor }) };
        const response = await search(path, filter, agent);
        expect(response.status).toBe(200);
        const { items, nextCursor } = response.body as SearchBody;
        seen.push(...items.map(({ id }) => id));
        cursor = nextCursor;
      } while (cursor !== null);
      expect(seen).toHaveLength(25);
      expect([...seen].sort()).toEqual([...ids].sort());
      const listed = await readAll<Alert>(agent, `${path}?sort=${sort}&limit=7`);
      expect(listed.map(({ id }) => id)).toEqual(seen);
    }
  });

  it('keeps the filters in the Link of the list', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    for (const severity of [1, 2, 3, 4])
      await create(path, { severity, title: `record ${severity}` }, agent);
    const first = await agent.get(`${path}?severity=2,3,4&q=record&limit=2&sort=severity`);
    const next = await agent.get(nextLink(first) ?? '');
    expect((next.body as Alert[]).map(({ severity }) => severity)).toEqual([4]);
  });

  it('tells the total when asked, exact up to 10 000 and capped above', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, `${kind}s`, fresh, 10_000, new Date('2026-01-01T00:00:00Z'));
    const ask = async (filter: Filter) => {
      const response = await search(path, { limit: 1, count: true, ...filter }, agent);
      const { total, totalCapped, items } = response.body as SearchBody;
      expect(items).toHaveLength(1);
      return [total, totalCapped];
    };
    expect(await ask({})).toEqual([10_000, false]);
    expect(await ask({ severity: [1, 2] })).toEqual([5000, false]);
    await create(path, {}, agent);
    expect(await ask({})).toEqual([10_000, true]);
    const plain = await search(path, { limit: 1 }, agent);
    expect(Object.keys(plain.body as object).sort()).toEqual(['items', 'nextCursor']);
  });

  it('stays within tenant and clearance, in total and pages', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const { key } = await addKey(api.db, fresh, { tlpMax: 2, papMax: 1 });
    const word = unique('needle');
    await create(path, { title: word, tlp: 2, pap: 1 }, agent);
    await create(path, { title: word, tlp: 3, pap: 0 }, agent);
    await create(path, { title: word, tlp: 0, pap: 2 }, agent);
    await create(path, { title: word }, api.http(guest.key));
    const deleted = await create(path, { title: word, tlp: 0, pap: 0 }, agent);
    await agent.delete(`${path}/${deleted.id}`);
    for (const filter of [{ q: word }, { severity: 2 }, { status: 'new' }, {}]) {
      expect(await found(path, filter, agent)).toHaveLength(3);
      expect(await found(path, filter, api.http(key))).toHaveLength(1);
    }
    expect(await found(path, { tlp: 3 }, api.http(key))).toEqual([]);
    const stranger = await createTenant(api.db);
    expect(await found(path, { q: word }, api.http(stranger.key))).toEqual([]);
  });

  it('finds what is shared with the tenant, and what is visible to all', async () => {
    const word = unique('shared');
    const organizations = [tenant.organizationId, guest.organizationId];
    const shared = await create(path, { title: `${word} a`, organizations });
    const open = await create(path, { title: `${word} b`, visibleToAllOrganizations: true });
    const agent = api.http(guest.key);
    expect(await found(path, { q: word }, agent)).toEqual([shared.title, open.title]);
    await http.delete(`${path}/${open.id}`);
    const owner = { q: word, organizationId: tenant.organizationId };
    expect(await found(path, owner, agent)).toEqual([shared.title]);
    const admin = api.http(api.adminKey);
    expect(await found(path, { q: word }, admin)).toEqual([shared.title]);
  });

  it('answers 400 to a cursor of another filter, sort, list or route', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, `${kind}s`, fresh, 3, new Date());
    const filter = { limit: 1, status: ['new'], q: 'record' };
    const { nextCursor: cursor } = (await search(path, filter, agent)).body as SearchBody;
    expect((await search(path, { ...filter, cursor, limit: 2 }, agent)).status).toBe(200);
    const elsewhere = kind === 'alert' ? '/api/cases' : '/api/alerts';
    for (const response of [
      await search(path, { cursor }, agent),
      await search(path, { ...filter, cursor, status: ['new', 'closed'] }, agent),
      await search(path, { ...filter, cursor, q: 'recor' }, agent),
      await search(path, { ...filter, cursor, severityMin: 1 }, agent),
      await search(path, { ...filter, cursor, sort: 'createdAt' }, agent),
      await search(path, { ...filter, cursor: `${cursor ?? ''}AAAA` }, agent),
      await search(path, { ...filter, cursor: '' }, agent),
      await search(elsewhere, { ...filter, cursor }, agent),
      await list(path, { cursor }, agent),
    ])
      expectInvalid(response, ['cursor'], 'INVALID_CURSOR');
  });

  it.each([[[]], ['x'], [null], [7]])('answers 400 to the body %j', async (body) => {
    const response = await http
      .post(`${path}/search`)
      .set('Content-Type', 'application/json')
      .send(JSON.stringify(body));
    expectProblem(response, 400, 'VALIDATION_FAILED');
  });

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, `${kind}s:read`, [
    `${kind}s:write`,
    kind === 'alert' ? 'cases:read' : 'alerts:read',
  ]);
  outcomes.limited(probe, [`${kind}s:read`]);
});

describe('the filters of alerts by case', () => {
  const link = (alert: string, to: string) =>
    api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [alert, to]);

  it('find the alerts of a case, of any and of none', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const target = await create('/api/cases', {}, agent);
    const inside = await create('/api/alerts', { title: 'inside' }, agent);
    await create('/api/alerts', { title: 'outside' }, agent);
    await link(inside.id, target.id);
    for (const [filter, titles] of [
      [{ caseId: target.id }, ['inside']],
      [{ caseId: target.id.toUpperCase() }, ['inside']],
      [{ caseId: 'none' }, ['outside']],
      [{ hasCase: true }, ['inside']],
      [{ hasCase: false }, ['outside']],
      [{ hasCase: false, caseId: target.id }, []],
      [{ hasCase: true, caseId: 'none' }, []],
    ] as const)
      expect(await found('/api/alerts', filter, agent)).toEqual(titles);
  });

  it('tell nothing of a case that the caller may not see', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const secret = await create('/api/cases', { tlp: 4 });
    const title = unique('in a secret case');
    const alert = await create('/api/alerts', { title, tlp: 1, organizations });
    await link(alert.id, secret.id);
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    expect(await found('/api/alerts', { caseId: secret.id })).toEqual([title]);
    for (const agent of [api.http(guest.key), api.http(key)]) {
      expect(await found('/api/alerts', { caseId: secret.id }, agent)).toEqual([]);
      expect(await found('/api/alerts', { q: title, hasCase: true }, agent)).toEqual([]);
      expect(await found('/api/alerts', { q: title, hasCase: false }, agent)).toEqual([title]);
      expect(await found('/api/alerts', { q: title, caseId: 'none' }, agent)).toEqual([title]);
    }
  });
});
