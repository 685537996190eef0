import { z } from 'zod';
import { caseDetailSchema, caseSchema, listedCaseSchema } from '../../src/cases/cases.schema.js';
import type { Case, CaseDetail, ListedCase } from '../../src/cases/cases.schema.js';
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
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, nextLink, outcomesOf, readAll } from '../outcomes.js';
import { CASE_FIELDS, brief } from '../record-fields.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
let http: Agent;
/** A team of the tenant. */
let ownTeam: string;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  http = api.http(tenant.key);
  ownTeam = (await addTeam(api.db, tenant.organizationId)).id;
});

afterAll(() => api.close());

const BODY = { title: 'Suspicious login', statusValue: 'new', severity: 2 };

/** Every key that spec/api.md §3 promises of a case as its creation answers it. */
const CASE_KEYS =
  'id tinyId title description statusValue createdAt updatedAt severity tlp pap deletedAt createdById assigneeId flag source sourceRef type visibleToAllOrganizations primaryCaseId clientId slaConfigId slaDeadline slaStatus slaStartedAt slaUpdatedAt slaPausedAt customFields extraData aiInsights clientName version'.split(
    ' ',
  );

const LABEL_KEYS = ['severityColor', 'severityLabel', 'createdAtLabel', 'updatedAtLabel'];

const DETAIL_KEYS = [
  ...CASE_KEYS,
  ...LABEL_KEYS,
  ...['assignee', 'createdBy', 'tasks', 'observables', 'status', 'teams', 'tags'],
  ...['organizations', 'alerts', 'slaConfig'],
];

const LISTED_KEYS = [
  ...CASE_KEYS,
  ...LABEL_KEYS,
  ...['status', 'tags', 'assignee', 'taskCounts', 'observableCount', 'alertCount'],
];

async function create(body: object = {}, agent = http): Promise<Case> {
  const response = await agent.post('/api/cases').send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(caseSchema, response.body);
}

async function read(id: string, agent = http): Promise<CaseDetail> {
  const response = await agent.get(`/api/cases/${id}`);
  expect(response.status).toBe(200);
  return expectMatches(caseDetailSchema, response.body);
}

async function createAndRead(body: object = {}): Promise<CaseDetail> {
  return read((await create(body)).id);
}

/** A deleted case and another tenant's. */
async function unreachable(): Promise<readonly string[]> {
  const deleted = await create();
  expect((await http.delete(`/api/cases/${deleted.id}`)).status).toBe(204);
  const foreign = await create({}, api.http(other.key));
  return [deleted.id, foreign.id];
}

function activitiesOf(id: string) {
  return api.db.rows(
    `SELECT action, field_name AS field, old_value AS old, new_value AS new, username, actor_kind AS actor
     FROM activities WHERE case_id = $1 ORDER BY activities.id`,
    [id],
  );
}

