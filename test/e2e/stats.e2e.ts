import type { Response } from 'supertest';
import { alertStatsQuery, analystStatsSchema, statsSchema } from '../../src/stats/stats.schema.js';
import type { AnalystStats, Stats } from '../../src/stats/stats.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { databaseUrl } from '../database.js';
import {
  addClient,
  addKey,
  addMember,
  addPerson,
  addTag,
  createTenant,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { outcomesOf } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let http: Agent;

beforeAll(async () => {
  // What others make visible to all is in everybody's statistics.
  api = await startTestApp({ DATABASE_URL: await databaseUrl('stats') });
});

beforeEach(async () => {
  tenant = await createTenant(api.db);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

type Table = 'alerts' | 'cases' | 'tasks';

async function makeRecord(table: 'alerts' | 'cases', body: object = {}, agent = http) {
  const response = await agent
    .post(`/api/${table}`)
    .send({ title: unique('Record'), statusValue: 'new', severity: 2, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return (response.body as { id: string }).id;
}

async function makeTask(caseId: string, body: object = {}, agent = http): Promise<string> {
  const response = await agent.post(`/api/cases/${caseId}/tasks`).send({ title: 'Task', ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return (response.body as { id: string }).id;
}

/** Something to count of each kind. */
async function make(table: Table, body: object = {}, agent = http): Promise<string> {
  if (table !== 'tasks') return makeRecord(table, body, agent);
  return makeTask(await makeRecord('cases', {}, agent), body, agent);
}

/** Moves the creation of a record to an instant, and what it reached to so many seconds later. */
async function happened(
  table: Table,
  id: string,
  createdAt: string,
  { began = null, ended = null }: { began?: number | null; ended?: number | null } = {},
): Promise<void> {
  const [beganAt, endedAt] =
    table === 'tasks' ? ['started_at', 'completed_at'] : ['in_progress_at', 'closed_at'];
  await api.db.rows(
    `UPDATE ${table} SET created_at = $2::timestamptz, ${beganAt} = $2::timestamptz + $3 * interval '1 second',
       ${endedAt} = $2::timestamptz + $4 * interval '1 second' WHERE id = $1`,
    [id, createdAt, began, ended],
  );
}

async function stats(table: Table, query = '', agent = http): Promise<Stats> {
  const response = await agent.get(`/api/stats/${table}?${query}`);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(statsSchema, response.body);
}

async function analysts(query = '', agent = http): Promise<AnalystStats> {
  const response = await agent.get(`/api/stats/analysts?${query}`);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(analystStatsSchema, response.body);
}

const NOTHING = { median: null, p90: null };
const NO_TIMES = { acknowledge: NOTHING, triage: NOTHING, resolve: NOTHING };

describe.each<Table>(['alerts', 'cases', 'tasks'])('GET /stats/%s', (table) => {
  it('answers the last thirty days of nothing', async () => {
    const { from, to, ...rest } = await stats(table);
    expect(Date.parse(to) - Date.parse(from)).toBe(30 * 86_400_000);
    expect(Math.abs(Date.parse(to) - Date.now())).toBeLessThan(60_000);
    expect(rest).toEqual({ total: 0, groups: [], times: NO_TIMES });
  });

  it('counts from the first instant to before the last', async () => {
    for (const instant of ['01-31T23:59:59.999', '02-01T00:00:00', '02-28T23:59:59.999', '03-01'])
      await happened(table, await make(table), `2020-${instant}Z`);
    const { from, to, total } = await stats(
      table,
      'from=2020-02-01T01:00:00%2B01:00&to=2020-03-01T00:00:00Z',
    );
    expect({ from, to, total }).toEqual({
      from: '2020-02-01T00:00:00.000Z',
      to: '2020-03-01T00:00:00.000Z',
      total: 2,
    });
  });

  it('counts each day in UTC, also those without any', async () => {
    for (const instant of ['01T23:59:59.999', '02T00:00:00', '02T12:00:00', '04T00:00:00'])
      await happened(table, await make(table), `2020-06-${instant}Z`);
    const { groups, total } = await stats(
      table,
      'groupBy=day&from=2020-06-01T12:00:00Z&to=2020-06-05T00:00:00.001Z',
    );
    expect(total).toBe(4);
    expect(groups).toEqual(
      [1, 2, 0, 1, 0].map((count, index) => ({
        key: `2020-06-0${index + 1}`,
        label: `2020-06-0${index + 1}`,
        count,
      })),
    );
  });

  it('counts each hour in UTC, also those without any', async () => {
    for (const instant of ['11:59:59.999', '12:00:00', '12:30:00', '14:00:00'])
      await happened(table, await make(table), `2020-06-20T${instant}Z`);
    const { groups, total } = await stats(
      table,
      'groupBy=hour&from=2020-06-20T11:30:00Z&to=2020-06-20T15:00:00Z',
    );
    expect(total).toBe(4);
    expect(groups).toEqual(
      [1, 2, 0, 1].map((count, index) => {
        const key = `2020-06-20T1${index + 1}:00:00.000Z`;
        return { key, label: key, count };
      }),
    );
  });

  it('counts the hours of the last day without a window', async () => {
    await make(table);
    const { from, to, groups } = await stats(table, 'groupBy=hour');
    expect(Date.parse(to) - Date.parse(from)).toBe(86_400_000);
    expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(1);
  });

  it('measures what was reached, and leaves out what was not', async () => {
    const at = '2020-06-10T00:00:00Z';
    const window = 'from=2020-06-10T00:00:00Z&to=2020-06-11T00:00:00Z';
    for (const reached of [
      {},
      { began: 60 },
      { began: 120, ended: 1_000 },
      { began: 600.25, ended: 3_000.5 },
    ])
      await happened(table, await make(table), at, reached);
    const { times } = await stats(table, window);
    const begun = { median: 120, p90: 504.2 };
    expect(times).toEqual({
      acknowledge: begun,
      triage: begun,
      resolve: { median: 2_000.25, p90: 2_800.45 },
    });
  });

  it('takes what is ended without having begun as triaged, not as acknowledged', async () => {
    await happened(table, await make(table), '2020-06-10T00:00:00Z', { ended: 30 });
    const { times } = await stats(table, 'from=2020-06-10T00:00:00Z&to=2020-06-11T00:00:00Z');
    const ended = { median: 30, p90: 30 };
    expect(times).toEqual({ acknowledge: NOTHING, triage: ended, resolve: ended });
  });

  it('leaves out what is deleted', async () => {
    const id = await make(table);
    await make(table);
    expect((await http.delete(`/api/${table}/${id}`)).status).toBe(204);
    expect((await stats(table)).total).toBe(1);
  });

  it("counts no other tenant's, and shares with guests once", async () => {
    const other = await createTenant(api.db);
    await make(table, {}, api.http(other.key));
    expect((await stats(table)).total).toBe(0);

    const second = await createTenant(api.db);
    await addMember(api.db, second.organizationId, tenant.userId);
    for (const { organizationId } of [tenant, second])
      await linkOrganizations(api.db, other.organizationId, organizationId);
    const organizations = [other, tenant, second].map(({ organizationId }) => organizationId);
    const owner = api.http(other.key);
    const shared = await makeRecord(table === 'tasks' ? 'cases' : table, { organizations }, owner);
    if (table === 'tasks') await makeTask(shared, {}, owner);
    const { total, groups } = await stats(table, 'groupBy=organization');
    expect(total).toBe(1);
    expect(groups).toEqual([
      { key: other.organizationId, label: other.organizationName, count: 1 },
    ]);
  });

  it('counts what is visible to all, once also where it is shared', async () => {
    const other = await createTenant(api.db);
    await linkOrganizations(api.db, other.organizationId, tenant.organizationId);
    const owner = api.http(other.key);
    const organizations = [other.organizationId, tenant.organizationId];
    const body = { visibleToAllOrganizations: true, organizations };
    const id = await makeRecord(table === 'tasks' ? 'cases' : table, body, owner);
    if (table === 'tasks') await makeTask(id, {}, owner);
    expect((await stats(table)).total).toBe(1);
    await owner.delete(`/api/${table === 'tasks' ? 'cases' : table}/${id}`);
    expect((await stats(table)).total).toBe(0);
  });

  it('counts all tenants for a platform administrator', async () => {
    const day = '2020-07-01T00:00:00Z';
    const window = 'from=2020-07-01T00:00:00Z&to=2020-07-02T00:00:00Z';
    await happened(table, await make(table), day);
    const other = await createTenant(api.db);
    await happened(table, await make(table, {}, api.http(other.key)), day);
    const before = await stats(table, window, api.http(api.adminKey));
    expect(before.total).toBe(2);
  });

  it.each(['tlp', 'pap'])('counts nothing above the %s of the caller', async (mark) => {
    for (const level of [0, 1, 2, 3, 4]) {
      const caseId = await makeRecord(table === 'tasks' ? 'cases' : table, { [mark]: level });
      if (table === 'tasks') await makeTask(caseId);
    }
    const totals: number[] = [];
    for (const max of [0, 1, 2, 3, 4]) {
      const { key } = await addKey(api.db, tenant, { [`${mark}Max`]: max });
      const { total, groups } = await stats(table, '', api.http(key));
      expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(total);
      totals.push(total);
    }
    // PAP 4 is enforced as RED.
    expect(totals).toEqual(mark === 'tlp' ? [1, 2, 3, 4, 5] : [1, 2, 3, 5, 5]);
  });

  it.each([
    ['a window that is empty', 'from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:00Z', 'from'],
    [
      'a window that ends before it begins',
      'from=2021-01-01T00:00:00Z&to=2020-01-01T00:00:00Z',
      'from',
    ],
    ['a beginning in the future', 'from=2999-01-01T00:00:00Z', 'from'],
    [
      'more days than are shown',
      'groupBy=day&from=2019-01-01T00:00:00Z&to=2020-01-02T00:00:00.001Z',
      'from',
    ],
    [
      'more hours than are shown',
      'groupBy=hour&from=2020-01-01T00:00:00Z&to=2020-01-15T00:00:00.001Z',
      'from',
    ],
    ['a day for an instant', 'from=2020-01-01', 'from'],
    ['an end that is none', 'to=soon', 'to'],
    ['a grouping it does not know', 'groupBy=title', 'groupBy'],
    ['a repeated grouping', 'groupBy=status&groupBy=day', 'groupBy'],
    ['a parameter it does not know', 'timezone=UTC', 'timezone'],
  ])('answers 400 to %s', async (_what, query, path) => {
    expectInvalid(await http.get(`/api/stats/${table}?${query}`), [path]);
  });

  const probe = { method: 'get', path: () => `/api/stats/${table}` } as const;
  outcomes.unauthenticated(probe);
  if (table === 'alerts')
    outcomes.insufficientScope(probe, 'alerts:read', ['cases:read', 'alerts:write']);
  else outcomes.insufficientScope(probe, 'cases:read', ['alerts:read', 'cases:write']);
});

describe.each(['alerts', 'cases'] as const)('groups of %s', (table) => {
  it('are what lists are filtered by, the most first', async () => {
    const { organizationId, userId } = tenant;
    const tags = [await addTag(api.db, organizationId), await addTag(api.db, organizationId)];
    const client = await addClient(api.db, organizationId);
    const [first, second] = tags.map(({ id }) => id);
    const bodies = [
      {
        severity: 4,
        tlp: 3,
        pap: 3,
        type: 'edr',
        source: 'none',
        assigneeId: userId,
        tags: [first, second],
      },
      {
        severity: 4,
        tlp: 3,
        pap: 3,
        type: 'edr',
        clientId: client.id,
        tags: [first],
        statusValue: 'in-progress',
      },
      { severity: 1, tlp: 4, pap: 4, source: 'splunk', statusValue: 'in-progress' },
      { severity: 4, tlp: 3, pap: 3, type: 'edr', statusValue: 'false-positive' },
      { severity: 4, tlp: 3, pap: 3, statusValue: 'in-progress' },
    ];
    const ids: string[] = [];
    for (const body of bodies) ids.push(await makeRecord(table, body));
    for (const [index, body] of [
      [0, { techniqueId: 'T1078', tactic: 'persistence' }],
      [0, { techniqueId: 'T1078', tactic: 'stealth' }],
      [0, { techniqueId: 'T1059.001' }],
      [1, { techniqueId: 'T1078' }],
    ] as const) {
      const named = await http.post(`/api/${table}/${ids[index] ?? ''}/ttps`).send(body);
      expect({ status: named.status, body: named.text }).toMatchObject({ status: 201 });
    }
    const shown: Record<string, unknown> = {};
    for (const groupBy of alertStatsQuery.shape.groupBy.unwrap().options) {
      const { total, groups } = await stats(table, `groupBy=${groupBy}`);
      expect({ groupBy, total }).toEqual({ groupBy, total: 5 });
      shown[groupBy] = groups.map(({ key, label, count }) => [key, label, count]);
    }
    const today = new Date().toISOString().slice(0, 10);
    const hour = `${new Date().toISOString().slice(0, 13)}:00:00.000Z`;
    expect(shown).toEqual({
      status: [
        ['in-progress', 'In progress', 3],
        ['false-positive', 'False positive', 1],
        ['new', 'New', 1],
      ],
      stage: [
        ['InProgress', 'In progress', 3],
        ['Closed', 'Closed', 1],
        ['New', 'New', 1],
      ],
      severity: [
        ['4', 'Critical', 4],
        ['1', 'Low', 1],
      ],
      tlp: [
        ['3', 'AMBER+STRICT', 4],
        ['4', 'RED', 1],
      ],
      pap: [
        ['3', 'RED', 4],
        ['4', 'RED', 1],
      ],
      type: [
        ['edr', 'edr', 3],
        ['none', 'None', 2],
      ],
      source: [
        ['none', 'None', 4],
        ['splunk', 'splunk', 1],
      ],
      assignee: [
        ['none', 'Unassigned', 4],
        [userId, 'Test Person', 1],
      ],
      tag: [
        ['none', 'None', 3],
        [String(first), tags[0]?.name, 2],
        [String(second), tags[1]?.name, 1],
      ],
      technique: [
        ['none', 'None', 3],
        ['T1078', 'Valid Accounts', 2],
        ['T1059.001', 'PowerShell', 1],
      ],
      organization: [[organizationId, tenant.organizationName, 5]],
      client: [
        ['none', 'None', 4],
        [client.id, client.name, 1],
      ],
      day: expect.arrayContaining([[today, today, 5]]) as unknown,
      hour: expect.arrayContaining([[hour, hour, 5]]) as unknown,
    });
  });

  it('are of the stages asked for', async () => {
    for (const [statusValue, severity] of [
      ['new', 1],
      ['in-progress', 4],
      ['closed', 4],
      ['false-positive', 2],
    ] as const) {
      const value = statusValue === 'closed' && table === 'cases' ? 'resolved' : statusValue;
      await makeRecord(table, { statusValue: value, severity });
    }
    const open = await stats(table, 'groupBy=severity&stage=New,InProgress');
    expect(open.total).toBe(2);
    expect(open.groups.map(({ key, count }) => [key, count])).toEqual([
      ['1', 1],
      ['4', 1],
    ]);
    expect((await stats(table, 'stage=Closed')).total).toBe(2);
    expectInvalid(await http.get(`/api/stats/${table}?stage=Open`), ['stage[0]']);
  });

  it('are at most five hundred, while the total is of all', async () => {
    const ids = Array.from({ length: 501 }, (_, index) => `source ${index}`);
    await api.db.rows(
      `INSERT INTO ${table} (id, organization_id, title, status_id, severity, source, created_by_id)
       SELECT uuidv7(), $2, 'x', s.id, 1, x.source, $3 FROM unnest($1::text[]) x(source)
       JOIN statuses s ON s.kind = $4 AND s.value = 'new'`,
      [ids, tenant.organizationId, tenant.userId, table.slice(0, -1)],
    );
    await makeRecord(table, { source: 'source 500' });
    const { total, groups } = await stats(table, 'groupBy=source');
    expect(total).toBe(502);
    expect(groups).toHaveLength(500);
    expect(groups[0]).toEqual({ key: 'source 500', label: 'source 500', count: 2 });
  });
});

describe('groups of cases', () => {
  it('tell how their SLA stands', async () => {
    const slaConfig = {
      deadlineHours: 8,
      warningThresholdPercent: 50,
      criticalThresholdPercent: 80,
    };
    await makeRecord('cases');
    await makeRecord('cases', { slaConfig });
    expect((await stats('cases', 'groupBy=slaStatus')).groups).toEqual([
      { key: 'none', label: 'None', count: 1 },
      { key: 'on-track', label: 'On track', count: 1 },
    ]);
  });
});

describe('groups of tasks', () => {
  it('are by status, assignee and marking', async () => {
    const caseId = await makeRecord('cases');
    await makeTask(caseId, { status: 'under-review', assigneeId: tenant.userId });
    await makeTask(caseId, { status: 'under-review', tlp: 4 });
    await makeTask(caseId);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 3 })).key);
    expect((await stats('tasks')).groups).toEqual([
      { key: 'under-review', label: 'Under review', count: 2 },
      { key: 'open', label: 'Open', count: 1 },
    ]);
    expect((await stats('tasks', 'groupBy=assignee', low)).groups).toEqual([
      { key: tenant.userId, label: 'Test Person', count: 1 },
      { key: 'none', label: 'Unassigned', count: 1 },
    ]);
    expect((await stats('tasks', 'groupBy=tlp')).groups).toEqual([
      { key: '2', label: 'AMBER', count: 2 },
      { key: '4', label: 'RED', count: 1 },
    ]);
  });

  it('name a person as far as there is a name', async () => {
    const names = [
      ['', ''],
      ['Ada', ''],
    ] as const;
    const labels: string[] = [];
    for (const [first, last] of names) {
      const { userId, email } = await addPerson(api.db, tenant.organizationId);
      await api.db.rows('UPDATE users SET first_name = $2, last_name = $3 WHERE id = $1', [
        userId,
        first,
        last,
      ]);
      await makeTask(await makeRecord('cases'), { assigneeId: userId });
      labels.push(first || email);
    }
    const { groups } = await stats('tasks', 'groupBy=assignee');
    expect(groups.map(({ label }) => label).sort()).toEqual(labels.sort());
  });

  it('leave out the tasks of a deleted case', async () => {
    const caseId = await makeRecord('cases');
    await makeTask(caseId);
    await http.delete(`/api/cases/${caseId}`);
    expect((await stats('tasks')).total).toBe(0);
  });
});

describe('GET /stats/analysts', () => {
  const window = 'from=2020-05-01T00:00:00Z&to=2020-05-04T00:00:00Z';
  const counts = { alertsTriaged: 0, casesClosed: 0, tasksCompleted: 0, openCases: 0, count: 0 };

  /** Something of the tenant that was done so long after its creation. */
  async function done(
    table: Table,
    assigneeId: string | null,
    createdAt: string,
    reached: { began?: number; ended?: number },
    body: object = {},
  ): Promise<void> {
    await happened(table, await make(table, { assigneeId, ...body }), createdAt, reached);
  }

  it('counts for each person what was done in the window, whenever it was created', async () => {
    const { userId } = tenant;
    const colleague = await addPerson(api.db, tenant.organizationId);
    await done('alerts', userId, '2020-04-01T00:00:00Z', { began: 30 * 86_400 });
    await done('alerts', userId, '2020-05-02T00:00:00Z', { ended: 60 });
    await done('alerts', userId, '2020-05-02T00:00:00Z', { began: 2 * 86_400 });
    await done(
      'cases',
      userId,
      '2020-05-01T00:00:00Z',
      { began: 60, ended: 600 },
      { statusValue: 'resolved' },
    );
    await done('cases', colleague.userId, '2020-05-01T00:00:00Z', { began: 60 });
    await done('tasks', colleague.userId, '2020-05-01T00:00:00Z', { ended: 60 });
    await done('alerts', null, '2020-05-02T00:00:00Z', { ended: 60 });
    const person = { label: 'Test Person' };
    expect(await analysts(window)).toEqual({
      from: '2020-05-01T00:00:00.000Z',
      to: '2020-05-04T00:00:00.000Z',
      total: 4,
      groups: [
        { ...person, ...counts, key: userId, count: 3, alertsTriaged: 2, casesClosed: 1 },
        { ...person, ...counts, key: colleague.userId, count: 1, tasksCompleted: 1, openCases: 1 },
      ],
      times: {
        acknowledge: { median: 30 * 86_400, p90: 30 * 86_400 },
        triage: { median: (30 * 86_400 + 60) / 2, p90: 60 + 0.9 * (30 * 86_400 - 60) },
        resolve: { median: 600, p90: 600 },
      },
    });
  });

  it('counts each day what was done on it, also where nothing was', async () => {
    const { userId } = tenant;
    await done('alerts', userId, '2020-04-30T00:00:00Z', { began: 86_400 });
    await done('cases', userId, '2020-05-02T23:00:00Z', { ended: 3_600 });
    await done('tasks', userId, '2020-05-03T00:00:00Z', { ended: 86_399 });
    const { groups, total } = await analysts(`${window}&groupBy=day`);
    expect(total).toBe(3);
    const day = { ...counts, openCases: null };
    expect(groups).toEqual(
      [
        { ...day, key: '2020-05-01', count: 1, alertsTriaged: 1 },
        { ...day, key: '2020-05-02' },
        { ...day, key: '2020-05-03', count: 2, casesClosed: 1, tasksCompleted: 1 },
      ].map((group) => ({ ...group, label: group.key })),
    );
  });

  it("counts no other tenant's, nothing above the clearance, and nothing deleted", async () => {
    const { userId } = tenant;
    const at = '2020-05-02T00:00:00Z';
    for (const table of ['alerts', 'cases'] as const) {
      await done(table, userId, at, { ended: 60 }, { tlp: 4 });
      await done(table, userId, at, { ended: 60 }, { pap: 3 });
      const id = await make(table, { assigneeId: userId });
      await happened(table, id, at, { ended: 60 });
      await http.delete(`/api/${table}/${id}`);
    }
    const caseId = await makeRecord('cases', { tlp: 4 });
    await happened('tasks', await makeTask(caseId, { assigneeId: userId }), at, { ended: 60 });
    expect((await analysts(window)).total).toBe(5);
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 3, papMax: 2 })).key);
    expect(await analysts(window, low)).toMatchObject({ total: 0, groups: [], times: NO_TIMES });
    const other = await createTenant(api.db);
    expect(await analysts(window, api.http(other.key))).toMatchObject({ total: 0, groups: [] });
    expect((await analysts(window, api.http(api.adminKey))).groups).toContainEqual(
      expect.objectContaining({ key: userId, count: 5 }),
    );
  });

  it('counts for a guest what is shared with it', async () => {
    const guest = await createTenant(api.db);
    await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
    const organizations = [tenant.organizationId, guest.organizationId];
    const at = '2020-05-02T00:00:00Z';
    for (const table of ['alerts', 'cases'] as const)
      await done(table, tenant.userId, at, { ended: 60 }, { organizations });
    const { groups } = await analysts(window, api.http(guest.key));
    expect(groups).toEqual([
      {
        ...counts,
        key: tenant.userId,
        label: 'Test Person',
        count: 2,
        alertsTriaged: 1,
        casesClosed: 1,
        openCases: 1,
      },
    ]);
  });

  it.each([
    ['an empty window', 'from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:00Z', 'from'],
    ['a grouping it does not know', 'groupBy=status', 'groupBy'],
    ['a parameter it does not know', 'limit=1', 'limit'],
  ])('answers 400 to %s', async (_what, query, path) => {
    expectInvalid(await http.get(`/api/stats/analysts?${query}`), [path]);
  });

  outcomes.unauthenticated({ method: 'get', path: () => '/api/stats/analysts' });

  it.each(['alerts:read', 'cases:read'] as const)(
    'answers 403 to a key with %s alone',
    async (scope) => {
      const { key } = await addKey(api.db, tenant, { scopes: [scope] });
      expectProblem(await api.http(key).get('/api/stats/analysts'), 403, 'INSUFFICIENT_SCOPE');
    },
  );
});

