import { z } from 'zod';
import type { CaseDetail } from '../../src/cases/cases.schema.js';
import { reusableSlaConfigSchema } from '../../src/sla/sla.schema.js';
import type { ReusableSlaConfig } from '../../src/sla/sla.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addSlaConfig, createTenant, fingerprint, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, NO_READ_SCOPES, READ_SCOPES, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
/** An organization's administrator. */
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const path = '/api/sla-configs';
const OTHER_SCOPES = [...READ_SCOPES, ...NO_READ_SCOPES];
const VALUES = { deadlineHours: 8, warningThresholdPercent: 50, criticalThresholdPercent: 80 };
const OFFICE_HOURS = {
  enabled: true,
  start: '09:00',
  end: '17:00',
  timezone: 'Europe/Berlin',
  workDays: [1, 2, 3, 4, 5],
};

const body = (more: object = {}) => ({ name: unique('SLA'), ...VALUES, ...more });

async function add(more: object = {}, agent = http): Promise<ReusableSlaConfig> {
  const response = await agent.post(path).send(body(more));
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(reusableSlaConfigSchema, response.body);
}

/** A case that takes the configuration. */
async function caseWith(slaConfigId: string): Promise<CaseDetail> {
  const created = await http
    .post('/api/cases')
    .send({ title: 'On the clock', statusValue: 'new', severity: 2, slaConfigId });
  expect({ status: created.status, body: created.text }).toMatchObject({ status: 200 });
  return readCase((created.body as CaseDetail).id);
}

async function readCase(id: string): Promise<CaseDetail> {
  return (await http.get(`/api/cases/${id}`)).body as CaseDetail;
}

function auditOf(id: string, action: string) {
  return api.db.rows(
    `SELECT organization_id::text AS organization, actor_id::text AS actor, changes FROM audit_entries
     WHERE target_id = $1 AND action = $2 ORDER BY at, id`,
    [id, action],
  );
}

