import { z } from 'zod';
import { alertSchema } from '../../src/alerts/alerts.schema.js';
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
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, nextLink, outcomesOf, readAll } from '../outcomes.js';
import { ALERT_FIELDS, brief } from '../record-fields.js';

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

/** Every key that spec/api.md §2 promises of an alert. */
const DOCUMENTED_KEYS =
  'id tinyId title description statusValue status count severity type source sourceRef externalLink tlp pap customFields createdAt updatedAt createdAtLabel updatedAtLabel severityColor severityLabel teams tags organizations assigneeId createdById deletedAt observables visibleToAllOrganizations primaryAlertId case assignee aiInsights clientId clientName ownerOrganizationId version'.split(
    ' ',
  );

async function create(body: object = {}, agent = http): Promise<Alert> {
  const response = await agent.post('/api/alerts').send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(alertSchema, response.body);
}

async function read(id: string): Promise<Alert> {
  const response = await http.get(`/api/alerts/${id}`);
  expect(response.status).toBe(200);
  return expectMatches(alertSchema, response.body);
}

/** A deleted alert and another tenant's. */
async function unreachable(): Promise<readonly string[]> {
  const deleted = await create();
  expect((await http.delete(`/api/alerts/${deleted.id}`)).status).toBe(204);
  const foreign = await create({}, api.http(other.key));
  return [deleted.id, foreign.id];
}