/** When a record first entered a stage of work. */
interface Entries {
  readonly began: boolean;
  readonly ended: boolean;
}

describe('the first entry into a stage', () => {
  const LONG_AGO = '2020-01-01T00:00:00.000Z';

  async function entries(table: 'alerts' | 'cases', id: string): Promise<Entries> {
    return api.db.row<Entries>(
      `SELECT in_progress_at IS NOT NULL AS began, closed_at IS NOT NULL AS ended FROM ${table} WHERE id = $1`,
      [id],
    );
  }

  async function ok(response: PromiseLike<Response>): Promise<Response> {
    const { status, text } = await response;
    expect({ status: status < 300, text }).toMatchObject({ status: true });
    return response;
  }

  describe.each(['alerts', 'cases'] as const)('of %s', (table) => {
    const path = (id: string) => `/api/${table}/${id}`;

    it.each([
      ['new', { began: false, ended: false }],
      ['in-progress', { began: true, ended: false }],
      ['false-positive', { began: false, ended: true }],
    ])('is known from the creation as %s', async (statusValue, meant) => {
      expect(await entries(table, await makeRecord(table, { statusValue }))).toEqual(meant);
    });

    it.each<[string, (id: string, statusValue: string) => PromiseLike<Response>]>([
      ['an update', (id, statusValue) => http.patch(path(id)).send({ statusValue })],
      [
        'an update in bulk',
        (id, statusValue) =>
          http.patch(`/api/${table}/bulk`).send({ ids: [id], fields: { statusValue } }),
      ],
    ])('is known from %s, and kept through a reopening', async (_what, change) => {
      const id = await makeRecord(table);
      await ok(change(id, 'in-progress'));
      expect(await entries(table, id)).toEqual({ began: true, ended: false });
      await ok(change(id, 'false-positive'));
      expect(await entries(table, id)).toEqual({ began: true, ended: true });

      await api.db.rows(`UPDATE ${table} SET in_progress_at = $2, closed_at = $2 WHERE id = $1`, [
        id,
        LONG_AGO,
      ]);
      for (const statusValue of ['new', 'in-progress', 'false-positive'])
        await ok(change(id, statusValue));
      const kept = await api.db.row(
        `SELECT in_progress_at AS began, closed_at AS ended FROM ${table} WHERE id = $1`,
        [id],
      );
      expect(kept).toEqual({ began: new Date(LONG_AGO), ended: new Date(LONG_AGO) });
    });

    it.each([
      ['in-progress', { began: true, ended: false }],
      ['false-positive', { began: false, ended: true }],
    ])('is known when a status is replaced by %s', async (replaceWith, meant) => {
      const platform = api.http(api.adminKey);
      const kind = table.slice(0, -1);
      const created = await platform
        .post(`/api/${kind}-statuses`)
        .send({ label: unique('waiting'), stage: 'New' });
      const status = created.body as { id: string; value: string };
      const id = await makeRecord(table, { statusValue: status.value });
      await ok(platform.delete(`/api/${kind}-statuses/${status.id}?replaceWith=${replaceWith}`));
      expect(await entries(table, id)).toEqual(meant);
    });
  });

  it('of an alert is known when a case is opened from it, and kept when the case goes', async () => {
    const id = await makeRecord('alerts');
    const body = { title: 'Case', statusValue: 'in-progress', severity: 2, alertIds: [id] };
    const { caseId } = (await ok(http.post('/api/alerts/create-case').send(body))).body as {
      caseId: string;
    };
    expect(await entries('alerts', id)).toEqual({ began: false, ended: true });
    expect(await entries('cases', caseId)).toEqual({ began: true, ended: false });
    await ok(http.delete(`/api/cases/${caseId}`));
    expect(await entries('alerts', id)).toEqual({ began: false, ended: true });
  });

  it('of an alert is known when it is merged, and kept when it is taken off again', async () => {
    const id = await makeRecord('alerts', { statusValue: 'in-progress' });
    const caseId = await makeRecord('cases');
    await ok(http.post(`/api/alerts/${id}/merge/${caseId}`));
    expect(await entries('alerts', id)).toEqual({ began: true, ended: true });
    await ok(http.delete(`/api/cases/${caseId}/alerts/${id}`));
    expect(await entries('alerts', id)).toEqual({ began: true, ended: true });
  });

  it('of a case is known when a merge opens it again', async () => {
    const caseId = await makeRecord('cases', { statusValue: 'resolved' });
    const id = await makeRecord('alerts');
    await ok(http.post(`/api/alerts/${id}/merge/${caseId}?reopen=true`));
    expect(await entries('cases', caseId)).toEqual({ began: true, ended: true });
  });
});
