import type { Response } from 'supertest';
import { z } from 'zod';
import { activitySchema } from '../../src/activities/activities.schema.js';
import type { Activity } from '../../src/activities/activities.schema.js';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addClient,
  addKey,
  addPerson,
  addTag,
  addTeam,
  createTenant,
  linkOrganizations,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { outcomesOf } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
/** Linked with the tenant. */
let guest: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  guest = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const KINDS = [
  { kind: 'alert', path: '/api/alerts', code: 'ALERT_NOT_FOUND' },
  { kind: 'case', path: '/api/cases', code: 'CASE_NOT_FOUND' },
] as const;

type Kind = (typeof KINDS)[number]['kind'];

const BODY = { title: 'With a past', statusValue: 'new', severity: 2 };

async function create(kind: Kind, body: object = {}, agent = http): Promise<Alert> {
  const response = await agent.post(`/api/${kind}s`).send({ ...BODY, ...body });
  expectOk(response);
  return response.body as Alert;
}

async function update(kind: Kind, id: string, body: object, agent = http): Promise<void> {
  expectOk(await agent.patch(`/api/${kind}s/${id}`).send(body));
}

function expectOk(response: Response): void {
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
}

/** The lines of a record, newest first. */
async function history(kind: Kind, id: string, query = '', agent = http): Promise<Activity[]> {
  const response = await agent.get(`/api/${kind}s/${id}/activities${query}`);
  expectOk(response);
  return expectMatches(z.array(activitySchema), response.body);
}