function auditOf(id: string) {
  return api.db.rows(
    `SELECT action, changes, actor_id::text AS actor, credential_id::text AS credential,
       organization_id::text AS organization, request_id AS "requestId"
     FROM audit_entries WHERE target_id::text = $1 ORDER BY audit_entries.id`,
    [id],
  );
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe('POST /cases', () => {
  it('answers 200 with every documented key to the shortest body', async () => {
    const response = await http.post('/api/cases').send(BODY);
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"1"');
    const created = expectMatches(caseSchema, response.body);
    expect(Object.keys(created)).toEqual(expect.arrayContaining(CASE_KEYS));
    expect(created).toMatchObject({
      title: BODY.title,
      description: null,
      statusValue: 'new',
      severity: 2,
      tlp: 2,
      pap: 2,
      deletedAt: null,
      createdById: tenant.userId,
      assigneeId: null,
      flag: false,
      source: null,
      sourceRef: null,
      type: null,
      visibleToAllOrganizations: false,
      primaryCaseId: null,
      clientId: null,
      slaConfigId: null,
      slaDeadline: null,
      slaStatus: null,
      slaStartedAt: null,
      slaUpdatedAt: null,
      slaPausedAt: null,
      customFields: {},
      clientName: null,
      version: 1,
    });
    expect(created.tinyId).toBeGreaterThan(0);
    expect(created.createdAt).toBe(created.updatedAt);
    expect(created.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(created.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('keeps everything of the longest body', async () => {
    const assignee = await addPerson(api.db, tenant.organizationId);
    const team = await addTeam(api.db, tenant.organizationId);
    const tag = await addTag(api.db, tenant.organizationId);
    const client = await addClient(api.db, tenant.organizationId);
    const body = {
      title: 'Everything',
      description: '# Heading',
      statusValue: 'on-hold',
      severity: 4,
      tlp: 3,
      pap: 1,
      flag: true,
      type: 'phishing',
      source: 'mail',
      sourceRef: 'm-1',
      customFields: { ticket: 'A-1', nested: { a: [1, 2] } },
      createdAt: '2026-01-31T12:00:00.000Z',
    };
    const created = await create({
      ...body,
      teams: [team.id],
      tags: [tag.id],
      organizations: [tenant.organizationId],
      assigneeId: assignee.userId,
      clientId: client.id,
      observables: [{ dataType: 'domain', data: 'evil.example', ioc: true, tlp: 1, message: 'm' }],
    });
    expect(created).toMatchObject({
      ...body,
      assigneeId: assignee.userId,
      clientId: client.id,
      clientName: client.name,
    });
    const detail = await read(created.id);
    expect(detail).toMatchObject({
      ...created,
      status: { stage: 'InProgress', value: 'on-hold' },
      severityLabel: 'Critical',
      teams: [team],
      tags: [{ id: tag.id, name: tag.name }],
      organizations: [{ id: tenant.organizationId, name: tenant.organizationName }],
      assignee: { id: assignee.userId, email: assignee.email },
      createdBy: { id: tenant.userId, email: tenant.email },
      tasks: [],
      alerts: [],
      slaConfig: null,
    });
    expect(detail.observables).toEqual([
      expect.objectContaining({
        caseId: created.id,
        alertId: null,
        dataType: 'domain',
        data: 'evil.example',
        ioc: true,
        tlp: 1,
        pap: 1,
        message: 'm',
      }),
    ]);
  });

  it.each([
    { pap: 4, tlp: 4 },
    { pap: 4, tlp: '3' },
    { pap: 4, tlp: '3', severity: '2' },
  ])('takes the body of a client in the field with %j', async (marking) => {
    const created = await create({
      description: '…markdown…',
      count: 1,
      title: '…',
      statusValue: 'new',
      severity: 2,
      observables: [
        { dataType: 'ip', data: '10.1.2.3', attachment: '' },
        { dataType: 'file', data: '/etc/passwd', attachment: '' },
      ],
      ...marking,
    });
    expect(created).toMatchObject({ pap: 4, tlp: Number(marking.tlp), severity: 2 });
    expect(created).not.toHaveProperty('count');
    const { observables } = await read(created.id);
    expect(
      observables.map(({ dataType, data, attachment }) => [dataType, data, attachment]),
    ).toEqual([
      ['ip', '10.1.2.3', null],
      ['file', '/etc/passwd', null],
    ]);
  });

  it('ignores unknown keys and those the server owns', async () => {
    const created = await create({
      id: MISSING_ID,
      tinyId: 1,
      updatedAt: '2000-01-01T00:00:00.000Z',
      deletedAt: '2000-01-01T00:00:00.000Z',
      createdById: other.userId,
      ownerOrganizationId: other.organizationId,
      organizationId: other.organizationId,
      version: 77,
      primaryCaseId: MISSING_ID,
      slaDeadline: '2000-01-01T00:00:00.000Z',
      slaStatus: 'breached',
      closedAt: '2000-01-01T00:00:00.000Z',
      somethingElse: true,
    });
    expect(created).toMatchObject({
      createdById: tenant.userId,
      ownerOrganizationId: tenant.organizationId,
      deletedAt: null,
      version: 1,
      primaryCaseId: null,
      slaDeadline: null,
      slaStatus: null,
    });
    expect(created.id).not.toBe(MISSING_ID);
    expect(created.updatedAt > '2020').toBe(true);
  });

  it.each(
    CASE_FIELDS.filter(({ only }) => only !== 'update').flatMap(({ field, accepted }) =>
      accepted.map(([sent, shown]) => ({ field, sent, shown, name: brief(sent) })),
    ),
  )('takes $field $name', async ({ field, sent, shown }) => {
    const created = await createAndRead({ [field]: sent });
    // What everybody sees would turn up in the lists of other tests.
    if (created.visibleToAllOrganizations) await http.delete(`/api/cases/${created.id}`);
    expect(created[field as keyof CaseDetail]).toEqual(shown);
  });

  it('takes tags by id, by name and as objects, each once, and finds names without regard to case', async () => {
    const tag = await addTag(api.db, tenant.organizationId);
    const name = unique('Fresh');
    const record = await createAndRead({
      tags: [tag.id, { id: tag.id }, tag.name.toUpperCase(), name, { name: name.toLowerCase() }],
    });
    expect(record.tags.map((item) => item.name.toLowerCase()).sort()).toEqual(
      [tag.name, name.toLowerCase()].sort(),
    );
  });

  it('creates one tag when twenty cases name it at once', async () => {
    const name = unique('race');
    const cases = await Promise.all(
      Array.from({ length: 20 }, () => createAndRead({ tags: [name] })),
    );
    expect(new Set(cases.map(({ tags }) => tags[0]?.id)).size).toBe(1);
    expect(await api.db.rows('SELECT id FROM tags WHERE name = $1', [name])).toHaveLength(1);
  });

  it('takes references as ids and as objects', async () => {
    const team = await addTeam(api.db, tenant.organizationId);
    const record = await createAndRead({
      teams: [{ id: team.id }],
      organizations: [{ id: tenant.organizationId }],
      assigneeId: { id: tenant.userId },
    });
    expect(record).toMatchObject({ teams: [team], assigneeId: tenant.userId });
  });

  it('finds a client by name without regard to case, or creates it once', async () => {
    const client = await addClient(api.db, tenant.organizationId);
    const found = await create({ clientName: client.name.toUpperCase() });
    expect(found).toMatchObject({ clientId: client.id, clientName: client.name });
    const name = unique('Client');
    const created = await Promise.all(
      Array.from({ length: 10 }, () => create({ clientName: name })),
    );
    expect(new Set(created.map(({ clientId }) => clientId)).size).toBe(1);
    expect(created[0]?.clientName).toBe(name);
    const foreign = await create({ clientName: name }, api.http(other.key));
    expect(foreign.clientId).not.toBe(created[0]?.clientId);
  });

  it('gives fifty cases at once fifty different tinyIds', async () => {
    const cases = await Promise.all(Array.from({ length: 50 }, () => create()));
    expect(new Set(cases.map(({ tinyId }) => tinyId)).size).toBe(50);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(50);
  });

  it('writes one activity and one audit entry', async () => {
    const response = await http.post('/api/cases').set('X-Request-Id', 'req-create').send(BODY);
    const { id } = response.body as Case;
    expect(await activitiesOf(id)).toEqual([
      expect.objectContaining({ action: 'created', username: 'Test Person', actor: 'apiKey' }),
    ]);
    expect(await auditOf(id)).toEqual([
      expect.objectContaining({
        action: 'case.created',
        actor: tenant.userId,
        credential: tenant.keyId,
        organization: tenant.organizationId,
        requestId: 'req-create',
      }),
    ]);
  });

  it.each(['title', 'statusValue', 'severity'])('answers 400 without %s', async (field) => {
    const body = Object.fromEntries(Object.entries(BODY).filter(([key]) => key !== field));
    expectInvalid(await http.post('/api/cases').send(body), [field]);
  });

  it.each(
    CASE_FIELDS.filter(({ only }) => only !== 'update').flatMap(({ field, refused }) =>
      refused.map((sent) => ({ field, sent, name: brief(sent) })),
    ),
  )('answers 400 to $field $name', async ({ field, sent }) => {
    const response = await http.post('/api/cases').send({ ...BODY, [field]: sent });
    const problem = expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(problem.errors?.[0]?.path).toMatch(new RegExp(`^${field}(?:$|[.[])`));
  });

  it('answers 400 to an unknown status, listing the known ones', async () => {
    const response = await http.post('/api/cases').send({ ...BODY, statusValue: 'nonsense' });
    const problem = expectInvalid(response, ['statusValue']);
    for (const value of [
      'new',
      'in-progress',
      'on-hold',
      'resolved',
      'false-positive',
      'duplicated',
      'other',
    ])
      expect(problem.detail).toContain(value);
  });

  it.each([[[]], ['x'], [7], [null], [true]])('answers 400 to the body %j', async (body) => {
    const response = await http
      .post('/api/cases')
      .set('Content-Type', 'application/json')
      .send(JSON.stringify(body));
    expectProblem(response, 400, 'VALIDATION_FAILED');
  });

  it('answers 400 alike to missing and foreign references of every kind, and keeps nothing', async () => {
    const team = await addTeam(api.db, other.organizationId);
    const tag = await addTag(api.db, other.organizationId);
    const client = await addClient(api.db, other.organizationId);
    const gone = await addPerson(api.db, tenant.organizationId);
    await api.db.rows('UPDATE users SET deleted_at = now() WHERE id = $1', [gone.userId]);
    const pairs: [path: string, missing: object, ...foreign: object[]][] = [
      ['teams[1]', { teams: [ownTeam, MISSING_ID] }, { teams: [ownTeam, team.id] }],
      ['tags[0]', { tags: [2_000_000_000] }, { tags: [tag.id] }],
      [
        'organizations[0]',
        { organizations: [MISSING_ID] },
        { organizations: [other.organizationId] },
      ],
      ['clientId', { clientId: MISSING_ID }, { clientId: client.id }],
      [
        'assigneeId',
        { assigneeId: MISSING_ID },
        { assigneeId: other.userId },
        { assigneeId: gone.userId },
      ],
    ];
    const count = 'SELECT count(*)::int AS n FROM cases WHERE organization_id = $1';
    const before = await api.db.row(count, [tenant.organizationId]);
    for (const [path, ...bodies] of pairs) {
      const answers = new Set<string>();
      for (const body of bodies) {
        const response = await http
          .post('/api/cases')
          .set('X-Request-Id', 'same')
          .send({ ...BODY, ...body });
        expectInvalid(response, [path], 'REFERENCE_NOT_FOUND');
        answers.add(response.text);
      }
      expect(answers.size).toBe(1);
    }
    expect(await api.db.row(count, [tenant.organizationId])).toEqual(before);
  });

  outcomes.unauthenticated({ method: 'post', path: () => '/api/cases', body: BODY });
  outcomes.insufficientScope(
    { method: 'post', path: () => '/api/cases', body: BODY },
    'cases:write',
    ['cases:read', 'alerts:write', 'observables:write', 'users:read'],
  );
  outcomes.limited({ method: 'post', path: () => '/api/cases', body: BODY }, ['cases:write']);
});

describe('GET /cases', () => {
  it('lists the newest first, with labels and counts', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const cases: Case[] = [];
    for (let i = 0; i < 3; i++) {
      const observables = [{ dataType: 'other', data: 'x' }];
      cases.push(await create({ title: `n${i}`, tags: ['listed'], observables }, agent));
    }
    const linked = await agent.post('/api/alerts').send(BODY);
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [
      (linked.body as { id: string }).id,
      cases[2]?.id,
    ]);
    const response = await agent.get('/api/cases');
    expect(response.status).toBe(200);
    const listed = expectMatches(z.array(listedCaseSchema), response.body);
    expect(Object.keys(listed[0] ?? {})).toEqual(expect.arrayContaining(LISTED_KEYS));
    expect(listed).toEqual(
      cases.reverse().map((item) => expect.objectContaining({ ...item }) as ListedCase),
    );
    expect(listed[0]).toMatchObject({
      status: { value: 'new', stage: 'New' },
      severityLabel: 'Medium',
      createdAtLabel: 'just now',
      tags: [{ name: 'listed' }],
      assignee: null,
      taskCounts: { total: 0, done: 0 },
      observableCount: 1,
      alertCount: 1,
    });
    expect(listed[1]?.alertCount).toBe(0);
    expect(response.headers.link).toBeUndefined();
    expect(response.headers).not.toHaveProperty('x-total-count');
  });

  it('sorts by every sortable field both ways', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    for (const severity of [3, 1, 4, 1, 2]) await create({ severity }, agent);
    const [first] = (await agent.get('/api/cases?sort=createdAt')).body as ListedCase[];
    await agent.patch(`/api/cases/${first?.id ?? ''}`).send({ title: 'later' });
    for (const field of ['createdAt', 'updatedAt', 'severity', 'tinyId'] as const) {
      const up = await readAll<ListedCase>(agent, `/api/cases?sort=${field}&limit=2`);
      const down = await readAll<ListedCase>(agent, `/api/cases?sort=-${field}&limit=2`);
      expect(up).toHaveLength(5);
      expect(up.map(({ id }) => id)).toEqual(down.map(({ id }) => id).reverse());
      const values = up.map((alert) => alert[field]);
      expect(values).toEqual([...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    }
  });

  it('filters by status: repeated, comma-separated, any case; an unknown one matches nothing', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    for (const statusValue of ['new', 'new', 'resolved', 'in-progress'])
      await create({ statusValue }, agent);
    const statuses = async (query: string) => {
      const response = await agent.get(`/api/cases?count=true&${query}`);
      expect(response.status).toBe(200);
      const found = (response.body as ListedCase[]).map(({ statusValue }) => statusValue).sort();
      expect(response.headers['x-total-count']).toBe(String(found.length));
      return found;
    };
    expect(await statuses('status=new')).toEqual(['new', 'new']);
    expect(await statuses('status=NEW')).toEqual(['new', 'new']);
    expect(await statuses('status=resolved,In%20Progress')).toEqual(['in-progress', 'resolved']);
    expect(await statuses('status=resolved&status=new')).toEqual(['new', 'new', 'resolved']);
    expect(await statuses('status=nonsense')).toEqual([]);
    expect(await statuses('status=nonsense,resolved')).toEqual(['resolved']);
  });

  it('shows each of 300 rows of one timestamp once, by pages of 7, while another client writes', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const ids = await addRecords(api.db, 'cases', fresh, 300, new Date('2026-01-01T00:00:00.500Z'));
    for (const sort of ['createdAt', '-createdAt', 'severity', '-tinyId']) {
      const seen: string[] = [];
      let next: string | undefined = `/api/cases?limit=7&sort=${sort}`;
      let pages = 0;
      while (next !== undefined) {
        const page = await agent.get(next);
        expect(page.status).toBe(200);
        seen.push(...(page.body as ListedCase[]).map(({ id }) => id));
        next = nextLink(page);
        if (pages++ % 10 === 0) await create({}, agent);
      }
      const old = new Set(ids);
      expect(seen.filter((id) => old.has(id)).sort()).toEqual([...ids].sort());
      expect(new Set(seen).size).toBe(seen.length);
    }
  });

  it('keeps filter and sort in the Link, and the last full page has none', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, 'cases', fresh, 4, new Date());
    const first = await agent.get('/api/cases?status=new&limit=2&sort=tinyId');
    const link = nextLink(first) ?? '';
    expect(link).toMatch(/^\/api\/cases\?/);
    expect(new URLSearchParams(link.split('?')[1]).get('status')).toBe('new');
    const last = await agent.get(link);
    expect(last.body).toHaveLength(2);
    expect(last.headers.link).toBeUndefined();
  });

  it('counts exactly up to 10 000 and says when it stops', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, 'cases', fresh, 10_000, new Date('2026-01-01T00:00:00Z'));
    const exact = await agent.get('/api/cases?count=true&limit=1');
    expect(exact.headers['x-total-count']).toBe('10000');
    expect(exact.headers).not.toHaveProperty('x-total-count-capped');
    await create({}, agent);
    const capped = await agent.get('/api/cases?count=true&limit=1');
    expect(capped.headers['x-total-count']).toBe('10000');
    expect(capped.headers['x-total-count-capped']).toBe('true');
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=1001', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=2.5', 'limit'],
    ['limit=ten', 'limit'],
    ['limit=', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['sort=title', 'sort'],
    ['sort=--createdAt', 'sort'],
    ['sort=createdAt&sort=severity', 'sort'],
    ['count=yes', 'count'],
    ['offset=5', 'offset'],
    ['page=2', 'page'],
    ['__proto__=1', '__proto__'],
    ['constructor=1', 'constructor'],
    ['limit[]=1', 'limit[]'],
    ['cursor=x&cursor=y', 'cursor'],
  ])('answers 400 to ?%s', async (query, path) => {
    expectInvalid(await http.get(`/api/cases?${query}`), [path]);
  });

  it('answers 400 to a cursor that was changed, made up, or belongs to another list, sort or filter', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, 'cases', fresh, 3, new Date());
    const first = await agent.get('/api/cases?limit=1');
    const cursor = new URLSearchParams((nextLink(first) ?? '').split('?')[1]).get('cursor') ?? '';
    expect((await agent.get(`/api/cases?limit=2&cursor=${cursor}`)).body).toHaveLength(2);
    const flipped = (cursor.startsWith('A') ? 'B' : 'A') + cursor.slice(1);
    for (const query of [
      `/api/cases?cursor=${flipped}`,
      `/api/cases?cursor=${cursor.slice(0, -4)}`,
      `/api/cases?cursor=${cursor}AAAA`,
      '/api/cases?cursor=x',
      '/api/cases?cursor=',
      `/api/cases?sort=createdAt&cursor=${cursor}`,
      `/api/cases?status=new&cursor=${cursor}`,
      `/api/alerts?cursor=${cursor}`,
      `/api/observables?cursor=${cursor}`,
      `/api/users?cursor=${cursor}`,
    ])
      expectInvalid(await agent.get(query), ['cursor'], 'INVALID_CURSOR');
  });

  outcomes.unauthenticated({ method: 'get', path: () => '/api/cases' });
  outcomes.insufficientScope({ method: 'get', path: () => '/api/cases' }, 'cases:read', [
    'cases:write',
    'alerts:read',
  ]);
  outcomes.limited({ method: 'get', path: () => '/api/cases' }, ['cases:read']);
});

