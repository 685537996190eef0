import type { Activity } from '../../src/activities/activities.schema.js';
import { caseLinkSchema } from '../../src/case-links/case-links.schema.js';
import type { CaseLink } from '../../src/case-links/case-links.schema.js';
import type { CaseDetail } from '../../src/cases/cases.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, fingerprint, linkOrganizations, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
/** Linked with the tenant. */
let guest: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  other = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

async function newCase(body: object = {}, agent = http): Promise<CaseDetail> {
  const response = await agent
    .post('/api/cases')
    .send({ title: unique('Case'), statusValue: 'new', severity: 2, ...body });
  expect(response.status).toBe(200);
  return response.body as CaseDetail;
}

const post = (id: string, body: object, agent = http) =>
  agent.post(`/api/cases/${id}/links`).send(body);

async function link(id: string, caseId: string, agent = http): Promise<CaseLink> {
  const response = await post(id, { caseId }, agent);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(caseLinkSchema, response.body);
}

async function linksOf(id: string, agent = http): Promise<CaseLink[]> {
  const response = await agent.get(`/api/cases/${id}/links`);
  expect(response.status).toBe(200);
  return expectMatches(caseLinkSchema.array(), response.body);
}

const idsOf = async (id: string, agent = http) =>
  (await linksOf(id, agent)).map(({ caseId }) => caseId);

/** Shared with the guest. */
const shared = () => ({ organizations: [tenant.organizationId, guest.organizationId] });

async function newestOf(id: string): Promise<Activity | undefined> {
  return ((await http.get(`/api/cases/${id}/activities`)).body as Activity[])[0];
}

