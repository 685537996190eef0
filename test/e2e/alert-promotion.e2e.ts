import type { Response } from 'supertest';
import { z } from 'zod';
import { alertSchema, caseFromAlertsSchema } from '../../src/alerts/alerts.schema.js';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { caseDetailSchema } from '../../src/cases/cases.schema.js';
import type { CaseDetail } from '../../src/cases/cases.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addKey,
  addRecords,
  addTeam,
  createTenant,
  fingerprint,
  linkOrganizations,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, nextLink, outcomesOf, readAll } from '../outcomes.js';

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

const ALERT = { title: 'Beacon', statusValue: 'new', severity: 2 };
const CASE = { title: 'Intrusion', statusValue: 'new', severity: 3 };

async function alert(body: object = {}, agent = http): Promise<Alert> {
  const response = await agent.post('/api/alerts').send({ ...ALERT, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as Alert;
}

async function newCase(body: object = {}, agent = http): Promise<CaseDetail> {
  const response = await agent.post('/api/cases').send({ ...CASE, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return readCase((response.body as CaseDetail).id, agent);
}

async function readAlert(id: string, agent = http): Promise<Alert> {
  const response = await agent.get(`/api/alerts/${id}`);
  expect(response.status).toBe(200);
  return expectMatches(alertSchema, response.body);
}

async function readCase(id: string, agent = http): Promise<CaseDetail> {
  const response = await agent.get(`/api/cases/${id}`);
  expect(response.status).toBe(200);
  return expectMatches(caseDetailSchema, response.body);
}

function promote(alertIds: readonly unknown[], body: object = {}, agent = http) {
  return agent.post('/api/alerts/create-case').send({ ...CASE, alertIds, ...body });
}

/** The case that promotion opened. */
async function promoted(alerts: readonly Alert[], body: object = {}): Promise<CaseDetail> {
  const response = await promote(
    alerts.map(({ id }) => id),
    body,
  );
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return readCase(expectMatches(caseFromAlertsSchema, response.body).caseId);
}

const merge = (alertId: string, caseId: string, agent = http, query = '') =>
  agent.post(`/api/alerts/${alertId}/merge/${caseId}${query}`);

const mergeAll = (alertIds: readonly string[], caseId: string, agent = http, query = '') =>
  agent.post(`/api/alerts/merge/${caseId}${query}`).send({ alertIds });

const unlink = (caseId: string, alertId: string, agent = http) =>
  agent.delete(`/api/cases/${caseId}/alerts/${alertId}`);

/** Shared with the guest. */
const shared = () => ({ organizations: [tenant.organizationId, guest.organizationId] });

const ok = (response: Response) => {
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
};

function historyOf(kind: 'alert' | 'case', id: string) {
  return api.db.rows(
    `SELECT action, field_name AS field, old_value AS old, new_value AS new
     FROM activities WHERE ${kind}_id = $1 AND action <> 'created' ORDER BY id`,
    [id],
  );
}

const byTinyId = (alerts: readonly Alert[]) =>
  [...alerts]
    .sort((a, b) => a.tinyId - b.tinyId)
    .map(({ id, tinyId, title }) => ({ id, tinyId, title }));

async function deletedAndForeign(): Promise<readonly string[]> {
  const deleted = await alert();
  await http.delete(`/api/alerts/${deleted.id}`);
  const foreign = await alert({}, api.http(other.key));
  return [deleted.id, foreign.id];
}

const outcomes = outcomesOf(() => ({ api, tenant }));

/** 403 to a key that lacks either of the two scopes. */
function bothScopes(send: (agent: Agent) => PromiseLike<Response>): void {
  it.each([
    [['alerts:write', 'alerts:read', 'cases:read', 'observables:write']],
    [['cases:write', 'alerts:read', 'cases:read', 'observables:write']],
    [['alerts:read', 'cases:read']],
  ] as const)('answers 403 to a key with %j: both write scopes are needed', async (scopes) => {
    const { key } = await addKey(api.db, tenant, { scopes });
    const response = await send(api.http(key));
    expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
    expect(response.headers['www-authenticate']).toMatch(
      /scope="(?:alerts:write cases:write|cases:write alerts:write)"/,
    );
  });

  it('answers a key with the two write scopes alone', async () => {
    const { key } = await addKey(api.db, tenant, { scopes: ['alerts:write', 'cases:write'] });
    expect((await send(api.http(key))).status).not.toBe(403);
  });
}

describe('POST /alerts/create-case', () => {
  it('opens a case from one alert, which becomes `imported`', async () => {
    const source = await alert({ description: 'seen', tags: ['beacon'] });
    const opened = await promoted([source], { description: 'Looked into' });
    expect(opened).toMatchObject({
      ...CASE,
      description: 'Looked into',
      createdById: tenant.userId,
      ownerOrganizationId: tenant.organizationId,
      tags: source.tags,
      alerts: [{ id: source.id, tinyId: source.tinyId, title: source.title }],
    });
    expect(await readAlert(source.id)).toMatchObject({
      statusValue: 'imported',
      status: { stage: 'Closed' },
      version: 2,
      case: { id: opened.id, tinyId: opened.tinyId, title: CASE.title, statusValue: 'new' },
    });
  });

  it('unites two alerts and the body: tags, observables, custom fields, the highest marks', async () => {
    const older = await alert({
      tlp: 1,
      pap: 3,
      severity: 4,
      tags: ['both', 'older'],
      customFields: { a: 'older', b: 'older', c: 'older' },
      observables: [
        { dataType: 'domain', data: 'Shared.example', tlp: 1, pap: 0 },
        { dataType: 'ip', data: '10.0.0.1', tlp: 0, pap: 0, ioc: true },
      ],
    });
    const newer = await alert({
      tlp: 3,
      pap: 0,
      tags: ['both', 'newer'],
      customFields: { b: 'newer', c: 'newer', d: { nested: true } },
      observables: [
        { dataType: 'DOMAIN', data: 'shared.example', tlp: 3, pap: 2, sighted: true },
        { dataType: 'ip', data: '::ffff:10.0.0.1', tlp: 2, pap: 1 },
        { dataType: 'hash', data: 'ABC', tlp: 1, pap: 1 },
      ],
    });
    // The order in the body says nothing of age.
    const opened = await promoted([newer, older], {
      tlp: 0,
      pap: 1,
      tags: ['body', 'BOTH'],
      customFields: { c: 'body', e: null },
      observables: [{ dataType: 'hash', data: 'abc', tlp: 2, pap: 0 }],
    });
    expect(opened).toMatchObject({ severity: 3, tlp: 3, pap: 3 });
    expect(opened.tags.map(({ name }) => name.toLowerCase()).sort()).toEqual([
      'body',
      'both',
      'newer',
      'older',
    ]);
    expect(opened.customFields).toMatchObject({
      a: 'older',
      b: 'newer',
      c: 'body',
      d: { nested: true },
    });
    const held = opened.observables.map(({ dataType, data, tlp, pap, ioc, sighted, caseId }) => ({
      dataType,
      data: data.toLowerCase(),
      tlp,
      pap,
      ioc,
      sighted,
      caseId,
    }));
    const caseId = opened.id;
    expect(held).toHaveLength(3);
    expect(held).toEqual(
      expect.arrayContaining([
        { dataType: 'hash', data: 'abc', tlp: 2, pap: 1, ioc: false, sighted: false, caseId },
        {
          dataType: 'domain',
          data: 'shared.example',
          tlp: 3,
          pap: 2,
          ioc: false,
          sighted: true,
          caseId,
        },
        { dataType: 'ip', data: '10.0.0.1', tlp: 2, pap: 1, ioc: true, sighted: false, caseId },
      ]),
    );
    expect(opened.alerts).toEqual(byTinyId([older, newer]));
    // What was copied stays where it was as well.
    expect((await readAlert(older.id)).observables).toEqual(older.observables);
  });

  it('keeps the marks of the body when they are the highest', async () => {
    const opened = await promoted([await alert({ tlp: 1, pap: 1 })], { tlp: 4, pap: 3 });
    expect(opened).toMatchObject({ tlp: 4, pap: 3 });
  });

  it('takes fifty alerts', async () => {
    const ids = await addRecords(api.db, 'alerts', tenant, 50, new Date());
    const response = await promote(ids);
    ok(response);
    const opened = await readCase((response.body as { caseId: string }).caseId);
    expect(opened.alerts.map(({ id }) => id).sort()).toEqual([...ids].sort());
  });

  it('takes alert ids as objects, and an id named twice once', async () => {
    const { id } = await alert();
    const response = await promote([{ id }, id.toUpperCase()]);
    ok(response);
    const { caseId } = response.body as { caseId: string };
    expect((await readCase(caseId)).alerts).toHaveLength(1);
    expect((await readAlert(id)).version).toBe(2);
  });

  it('promotes 1000 observables', async () => {
    const values = (from: number) =>
      Array.from({ length: 600 }, (_, i) => ({ dataType: 'other', data: `v${from + i}` }));
    const first = await alert({ observables: values(0) });
    const second = await alert({ observables: values(400) });
    const opened = await promoted([first, second]);
    expect(opened.observables).toHaveLength(1000);
    expect(new Set(opened.observables.map(({ data }) => data)).size).toBe(1000);
  });

  it('takes the keys of a case and ignores unknown ones', async () => {
    const team = await addTeam(api.db, tenant.organizationId);
    const opened = await promoted([await alert()], {
      flag: true,
      teams: [team.id],
      assigneeId: tenant.userId,
      source: 'soc',
      caseId: MISSING_ID,
      tinyId: 1,
      somethingElse: 1,
    });
    expect(opened).toMatchObject({
      flag: true,
      teams: [team],
      assigneeId: tenant.userId,
      source: 'soc',
    });
    expect(opened.tinyId).not.toBe(1);
  });

  it('belongs to the owner of the alerts and is shared as the body says', async () => {
    const organizations = [guest.organizationId];
    const opened = await promoted([await alert()], { organizations });
    const ids = [tenant.organizationId, guest.organizationId];
    expect(opened.organizations.map(({ id }) => id)).toEqual(ids);
    const { id } = await alert();
    const response = await promote([id], { organizations }, api.http(api.adminKey));
    ok(response);
    const { caseId } = response.body as { caseId: string };
    expect((await readCase(caseId)).organizations.map((each) => each.id)).toEqual(ids);
  });

  it('writes history and audit of the case and of each alert', async () => {
    const alerts = [await alert(), await alert({ statusValue: 'in-progress' })];
    const opened = await promoted(alerts);
    for (const each of alerts) {
      expect(await historyOf('alert', each.id)).toEqual([
        {
          action: 'merged',
          field: 'case',
          old: null,
          new: expect.objectContaining({ id: opened.id }) as object,
        },
        { action: 'statusChanged', field: 'statusValue', old: each.statusValue, new: 'imported' },
      ]);
      const entry = await api.db.row(
        "SELECT actor_id::text AS actor, changes FROM audit_entries WHERE target_id = $1 AND action = 'alert.merged'",
        [each.id],
      );
      expect(entry.actor).toBe(tenant.userId);
      expect(entry.changes).toContainEqual({ field: 'case', old: null, new: opened.id });
    }
    expect(await historyOf('case', opened.id)).toEqual(
      alerts.map(({ id, tinyId }) => ({
        action: 'merged',
        field: 'alerts',
        old: null,
        new: { id, tinyId },
      })),
    );
    const [entry, ...more] = await api.db.rows(
      'SELECT action FROM audit_entries WHERE target_id = $1',
      [opened.id],
    );
    expect([entry?.action, more]).toEqual(['case.created', []]);
  });

  it('keeps the first closing of an alert', async () => {
    const source = await alert({ statusValue: 'closed' });
    const closedAt = () =>
      api.db.row('SELECT closed_at AS at FROM alerts WHERE id = $1', [source.id]);
    const before = await closedAt();
    await promoted([source]);
    expect(await closedAt()).toEqual(before);
  });

  it('opens one case for one Idempotency-Key', async () => {
    const { id } = await alert();
    const send = () => promote([id]).set('Idempotency-Key', `promote-${id}`);
    const first = await send();
    const second = await send();
    ok(second);
    expect(second.body).toEqual(first.body);
    expect(second.headers['idempotent-replayed']).toBe('true');
  });

  it('lets one of two at once with overlapping alerts win, and the other change nothing', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b, c] = [await alert(), await alert(), await alert()];
      const answers = await Promise.all([promote([a.id, b.id]), promote([c.id, b.id])]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const won = answers.find(({ status }) => status === 200);
      const lost = answers.find(({ status }) => status === 409);
      const { caseId } = won?.body as { caseId: string };
      if (lost) expect(expectProblem(lost, 409, 'ALERT_IN_CASE').conflictingId).toBe(caseId);
      expect((await readCase(caseId)).alerts).toHaveLength(2);
      const alone = lost === answers[0] ? a : c;
      expect(await readAlert(alone.id)).toEqual(alone);
      expect((await readAlert(b.id)).case?.id).toBe(caseId);
    }
  });

  it.each([[[]], ['x'], [['x']], [[7]], [null], [undefined]])(
    'answers 400 to the alertIds %j',
    async (alertIds) => {
      const response = await http.post('/api/alerts/create-case').send({ ...CASE, alertIds });
      const problem = expectProblem(response, 400, 'VALIDATION_FAILED');
      expect(problem.errors?.[0]?.path).toMatch(/^alertIds/);
    },
  );

  it('answers 400 to fifty-one alerts', async () => {
    const ids = await addRecords(api.db, 'alerts', tenant, 51, new Date());
    expectInvalid(await promote(ids), ['alertIds']);
    const { n } = await api.db.row<{ n: number }>(
      'SELECT count(case_id)::int AS n FROM alerts WHERE id = ANY($1)',
      [ids],
    );
    expect(n).toBe(0);
  });

  it.each(['title', 'statusValue', 'severity'])('answers 400 without %s', async (field) => {
    const { id } = await alert();
    expectInvalid(await promote([id], { [field]: undefined }), [field]);
    expectInvalid(await promote([id], { [field]: 99 }), [field]);
  });

  it('answers 400 alike to missing, deleted and foreign alerts, naming each path', async () => {
    const own = await alert();
    const answers = new Set<string>();
    for (const id of [MISSING_ID, ...(await deletedAndForeign())]) {
      const before = await fingerprint(api.db);
      const response = await promote([own.id, id]).set('X-Request-Id', 'same');
      expectInvalid(response, ['alertIds[1]'], 'REFERENCE_NOT_FOUND');
      answers.add(response.text);
      expect(await fingerprint(api.db)).toBe(before);
    }
    expect(answers.size).toBe(1);
    const several = await promote([MISSING_ID, own.id, ...(await deletedAndForeign())]);
    expectInvalid(several, ['alertIds[0]', 'alertIds[2]', 'alertIds[3]'], 'REFERENCE_NOT_FOUND');
  });

  it('answers 400 to other references that do not exist, under the path of the body', async () => {
    const { id } = await alert();
    for (const [body, path] of [
      [{ teams: [MISSING_ID] }, 'teams[0]'],
      [{ tags: ['x', 2_000_000_000] }, 'tags[1]'],
      [{ organizations: [other.organizationId] }, 'organizations[0]'],
      [{ organizations: [tenant.organizationId, MISSING_ID] }, 'organizations[1]'],
      [{ assigneeId: other.userId }, 'assigneeId'],
    ] as const)
      expectInvalid(await promote([id], body), [path], 'REFERENCE_NOT_FOUND');
    expect((await readAlert(id)).case).toBeNull();
  });

  outcomes.unauthenticated({
    method: 'post',
    path: () => '/api/alerts/create-case',
    body: { ...CASE, alertIds: [MISSING_ID] },
  });
  bothScopes((agent) => promote([MISSING_ID], {}, agent));

  it('answers 403 to an alert above clearance and changes nothing', async () => {
    const low = await alert({ tlp: 1, pap: 1 });
    const { key } = await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 });
    for (const [marks, code] of [
      [{ tlp: 3, pap: 1 }, 'CLEARANCE_TLP'],
      [{ tlp: 1, pap: 3 }, 'CLEARANCE_PAP'],
    ] as const) {
      const high = await alert(marks);
      expectProblem(await promote([low.id, high.id], {}, api.http(key)), 403, code);
      expect(await readAlert(high.id)).toEqual(high);
    }
    expectProblem(await promote([low.id], { tlp: 4 }, api.http(key)), 403, 'CLEARANCE_TLP');
    expect(await readAlert(low.id)).toEqual(low);
  });

  it('answers 403 to guests: promoting is the owner’s', async () => {
    const { id } = await alert(shared());
    expectProblem(await promote([id], {}, api.http(guest.key)), 403, 'OWNER_ONLY');
    expect((await readAlert(id)).case).toBeNull();
  });

  outcomes.limited(
    {
      method: 'post',
      path: () => '/api/alerts/create-case',
      body: { ...CASE, alertIds: [MISSING_ID] },
    },
    ['alerts:write', 'cases:write'],
  );

  it('answers 409 to an alert in a case, naming the case, and changes nothing', async () => {
    const taken = await alert();
    const opened = await promoted([taken]);
    const free = await alert({ tags: ['free'] });
    const before = await fingerprint(api.db);
    const problem = expectProblem(await promote([free.id, taken.id]), 409, 'ALERT_IN_CASE');
    expect(problem.conflictingId).toBe(opened.id);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 409 to alerts of different owners', async () => {
    const foreign = await alert({}, api.http(other.key));
    const own = await alert();
    const platform = api.http(api.adminKey);
    expectProblem(await promote([own.id, foreign.id], {}, platform), 409, 'OWNERS_DIFFER');
    expect((await readAlert(own.id)).case).toBeNull();
  });
});