function activitiesOf(id: string) {
  return api.db.rows(
    `SELECT action, field_name AS field, old_value AS old, new_value AS new, username, actor_kind AS actor
     FROM activities WHERE alert_id = $1 ORDER BY activities.id`,
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

describe('POST /alerts', () => {
  it('answers 200 with every documented key to the shortest body', async () => {
    const response = await http.post('/api/alerts').send(BODY);
    expect(response.status).toBe(200);
    expect(response.headers.etag).toBe('"1"');
    const alert = expectMatches(alertSchema, response.body);
    expect(Object.keys(alert)).toEqual(expect.arrayContaining(DOCUMENTED_KEYS));
    expect(alert).toMatchObject({
      title: 'Suspicious login',
      description: '',
      statusValue: 'new',
      status: { value: 'new', stage: 'New', label: 'New', canDelete: false },
      count: 1,
      severity: 2,
      severityLabel: 'Medium',
      type: null,
      source: null,
      sourceRef: null,
      externalLink: null,
      tlp: 2,
      pap: 2,
      customFields: {},
      createdAtLabel: 'just now',
      updatedAtLabel: 'just now',
      teams: [],
      tags: [],
      organizations: [{ id: tenant.organizationId, name: tenant.organizationName }],
      assigneeId: null,
      createdById: tenant.userId,
      deletedAt: null,
      observables: [],
      visibleToAllOrganizations: false,
      primaryAlertId: null,
      case: null,
      assignee: null,
      aiInsights: null,
      clientId: null,
      clientName: null,
      ownerOrganizationId: tenant.organizationId,
      version: 1,
    });
    expect(alert.tinyId).toBeGreaterThan(0);
    expect(alert.createdAt).toBe(alert.updatedAt);
    expect(alert.createdAt).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(alert.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  it('keeps everything of the longest body and answers it as it is then read', async () => {
    const assignee = await addPerson(api.db, tenant.organizationId);
    const team = await addTeam(api.db, tenant.organizationId);
    const tag = await addTag(api.db, tenant.organizationId);
    const client = await addClient(api.db, tenant.organizationId);
    const body = {
      title: 'Everything',
      description: '# Heading',
      statusValue: 'in-progress',
      severity: 4,
      count: 3,
      type: 'edr',
      source: 'sentinel',
      sourceRef: 'incident-4711',
      externalLink: 'https://siem.example/4711',
      tlp: 3,
      pap: 1,
      customFields: { ticket: 'A-1', nested: { a: [1, 2] } },
      visibleToAllOrganizations: false,
    };
    const alert = await create({
      ...body,
      teams: [team.id],
      tags: [tag.id],
      organizations: [tenant.organizationId],
      assigneeId: assignee.userId,
      clientId: client.id,
      observables: [{ dataType: 'domain', data: 'evil.example', ioc: true, tlp: 1, message: 'm' }],
    });
    expect(alert).toMatchObject({
      ...body,
      status: { stage: 'InProgress', value: 'in-progress' },
      severityLabel: 'Critical',
      teams: [team],
      tags: [{ id: tag.id, name: tag.name }],
      assigneeId: assignee.userId,
      assignee: { id: assignee.userId, email: assignee.email },
      clientId: client.id,
      clientName: client.name,
      observableCount: 1,
    });
    expect(alert.observables[0]).toMatchObject({
      alertId: alert.id,
      caseId: null,
      dataType: 'domain',
      data: 'evil.example',
      ioc: true,
      tlp: 1,
      pap: 1,
      message: 'm',
      attachment: null,
    });
    expect(await read(alert.id)).toEqual(alert);
  });

  it('takes the body of a client in the field, and drops nothing', async () => {
    const alert = await create({
      description: '…markdown…',
      count: 1,
      title: '…',
      statusValue: 'new',
      severity: 2,
      tlp: 2,
      observables: [
        { dataType: 'ip', data: '10.1.2.3', attachment: '' },
        { dataType: 'ip', data: '999.1.2.3', attachment: '' },
        { dataType: 'file', data: '/etc/passwd', attachment: '' },
      ],
    });
    expect(
      alert.observables.map(({ dataType, data, attachment }) => [dataType, data, attachment]),
    ).toEqual([
      ['ip', '10.1.2.3', null],
      ['ip', '999.1.2.3', null],
      ['file', '/etc/passwd', null],
    ]);
    expect(alert.observables[0]?.message).toBe('');
    expect(alert.observables[1]?.message).not.toBe('');
  });

  it('gives an unknown observable type `other` and keeps the sent one in the message', async () => {
    const alert = await create({ observables: [{ dataType: 'Spaceship', data: 'x' }] });
    expect(alert.observables[0]).toMatchObject({ dataType: 'other', data: 'x' });
    expect(alert.observables[0]?.message).toContain('Spaceship');
  });

  it('keeps equal observables once', async () => {
    const alert = await create({
      observables: [
        { dataType: 'domain', data: 'Evil.example' },
        { dataType: 'DOMAIN', data: 'evil.example' },
        { dataType: 'ip', data: '::ffff:10.0.0.1' },
        { dataType: 'ip', data: '10.0.0.1' },
      ],
    });
    expect(alert.observables.map(({ data }) => data)).toEqual(['Evil.example', '::ffff:10.0.0.1']);
    expect(alert.observableCount).toBe(2);
  });

  it('ignores unknown keys and those the server owns', async () => {
    const alert = await create({
      id: MISSING_ID,
      tinyId: 1,
      createdAt: '2000-01-01T00:00:00.000Z',
      updatedAt: '2000-01-01T00:00:00.000Z',
      deletedAt: '2000-01-01T00:00:00.000Z',
      createdById: other.userId,
      ownerOrganizationId: other.organizationId,
      organizationId: other.organizationId,
      version: 77,
      caseId: MISSING_ID,
      primaryAlertId: MISSING_ID,
      closedAt: '2000-01-01T00:00:00.000Z',
      somethingElse: true,
    });
    expect(alert).toMatchObject({
      createdById: tenant.userId,
      ownerOrganizationId: tenant.organizationId,
      deletedAt: null,
      version: 1,
      primaryAlertId: null,
      case: null,
    });
    expect(alert.id).not.toBe(MISSING_ID);
    expect(alert.createdAt > '2020').toBe(true);
  });

  it('becomes `new` with only a stale `status` key', async () => {
    const { title, severity } = BODY;
    const response = await http.post('/api/alerts').send({ title, severity, status: 'whatever' });
    expect(response.status).toBe(200);
    expect((response.body as Alert).statusValue).toBe('new');
  });

  it.each(
    ALERT_FIELDS.filter(({ only }) => only !== 'update').flatMap(({ field, accepted }) =>
      accepted.map(([sent, shown]) => ({ field, sent, shown, name: brief(sent) })),
    ),
  )('takes $field $name', async ({ field, sent, shown }) => {
    const alert = await create({ [field]: sent });
    // What everybody sees would turn up in the lists of other tests.
    if (alert.visibleToAllOrganizations) await http.delete(`/api/alerts/${alert.id}`);
    expect(alert[field as keyof Alert]).toEqual(shown);
  });

  it('takes tags by id, by name and as objects, each once, and finds names without regard to case', async () => {
    const tag = await addTag(api.db, tenant.organizationId);
    const name = unique('Fresh');
    const alert = await create({
      tags: [tag.id, { id: tag.id }, tag.name.toUpperCase(), name, { name: name.toLowerCase() }],
    });
    expect(alert.tags.map((item) => item.name.toLowerCase()).sort()).toEqual(
      [tag.name, name.toLowerCase()].sort(),
    );
    expect(await read(alert.id)).toEqual(alert);
  });

  it('creates one tag when twenty alerts name it at once', async () => {
    const name = unique('race');
    const alerts = await Promise.all(Array.from({ length: 20 }, () => create({ tags: [name] })));
    expect(new Set(alerts.map(({ tags }) => tags[0]?.id)).size).toBe(1);
    expect(await api.db.rows('SELECT id FROM tags WHERE name = $1', [name])).toHaveLength(1);
  });

  it('takes references as ids and as objects', async () => {
    const team = await addTeam(api.db, tenant.organizationId);
    const alert = await create({
      teams: [{ id: team.id }],
      organizations: [{ id: tenant.organizationId }],
      assigneeId: { id: tenant.userId },
    });
    expect(alert).toMatchObject({ teams: [team], assigneeId: tenant.userId });
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

  it('gives fifty alerts at once fifty different tinyIds', async () => {
    const alerts = await Promise.all(Array.from({ length: 50 }, () => create()));
    expect(new Set(alerts.map(({ tinyId }) => tinyId)).size).toBe(50);
    expect(new Set(alerts.map(({ id }) => id)).size).toBe(50);
  });

  it('writes one activity and one audit entry', async () => {
    const response = await http.post('/api/alerts').set('X-Request-Id', 'req-create').send(BODY);
    const { id } = response.body as Alert;
    expect(await activitiesOf(id)).toEqual([
      expect.objectContaining({ action: 'created', username: 'Test Person', actor: 'apiKey' }),
    ]);
    expect(await auditOf(id)).toEqual([
      expect.objectContaining({
        action: 'alert.created',
        actor: tenant.userId,
        credential: tenant.keyId,
        organization: tenant.organizationId,
        requestId: 'req-create',
      }),
    ]);
  });

  it.each(['title', 'statusValue', 'severity'])('answers 400 without %s', async (field) => {
    const body = Object.fromEntries(Object.entries(BODY).filter(([key]) => key !== field));
    expectInvalid(await http.post('/api/alerts').send(body), [field]);
  });

  it.each(
    ALERT_FIELDS.filter(({ only }) => only !== 'update').flatMap(({ field, refused }) =>
      refused.map((sent) => ({ field, sent, name: brief(sent) })),
    ),
  )('answers 400 to $field $name', async ({ field, sent }) => {
    const response = await http.post('/api/alerts').send({ ...BODY, [field]: sent });
    const problem = expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(problem.errors?.[0]?.path).toMatch(new RegExp(`^${field}(?:$|[.[])`));
  });

  it('answers 400 to an unknown status, listing the known ones', async () => {
    const response = await http.post('/api/alerts').send({ ...BODY, statusValue: 'nonsense' });
    const problem = expectInvalid(response, ['statusValue']);
    for (const value of ['new', 'in-progress', 'imported', 'false-positive', 'duplicate', 'closed'])
      expect(problem.detail).toContain(value);
  });

  it.each([[[]], ['x'], [7], [null], [true]])('answers 400 to the body %j', async (body) => {
    const response = await http
      .post('/api/alerts')
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
    const count = 'SELECT count(*)::int AS n FROM alerts WHERE organization_id = $1';
    const before = await api.db.row(count, [tenant.organizationId]);
    for (const [path, ...bodies] of pairs) {
      const answers = new Set<string>();
      for (const body of bodies) {
        const response = await http
          .post('/api/alerts')
          .set('X-Request-Id', 'same')
          .send({ ...BODY, ...body });
        expectInvalid(response, [path], 'REFERENCE_NOT_FOUND');
        answers.add(response.text);
      }
      expect(answers.size).toBe(1);
    }
    expect(await api.db.row(count, [tenant.organizationId])).toEqual(before);
  });

  outcomes.unauthenticated({ method: 'post', path: () => '/api/alerts', body: BODY });
  outcomes.insufficientScope(
    { method: 'post', path: () => '/api/alerts', body: BODY },
    'alerts:write',
    ['alerts:read', 'cases:write', 'observables:write', 'users:read'],
  );
  outcomes.limited({ method: 'post', path: () => '/api/alerts', body: BODY }, ['alerts:write']);
});

describe('GET /alerts', () => {
  it('lists the newest first, as each is read', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const alerts: Alert[] = [];
    for (let i = 0; i < 3; i++) alerts.push(await create({ title: `n${i}` }, agent));
    const response = await agent.get('/api/alerts');
    expect(response.status).toBe(200);
    expect(expectMatches(z.array(alertSchema), response.body)).toEqual(alerts.reverse());
    expect(response.headers.link).toBeUndefined();
    expect(response.headers).not.toHaveProperty('x-total-count');
  });

  it('shows at most twenty observables of an alert and tells how many there are', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const observables = Array.from({ length: 25 }, (_, i) => ({
      dataType: 'other',
      data: `v${i}`,
    }));
    const created = await create({ observables }, agent);
    expect(created.observables).toHaveLength(25);
    const [listed] = (await agent.get('/api/alerts')).body as Alert[];
    expect(listed?.observables).toEqual(created.observables.slice(0, 20));
    expect(listed?.observableCount).toBe(25);
  });

  it('sorts by every sortable field both ways', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    for (const severity of [3, 1, 4, 1, 2]) await create({ severity }, agent);
    const [first] = (await agent.get('/api/alerts?sort=createdAt')).body as Alert[];
    await agent.patch(`/api/alerts/${first?.id ?? ''}`).send({ title: 'later' });
    for (const field of ['createdAt', 'updatedAt', 'severity', 'tinyId'] as const) {
      const up = await readAll<Alert>(agent, `/api/alerts?sort=${field}&limit=2`);
      const down = await readAll<Alert>(agent, `/api/alerts?sort=-${field}&limit=2`);
      expect(up).toHaveLength(5);
      expect(up.map(({ id }) => id)).toEqual(down.map(({ id }) => id).reverse());
      const values = up.map((alert) => alert[field]);
      expect(values).toEqual([...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    }
  });

  it('filters by status: repeated, comma-separated, any case; an unknown one matches nothing', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    for (const statusValue of ['new', 'new', 'closed', 'in-progress'])
      await create({ statusValue }, agent);
    const statuses = async (query: string) => {
      const response = await agent.get(`/api/alerts?count=true&${query}`);
      expect(response.status).toBe(200);
      const found = (response.body as Alert[]).map(({ statusValue }) => statusValue).sort();
      expect(response.headers['x-total-count']).toBe(String(found.length));
      return found;
    };
    expect(await statuses('status=new')).toEqual(['new', 'new']);
    expect(await statuses('status=NEW')).toEqual(['new', 'new']);
    expect(await statuses('status=closed,In%20Progress')).toEqual(['closed', 'in-progress']);
    expect(await statuses('status=closed&status=new')).toEqual(['closed', 'new', 'new']);
    expect(await statuses('status=nonsense')).toEqual([]);
    expect(await statuses('status=nonsense,closed')).toEqual(['closed']);
  });

  it('shows each of 300 rows of one timestamp once, by pages of 7, while another client writes', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const ids = await addRecords(
      api.db,
      'alerts',
      fresh,
      300,
      new Date('2026-01-01T00:00:00.500Z'),
    );
    for (const sort of ['createdAt', '-createdAt', 'severity', '-tinyId']) {
      const seen: string[] = [];
      let next: string | undefined = `/api/alerts?limit=7&sort=${sort}`;
      let pages = 0;
      while (next !== undefined) {
        const page = await agent.get(next);
        expect(page.status).toBe(200);
        seen.push(...(page.body as Alert[]).map(({ id }) => id));
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
    await addRecords(api.db, 'alerts', fresh, 4, new Date());
    const first = await agent.get('/api/alerts?status=new&limit=2&sort=tinyId');
    const link = nextLink(first) ?? '';
    expect(link).toMatch(/^\/api\/alerts\?/);
    expect(new URLSearchParams(link.split('?')[1]).get('status')).toBe('new');
    const last = await agent.get(link);
    expect(last.body).toHaveLength(2);
    expect(last.headers.link).toBeUndefined();
  });

  it('counts exactly up to 10 000 and says when it stops', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, 'alerts', fresh, 10_000, new Date('2026-01-01T00:00:00Z'));
    const exact = await agent.get('/api/alerts?count=true&limit=1');
    expect(exact.headers['x-total-count']).toBe('10000');
    expect(exact.headers).not.toHaveProperty('x-total-count-capped');
    await create({}, agent);
    const capped = await agent.get('/api/alerts?count=true&limit=1');
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
    expectInvalid(await http.get(`/api/alerts?${query}`), [path]);
  });

  it('answers 400 to a cursor that was changed, made up, or belongs to another list, sort or filter', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    await addRecords(api.db, 'alerts', fresh, 3, new Date());
    const first = await agent.get('/api/alerts?limit=1');
    const cursor = new URLSearchParams((nextLink(first) ?? '').split('?')[1]).get('cursor') ?? '';
    expect((await agent.get(`/api/alerts?limit=2&cursor=${cursor}`)).body).toHaveLength(2);
    const flipped = (cursor.startsWith('A') ? 'B' : 'A') + cursor.slice(1);
    for (const query of [
      `/api/alerts?cursor=${flipped}`,
      `/api/alerts?cursor=${cursor.slice(0, -4)}`,
      `/api/alerts?cursor=${cursor}AAAA`,
      '/api/alerts?cursor=x',
      '/api/alerts?cursor=',
      `/api/alerts?sort=createdAt&cursor=${cursor}`,
      `/api/alerts?status=new&cursor=${cursor}`,
      `/api/cases?cursor=${cursor}`,
      `/api/observables?cursor=${cursor}`,
      `/api/users?cursor=${cursor}`,
    ])
      expectInvalid(await agent.get(query), ['cursor'], 'INVALID_CURSOR');
  });

  outcomes.unauthenticated({ method: 'get', path: () => '/api/alerts' });
  outcomes.insufficientScope({ method: 'get', path: () => '/api/alerts' }, 'alerts:read', [
    'alerts:write',
    'cases:read',
  ]);
  outcomes.limited({ method: 'get', path: () => '/api/alerts' }, ['alerts:read']);
});

describe('GET /alerts/:id', () => {
  it('answers the alert with its ETag, whatever the case of the id', async () => {
    const alert = await create();
    for (const id of [alert.id, alert.id.toUpperCase()]) {
      const response = await http.get(`/api/alerts/${id}`);
      expect(response.status).toBe(200);
      expect(response.headers.etag).toBe('"1"');
      expect(expectMatches(alertSchema, response.body)).toEqual(alert);
    }
  });

  it('shows its observables without observables:read', async () => {
    const alert = await create({ observables: [{ dataType: 'ip', data: '10.9.9.9' }] });
    const { key } = await addKey(api.db, tenant, { scopes: ['alerts:read'] });
    const response = await api.http(key).get(`/api/alerts/${alert.id}`);
    expect((response.body as Alert).observables).toHaveLength(1);
  });

  it.each(['1', 'x', '00000000', `${MISSING_ID}0`, '%00', '..%2f', "1'%20OR%201=1"])(
    'answers 400 to the id %s',
    async (id) => {
      expectProblem(await http.get(`/api/alerts/${id}`), 400, 'VALIDATION_FAILED');
    },
  );

  const probe = { method: 'get' as const, path: () => `/api/alerts/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'alerts:read', ['alerts:write', 'observables:read']);
  outcomes.notFound('get', (id) => `/api/alerts/${id}`, 'ALERT_NOT_FOUND', unreachable);
  outcomes.limited(probe, ['alerts:read']);
});

describe.each(['patch', 'put'] as const)('%s /alerts/:id', (method) => {
  const update = (id: string, body: object) => http[method](`/api/alerts/${id}`).send(body);

  it('changes what is sent and leaves the rest, flat and wrapped', async () => {
    const alert = await create({ type: 'edr', customFields: { a: 1 } });
    const flat = await update(alert.id, { title: 'Flat', severity: '4' });
    expect(flat.status).toBe(200);
    expect(flat.headers.etag).toBe('"2"');
    const first = expectMatches(alertSchema, flat.body);
    expect(first).toEqual({
      ...alert,
      title: 'Flat',
      severity: 4,
      severityLabel: 'Critical',
      severityColor: first.severityColor,
      updatedAt: first.updatedAt,
      version: 2,
    });
    expect(first.updatedAt > alert.updatedAt).toBe(true);
    const wrapped = await update(alert.id, { fields: { title: 'Wrapped', tlp: '3' } });
    expect(expectMatches(alertSchema, wrapped.body)).toMatchObject({
      title: 'Wrapped',
      tlp: 3,
      severity: 4,
      version: 3,
    });
    expect(await read(alert.id)).toEqual(wrapped.body);
  });

  it('changes nothing with an empty body or equal values, and writes no history', async () => {
    const alert = await create();
    for (const body of [{}, { fields: {} }, { title: alert.title }, { unknown: 1 }]) {
      const response = await update(alert.id, body);
      expect(response.status).toBe(200);
      expect(response.body).toEqual({ ...alert });
    }
    expect(await activitiesOf(alert.id)).toHaveLength(1);
    expect(await auditOf(alert.id)).toHaveLength(1);
  });

  it('clears what may be null', async () => {
    const client = await addClient(api.db, tenant.organizationId);
    const full = {
      type: 'a',
      source: 'b',
      sourceRef: 'c',
      externalLink: 'https://a.example',
      assigneeId: tenant.userId,
      clientId: client.id,
    };
    const alert = await create(full);
    const nulls = Object.fromEntries(Object.keys(full).map((key) => [key, null]));
    const response = await update(alert.id, nulls);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ ...nulls, assignee: null, clientName: null });
  });

  it('merges customFields by key, and null removes one', async () => {
    const alert = await create({ customFields: { a: 1, b: { c: 2 }, d: 'x' } });
    const response = await update(alert.id, { customFields: { a: 2, b: null, e: [1] } });
    expect((response.body as Alert).customFields).toEqual({ a: 2, d: 'x', e: [1] });
    const wrapped = await update(alert.id, { fields: { customFields: { d: null } } });
    expect((wrapped.body as Alert).customFields).toEqual({ a: 2, e: [1] });
    const absent = await update(alert.id, { customFields: { nothing: null } });
    expect((absent.body as Alert).customFields).toEqual({ a: 2, e: [1] });
  });

  it('replaces tags, teams and organizations', async () => {
    const [tag, team] = [
      await addTag(api.db, tenant.organizationId),
      await addTeam(api.db, tenant.organizationId),
    ];
    const alert = await create({ tags: ['one', 'two'], teams: [ownTeam] });
    const response = await update(alert.id, {
      tags: [tag.id, { name: 'two' }],
      teams: [{ id: team.id }],
      organizations: [tenant.organizationId],
    });
    const changed = response.body as Alert;
    expect(changed.tags.map(({ name }) => name).sort()).toEqual([tag.name, 'two'].sort());
    expect(changed.teams).toEqual([team]);
    expect(changed.organizations.map(({ id }) => id)).toEqual([tenant.organizationId]);
    const emptied = await update(alert.id, { tags: [], teams: [] });
    expect(emptied.body).toMatchObject({ tags: [], teams: [] });
  });

  it('keeps the first entry into a stage', async () => {
    const alert = await create();
    const times = () =>
      api.db.row(
        'SELECT in_progress_at AS started, closed_at AS closed FROM alerts WHERE id = $1',
        [alert.id],
      );
    expect(await times()).toEqual({ started: null, closed: null });
    await update(alert.id, { statusValue: 'in progress' });
    await update(alert.id, { statusValue: 'closed' });
    const first = await times();
    expect(first).toEqual({
      started: expect.any(Date) as Date,
      closed: expect.any(Date) as Date,
    });
    await update(alert.id, { statusValue: 'in-progress' });
    await update(alert.id, { statusValue: 'false-positive' });
    expect(await times()).toEqual(first);
  });

  it('writes an activity for each changed field and one audit entry with old and new', async () => {
    const alert = await create({ customFields: { a: 1 } });
    await update(alert.id, {
      title: 'New title',
      statusValue: 'closed',
      customFields: { a: 2 },
      tags: ['history'],
      severity: alert.severity,
    });
    const lines = (await activitiesOf(alert.id)).slice(1);
    expect(lines).toHaveLength(4);
    expect(lines).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          action: 'updated',
          field: 'title',
          old: alert.title,
          new: 'New title',
        }),
        expect.objectContaining({
          action: 'statusChanged',
          field: 'statusValue',
          old: 'new',
          new: 'closed',
        }),
        expect.objectContaining({ field: 'customFields.a', old: 1, new: 2 }),
        expect.objectContaining({ field: 'tags', old: [], new: ['history'] }),
      ]),
    );
    const [, entry, ...more] = await auditOf(alert.id);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ action: 'alert.updated', actor: tenant.userId });
    expect(entry?.changes).toHaveLength(4);
    expect(entry?.changes).toContainEqual({ field: 'title', old: alert.title, new: 'New title' });
  });

  it('ignores what the server owns', async () => {
    const alert = await create();
    const response = await update(alert.id, {
      id: MISSING_ID,
      tinyId: 1,
      createdAt: '2000-01-01T00:00:00.000Z',
      createdById: other.userId,
      deletedAt: '2000-01-01T00:00:00.000Z',
      ownerOrganizationId: other.organizationId,
      organizationId: other.organizationId,
      version: 9,
      caseId: MISSING_ID,
      observables: [],
      status: { value: 'closed' },
    });
    expect(response.status).toBe(200);
    expect(response.body).toEqual(alert);
  });

  it('takes every accepted value', async () => {
    const alert = await create();
    for (const { field, accepted, only } of ALERT_FIELDS) {
      if (only === 'create') continue;
      for (const [sent, shown] of accepted) {
        const response = await update(alert.id, { fields: { [field]: sent } });
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
    const alert = await create();
    for (const { field, refused, only } of ALERT_FIELDS) {
      if (only === 'create') continue;
      for (const sent of refused) {
        for (const [body, prefix] of [
          [{ [field]: sent }, ''],
          [{ fields: { [field]: sent } }, 'fields.'],
        ] as const) {
          const response = await update(alert.id, body);
          expect({ field, sent: brief(sent), status: response.status }).toMatchObject({
            status: 400,
          });
          const problem = expectProblem(response, 400, 'VALIDATION_FAILED');
          expect(problem.errors?.[0]?.path.startsWith(prefix + field)).toBe(true);
        }
      }
    }
    expect(await read(alert.id)).toEqual(alert);
  });

  it('answers 400 to a body that mixes both shapes', async () => {
    const { id } = await create();
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
    const { id } = await create();
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
    path: () => `/api/alerts/${MISSING_ID}`,
    body: { title: 'x' },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'alerts:write', ['alerts:read', 'cases:write']);
  outcomes.notFound(method, (id) => `/api/alerts/${id}`, 'ALERT_NOT_FOUND', unreachable, {
    title: 'x',
  });

  it('answers 412 to a stale If-Match, and changes nothing', async () => {
    const alert = await create();
    const fresh = await update(alert.id, { title: 'two' }).set('If-Match', '"1"');
    expect(fresh.status).toBe(200);
    for (const tag of ['"1"', 'W/"2"', '"x"', '2'])
      expectProblem(
        await update(alert.id, { title: 'three' }).set('If-Match', tag),
        412,
        'STALE_VERSION',
      );
    expect((await read(alert.id)).title).toBe('two');
    const any = await update(alert.id, { title: 'four' }).set('If-Match', '"7", "2"');
    expect(any.status).toBe(200);
    expect((await update(alert.id, { title: 'five' }).set('If-Match', '*')).status).toBe(200);
  });

  it('lets one of ten updates with the same If-Match win', async () => {
    const { id } = await create();
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => update(id, { title: `t${i}` }).set('If-Match', '"1"')),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array<number>(9).fill(412),
    ]);
    expect((await read(id)).version).toBe(2);
  });

  outcomes.limited(probe, ['alerts:write']);
});

describe('DELETE /alerts/:id', () => {
  it('answers 204, after which the alert is in no read, list or count, and its children are gone', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const alert = await create({ observables: [{ dataType: 'ip', data: '10.1.1.1' }] }, agent);
    const child = alert.observables[0]?.id ?? '';
    const response = await agent.delete(`/api/alerts/${alert.id}`);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expectProblem(await agent.get(`/api/alerts/${alert.id}`), 404, 'ALERT_NOT_FOUND');
    const list = await agent.get('/api/alerts?count=true');
    expect(list.body).toEqual([]);
    expect(list.headers['x-total-count']).toBe('0');
    expectProblem(await agent.get(`/api/observables/${child}`), 404, 'OBSERVABLE_NOT_FOUND');
    expect((await agent.get('/api/observables')).body).toEqual([]);
    expectProblem(await agent.get(`/api/alerts/${alert.id}/observables`), 404, 'ALERT_NOT_FOUND');
  });

  it('keeps the row, and audits the deletion', async () => {
    const alert = await create();
    await http.delete(`/api/alerts/${alert.id}`);
    const row = await api.db.row('SELECT deleted_at FROM alerts WHERE id = $1', [alert.id]);
    expect(row).toEqual({ deleted_at: expect.any(Date) as Date });
    expect((await auditOf(alert.id)).map(({ action }) => action)).toEqual([
      'alert.created',
      'alert.deleted',
    ]);
  });

  it('answers 204 once and 404 nine times to ten at once', async () => {
    const { id } = await create();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => http.delete(`/api/alerts/${id}`)),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([
      204,
      ...Array<number>(9).fill(404),
    ]);
  });

  it('answers 400 to an id that is no UUID', async () => {
    expectProblem(await http.delete('/api/alerts/x'), 400, 'VALIDATION_FAILED');
  });

  const probe = { method: 'delete' as const, path: () => `/api/alerts/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'alerts:write', ['alerts:read', 'cases:write']);
  outcomes.notFound('delete', (id) => `/api/alerts/${id}`, 'ALERT_NOT_FOUND', unreachable);

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await create();
    await http.patch(`/api/alerts/${id}`).send({ title: 'two' });
    const response = await http.delete(`/api/alerts/${id}`).set('If-Match', '"1"');
    expectProblem(response, 412, 'STALE_VERSION');
    expect((await http.delete(`/api/alerts/${id}`).set('If-Match', '"2"')).status).toBe(204);
  });

  outcomes.limited(probe, ['alerts:write']);
});

describe('an alert in a case', () => {
  it('shows the case', async () => {
    const alert = await create();
    const created = await http.post('/api/cases').send({ ...BODY, title: 'The case' });
    const { id, tinyId } = created.body as { id: string; tinyId: number };
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [alert.id, id]);
    expect((await read(alert.id)).case).toEqual({
      id,
      tinyId,
      title: 'The case',
      statusValue: 'new',
    });
    await http.delete(`/api/cases/${id}`);
    expect(await read(alert.id)).toMatchObject({ case: null, statusValue: 'new' });
  });
});