/** What the lines tell, oldest first, without the creation. */
async function told(kind: Kind, id: string, agent = http) {
  const lines = await history(kind, id, '?limit=100', agent);
  return lines
    .reverse()
    .slice(1)
    .map(({ action, fieldName, oldValue, newValue }) => [action, fieldName, oldValue, newValue]);
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe.each(KINDS)('GET $path/:id/activities', ({ kind, path, code }) => {
  let first: string;

  beforeAll(async () => {
    first = (await create(kind)).id;
  });

  it('shows every documented key of a line', async () => {
    const { id } = await create(kind);
    const [line, ...more] = await history(kind, id);
    expect(more).toEqual([]);
    expect(line).toEqual({
      id: expect.any(Number) as number,
      action: 'created',
      username: 'Test Person',
      userImage: null,
      body: BODY.title,
      timeAgo: 'just now',
      fieldName: null,
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      oldValue: null,
      newValue: null,
      actor: { kind: 'apiKey', id: tenant.keyId },
    });
  });

  it('names who did it, with the image of the person', async () => {
    const person = await addPerson(api.db, tenant.organizationId);
    await api.db.rows(
      "UPDATE users SET first_name = 'Ada', last_name = 'Byron', image = 'https://x.test/a.png' WHERE id = $1",
      [person.userId],
    );
    const owner = { ...person, organizationId: tenant.organizationId };
    const { key, id: keyId } = await addKey(api.db, owner);
    const { id } = await create(kind);
    await update(kind, id, { title: 'By Ada' }, api.http(key));
    const [line] = await history(kind, id);
    expect(line).toMatchObject({
      username: 'Ada Byron',
      userImage: 'https://x.test/a.png',
      actor: { kind: 'apiKey', id: keyId },
    });
  });

  it('lists the newest first, twenty unless told otherwise, by pages', async () => {
    const { id } = await create(kind);
    for (let i = 1; i <= 24; i++) await update(kind, id, { title: `t${i}` });
    const titles = async (query: string) =>
      (await history(kind, id, query)).map(({ newValue }) => newValue);
    const all = Array.from({ length: 25 }, (_, i) => (i === 24 ? null : `t${24 - i}`));
    expect(await titles('?limit=100')).toEqual(all);
    expect(await titles('')).toEqual(all.slice(0, 20));
    expect(await titles('?page=1')).toEqual(all.slice(0, 20));
    expect(await titles('?page=2')).toEqual(all.slice(20));
    expect(await titles('?page=3')).toEqual([]);
    expect(await titles('?limit=1')).toEqual(['t24']);
    expect(await titles('?limit=7&page=4')).toEqual(all.slice(21));
    const ids = (await history(kind, id, '?limit=100')).map((line) => line.id);
    expect(ids).toEqual([...ids].sort((a, b) => b - a));
  });

  it('tells old and new values of every kind of change', async () => {
    const team = await addTeam(api.db, tenant.organizationId);
    const tag = await addTag(api.db, tenant.organizationId);
    const client = await addClient(api.db, tenant.organizationId);
    const { id } = await create(kind, { customFields: { a: 1, gone: true } });
    const changes: (readonly [
      body: object,
      ...lines: (readonly [action: string, field: string, old: unknown, value: unknown])[],
    ])[] = [
      [{ title: 'New' }, ['updated', 'title', BODY.title, 'New']],
      [{ description: 'd' }, ['updated', 'description', kind === 'alert' ? '' : null, 'd']],
      [{ statusValue: 'In Progress' }, ['statusChanged', 'statusValue', 'new', 'in-progress']],
      [{ severity: 4 }, ['updated', 'severity', 2, 4]],
      [{ tlp: 3 }, ['updated', 'tlp', 2, 3]],
      [{ pap: 0 }, ['updated', 'pap', 2, 0]],
      [{ type: 'edr' }, ['updated', 'type', null, 'edr']],
      [{ source: 'sentinel' }, ['updated', 'source', null, 'sentinel']],
      [{ sourceRef: 'r1' }, ['updated', 'sourceRef', null, 'r1']],
      [{ sourceRef: null }, ['updated', 'sourceRef', 'r1', null]],
      [
        { externalLink: 'https://siem.example/1' },
        ['updated', 'externalLink', null, 'https://siem.example/1'],
      ],
      [{ assigneeId: tenant.userId }, ['updated', 'assigneeId', null, tenant.userId]],
      [{ tags: [tag.id] }, ['updated', 'tags', [], [tag.name]]],
      [{ tags: [] }, ['updated', 'tags', [tag.name], []]],
      [{ teams: [team.id] }, ['updated', 'teams', [], [team.name]]],
      [
        { organizations: [guest.organizationId] },
        [
          'updated',
          'organizations',
          [tenant.organizationName],
          [tenant.organizationName, guest.organizationName],
        ],
      ],
      [
        { clientId: client.id },
        ['updated', 'clientId', null, client.id],
        ['updated', 'clientName', null, client.name],
      ],
      [
        { customFields: { a: { b: 2 }, gone: null, fresh: [1] } },
        ['updated', 'customFields.a', 1, { b: 2 }],
        ['updated', 'customFields.gone', true, null],
        ['updated', 'customFields.fresh', null, [1]],
      ],
      [{ aiInsights: { score: 7 } }, ['updated', 'aiInsights', null, { score: 7 }]],
      ...(kind === 'alert'
        ? ([[{ count: 9 }, ['updated', 'count', 1, 9]]] as const)
        : ([
            [{ flag: true }, ['updated', 'flag', false, true]],
            [{ extraData: { x: 1 } }, ['updated', 'extraData', null, { x: 1 }]],
            [{ resolutionSummary: 'Done' }, ['updated', 'resolutionSummary', null, 'Done']],
          ] as const)),
    ];
    for (const [body, ...lines] of changes) {
      const before = (await told(kind, id)).length;
      await update(kind, id, body);
      const fresh = (await told(kind, id)).slice(before);
      expect(fresh).toHaveLength(lines.length);
      expect(fresh).toEqual(expect.arrayContaining(lines as unknown[]));
    }
  });

  it('has no line for an update that changes nothing', async () => {
    const { id } = await create(kind, { tags: ['same'], customFields: { a: { b: 1, c: 2 } } });
    await update(kind, id, {
      ...BODY,
      statusValue: 'NEW',
      tags: ['SAME'],
      customFields: { a: { c: 2, b: 1 } },
    });
    expect(await told(kind, id)).toEqual([]);
  });

  it('tells of observables that are added', async () => {
    const { id } = await create(kind);
    const body = { dataType: 'domain', data: ['a.example', 'b.example', 'A.example'] };
    expect((await http.post(`${path}/${id}/observables`).send(body)).status).toBeLessThan(300);
    const lines = await told(kind, id);
    expect(lines).toEqual([
      ['added', 'observables', null, expect.objectContaining({ data: 'a.example' }) as object],
      ['added', 'observables', null, expect.objectContaining({ data: 'b.example' }) as object],
    ]);
  });

  it('leaves out the lines about observables above clearance, and pages without gaps', async () => {
    const { id } = await create(kind, { tlp: 1, pap: 1 });
    for (const [data, marks] of [
      ['open.example', { tlp: 1, pap: 1 }],
      ['red.example', { tlp: 4, pap: 1 }],
      ['no-action.example', { tlp: 1, pap: 3 }],
      ['amber.example', { tlp: 2, pap: 2 }],
    ] as const)
      await http.post(`${path}/${id}/observables`).send({ dataType: 'domain', data, ...marks });
    expect(await told(kind, id)).toHaveLength(4);
    const agent = api.http((await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 })).key);
    const seen = await told(kind, id, agent);
    expect(JSON.stringify(seen)).not.toMatch(/red|no-action/);
    expect(seen).toHaveLength(2);
    expect(await history(kind, id, '?limit=2', agent)).toHaveLength(2);
    expect(await history(kind, id, '?limit=2&page=2', agent)).toHaveLength(1);
  });

  it('is open to guests as the record is', async () => {
    const organizations = [tenant.organizationId, guest.organizationId];
    const { id } = await create(kind, { organizations });
    await update(kind, id, { title: 'By a guest' }, api.http(guest.key));
    const agent = api.http(guest.key);
    expect(await history(kind, id, '', agent)).toEqual(await history(kind, id));
  });

  it.each([
    ['page=0', 'page'],
    ['page=-1', 'page'],
    ['page=1.5', 'page'],
    ['page=x', 'page'],
    ['page=', 'page'],
    ['page=1&page=2', 'page'],
    ['limit=0', 'limit'],
    ['limit=101', 'limit'],
    ['limit=-1', 'limit'],
    ['limit=2.5', 'limit'],
    ['limit=all', 'limit'],
    ['limit=1&limit=2', 'limit'],
    ['cursor=x', 'cursor'],
    ['sort=createdAt', 'sort'],
    ['action=created', 'action'],
  ])('answers 400 to ?%s', async (query, name) => {
    expectInvalid(await http.get(`${path}/${first}/activities?${query}`), [name]);
  });

  it('takes the largest limit and a page far behind the end', async () => {
    expect(await history(kind, first, '?limit=100')).toHaveLength(1);
    expect(await history(kind, first, '?page=100000&limit=100')).toEqual([]);
  });

  it('answers 400 to an id that is no UUID', async () => {
    expectProblem(await http.get(`${path}/x/activities`), 400, 'VALIDATION_FAILED');
  });

  const probe = { method: 'get' as const, path: () => `${path}/${first}/activities` };

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, `${kind}s:read`, [
    `${kind}s:write`,
    kind === 'alert' ? 'cases:read' : 'alerts:read',
  ]);

  it('answers 403 above clearance', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 });
    for (const [marks, refusal] of [
      [{ tlp: 3 }, 'CLEARANCE_TLP'],
      [{ pap: 3 }, 'CLEARANCE_PAP'],
    ] as const) {
      const { id } = await create(kind, marks);
      expectProblem(await api.http(key).get(`${path}/${id}/activities`), 403, refusal);
    }
  });

  outcomes.notFound(
    'get',
    (id) => `${path}/${id}/activities`,
    code,
    async () => {
      const deleted = await create(kind);
      await http.delete(`${path}/${deleted.id}`);
      return [deleted.id, (await create(kind, {}, api.http(other.key))).id];
    },
  );
  outcomes.limited(probe, [`${kind}s:read`]);
});