describe('POST /alerts/:alertId/merge/:caseId', () => {
  it('unites the alert with the case and answers it', async () => {
    const source = await alert({
      title: 'Second beacon',
      description: 'From **WS-7**',
      tlp: 3,
      pap: 1,
      severity: 4,
      tags: ['new', 'held'],
      customFields: { a: 'alert', b: 'alert' },
      observables: [
        { dataType: 'ip', data: '10.0.0.1', tlp: 3 },
        { dataType: 'ip', data: '10.0.0.2', tlp: 1 },
      ],
    });
    const target = await newCase({
      description: 'As it was.',
      tlp: 2,
      pap: 3,
      tags: ['held'],
      customFields: { b: 'case' },
      observables: [{ dataType: 'ip', data: '10.0.0.1', tlp: 1, message: 'kept' }],
    });
    const response = await merge(source.id, target.id);
    ok(response);
    const merged = expectMatches(alertSchema, response.body);
    expect(merged).toMatchObject({
      id: source.id,
      statusValue: 'imported',
      case: { id: target.id },
    });
    expect(merged).toEqual(await readAlert(source.id));

    const after = await readCase(target.id);
    expect(after).toMatchObject({
      severity: target.severity,
      tlp: 3,
      pap: 3,
      customFields: { a: 'alert', b: 'case' },
      alerts: [{ id: source.id }],
    });
    expect(after.version).toBeGreaterThan(target.version);
    expect(after.description).toMatch(/^As it was\./);
    expect(after.description).toContain(`#${source.tinyId}`);
    expect(after.description).toContain('Second beacon');
    expect(after.description).toContain('From **WS-7**');
    expect(after.tags.map(({ name }) => name).sort()).toEqual(['held', 'new']);
    expect(after.observables.map(({ data, tlp, message }) => [data, tlp, message])).toEqual([
      ['10.0.0.1', 3, 'kept'],
      ['10.0.0.2', 1, ''],
    ]);
  });

  it('writes history of both and audit', async () => {
    const source = await alert();
    const target = await newCase();
    await merge(source.id, target.id);
    expect(await historyOf('alert', source.id)).toMatchObject([
      { action: 'merged', field: 'case', new: { id: target.id } },
      { action: 'statusChanged', old: 'new', new: 'imported' },
    ]);
    expect(await historyOf('case', target.id)).toContainEqual(
      expect.objectContaining({
        action: 'merged',
        field: 'alerts',
        new: { id: source.id, tinyId: source.tinyId },
      }),
    );
    const [entry] = await api.db.rows(
      "SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'alert.merged'",
      [source.id],
    );
    expect(entry?.changes).toContainEqual({ field: 'case', old: null, new: target.id });
  });

  it('tells of each task that it raises with the case', async () => {
    const target = await newCase({
      tlp: 1,
      tasks: [{ title: 'Isolate' }, { title: 'High', tlp: 4 }],
    });
    ok(await merge((await alert({ tlp: 3 })).id, target.id));
    const tasks = await api.db.rows(
      `SELECT t.title, t.tlp, x.old_value AS old, x.new_value AS new, e.changes FROM tasks t
       JOIN activities x ON x.task_id = t.id AND x.case_id = t.case_id AND x.field_name = 'tlp' AND x.tlp = 3
       JOIN audit_entries e ON e.target_id = t.id::text AND e.action = 'task.updated' WHERE t.case_id = $1`,
      [target.id],
    );
    const changes = [{ field: 'tlp', old: 1, new: 3 }];
    expect(tasks).toEqual([{ title: 'Isolate', tlp: 3, old: 1, new: 3, changes }]);
  });

  it('answers 200 to an alert in that case already, and changes nothing', async () => {
    const source = await alert({ observables: [{ dataType: 'ip', data: '10.0.0.1' }] });
    const target = await newCase({ description: 'Once.' });
    await merge(source.id, target.id);
    const before = await fingerprint(api.db);
    const again = await merge(source.id, target.id);
    ok(again);
    expect(again.body).toEqual(await readAlert(source.id));
    expect(await fingerprint(api.db)).toBe(before);
    await http.patch(`/api/cases/${target.id}`).send({ statusValue: 'resolved' });
    ok(await merge(source.id, target.id));
  });

  it('links once and doubles no observable when many requests merge the same alert', async () => {
    const source = await alert({
      observables: Array.from({ length: 20 }, (_, i) => ({ dataType: 'ip', data: `10.0.0.${i}` })),
    });
    const target = await newCase({ description: 'Race.' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        i % 2 === 0 ? merge(source.id, target.id) : mergeAll([source.id], target.id),
      ),
    );
    for (const answer of answers) ok(answer);
    const after = await readCase(target.id);
    expect(after.alerts).toHaveLength(1);
    expect(after.observables).toHaveLength(20);
    expect(after.description?.split(`#${source.tinyId}`)).toHaveLength(2);
    expect((await readAlert(source.id)).version).toBe(2);
    const lines = await historyOf('case', target.id);
    expect(lines.filter(({ action }) => action === 'merged')).toHaveLength(1);
  });

  it('lets one of two cases win the same alert', async () => {
    const source = await alert();
    const [a, b] = [await newCase(), await newCase()];
    const answers = await Promise.all([merge(source.id, a.id), merge(source.id, b.id)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const winner = answers[0].status === 200 ? a : b;
    expect((await readAlert(source.id)).case?.id).toBe(winner.id);
    expect((await readCase(winner === a ? b.id : a.id)).version).toBe(1);
  });

  it('merges different alerts into one case at once', async () => {
    const alerts = [];
    for (let i = 0; i < 10; i++)
      alerts.push(await alert({ observables: [{ dataType: 'ip', data: '10.0.0.1', tlp: i % 4 }] }));
    const target = await newCase();
    for (const answer of await Promise.all(alerts.map(({ id }) => merge(id, target.id))))
      ok(answer);
    const after = await readCase(target.id);
    expect(after.alerts).toEqual(byTinyId(alerts));
    expect(after.observables.map(({ tlp }) => tlp)).toEqual([3]);
    for (const { tinyId } of alerts) expect(after.description).toContain(`#${tinyId}`);
  });

  it('opens a closed case again with ?reopen=true, and records it', async () => {
    const source = await alert();
    const target = await newCase({ statusValue: 'resolved' });
    const response = await merge(source.id, target.id, http, '?reopen=true');
    ok(response);
    const after = await readCase(target.id);
    expect(after.status.stage).toBe('InProgress');
    expect(await historyOf('case', target.id)).toContainEqual({
      action: 'statusChanged',
      field: 'statusValue',
      old: 'resolved',
      new: after.statusValue,
    });
  });

  it('leaves the status of an open case with ?reopen=true', async () => {
    const target = await newCase({ statusValue: 'on-hold' });
    ok(await merge((await alert()).id, target.id, http, '?reopen=true'));
    expect((await readCase(target.id)).statusValue).toBe('on-hold');
  });

  it('answers 400 to an id that is none and to unknown parameters', async () => {
    const { id } = await alert();
    expectProblem(await merge('x', MISSING_ID), 400, 'VALIDATION_FAILED');
    expectProblem(await merge(id, 'x'), 400, 'VALIDATION_FAILED');
    expectInvalid(await merge(id, MISSING_ID, http, '?reopen=yes'), ['reopen']);
    expectInvalid(await merge(id, MISSING_ID, http, '?force=true'), ['force']);
  });

  outcomes.unauthenticated({
    method: 'post',
    path: () => `/api/alerts/${MISSING_ID}/merge/${MISSING_ID}`,
  });
  bothScopes((agent) => merge(MISSING_ID, MISSING_ID, agent));

  it('answers 403 to an alert or a case above clearance', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 });
    const agent = api.http(key);
    const [low, high] = [await alert({ tlp: 1 }), await alert({ tlp: 3 })];
    const [open, secret] = [await newCase({ tlp: 1 }), await newCase({ pap: 3 })];
    expectProblem(await merge(high.id, open.id, agent), 403, 'CLEARANCE_TLP');
    expectProblem(await merge(low.id, secret.id, agent), 403, 'CLEARANCE_PAP');
    expect(await readAlert(low.id)).toEqual(low);
    expect(await readCase(open.id)).toEqual(open);
  });

  it('answers 403 to guests of the alert or of the case', async () => {
    const source = await alert(shared());
    const target = await newCase(shared());
    const agent = api.http(guest.key);
    expectProblem(await merge(source.id, target.id, agent), 403, 'OWNER_ONLY');
    const own = await alert({}, agent);
    expectProblem(await merge(own.id, target.id, agent), 403, 'OWNER_ONLY');
    const ownCase = await newCase({}, agent);
    expectProblem(await merge(source.id, ownCase.id, agent), 403, 'OWNER_ONLY');
  });

  it('answers 404 alike to missing, deleted and foreign alerts and cases', async () => {
    const target = await newCase();
    const source = await alert();
    for (const id of [MISSING_ID, ...(await deletedAndForeign())])
      expectProblem(await merge(id, target.id), 404, 'ALERT_NOT_FOUND');
    const deleted = await newCase();
    await http.delete(`/api/cases/${deleted.id}`);
    const foreign = await newCase({}, api.http(other.key));
    for (const id of [MISSING_ID, deleted.id, foreign.id])
      expectProblem(await merge(source.id, id), 404, 'CASE_NOT_FOUND');
    expect(await readAlert(source.id)).toEqual(source);
  });

  it('answers 409 to an alert in another case, naming it', async () => {
    const source = await alert();
    const opened = await promoted([source]);
    const target = await newCase();
    const problem = expectProblem(await merge(source.id, target.id), 409, 'ALERT_IN_CASE');
    expect(problem.conflictingId).toBe(opened.id);
    expect(await readCase(target.id)).toEqual(target);
  });

  it.each(['resolved', 'false-positive', 'duplicated', 'other'])(
    'answers 409 to a case that is closed as %s, and changes nothing',
    async (statusValue) => {
      const source = await alert();
      const target = await newCase({ statusValue });
      for (const query of ['', '?reopen=false'])
        expectProblem(await merge(source.id, target.id, http, query), 409, 'CASE_CLOSED');
      expect(await readAlert(source.id)).toEqual(source);
      expect(await readCase(target.id)).toEqual(target);
    },
  );

  it('answers 409 when alert and case have different owners', async () => {
    const foreign = await alert({}, api.http(other.key));
    const target = await newCase();
    const platform = api.http(api.adminKey);
    expectProblem(await merge(foreign.id, target.id, platform), 409, 'OWNERS_DIFFER');
    expect(await readCase(target.id)).toEqual(target);
  });
});