describe('GET /cases/:id', () => {
  it('answers the case in detail with its ETag, whatever the case of the id', async () => {
    const created = await create({ observables: [{ dataType: 'ip', data: '10.9.9.9' }] });
    const alert = await http.post('/api/alerts').send(BODY);
    const { id: alertId, tinyId } = alert.body as { id: string; tinyId: number };
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [alertId, created.id]);
    for (const id of [created.id, created.id.toUpperCase()]) {
      const response = await http.get(`/api/cases/${id}`);
      expect(response.status).toBe(200);
      expect(response.headers.etag).toBe('"1"');
      const detail = expectMatches(caseDetailSchema, response.body);
      expect(Object.keys(detail)).toEqual(expect.arrayContaining(DETAIL_KEYS));
      expect(detail).toMatchObject({
        ...created,
        alerts: [{ id: alertId, tinyId, title: BODY.title }],
        createdAtLabel: 'just now',
      });
      expect(detail.observables).toHaveLength(1);
    }
  });

  it('shows its observables without observables:read', async () => {
    const created = await create({ observables: [{ dataType: 'ip', data: '10.9.9.9' }] });
    const { key } = await addKey(api.db, tenant, { scopes: ['cases:read'] });
    expect((await read(created.id, api.http(key))).observables).toHaveLength(1);
  });

  it.each(['1', 'x', '00000000', `${MISSING_ID}0`, '%00', '..%2f', "1'%20OR%201=1"])(
    'answers 400 to the id %s',
    async (id) => {
      expectProblem(await http.get(`/api/cases/${id}`), 400, 'VALIDATION_FAILED');
    },
  );

  const probe = { method: 'get' as const, path: () => `/api/cases/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:read', ['cases:write', 'observables:read']);
  outcomes.notFound('get', (id) => `/api/cases/${id}`, 'CASE_NOT_FOUND', unreachable);
  outcomes.limited(probe, ['cases:read']);
});

describe.each(['patch', 'put'] as const)('%s /cases/:id', (method) => {
  const update = (id: string, body: object) => http[method](`/api/cases/${id}`).send(body);

  it('changes what is sent and leaves the rest, flat and wrapped', async () => {
    const record = await createAndRead({ type: 'edr', customFields: { a: 1 } });
    const flat = await update(record.id, { title: 'Flat', severity: '4' });
    expect(flat.status).toBe(200);
    expect(flat.headers.etag).toBe('"2"');
    const first = expectMatches(caseDetailSchema, flat.body);
    expect(first).toEqual({
      ...record,
      title: 'Flat',
      severity: 4,
      severityLabel: 'Critical',
      severityColor: first.severityColor,
      updatedAt: first.updatedAt,
      version: 2,
    });
    expect(first.updatedAt > record.updatedAt).toBe(true);
    const wrapped = await update(record.id, { fields: { title: 'Wrapped', tlp: '3' } });
    expect(expectMatches(caseDetailSchema, wrapped.body)).toMatchObject({
      title: 'Wrapped',
      tlp: 3,
      severity: 4,
      version: 3,
    });
    expect(await read(record.id)).toEqual(wrapped.body);
  });

  it('changes nothing with an empty body or equal values, and writes no history', async () => {
    const record = await createAndRead();
    for (const body of [{}, { fields: {} }, { title: record.title }, { unknown: 1 }]) {
      const response = await update(record.id, body);
      expect(response.status).toBe(200);
      expect(response.body).toEqual({ ...record });
    }
    expect(await activitiesOf(record.id)).toHaveLength(1);
    expect(await auditOf(record.id)).toHaveLength(1);
  });

  it('clears what may be null', async () => {
    const client = await addClient(api.db, tenant.organizationId);
    const full = {
      type: 'a',
      source: 'b',
      sourceRef: 'c',
      description: 'd',
      externalLink: 'https://a.example',
      assigneeId: tenant.userId,
      clientId: client.id,
    };
    const record = await createAndRead(full);
    const nulls = Object.fromEntries(Object.keys(full).map((key) => [key, null]));
    const response = await update(record.id, nulls);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ ...nulls, assignee: null, clientName: null });
  });

  it('merges customFields by key, and null removes one', async () => {
    const record = await createAndRead({ customFields: { a: 1, b: { c: 2 }, d: 'x' } });
    const response = await update(record.id, { customFields: { a: 2, b: null, e: [1] } });
    expect((response.body as CaseDetail).customFields).toEqual({ a: 2, d: 'x', e: [1] });
    const wrapped = await update(record.id, { fields: { customFields: { d: null } } });
    expect((wrapped.body as CaseDetail).customFields).toEqual({ a: 2, e: [1] });
    const absent = await update(record.id, { customFields: { nothing: null } });
    expect((absent.body as CaseDetail).customFields).toEqual({ a: 2, e: [1] });
  });

  it('replaces tags, teams and organizations', async () => {
    const [tag, team] = [
      await addTag(api.db, tenant.organizationId),
      await addTeam(api.db, tenant.organizationId),
    ];
    const record = await createAndRead({ tags: ['one', 'two'], teams: [ownTeam] });
    const response = await update(record.id, {
      tags: [tag.id, { name: 'two' }],
      teams: [{ id: team.id }],
      organizations: [tenant.organizationId],
    });
    const changed = response.body as CaseDetail;
    expect(changed.tags.map(({ name }) => name).sort()).toEqual([tag.name, 'two'].sort());
    expect(changed.teams).toEqual([team]);
    expect(changed.organizations.map(({ id }) => id)).toEqual([tenant.organizationId]);
    const emptied = await update(record.id, { tags: [], teams: [] });
    expect(emptied.body).toMatchObject({ tags: [], teams: [] });
  });

  it('keeps the first entry into a stage', async () => {
    const record = await createAndRead();
    const times = () =>
      api.db.row('SELECT in_progress_at AS started, closed_at AS closed FROM cases WHERE id = $1', [
        record.id,
      ]);
    expect(await times()).toEqual({ started: null, closed: null });
    await update(record.id, { statusValue: 'in progress' });
    await update(record.id, { statusValue: 'resolved' });
    const first = await times();
    expect(first).toEqual({
      started: expect.any(Date) as Date,
      closed: expect.any(Date) as Date,
    });
    await update(record.id, { statusValue: 'in-progress' });
    await update(record.id, { statusValue: 'false-positive' });
    expect(await times()).toEqual(first);
  });

  it('writes an activity for each changed field and one audit entry with old and new', async () => {
    const record = await createAndRead({ customFields: { a: 1 } });
    await update(record.id, {
      title: 'New title',
      statusValue: 'resolved',
      customFields: { a: 2 },
      tags: ['history'],
      severity: record.severity,
    });
    const lines = (await activitiesOf(record.id)).slice(1);
    expect(lines).toHaveLength(4);
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          action: 'updated',
          field: 'title',
          old: record.title,
          new: 'New title',
        }),
        expect.objectContaining({
          action: 'statusChanged',
          field: 'statusValue',
          old: 'new',
          new: 'resolved',
        }),
        expect.objectContaining({ field: 'customFields.a', old: 1, new: 2 }),
        expect.objectContaining({ field: 'tags', old: [], new: ['history'] }),
      ]),
    );
    const [, entry, ...more] = await auditOf(record.id);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ action: 'case.updated', actor: tenant.userId });
    expect(entry?.changes).toHaveLength(4);
    expect(entry?.changes).toContainEqual({ field: 'title', old: record.title, new: 'New title' });
  });

  it('ignores what the server owns', async () => {
    const record = await createAndRead();
    const response = await update(record.id, {
      id: MISSING_ID,
      tinyId: 1,
      createdAt: '2000-01-01T00:00:00.000Z',
      createdById: other.userId,
      deletedAt: '2000-01-01T00:00:00.000Z',
      ownerOrganizationId: other.organizationId,
      organizationId: other.organizationId,
      version: 9,
      primaryCaseId: MISSING_ID,
      slaDeadline: '2000-01-01T00:00:00.000Z',
      observables: [],
      alerts: [MISSING_ID],
      status: { value: 'resolved' },
    });
    expect(response.status).toBe(200);
    expect(response.body).toEqual(record);
  });

  it('takes every accepted value', async () => {
    const record = await createAndRead();
    for (const { field, accepted, only } of CASE_FIELDS) {
      if (only === 'create') continue;
      for (const [sent, shown] of accepted) {
        const response = await update(record.id, { fields: { [field]: sent } });
        expect({ field, sent: brief(sent), status: response.status }).toMatchObject({
          status: 200,
        });
        const value = (response.body as Record<string, unknown>)[field];
        if (field === 'customFields') expect(value).toMatchObject(shown as object);
        else expect(value).toEqual(shown);
      }
    }
  });

  it('answers 400 to every refused value, naming its path in either shape, and changes nothing', async () => {
    const record = await createAndRead();
    for (const { field, refused, only } of CASE_FIELDS) {
      if (only === 'create') continue;
      for (const sent of refused) {
        for (const [body, prefix] of [
          [{ [field]: sent }, ''],
          [{ fields: { [field]: sent } }, 'fields.'],
        ] as const) {
          const response = await update(record.id, body);
          expect({ field, sent: brief(sent), status: response.status }).toMatchObject({
            status: 400,
          });
          const problem = expectProblem(response, 400, 'VALIDATION_FAILED');
          expect(problem.errors?.[0]?.path.startsWith(prefix + field)).toBe(true);
        }
      }
    }
    expect(await read(record.id)).toEqual(record);
  });

  it('answers 400 to a body that mixes both shapes', async () => {
    const { id } = await createAndRead();
    for (const body of [
      { title: 'a', fields: { severity: 1 } },
      { title: 'a', fields: {} },
      { fields: { title: 'a' }, tlp: 1 },
    ])
      expectProblem(await update(id, body), 400, 'VALIDATION_FAILED');
    expectProblem(await update(id, { fields: 'x' }), 400, 'VALIDATION_FAILED');
    expectProblem(await update(id, { fields: null }), 400, 'VALIDATION_FAILED');
    expectProblem(await update(id, { fields: [] }), 400, 'VALIDATION_FAILED');
  });

  it('answers 400 to references that do not exist, with the path in the shape that was sent', async () => {
    const { id } = await createAndRead();
    expectInvalid(await update(id, { teams: [MISSING_ID] }), ['teams[0]'], 'REFERENCE_NOT_FOUND');
    expectInvalid(
      await update(id, {
        fields: { assigneeId: other.userId, organizations: [other.organizationId] },
      }),
      ['fields.organizations[0]', 'fields.assigneeId'],
      'REFERENCE_NOT_FOUND',
    );
  });

  const probe = {
    method,
    path: () => `/api/cases/${MISSING_ID}`,
    body: { title: 'x' },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);
  outcomes.notFound(method, (id) => `/api/cases/${id}`, 'CASE_NOT_FOUND', unreachable, {
    title: 'x',
  });

  it('answers 412 to a stale If-Match, and changes nothing', async () => {
    const record = await createAndRead();
    const fresh = await update(record.id, { title: 'two' }).set('If-Match', '"1"');
    expect(fresh.status).toBe(200);
    for (const tag of ['"1"', 'W/"2"', '"x"', '2'])
      expectProblem(
        await update(record.id, { title: 'three' }).set('If-Match', tag),
        412,
        'STALE_VERSION',
      );
    expect((await read(record.id)).title).toBe('two');
    const any = await update(record.id, { title: 'four' }).set('If-Match', '"7", "2"');
    expect(any.status).toBe(200);
    expect((await update(record.id, { title: 'five' }).set('If-Match', '*')).status).toBe(200);
  });

  it('lets one of ten updates with the same If-Match win', async () => {
    const { id } = await createAndRead();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => update(id, { title: `t${i}` }).set('If-Match', '"1"')),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array<number>(9).fill(412),
    ]);
    expect((await read(id)).version).toBe(2);
  });

  outcomes.limited(probe, ['cases:write']);
});

describe('DELETE /cases/:id', () => {
  it('answers 204, after which the case is in no read, list or count, and its children are gone', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const created = await create({ observables: [{ dataType: 'ip', data: '10.1.1.1' }] }, agent);
    const child = (await read(created.id, agent)).observables[0]?.id ?? '';
    const response = await agent.delete(`/api/cases/${created.id}`);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expectProblem(await agent.get(`/api/cases/${created.id}`), 404, 'CASE_NOT_FOUND');
    const list = await agent.get('/api/cases?count=true');
    expect(list.body).toEqual([]);
    expect(list.headers['x-total-count']).toBe('0');
    expectProblem(await agent.get(`/api/observables/${child}`), 404, 'OBSERVABLE_NOT_FOUND');
    expect((await agent.get('/api/observables')).body).toEqual([]);
    expectProblem(await agent.get(`/api/cases/${created.id}/observables`), 404, 'CASE_NOT_FOUND');
  });

  it('puts its alerts back to `new`, with an activity', async () => {
    const { id } = await create();
    const alert = await http.post('/api/alerts').send({ ...BODY, statusValue: 'imported' });
    const alertId = (alert.body as { id: string }).id;
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [alertId, id]);
    expect((await http.delete(`/api/cases/${id}`)).status).toBe(204);
    const after = await http.get(`/api/alerts/${alertId}`);
    expect(after.body).toMatchObject({ case: null, statusValue: 'new', version: 2 });
    const lines = await api.db.rows(
      'SELECT action FROM activities WHERE alert_id = $1 ORDER BY id',
      [alertId],
    );
    expect(lines.map(({ action }) => action)).toEqual(['created', 'removed', 'statusChanged']);
  });

  it('keeps the row, and audits the deletion', async () => {
    const record = await createAndRead();
    await http.delete(`/api/cases/${record.id}`);
    const row = await api.db.row('SELECT deleted_at FROM cases WHERE id = $1', [record.id]);
    expect(row).toEqual({ deleted_at: expect.any(Date) as Date });
    expect((await auditOf(record.id)).map(({ action }) => action)).toEqual([
      'case.created',
      'case.deleted',
    ]);
  });

  it('answers 204 once and 404 nine times to ten at once', async () => {
    const { id } = await createAndRead();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => http.delete(`/api/cases/${id}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      204,
      ...Array<number>(9).fill(404),
    ]);
  });

  it('answers 400 to an id that is no UUID', async () => {
    expectProblem(await http.delete('/api/cases/x'), 400, 'VALIDATION_FAILED');
  });

  const probe = { method: 'delete' as const, path: () => `/api/cases/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);
  outcomes.notFound('delete', (id) => `/api/cases/${id}`, 'CASE_NOT_FOUND', unreachable);

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await createAndRead();
    await http.patch(`/api/cases/${id}`).send({ title: 'two' });
    const response = await http.delete(`/api/cases/${id}`).set('If-Match', '"1"');
    expectProblem(response, 412, 'STALE_VERSION');
    expect((await http.delete(`/api/cases/${id}`).set('If-Match', '"2"')).status).toBe(204);
  });

  outcomes.limited(probe, ['cases:write']);
});