describe('the history of a promotion', () => {
  /** A case above clearance 2, made from an alert below it. */
  async function secretCase(): Promise<{ readonly alert: Alert; readonly caseId: string }> {
    const alert = await create('alert', { tlp: 1 });
    const target = await create('case', { tlp: 4 });
    expectOk(await http.post(`/api/alerts/${alert.id}/merge/${target.id}`));
    return { alert, caseId: target.id };
  }

  const low = async () => api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);

  it('is told by alert and case', async () => {
    const alert = await create('alert');
    const target = await create('case');
    expectOk(await http.post(`/api/alerts/${alert.id}/merge/${target.id}`));
    await http.delete(`/api/cases/${target.id}/alerts/${alert.id}`);
    const ref = expect.objectContaining({ id: target.id }) as object;
    expect(await told('alert', alert.id)).toEqual([
      ['merged', 'case', null, ref],
      ['statusChanged', 'statusValue', 'new', 'imported'],
      ['removed', 'case', ref, null],
      ['statusChanged', 'statusValue', 'imported', 'new'],
    ]);
    const named = { id: alert.id, tinyId: alert.tinyId };
    const lines = await told('case', target.id);
    expect(lines[0]).toEqual(['merged', 'alerts', null, named]);
    expect(lines.at(-1)).toEqual(['removed', 'alerts', named, null]);
  });

  it('tells nothing of a case above clearance: merged, unlinked or deleted', async () => {
    const agent = await low();
    const merged = await secretCase();
    const unlinked = await secretCase();
    await http.delete(`/api/cases/${unlinked.caseId}/alerts/${unlinked.alert.id}`);
    const deleted = await secretCase();
    await http.delete(`/api/cases/${deleted.caseId}`);
    for (const { alert, caseId } of [merged, unlinked, deleted]) {
      expect(JSON.stringify(await told('alert', alert.id))).toContain(caseId);
      expect(JSON.stringify(await told('alert', alert.id, agent))).not.toContain(caseId);
    }
  });

  it('tells nothing of an alert whose observables or marks are above clearance', async () => {
    const alert = await create('alert', { tlp: 4, title: 'Hidden alert' });
    const target = await create('case', { tlp: 1 });
    expectOk(await http.post(`/api/alerts/${alert.id}/merge/${target.id}`));
    await http.delete(`/api/cases/${target.id}/alerts/${alert.id}`);
    await update('case', target.id, { tlp: 1, description: null });
    const seen = await told('case', target.id, await low());
    expect(JSON.stringify(seen)).not.toContain(alert.id);
  });
});