/** A deleted and a foreign configuration. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await http.delete(`${path}/${id}`)).status).toBe(204);
  return [id, await addSlaConfig(api.db, other.organizationId)];
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe('GET /sla-configs', () => {
  it('lists the configurations of the tenant, newest first, by pages', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    const configs: ReusableSlaConfig[] = [];
    for (const businessHours of [null, OFFICE_HOURS, { ...OFFICE_HOURS, enabled: false }])
      configs.unshift(await add({ businessHours }, agent));
    const listed = await readAll<ReusableSlaConfig>(agent, `${path}?limit=2`);
    expect(expectMatches(z.array(reusableSlaConfigSchema), listed)).toEqual(configs);
    expect(await readAll(agent, `${path}?sort=createdAt`)).toEqual([...configs].reverse());
    const counted = await agent.get(`${path}?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe('3');
  });

  it('finds by the beginning of the name, taken literally and without regard to case', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    for (const name of ['Gold', 'gold_plus', 'Old Gold']) await add({ name }, agent);
    const names = async (q: string) =>
      (await readAll<ReusableSlaConfig>(agent, `${path}?q=${q}`)).map(({ name }) => name).sort();
    expect(await names('GOLD')).toEqual(['Gold', 'gold_plus']);
    expect(await names('gold_')).toEqual(['gold_plus']);
  });

  it.each(['limit=0', 'sort=name', 'name=x', 'cursor=x', `q=${'x'.repeat(129)}`])(
    'answers 400 to ?%s',
    async (query) => {
      expect((await http.get(`${path}?${query}`)).status).toBe(400);
    },
  );

  outcomes.unauthenticated({ method: 'get', path: () => path });
  outcomes.anyReadScope(() => path);
  outcomes.limited({ method: 'get', path: () => path }, ['cases:read']);
});

describe('GET /sla-configs/:id', () => {
  it('answers what the Location of a new one names, with its ETag', async () => {
    const created = await http.post(path).send(body());
    const response = await http.get(created.headers.location ?? '');
    expect(response.status).toBe(200);
    expect(response.body).toEqual(created.body);
    expect(response.headers.etag).toBe('"1"');
  });

  it('answers 400 to an id that is none', async () => {
    expectInvalid(await http.get(`${path}/x`), ['id']);
  });

  outcomes.unauthenticated({ method: 'get', path: () => `${path}/${MISSING_ID}` });
  outcomes.anyReadScope(async () => `${path}/${(await add()).id}`);
  outcomes.notFound('get', (id) => `${path}/${id}`, 'SLA_CONFIG_NOT_FOUND', goneAndForeign);
});

describe('POST /sla-configs', () => {
  it('answers 201 with Location; cases can take it at once', async () => {
    const name = unique('Gold');
    const response = await http
      .post(path)
      .send({ name: ` ${name} `, ...VALUES, businessHours: OFFICE_HOURS });
    expect(response.status).toBe(201);
    const config = expectMatches(reusableSlaConfigSchema, response.body);
    expect(config).toMatchObject({ name, ...VALUES, businessHours: OFFICE_HOURS, version: 1 });
    expect(response.headers.location).toBe(`${path}/${config.id}`);
    expect(await caseWith(config.id)).toMatchObject({
      slaConfigId: config.id,
      slaConfig: { ...VALUES, businessHours: OFFICE_HOURS },
      slaStatus: 'on-track',
    });
    expect(await auditOf(config.id, 'sla-config.created')).toEqual([
      {
        organization: tenant.organizationId,
        actor: tenant.userId,
        changes: [{ field: 'name', old: null, new: name }],
      },
    ]);
  });

  it.each([
    [{ name: '' }, 'name'],
    [{ name: ' ' }, 'name'],
    [{ name: 'x'.repeat(129) }, 'name'],
    [{ deadlineHours: 0 }, 'deadlineHours'],
    [{ deadlineHours: undefined }, 'deadlineHours'],
    [{ warningThresholdPercent: 81 }, 'warningThresholdPercent'],
    [{ criticalThresholdPercent: 101 }, 'criticalThresholdPercent'],
    [{ businessHours: { ...OFFICE_HOURS, end: '09:00' } }, 'businessHours.end'],
    [{ businessHours: { ...OFFICE_HOURS, timezone: 'Mars/Olympus' } }, 'businessHours.timezone'],
    [{ businessHours: { ...OFFICE_HOURS, workDays: [] } }, 'businessHours.workDays'],
    [{ businessHours: { ...OFFICE_HOURS, lunch: true } }, 'businessHours.lunch'],
    [{ deadlineHours: 30_000, businessHours: OFFICE_HOURS }, 'deadlineHours'],
    [{ nonsense: 1 }, 'nonsense'],
    [{ id: MISSING_ID }, 'id'],
  ])('answers 400 to %j, naming %s', async (part, at) => {
    const before = await fingerprint(api.db);
    expectInvalid(await http.post(path).send(body(part)), [at]);
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = { method: 'post' as const, path: () => path, body: body() };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);

  it('answers 409 naming who has the name in any case; it is free in another tenant, and once deleted', async () => {
    const { id, name } = await add();
    const response = await http.post(path).send(body({ name: name.toUpperCase() }));
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(id);
    await add({ name }, api.http(other.key));
    await http.delete(`${path}/${id}`);
    await add({ name });
  });

  it('lets one of fifty at once have a name', async () => {
    const name = unique('Race');
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => http.post(path).send(body({ name }))),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(49);
  });
});

describe.each(['patch', 'put'] as const)('%s /sla-configs/:id', (method) => {
  const change = (id: string, part: object) => http[method](`${path}/${id}`).send(part);

  it('changes what is sent, and moves no clock', async () => {
    const config = await add({ businessHours: OFFICE_HOURS });
    const held = await caseWith(config.id);
    const response = await change(config.id, { deadlineHours: 4, businessHours: null });
    expect(response.status).toBe(200);
    expect(expectMatches(reusableSlaConfigSchema, response.body)).toEqual({
      ...config,
      deadlineHours: 4,
      businessHours: null,
      version: 2,
      updatedAt: expect.any(String) as string,
    });
    expect(await readCase(held.id)).toEqual(held);
    expect(await auditOf(config.id, 'sla-config.updated')).toMatchObject([
      {
        changes: [
          { field: 'deadlineHours', old: 8, new: 4 },
          { field: 'businessHours', old: OFFICE_HOURS, new: null },
        ],
      },
    ]);
  });

  it('changes nothing when nothing is new', async () => {
    const config = await add({ businessHours: OFFICE_HOURS });
    for (const part of [{}, { name: config.name, ...VALUES, businessHours: OFFICE_HOURS }])
      expect((await change(config.id, part)).body).toEqual(config);
  });

  it('answers 400 to what makes it invalid as a whole, and changes nothing', async () => {
    const { id } = await add({ businessHours: OFFICE_HOURS });
    const before = await fingerprint(api.db);
    expectInvalid(await change(id, { criticalThresholdPercent: 49 }), ['warningThresholdPercent']);
    expectInvalid(await change(id, { deadlineHours: 80_000 }), ['deadlineHours']);
    expectInvalid(await change(id, { businessHours: { ...OFFICE_HOURS, workDays: [] } }), [
      'businessHours.workDays',
    ]);
    expectInvalid(await change(id, { name: null }), ['name']);
    expectInvalid(await change(id, { version: 7 }), ['version']);
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = { method, path: () => `${path}/${MISSING_ID}`, body: { name: 'x' } };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
  outcomes.notFound(method, (id) => `${path}/${id}`, 'SLA_CONFIG_NOT_FOUND', goneAndForeign, {
    name: 'x',
  });

  it('answers 409 naming who has the name', async () => {
    const [first, second] = [await add(), await add()];
    const response = await change(second.id, { name: first.name });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(first.id);
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    const stale = await change(id, { deadlineHours: 4 }).set('If-Match', '"2"');
    expectProblem(stale, 412, 'STALE_VERSION');
    expect((await change(id, { deadlineHours: 4 }).set('If-Match', '"1"')).status).toBe(200);
  });
});

describe('DELETE /sla-configs/:id', () => {
  it('leaves cases their copy, whose clock goes on', async () => {
    const { id, name } = await add();
    const held = await caseWith(id);
    expect((await http.delete(`${path}/${id}`)).status).toBe(204);
    expectProblem(await http.get(`${path}/${id}`), 404, 'SLA_CONFIG_NOT_FOUND');
    expect(await readCase(held.id)).toEqual(held);
    expect(await auditOf(id, 'sla-config.deleted')).toMatchObject([
      { changes: [{ field: 'name', old: name, new: null }] },
    ]);
  });

  const probe = { method: 'delete' as const, path: () => `${path}/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
  outcomes.notFound('delete', (id) => `${path}/${id}`, 'SLA_CONFIG_NOT_FOUND', goneAndForeign);

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    const response = await http.delete(`${path}/${id}`).set('If-Match', '"2"');
    expectProblem(response, 412, 'STALE_VERSION');
  });
});
