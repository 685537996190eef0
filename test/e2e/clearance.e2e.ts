import type { Alert } from '../../src/alerts/alerts.schema.js';
import type { CaseDetail, ListedCase } from '../../src/cases/cases.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, addPerson, createTenant } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';
import { readAll } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
/** Cleared for everything. */
let full: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  full = api.http(tenant.key);
});

afterAll(() => api.close());

/** A key of the tenant that is cleared up to these marks. */
async function cleared(tlpMax: number, papMax = 4, owner = tenant): Promise<Agent> {
  return api.http((await addKey(api.db, owner, { tlpMax, papMax })).key);
}

const KINDS = [
  { kind: 'alert', path: '/api/alerts' },
  { kind: 'case', path: '/api/cases' },
] as const;

const BODY = { title: 'Marked', statusValue: 'new', severity: 2 };
const LEVELS = [0, 1, 2, 3, 4];

async function create(path: string, body: object, agent = full): Promise<Alert> {
  const response = await agent.post(path).send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as Alert;
}

const idsOf = async (agent: Agent, path: string) =>
  (await readAll<{ id: string }>(agent, path)).map(({ id }) => id);

describe.each(KINDS)('the marking of a $kind', ({ path }) => {
  it.each([
    { mark: 'tlp', max: 0, code: 'CLEARANCE_TLP' },
    { mark: 'tlp', max: 1, code: 'CLEARANCE_TLP' },
    { mark: 'tlp', max: 2, code: 'CLEARANCE_TLP' },
    { mark: 'tlp', max: 3, code: 'CLEARANCE_TLP' },
    { mark: 'tlp', max: 4, code: 'CLEARANCE_TLP' },
    { mark: 'pap', max: 0, code: 'CLEARANCE_PAP' },
    { mark: 'pap', max: 1, code: 'CLEARANCE_PAP' },
    { mark: 'pap', max: 2, code: 'CLEARANCE_PAP' },
    { mark: 'pap', max: 3, code: 'CLEARANCE_PAP' },
    { mark: 'pap', max: 4, code: 'CLEARANCE_PAP' },
  ] as const)('hides what is above $mark $max, and nothing else', async ({ mark, max, code }) => {
    const fresh = await createTenant(api.db);
    const all = api.http(fresh.key);
    const agent = await cleared(mark === 'tlp' ? max : 4, mark === 'pap' ? max : 4, fresh);
    const records = new Map<number, Alert>();
    for (const level of LEVELS)
      records.set(
        level,
        await create(path, { [mark]: level, [mark === 'tlp' ? 'pap' : 'tlp']: 0 }, all),
      );
    // PAP 4 is enforced as RED.
    const isVisible = (level: number) =>
      level <= max || (mark === 'pap' && level === 4 && max === 3);

    const visible = LEVELS.filter(isVisible).map((level) => records.get(level)?.id);
    expect(await idsOf(agent, `${path}?sort=createdAt&limit=2`)).toEqual(visible);
    const counted = await agent.get(`${path}?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe(String(visible.length));

    for (const level of LEVELS) {
      const at = `${path}/${records.get(level)?.id ?? ''}`;
      const requests = [
        () => agent.get(at),
        () => agent.patch(at).send({ title: 'changed' }),
        () => agent.get(`${at}/observables`),
        () =>
          agent
            .post(`${at}/observables`)
            .send({ dataType: 'ip', data: '10.0.0.1', tlp: 0, pap: 0 }),
        () => agent.delete(at),
      ];
      for (const request of requests) {
        const response = await request();
        if (isVisible(level)) expect(response.status).toBeLessThan(300);
        else expectProblem(response, 403, code);
      }
      if (!isVisible(level)) {
        const untouched = (await all.get(at)).body as Alert;
        expect(untouched).toMatchObject({ title: 'Marked', version: 1, observables: [] });
      }
    }
  });

  it('cannot be set above the own clearance, at creation or later', async () => {
    const agent = await cleared(2, 1);
    const count = `SELECT count(*)::int AS n FROM ${path.slice(5)} WHERE organization_id = $1`;
    const before = await api.db.row(count, [tenant.organizationId]);
    for (const [marks, code] of [
      [{ tlp: 3, pap: 1 }, 'CLEARANCE_TLP'],
      [{ tlp: 2, pap: 2 }, 'CLEARANCE_PAP'],
      [{ tlp: 4, pap: 4 }, 'CLEARANCE_TLP'],
      [{ pap: 4 }, 'CLEARANCE_PAP'],
      [{ pap: 1, observables: [{ dataType: 'ip', data: 'x', tlp: 3, pap: 1 }] }, 'CLEARANCE_TLP'],
      [{ pap: 1, observables: [{ dataType: 'ip', data: 'x', pap: 2 }] }, 'CLEARANCE_PAP'],
    ] as const)
      expectProblem(await agent.post(path).send({ ...BODY, ...marks }), 403, code);
    expect(await api.db.row(count, [tenant.organizationId])).toEqual(before);

    const { id } = await create(path, { tlp: 1, pap: 1 }, agent);
    for (const [body, code] of [
      [{ tlp: 3 }, 'CLEARANCE_TLP'],
      [{ fields: { pap: 2 } }, 'CLEARANCE_PAP'],
    ] as const)
      expectProblem(await agent.patch(`${path}/${id}`).send(body), 403, code);
    expect((await full.get(`${path}/${id}`)).body).toMatchObject({ tlp: 1, pap: 1, version: 1 });
    expect((await agent.patch(`${path}/${id}`).send({ tlp: 2 })).status).toBe(200);
  });

  it('takes the record out of reach as soon as it is raised', async () => {
    const agent = await cleared(2);
    const { id } = await create(path, { tlp: 2 });
    expect((await agent.get(`${path}/${id}`)).status).toBe(200);
    await full.patch(`${path}/${id}`).send({ tlp: 3 });
    expectProblem(await agent.get(`${path}/${id}`), 403, 'CLEARANCE_TLP');
    expect(await idsOf(agent, path)).not.toContain(id);
  });

  it('is refused with an audit entry that names route and code', async () => {
    const { id } = await create(path, { tlp: 4 });
    const { key, id: credential } = await addKey(api.db, tenant, { tlpMax: 1 });
    await api.http(key).get(`${path}/${id}`);
    const entry = await api.db.row(
      "SELECT changes FROM audit_entries WHERE credential_id = $1 AND action = 'request.refused'",
      [credential],
    );
    expect(JSON.stringify(entry.changes)).toContain('CLEARANCE_TLP');
    expect(JSON.stringify(entry.changes)).toContain(id);
  });

  it('binds a key no less than its owner', async () => {
    const person = await addPerson(api.db, tenant.organizationId, { tlpMax: 1, papMax: 4 });
    const { key } = await addKey(api.db, { ...person, organizationId: tenant.organizationId });
    const { id } = await create(path, { tlp: 2 });
    expectProblem(await api.http(key).get(`${path}/${id}`), 403, 'CLEARANCE_TLP');
    expect(await idsOf(api.http(key), path)).not.toContain(id);
  });

  it('is nothing that another tenant learns of: its ids stay 404', async () => {
    const other = await createTenant(api.db, { key: { tlpMax: 0, papMax: 0 } });
    const { id } = await create(path, { tlp: 4, pap: 4 });
    expect((await api.http(other.key).get(`${path}/${id}`)).status).toBe(404);
    expect((await api.http(other.key).patch(`${path}/${id}`).send({ tlp: 4 })).status).toBe(404);
  });
});

describe.each(KINDS)('an observable above clearance in a $kind', ({ kind, path }) => {
  const secret = { dataType: 'domain', data: 'secret.example', tlp: 4, message: 'from a source' };
  const plain = { dataType: 'domain', data: 'plain.example', tlp: 1 };

  it('is in no read, count or list of the record', async () => {
    const agent = await cleared(2);
    const { id } = await create(path, { tlp: 1, observables: [secret, plain] });
    const seen = (await agent.get(`${path}/${id}`)).body as Alert;
    expect(seen.observables.map(({ data }) => data)).toEqual(['plain.example']);
    const listed = (await readAll<Alert>(agent, path)).find((item) => item.id === id);
    expect(listed?.observableCount).toBe(1);
    const below = await agent.get(`${path}/${id}/observables?count=true`);
    expect((below.body as Observable[]).map(({ data }) => data)).toEqual(['plain.example']);
    expect(below.headers['x-total-count']).toBe('1');
    const wide = await readAll<Observable>(agent, '/api/observables');
    expect(wide.map(({ data }) => data)).not.toContain('secret.example');
    const whole = (await full.get(`${path}/${id}`)).body as Alert;
    expect(whole.observables).toHaveLength(2);
    const hidden = whole.observables.find(({ data }) => data === 'secret.example');
    const direct = await agent.get(`/api/observables/${hidden?.id ?? ''}`);
    expectProblem(direct, 403, 'CLEARANCE_TLP');
  });

  it('is not revealed by an update of the record', async () => {
    const agent = await cleared(2);
    const { id } = await create(path, { tlp: 1, observables: [secret] });
    const updated = await agent.patch(`${path}/${id}`).send({ title: 'x' });
    expect(updated.status).toBe(200);
    expect(updated.text).not.toContain('secret.example');
  });

  it('is not revealed by adding an equal one', async () => {
    const agent = await cleared(2);
    const { id } = await create(path, { tlp: 1, observables: [secret] });
    const value = { dataType: 'domain', data: 'SECRET.example', tlp: 1 };
    for (const response of [
      await agent.post(`${path}/${id}/observables`).send(value),
      await agent.post('/api/observables').send({ [`${kind}Id`]: id, ...value }),
    ]) {
      expect(response.text).not.toContain('from a source');
      expectProblem(response, 403, 'CLEARANCE_TLP');
    }
  });

  it('cannot be added', async () => {
    const agent = await cleared(2, 2);
    const { id } = await create(path, { tlp: 1, pap: 1 });
    for (const [marks, code] of [
      [{ tlp: 3 }, 'CLEARANCE_TLP'],
      [{ pap: 3 }, 'CLEARANCE_PAP'],
      [{ pap: 4 }, 'CLEARANCE_PAP'],
    ] as const) {
      const body = { dataType: 'ip', data: '10.0.0.1', ...marks };
      expectProblem(await agent.post(`${path}/${id}/observables`).send(body), 403, code);
      const named = await agent.post('/api/observables').send({ [`${kind}Id`]: id, ...body });
      expectProblem(named, 403, code);
    }
    expect((await full.get(`${path}/${id}/observables`)).body).toEqual([]);
  });

  it('is as restricted as its parent', async () => {
    const agent = await cleared(2);
    const { id } = await create(path, { tlp: 4, observables: [{ ...plain, tlp: 0, pap: 0 }] });
    const [child] = ((await full.get(`${path}/${id}`)).body as Alert).observables;
    expectProblem(await agent.get(`/api/observables/${child?.id ?? ''}`), 403, 'CLEARANCE_TLP');
    expect(await idsOf(agent, '/api/observables')).not.toContain(child?.id);
    expect((await agent.get(`/api/observables?${kind}Id=${id}&count=true`)).body).toEqual([]);
    const value = { [`${kind}Id`]: id, dataType: 'ip', data: '10.0.0.1', tlp: 0, pap: 0 };
    expectProblem(await agent.post('/api/observables').send(value), 403, 'CLEARANCE_TLP');
  });
});

describe('a record above clearance inside another', () => {
  it('is not shown: the case of an alert, the alerts of a case', async () => {
    const agent = await cleared(2);
    const lowAlert = await create('/api/alerts', { tlp: 1 });
    const highAlert = await create('/api/alerts', { tlp: 4 });
    const lowCase = await create('/api/cases', { tlp: 1 });
    const highCase = await create('/api/cases', { tlp: 4, title: 'Top secret' });
    const link = (alert: string, to: string) =>
      api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [alert, to]);

    await link(lowAlert.id, highCase.id);
    const alert = await agent.get(`/api/alerts/${lowAlert.id}`);
    expect((alert.body as Alert).case).toBeNull();
    expect((await agent.get('/api/alerts?limit=1000')).text).not.toContain('Top secret');

    await link(lowAlert.id, lowCase.id);
    await link(highAlert.id, lowCase.id);
    const detail = (await agent.get(`/api/cases/${lowCase.id}`)).body as CaseDetail;
    expect(detail.alerts.map(({ id }) => id)).toEqual([lowAlert.id]);
    const listed = (await readAll<ListedCase>(agent, '/api/cases')).find(
      ({ id }) => id === lowCase.id,
    );
    expect(listed?.alertCount).toBe(1);
  });
});