describe('POST /cases/:id/links', () => {
  it('links two cases both ways, with history and audit of both', async () => {
    const [a, b] = [await newCase(), await newCase({ statusValue: 'resolved' })];
    const response = await post(a.id, { caseId: b.id, kind: 'same campaign' });
    expect(response.status).toBe(201);
    const created = expectMatches(caseLinkSchema, response.body);
    expect(created).toMatchObject({
      caseId: b.id,
      tinyId: b.tinyId,
      title: b.title,
      statusValue: 'resolved',
      kind: 'same campaign',
    });
    expect(response.headers.location).toBe(`/api/cases/${a.id}/links/${b.id}`);
    expect((await http.get(response.headers.location ?? '')).body).toEqual(created);
    expect(await linksOf(a.id)).toEqual([created]);
    const { tinyId, title } = a;
    expect(await linksOf(b.id)).toEqual([
      { ...created, caseId: a.id, tinyId, title, statusValue: 'new' },
    ]);
    for (const [own, far] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(await newestOf(own.id)).toMatchObject({
        action: 'added',
        fieldName: 'links',
        newValue: { id: far.id, tinyId: far.tinyId, kind: 'same campaign' },
      });
      const audit = await api.db.row(
        "SELECT changes FROM audit_entries WHERE action = 'case.linked' AND target_id = $1",
        [own.id],
      );
      expect(audit.changes).toMatchObject([{ field: 'links', new: { id: far.id } }]);
    }
  });

  it('is `related` where no kind is said, and takes the id as an object', async () => {
    const [a, b] = [await newCase(), await newCase()];
    const response = await post(a.id, { caseId: { id: b.id.toUpperCase() } });
    expect(response.body).toMatchObject({ caseId: b.id, kind: 'related' });
  });

  it('leaves the version of both, whose answers show no links', async () => {
    const [a, b] = [await newCase(), await newCase()];
    await link(a.id, b.id);
    for (const { id } of [a, b])
      expect((await http.get(`/api/cases/${id}`)).body).toMatchObject({ version: 1 });
  });

  it('answers 200 with the link that is there, from either end, and changes nothing', async () => {
    const [a, b] = [await newCase(), await newCase()];
    const first = await link(a.id, b.id);
    const before = await fingerprint(api.db);
    const again = await post(a.id, { caseId: b.id, kind: 'another' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first);
    expect(again.headers).not.toHaveProperty('location');
    expect((await post(b.id, { caseId: a.id })).status).toBe(200);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('makes one link of fifty at once from both ends', async () => {
    const [a, b] = [await newCase(), await newCase()];
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        index % 2 === 0 ? post(a.id, { caseId: b.id }) : post(b.id, { caseId: a.id }),
      ),
    );
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([...Array<number>(49).fill(200), 201]);
    expect(await idsOf(a.id)).toEqual([b.id]);
    expect(await idsOf(b.id)).toEqual([a.id]);
  });

  it('links no case that goes at the same time', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = [await newCase(), await newCase()];
      const [linked, deleted] = await Promise.all([
        post(a.id, { caseId: b.id }),
        http.delete(`/api/cases/${b.id}`),
      ]);
      expect(deleted.status).toBe(204);
      expect([201, 400]).toContain(linked.status);
      expect(await idsOf(a.id)).toEqual([]);
    }
  });

  it.each([
    ['no case', {}, 'caseId'],
    ['a case that is no id', { caseId: 'x' }, 'caseId'],
    ['an empty kind', { caseId: MISSING_ID, kind: '' }, 'kind'],
    ['a blank kind', { caseId: MISSING_ID, kind: '  ' }, 'kind'],
    ['a kind of 65 characters', { caseId: MISSING_ID, kind: 'x'.repeat(65) }, 'kind'],
    ['an unknown key', { caseId: MISSING_ID, note: 'x' }, 'note'],
  ])('answers 400 to %s', async (_what, body, path) => {
    expectInvalid(await post((await newCase()).id, body), [path]);
  });

  it('answers 400 to the case itself', async () => {
    const { id } = await newCase();
    expectInvalid(await post(id, { caseId: id }), ['caseId']);
  });

  it('answers 400 alike to a case that is missing, deleted or foreign', async () => {
    const { id } = await newCase();
    const deleted = await newCase();
    await http.delete(`/api/cases/${deleted.id}`);
    const foreign = await newCase({}, api.http(other.key));
    const answers = new Set<string>();
    const before = await fingerprint(api.db);
    for (const caseId of [MISSING_ID, deleted.id, foreign.id]) {
      const response = await post(id, { caseId }).set('X-Request-Id', 'same');
      expectInvalid(response, ['caseId'], 'REFERENCE_NOT_FOUND');
      answers.add(response.text);
    }
    expect(answers.size).toBe(1);
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = {
    method: 'post',
    path: () => `/api/cases/${MISSING_ID}/links`,
    body: { caseId: MISSING_ID },
  } as const;

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);

  it('answers 403 when either case is above the clearance', async () => {
    const [low, red] = [await newCase(), await newCase({ tlp: 4 })];
    const agent = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expectProblem(await post(low.id, { caseId: red.id }, agent), 403, 'CLEARANCE_TLP');
    expectProblem(await post(red.id, { caseId: low.id }, agent), 403, 'CLEARANCE_TLP');
    expect(await linksOf(low.id)).toEqual([]);
  });

  outcomes.notFound(
    'post',
    (id) => `/api/cases/${id}/links`,
    'CASE_NOT_FOUND',
    async () => {
      const deleted = await newCase();
      await http.delete(`/api/cases/${deleted.id}`);
      return [deleted.id, (await newCase({}, api.http(other.key))).id];
    },
    { caseId: MISSING_ID },
  );
});