describe('POST /alerts/merge/:caseId', () => {
  it('merges several and answers them as the body names them', async () => {
    const alerts = [await alert({ title: 'One' }), await alert({ title: 'Two' })];
    const already = await alert({ title: 'Already' });
    const target = await newCase();
    await merge(already.id, target.id);
    const ids = [alerts[1]?.id ?? '', already.id, alerts[0]?.id ?? ''];
    const response = await mergeAll(ids, target.id);
    ok(response);
    const merged = expectMatches(z.array(alertSchema), response.body);
    expect(merged.map(({ id }) => id)).toEqual(ids);
    for (const each of merged) expect(each.case?.id).toBe(target.id);
    const after = await readCase(target.id);
    expect(after.alerts).toHaveLength(3);
    for (const title of ['One', 'Two', 'Already'])
      expect(after.description?.split(`: ${title}`)).toHaveLength(2);
  });

  it('opens a closed case again with ?reopen=true', async () => {
    const target = await newCase({ statusValue: 'other' });
    const { id } = await alert();
    expectProblem(await mergeAll([id], target.id), 409, 'CASE_CLOSED');
    ok(await mergeAll([id], target.id, http, '?reopen=true'));
    expect((await readCase(target.id)).status.stage).toBe('InProgress');
  });

  it('answers 400 to 0 and 51 alerts and to unknown keys', async () => {
    const target = await newCase();
    const ids = await addRecords(api.db, 'alerts', tenant, 51, new Date());
    expectInvalid(await mergeAll([], target.id), ['alertIds']);
    expectInvalid(await mergeAll(ids, target.id), ['alertIds']);
    const unknown = await http
      .post(`/api/alerts/merge/${target.id}`)
      .send({ alertIds: ids.slice(1), more: true });
    expectInvalid(unknown, ['more']);
    ok(await mergeAll(ids.slice(1), target.id));
  });

  it('answers 400 to missing and foreign alerts, naming the path, and merges none', async () => {
    const own = await alert();
    const target = await newCase();
    const [deleted = '', foreign = ''] = await deletedAndForeign();
    const response = await mergeAll([own.id, MISSING_ID, deleted, foreign], target.id);
    expectInvalid(response, ['alertIds[1]', 'alertIds[2]', 'alertIds[3]'], 'REFERENCE_NOT_FOUND');
    expect(await readAlert(own.id)).toEqual(own);
    expect(await readCase(target.id)).toEqual(target);
  });

  outcomes.unauthenticated({
    method: 'post',
    path: () => `/api/alerts/merge/${MISSING_ID}`,
    body: { alertIds: [MISSING_ID] },
  });
  bothScopes((agent) => mergeAll([MISSING_ID], MISSING_ID, agent));

  it('answers 403 and merges none when one is above clearance', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    const low = await alert({ tlp: 1 });
    const high = await alert({ tlp: 4 });
    const target = await newCase({ tlp: 1 });
    expectProblem(
      await mergeAll([low.id, high.id], target.id, api.http(key)),
      403,
      'CLEARANCE_TLP',
    );
    expect(await readAlert(low.id)).toEqual(low);
  });

  it('answers 404 to a foreign case', async () => {
    const foreign = await newCase({}, api.http(other.key));
    const { id } = await alert();
    expectProblem(await mergeAll([id], foreign.id), 404, 'CASE_NOT_FOUND');
  });

  it('answers 409 and merges none when one is in another case', async () => {
    const free = await alert();
    const taken = await alert();
    const opened = await promoted([taken]);
    const target = await newCase();
    const problem = expectProblem(
      await mergeAll([free.id, taken.id], target.id),
      409,
      'ALERT_IN_CASE',
    );
    expect(problem.conflictingId).toBe(opened.id);
    expect(await readAlert(free.id)).toEqual(free);
    expect(await readCase(target.id)).toEqual(target);
  });
});

