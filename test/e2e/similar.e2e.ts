import { similarAlertSchema } from '../../src/alerts/alerts.schema.js';
import type { Alert, SimilarAlert } from '../../src/alerts/alerts.schema.js';
import { similarCaseSchema } from '../../src/cases/cases.schema.js';
import type { SimilarCase } from '../../src/cases/cases.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, addRecords, createTenant, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, other.organizationId);
});

beforeEach(() => {
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

const ip = (data: string, rest: object = {}) => ({ dataType: 'ip', data, ...rest });

/** A value that no other test uses. */
const freshIp = () => `2001:db8::${unique('x').slice(-12).match(/.{4}/g)?.join(':') ?? ''}`;

type Kind = 'alerts' | 'cases';

async function createA(kind: Kind, body: object, agent = http): Promise<Alert> {
  const response = await agent
    .post(`/api/${kind}`)
    .send({ title: unique('Alert'), statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return response.body as Alert;
}

const schemas = { alerts: similarAlertSchema.array(), cases: similarCaseSchema.array() };

type Similar = SimilarAlert | SimilarCase;

async function similarToA(kind: Kind, id: string, agent = http): Promise<Similar[]> {
  const response = await agent.get(`/api/${kind}/${id}/similar`);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches<(typeof schemas)[Kind]>(schemas[kind], response.body);
}

const recordOf = (item: Similar) => ('alert' in item ? item.alert : item.case);
const idsOf = (items: readonly Similar[]) => items.map((item) => recordOf(item).id);

describe.each<Kind>(['alerts', 'cases'])('GET /%s/:id/similar', (kind) => {
  const create = (body: object, agent = http) => createA(kind, body, agent);
  const similarTo = ({ id }: { readonly id: string }, agent = http) => similarToA(kind, id, agent);

  it('lists what shares observables, the most related first, and says why', async () => {
    const [first, second] = [freshIp(), freshIp()];
    const origin = { type: 'edr', source: 'sentinel' };
    const words = unique('beacon').replaceAll(/\d/g, 'x');
    const subject = await create({
      title: `${words} to many hosts`,
      ...origin,
      observables: [ip(first), ip(second)],
    });
    const near = await create({
      title: `${words} to many hosts`,
      ...origin,
      observables: [ip(second.toUpperCase()), ip(first)],
    });
    const far = await create({ title: 'Something else', observables: [ip(first)] });
    const items = await similarTo(subject);
    expect(items.map(recordOf)).toEqual([
      {
        id: near.id,
        tinyId: near.tinyId,
        title: near.title,
        severity: 2,
        statusValue: 'new',
        createdAt: near.createdAt,
      },
      expect.objectContaining({ id: far.id }),
    ]);
    expect(items).toMatchObject([
      {
        score: 86,
        band: 'high',
        signals: { observables: 2, title: 1, source: true, type: true, timeProximityHours: 0 },
      },
      {
        band: 'weak',
        signals: {
          observables: 1,
          title: expect.any(Number) as number,
          source: false,
          type: false,
          timeProximityHours: 0,
        },
      },
    ]);
  });

  it('lists alike titles, whatever their numbers, and no others', async () => {
    const words = unique('impossible travel').replaceAll(/\d/g, 'x');
    const subject = await create({ title: `${words} from 10.0.0.1 for user42` });
    const alike = await create({ title: `${words} from 10.99.0.7 for user7` });
    await create({ title: 'Nothing in common' });
    expect(idsOf(await similarTo(subject))).toEqual([alike.id]);
  });

  it('lists the nearest in time of many, at most fifty', async () => {
    const at = new Date('2026-03-01T08:00:00Z');
    const own = await createTenant(api.db);
    const [subjectId = ''] = await addRecords(api.db, kind, own, 120, at);
    const items = await similarTo({ id: subjectId }, api.http(own.key));
    expect(items).toHaveLength(50);
    expect(new Set(idsOf(items)).size).toBe(50);
    expect(idsOf(items)).not.toContain(subjectId);
  });

  it('leaves out deleted records, and observables that are to be ignored', async () => {
    const [value, ignored] = [freshIp(), freshIp()];
    const subject = await create({
      observables: [ip(value), ip(ignored, { ignoreSimilarity: true })],
    });
    const deleted = await create({ observables: [ip(value)] });
    await create({ observables: [ip(ignored)] });
    await create({ observables: [ip(value, { ignoreSimilarity: true })] });
    expect(idsOf(await similarTo(subject))).toEqual([deleted.id]);
    await http.delete(`/api/${kind}/${deleted.id}`);
    expect(await similarTo(subject)).toEqual([]);
  });

  it('leaves out records and observables above the clearance', async () => {
    const [open, secret] = [freshIp(), freshIp()];
    const subject = await create({ observables: [ip(open), ip(secret, { tlp: 4 })] });
    const red = await create({ tlp: 4, observables: [ip(open)] });
    const bySecret = await create({ observables: [ip(secret)] });
    const secretThere = await create({ observables: [ip(open, { pap: 3 })] });
    expect(idsOf(await similarTo(subject)).sort()).toEqual(
      [red.id, bySecret.id, secretThere.id].sort(),
    );
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 })).key);
    expect(await similarTo(subject, low)).toEqual([]);
  });

  it('never crosses tenants, and shows a guest only what is shared with it', async () => {
    const value = freshIp();
    const organizations = [tenant.organizationId, other.organizationId];
    const subject = await create({ organizations, observables: [ip(value)] });
    const own = await create({ observables: [ip(value)] });
    const shared = await create({ organizations, observables: [ip(value)] });
    const guest = api.http(other.key);
    const foreign = await create({ observables: [ip(value)] }, guest);
    expect(idsOf(await similarTo(subject)).sort()).toEqual([own.id, shared.id].sort());
    expect(idsOf(await similarTo(subject, guest))).toEqual([shared.id]);
    expect(await similarTo(foreign, guest)).toEqual([]);
    expect(idsOf(await similarTo(foreign, api.http(api.adminKey)))).toEqual([]);
  });

  const missing = {
    method: 'get',
    path: () => `/api/${kind}/${MISSING_ID}/similar`,
  } as const;

  outcomes.unauthenticated(missing);
  outcomes.insufficientScope(
    missing,
    `${kind}:read`,
    kind === 'alerts' ? ['alerts:write', 'cases:read'] : ['cases:write', 'alerts:read'],
  );

  it('answers 403 to a record above the clearance', async () => {
    const red = await create({ tlp: 4 });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expectProblem(await low.get(`/api/${kind}/${red.id}/similar`), 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'get',
    (id) => `/api/${kind}/${id}/similar`,
    kind === 'alerts' ? 'ALERT_NOT_FOUND' : 'CASE_NOT_FOUND',
    async () => {
      const deleted = await create({});
      await http.delete(`/api/${kind}/${deleted.id}`);
      return [deleted.id, (await create({}, api.http(other.key))).id];
    },
  );
});

describe('GET /alerts/:id/similar', () => {
  it('shows the case of a related alert where the caller may see it', async () => {
    const value = freshIp();
    const subject = await createA('alerts', { observables: [ip(value)] });
    const related = await createA('alerts', { observables: [ip(value)] });
    const promoted = await http.post('/api/alerts/create-case').send({
      title: 'The case',
      statusValue: 'new',
      severity: 2,
      tlp: 4,
      alertIds: [related.id],
    });
    const { caseId } = promoted.body as { caseId: string };
    const [item] = (await similarToA('alerts', subject.id)) as SimilarAlert[];
    expect(item?.case).toMatchObject({ id: caseId, title: 'The case', statusValue: 'new' });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect(((await similarToA('alerts', subject.id, low)) as SimilarAlert[])[0]?.case).toBeNull();
  });
});

describe('GET /cases/:id/similar', () => {
  it('finds cases that share what many newer alerts hold as well', async () => {
    const value = freshIp();
    const subject = await createA('cases', { observables: [ip(value)] });
    const related = await createA('cases', { observables: [ip(value)] });
    const alerts = Array.from({ length: 250 }, () => ({
      title: unique('Alert'),
      statusValue: 'new',
      severity: 1,
      observables: [ip(value)],
    }));
    const stored = await http.post('/api/alerts/bulk').send({ alerts });
    expect(stored.body).toMatchObject({ createdCount: 250 });
    expect(idsOf(await similarToA('cases', subject.id))).toEqual([related.id]);
  });
});