describe('GET /cases/:id/links', () => {
  it('pages through all, newest first, and counts', async () => {
    const { id } = await newCase();
    const wanted: string[] = [];
    for (let index = 0; index < 5; index++) {
      const { id: caseId } = await newCase();
      await link(id, caseId);
      wanted.unshift(caseId);
    }
    const all = await readAll<CaseLink>(http, `/api/cases/${id}/links?limit=2`);
    expect(all.map(({ caseId }) => caseId)).toEqual(wanted);
    const counted = await http.get(`/api/cases/${id}/links?limit=1&count=true`);
    expect(counted.headers['x-total-count']).toBe('5');
  });

  it('leaves out deleted cases, and cases above the clearance', async () => {
    const [own, open, red, deleted] = [
      await newCase(),
      await newCase(),
      await newCase({ tlp: 4 }),
      await newCase(),
    ];
    for (const { id } of [open, red, deleted]) await link(own.id, id);
    await http.delete(`/api/cases/${deleted.id}`);
    expect(await idsOf(own.id)).toEqual([red.id, open.id]);
    expect(await newestOf(own.id)).toMatchObject({
      action: 'removed',
      fieldName: 'links',
      oldValue: { id: deleted.id, tinyId: deleted.tinyId },
    });
    const audited = await api.db.row(
      `SELECT organization_id AS owner, changes FROM audit_entries WHERE action = 'case.unlinked' AND target_id = $1`,
      [own.id],
    );
    const old = { id: deleted.id, tinyId: deleted.tinyId, kind: 'related' };
    expect(audited).toEqual({
      owner: tenant.organizationId,
      changes: [{ field: 'links', old, new: null }],
    });
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 2 })).key);
    expect(await idsOf(own.id, low)).toEqual([open.id]);
    const history = (await low.get(`/api/cases/${own.id}/activities`)).text;
    expect(history).not.toContain(red.id);
    expectProblem(await low.get(`/api/cases/${own.id}/links/${red.id}`), 403, 'CLEARANCE_TLP');
  });

  it('shows a guest, and the owner, only what they may see', async () => {
    const agent = api.http(guest.key);
    const [open, hidden] = [await newCase(shared()), await newCase()];
    const [also, own] = [await newCase(shared()), await newCase({}, agent)];
    await link(open.id, hidden.id);
    await link(open.id, also.id, agent);
    await link(open.id, own.id, agent);
    expect(await idsOf(open.id, agent)).toEqual([own.id, also.id]);
    expect(await idsOf(open.id)).toEqual([also.id, hidden.id]);
    expect(await idsOf(own.id, agent)).toEqual([open.id]);
  });

  outcomes.insufficientScope(
    { method: 'get', path: () => `/api/cases/${MISSING_ID}/links` },
    'cases:read',
    ['cases:write', 'alerts:read'],
  );
});

describe('DELETE /cases/:id/links/:otherCaseId', () => {
  const unlink = (id: string, otherCaseId: string, agent = http) =>
    agent.delete(`/api/cases/${id}/links/${otherCaseId}`);

  it('takes the link off both, from either end, with history and audit', async () => {
    const [a, b] = [await newCase(), await newCase()];
    await link(a.id, b.id);
    const response = await unlink(b.id, a.id);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    for (const [own, far] of [
      [a, b],
      [b, a],
    ] as const) {
      expect(await linksOf(own.id)).toEqual([]);
      expect(await newestOf(own.id)).toMatchObject({
        action: 'removed',
        fieldName: 'links',
        oldValue: { id: far.id, tinyId: far.tinyId, kind: 'related' },
      });
    }
    const audit = await api.db.rows(
      "SELECT target_id FROM audit_entries WHERE action = 'case.unlinked' AND target_id = ANY($1)",
      [[a.id, b.id]],
    );
    expect(audit).toHaveLength(2);
    await link(a.id, b.id);
  });

  it('lets the owner of either, and answers 403 to a guest of both', async () => {
    const agent = api.http(guest.key);
    const [a, b] = [await newCase(shared()), await newCase(shared())];
    const own = await newCase({}, agent);
    await link(a.id, b.id);
    await link(a.id, own.id, agent);
    expectProblem(await unlink(a.id, b.id, agent), 403, 'OWNER_ONLY');
    expect((await unlink(a.id, own.id, agent)).status).toBe(204);
    expect(await idsOf(a.id, agent)).toEqual([b.id]);
  });

  it('answers 404 alike to cases that are not linked, missing, deleted or foreign', async () => {
    const { id } = await newCase();
    const unlinked = await newCase();
    const deleted = await newCase();
    await link(id, deleted.id);
    await http.delete(`/api/cases/${deleted.id}`);
    const foreign = await newCase({}, api.http(other.key));
    for (const otherId of [MISSING_ID, unlinked.id, deleted.id, foreign.id]) {
      expectProblem(await unlink(id, otherId), 404, 'CASE_NOT_FOUND');
      expectProblem(await unlink(otherId, id), 404, 'CASE_NOT_FOUND');
      expectProblem(await http.get(`/api/cases/${id}/links/${otherId}`), 404, 'CASE_NOT_FOUND');
    }
  });

  it('is done once by fifty at once', async () => {
    const [a, b] = [await newCase(), await newCase()];
    await link(a.id, b.id);
    const answers = await Promise.all(Array.from({ length: 50 }, () => unlink(a.id, b.id)));
    const statuses = answers.map(({ status }) => status).sort();
    expect(statuses).toEqual([204, ...Array<number>(49).fill(404)]);
  });
});