describe('GET /cases/:id/alerts', () => {
  const listed = async (id: string, agent = http, query = ''): Promise<string[]> => {
    const response = await agent.get(`/api/cases/${id}/alerts${query}`);
    ok(response);
    return expectMatches(z.array(alertSchema), response.body).map((each) => each.id);
  };

  it('lists the alerts of the case as the list of alerts does, and pages through them', async () => {
    const alerts = [await alert({ severity: 4 }), await alert({ severity: 1 }), await alert()];
    const opened = await promoted(alerts);
    await promoted([await alert()]);
    const ids = alerts.map(({ id }) => id);
    expect(await listed(opened.id)).toEqual([...ids].reverse());
    expect(await listed(opened.id, http, '?sort=severity')).toEqual([ids[1], ids[2], ids[0]]);
    const path = `/api/cases/${opened.id}/alerts?limit=2&sort=createdAt`;
    expect((await readAll<Alert>(http, path)).map(({ id }) => id)).toEqual(ids);
    const counted = await http.get(`${path}&count=true`);
    expect(counted.headers['x-total-count']).toBe('3');
    const [first] = counted.body as Alert[];
    expect(first).toEqual(
      ((await http.get(`/api/alerts?caseId=${opened.id}&sort=createdAt`)).body as Alert[])[0],
    );
  });

  it('leaves out what is deleted, unlinked, or above the clearance', async () => {
    const alerts = [await alert({ tlp: 1 }), await alert({ tlp: 4 }), await alert(), await alert()];
    const [open, red, deleted, free] = alerts.map(({ id }) => id);
    const opened = await newCase({ tlp: 1 });
    await mergeAll([open ?? '', deleted ?? '', free ?? ''], opened.id);
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [red, opened.id]);
    await http.delete(`/api/alerts/${deleted ?? ''}`);
    await unlink(opened.id, free ?? '');
    expect(await listed(opened.id)).toEqual([red, open]);
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    expect(await listed(opened.id, api.http(key))).toEqual([open]);
    const counted = await api.http(key).get(`/api/cases/${opened.id}/alerts?count=true`);
    expect(counted.headers['x-total-count']).toBe('1');
  });

  it('shows a guest of the case the alerts that are shared with it too', async () => {
    const [both, own] = [await alert(shared()), await alert()];
    const opened = await promoted([both, own], { organizations: [guest.organizationId] });
    expect(await listed(opened.id, api.http(guest.key))).toEqual([both.id]);
  });

  it('answers 400 to a filter, and to the cursor of another case', async () => {
    const opened = await promoted([await alert(), await alert()]);
    const elsewhere = await promoted([await alert()]);
    expectInvalid(await http.get(`/api/cases/${opened.id}/alerts?status=new`), ['status']);
    const next = nextLink(await http.get(`/api/cases/${opened.id}/alerts?limit=1`)) ?? '';
    const response = await http.get(next.replace(opened.id, elsewhere.id));
    expectInvalid(response, ['cursor'], 'INVALID_CURSOR');
  });

  outcomes.unauthenticated({ method: 'get', path: () => `/api/cases/${MISSING_ID}/alerts` });

  it.each([[['cases:read']], [['alerts:read']]] as const)(
    'answers 403 to a key with %j: both read scopes are needed',
    async (scopes) => {
      const opened = await newCase();
      const { key } = await addKey(api.db, tenant, { scopes });
      const response = await api.http(key).get(`/api/cases/${opened.id}/alerts`);
      expectProblem(response, 403, 'INSUFFICIENT_SCOPE');
    },
  );

  it('answers 403 to a case above the clearance', async () => {
    const opened = await newCase({ tlp: 4 });
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    const response = await api.http(key).get(`/api/cases/${opened.id}/alerts`);
    expectProblem(response, 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'get',
    (id) => `/api/cases/${id}/alerts`,
    'CASE_NOT_FOUND',
    async () => {
      const deleted = await newCase();
      await http.delete(`/api/cases/${deleted.id}`);
      return [deleted.id, (await newCase({}, api.http(other.key))).id];
    },
  );
});

describe('DELETE /cases/:id/alerts/:alertId', () => {
  it('takes the alert off the case, back to `new`; what was copied stays', async () => {
    const source = await alert({
      statusValue: 'in-progress',
      tags: ['copied'],
      customFields: { a: 1 },
      observables: [{ dataType: 'ip', data: '10.0.0.1' }],
    });
    const opened = await promoted([source]);
    const response = await unlink(opened.id, source.id);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expect(await readAlert(source.id)).toMatchObject({
      statusValue: 'new',
      status: { stage: 'New' },
      case: null,
      version: 3,
    });
    const after = await readCase(opened.id);
    expect(after).toMatchObject({ alerts: [], tags: opened.tags, customFields: { a: 1 } });
    expect(after.observables).toEqual(opened.observables);
    expect(after.version).toBe(opened.version + 1);
    expect((await promoted([source])).id).not.toBe(opened.id);
  });

  it('writes history of both and audit', async () => {
    const source = await alert();
    const opened = await promoted([source]);
    await unlink(opened.id, source.id);
    expect((await historyOf('alert', source.id)).slice(2)).toMatchObject([
      {
        action: 'removed',
        field: 'case',
        old: { id: opened.id, tinyId: opened.tinyId },
        new: null,
      },
      { action: 'statusChanged', field: 'statusValue', old: 'imported', new: 'new' },
    ]);
    expect((await historyOf('case', opened.id)).at(-1)).toMatchObject({
      action: 'removed',
      field: 'alerts',
      old: { id: source.id, tinyId: source.tinyId },
    });
    const entry = await api.db.row(
      "SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'alert.unlinked'",
      [source.id],
    );
    expect(entry.changes).toEqual([{ field: 'case', old: opened.id, new: null }]);
  });

  it('answers 400 to an id that is none', async () => {
    expectProblem(await unlink('x', MISSING_ID), 400, 'VALIDATION_FAILED');
    expectProblem(await unlink(MISSING_ID, 'x'), 400, 'VALIDATION_FAILED');
  });

  outcomes.unauthenticated({
    method: 'delete',
    path: () => `/api/cases/${MISSING_ID}/alerts/${MISSING_ID}`,
  });
  bothScopes((agent) => unlink(MISSING_ID, MISSING_ID, agent));

  it('answers 403 above clearance and to guests', async () => {
    const source = await alert({ ...shared(), tlp: 3 });
    const opened = await promoted([source], { organizations: [guest.organizationId] });
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    expectProblem(await unlink(opened.id, source.id, api.http(key)), 403, 'CLEARANCE_TLP');
    expectProblem(await unlink(opened.id, source.id, api.http(guest.key)), 403, 'OWNER_ONLY');
    expect((await readAlert(source.id)).case?.id).toBe(opened.id);
  });

  it('answers 404 the second time, and to alerts and cases that are not there', async () => {
    const source = await alert();
    const opened = await promoted([source]);
    const free = await alert();
    expectProblem(await unlink(opened.id, free.id), 404, 'ALERT_NOT_FOUND');
    expectProblem(await unlink(opened.id, MISSING_ID), 404, 'ALERT_NOT_FOUND');
    expectProblem(await unlink(MISSING_ID, source.id), 404, 'CASE_NOT_FOUND');
    const elsewhere = await newCase();
    expectProblem(await unlink(elsewhere.id, source.id), 404, 'ALERT_NOT_FOUND');
    const foreign = await newCase({}, api.http(other.key));
    expectProblem(await unlink(foreign.id, source.id), 404, 'CASE_NOT_FOUND');
    expect((await unlink(opened.id, source.id)).status).toBe(204);
    expectProblem(await unlink(opened.id, source.id), 404, 'ALERT_NOT_FOUND');
  });
});

describe('a case that is deleted', () => {
  it('releases its alerts, back to `new`, with a line of history each', async () => {
    const alerts = [await alert(), await alert({ statusValue: 'in-progress' })];
    const opened = await promoted(alerts);
    expect((await http.delete(`/api/cases/${opened.id}`)).status).toBe(204);
    for (const { id } of alerts) {
      expect(await readAlert(id)).toMatchObject({ statusValue: 'new', case: null, version: 3 });
      expect((await historyOf('alert', id)).slice(2)).toMatchObject([
        { action: 'removed', field: 'case', old: { id: opened.id, tinyId: opened.tinyId } },
        { action: 'statusChanged', field: 'statusValue', old: 'imported', new: 'new' },
      ]);
      const audited = await api.db.rows(
        `SELECT organization_id AS owner, changes FROM audit_entries WHERE target_id = $1 AND action = 'alert.unlinked'`,
        [id],
      );
      const changes = [{ field: 'case', old: opened.id, new: null }];
      expect(audited).toEqual([{ owner: tenant.organizationId, changes }]);
    }
    await promoted(alerts);
  });

  it('releases its alerts when it is deleted in bulk', async () => {
    const source = await alert();
    const opened = await promoted([source]);
    ok(await http.post('/api/cases/bulk/delete').send({ ids: [opened.id] }));
    expect(await readAlert(source.id)).toMatchObject({ statusValue: 'new', case: null });
  });

  it('takes no alert while it goes', async () => {
    const source = await alert();
    const target = await newCase();
    const [merged, deleted] = await Promise.all([
      merge(source.id, target.id),
      http.delete(`/api/cases/${target.id}`),
    ]);
    expect(deleted.status).toBe(204);
    expect([200, 404]).toContain(merged.status);
    expect(await readAlert(source.id)).toMatchObject({ statusValue: 'new', case: null });
  });
});
