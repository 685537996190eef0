import { z } from 'zod';
import { caseTemplateSchema } from '../../src/case-templates/case-templates.schema.js';
import type { CaseTemplate } from '../../src/case-templates/case-templates.schema.js';
import type { CaseDetail } from '../../src/cases/cases.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import {
  addCaseTemplate,
  addKey,
  addSlaConfig,
  addTag,
  addTeam,
  createTenant,
  fingerprint,
  unique,
} from '../factories.js';
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

const path = '/api/case-templates';
const OTHER_SCOPES = [...READ_SCOPES, ...NO_READ_SCOPES];
const outcomes = outcomesOf(() => ({ api, tenant }));

async function add(body: object = {}, agent = http): Promise<CaseTemplate> {
  const response = await agent.post(path).send({ name: unique('Template'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(caseTemplateSchema, response.body);
}

/** A case as it is then read. */
async function open(body: object, agent = http): Promise<CaseDetail> {
  const sent = { title: 'Opened', statusValue: 'new', ...body };
  const response = await agent.post('/api/cases').send(sent);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return read((response.body as { id: string }).id, agent);
}

async function read(id: string, agent = http): Promise<CaseDetail> {
  const response = await agent.get(`/api/cases/${id}`);
  expect(response.status).toBe(200);
  return response.body as CaseDetail;
}

function auditOf(id: string) {
  return api.db.rows(
    'SELECT action, changes FROM audit_entries WHERE target_id = $1 ORDER BY at, id',
    [id],
  );
}

/** A missing, a deleted and a foreign template. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await http.delete(`${path}/${id}`)).status).toBe(204);
  return [id, await addCaseTemplate(api.db, other.organizationId)];
}

/** A template that says everything. */
async function full() {
  const team = await addTeam(api.db, tenant.organizationId);
  const tag = await addTag(api.db, tenant.organizationId);
  const body = {
    name: unique('Phishing'),
    titlePrefix: '[Phishing] ',
    description: 'What to do',
    severity: 3,
    tlp: 3,
    pap: 1,
    tags: [tag.id, unique('written')],
    customFields: { unit: 'SOC', level: 2 },
    teams: [team.id],
    tasks: [
      { title: 'First', description: 'At once', mandatory: true, dueInHours: 1.5 },
      { title: 'Second' },
    ],
  };
  return { team, tag, body, template: await add(body) };
}

describe('GET /case-templates', () => {
  it('lists the templates of the tenant, newest first, by pages and by the beginning of the name', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    for (const name of ['Malware', 'Phishing', 'phish 2']) await add({ name }, agent);
    const names = async (query: string) => {
      const listed = await readAll<CaseTemplate>(agent, `${path}?${query}`);
      return expectMatches(z.array(caseTemplateSchema), listed).map(({ name }) => name);
    };
    expect(await names('limit=2')).toEqual(['phish 2', 'Phishing', 'Malware']);
    expect(await names('sort=createdAt')).toEqual(['Malware', 'Phishing', 'phish 2']);
    expect(await names('q=PHISH')).toEqual(['phish 2', 'Phishing']);
    const counted = await agent.get(`${path}?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe('3');
  });

  it.each(['limit=0', 'sort=name', 'name=x', 'cursor=x'])('answers 400 to ?%s', async (query) => {
    const { status } = await http.get(`${path}?${query}`);
    expect(status).toBe(400);
  });

  outcomes.anyReadScope(() => path);
  outcomes.unauthenticated({ method: 'get', path: () => path });
});

describe('GET /case-templates/:id', () => {
  it('answers what the Location of a new one names, with its ETag', async () => {
    const created = await http.post(path).send({ name: unique('Located') });
    const { location } = created.headers as { location: string };
    const found = await http.get(location);
    expect(found.body).toEqual(created.body);
    expect(found.headers.etag).toBe('"1"');
  });

  outcomes.anyReadScope(async () => `${path}/${(await add()).id}`);
  outcomes.notFound('get', (id) => `${path}/${id}`, 'CASE_TEMPLATE_NOT_FOUND', goneAndForeign);
});

describe('POST /case-templates', () => {
  it('keeps all that it says, with an audit entry', async () => {
    const { template, body, tag, team } = await full();
    expect(template).toMatchObject({
      ...body,
      tags: [{ id: tag.id }, { name: body.tags[1] }],
      teams: [{ id: team.id }],
      tasks: [
        body.tasks[0],
        { title: 'Second', description: '', mandatory: false, dueInHours: null },
      ],
    });
    expect(await auditOf(template.id)).toEqual([
      {
        action: 'case-template.created',
        changes: [{ field: 'name', old: null, new: body.name }],
      },
    ]);
  });

  it.each([
    [{}, 'name'],
    [{ name: ' ' }, 'name'],
    [{ severity: 5 }, 'severity'],
    [{ tlp: -1 }, 'tlp'],
    [{ titlePrefix: 'x'.repeat(129) }, 'titlePrefix'],
    [{ tasks: [{ title: '' }] }, 'tasks[0].title'],
    [{ tasks: [{ title: 'x', dueInHours: 0 }] }, 'tasks[0].dueInHours'],
    [{ tasks: [{ title: 'x', status: 'open' }] }, 'tasks[0].status'],

    [{ customFields: [] }, 'customFields'],
    [{ organizationId: MISSING_ID }, 'organizationId'],
    [{ id: MISSING_ID }, 'id'],
  ])('answers 400 to %j', async (body, at) => {
    const before = await fingerprint(api.db);
    const sent = 'name' in body || at === 'name' ? body : { name: unique('Bad'), ...body };
    expectInvalid(await http.post(path).send(sent), [at]);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 400 to references that are missing or foreign, alike, and keeps nothing', async () => {
    const sla = await addSlaConfig(api.db, other.organizationId);
    const tag = await addTag(api.db, other.organizationId);
    const team = await addTeam(api.db, other.organizationId);
    const before = await fingerprint(api.db);
    for (const [tags, teams, slaConfigId] of [
      [[tag.id], [team.id], sla],
      [[2_000_000_000], [MISSING_ID], MISSING_ID],
    ]) {
      const name = unique('Refers');
      const response = await http.post(path).send({ name, tags, teams, slaConfigId });
      const { errors } = expectProblem(response, 400, 'REFERENCE_NOT_FOUND');
      expect(errors?.map((error) => error.path)).toEqual(['teams[0]', 'tags[0]', 'slaConfigId']);
    }
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('lets one of twenty at once have a name in any case, and tells the others which', async () => {
    const name = unique('Race');
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        http.post(path).send({ name: index % 2 === 0 ? name : name.toUpperCase() }),
      ),
    );
    const won = answers.filter(({ status }) => status === 201);
    expect(won).toHaveLength(1);
    const { id } = won[0]?.body as CaseTemplate;
    for (const lost of answers.filter(({ status }) => status !== 201)) {
      expect(expectProblem(lost, 409, 'CONFLICT').conflictingId).toBe(id);
    }
  });

  outcomes.insufficientScope(
    { method: 'post', path: () => path, body: { name: 'x' } },
    'admin:*',
    OTHER_SCOPES,
  );
});

describe('PATCH /case-templates/:id', () => {
  it('changes what it names, replaces lists as a whole, and says so in the audit', async () => {
    const { template } = await full();
    const body = {
      severity: null,
      tags: [],
      teams: [],
      customFields: {},
      tasks: [{ title: 'One' }],
    };
    const response = await http.patch(`${path}/${template.id}`).send(body);
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({
      ...body,
      name: template.name,
      titlePrefix: template.titlePrefix,
      tasks: [{ title: 'One', description: '', mandatory: false, dueInHours: null }],
      version: 2,
    });
    const [, entry] = await auditOf(template.id);
    expect(entry).toMatchObject({ action: 'case-template.updated' });
    expect((entry as { changes: { field: string }[] }).changes.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['severity', 'tags', 'teams', 'tasks', 'customFields.unit']),
    );
  });

  it('leaves the version when nothing changes', async () => {
    const { template, body } = await full();
    const { titlePrefix, tasks } = body;
    const response = await http.patch(`${path}/${template.id}`).send({ titlePrefix, tasks });
    expect(response.body).toEqual(template);
  });

  it('leaves cases that were made from it as they are', async () => {
    const { template } = await full();
    const made = await open({ templateId: template.id });
    await http.patch(`${path}/${template.id}`).send({ titlePrefix: 'Changed ', tasks: [] });
    expect(await read(made.id)).toMatchObject({ title: made.title, tasks: made.tasks });
  });

  it('answers 409 naming the template that has the name, 412 to a stale If-Match', async () => {
    const { id, name } = await add();
    const mine = await add();
    const taken = await http.patch(`${path}/${mine.id}`).send({ name: name.toUpperCase() });
    expect(expectProblem(taken, 409, 'CONFLICT').conflictingId).toBe(id);
    const stale = http.patch(`${path}/${mine.id}`).set('If-Match', '"7"').send({ tlp: 1 });
    expectProblem(await stale, 412, 'STALE_VERSION');
  });

  outcomes.notFound('patch', (id) => `${path}/${id}`, 'CASE_TEMPLATE_NOT_FOUND', goneAndForeign, {
    tlp: 1,
  });
});

describe('DELETE /case-templates/:id', () => {
  it('deletes it with an audit entry; the name is free again and its cases stay', async () => {
    const { template } = await full();
    const made = await open({ templateId: template.id });
    expect((await http.delete(`${path}/${template.id}`)).status).toBe(204);
    expect((await http.get(`${path}/${template.id}`)).status).toBe(404);
    expect(await read(made.id)).toEqual(made);
    await add({ name: template.name });
    expect(await auditOf(template.id)).toContainEqual({
      action: 'case-template.deleted',
      changes: [{ field: 'name', old: template.name, new: null }],
    });
  });

  outcomes.notFound('delete', (id) => `${path}/${id}`, 'CASE_TEMPLATE_NOT_FOUND', goneAndForeign);
});

describe('POST /cases with a templateId', () => {
  it('begins with all that the template says', async () => {
    const { template, tag, team, body } = await full();
    const before = Date.now();
    const made = await open({ title: 'Invoice', templateId: { id: template.id } });
    expect(made).toMatchObject({
      title: '[Phishing] Invoice',
      description: 'What to do',
      severity: 3,
      tlp: 3,
      pap: 1,
      customFields: { unit: 'SOC', level: 2 },
      teams: [{ id: team.id }],
    });
    expect(made.tags.map(({ name }) => name).sort()).toEqual([tag.name, body.tags[1]].sort());
    expect(made.tasks).toMatchObject([
      { title: 'First', description: 'At once', mandatory: true, order: 0, tlp: 3, status: 'open' },
      { title: 'Second', mandatory: false, order: 1, dueDate: null },
    ]);
    const dueMs = Date.parse(made.tasks[0]?.dueDate ?? '') - before;
    expect(dueMs).toBeGreaterThanOrEqual(1.5 * 3_600_000 - 1);
    expect(dueMs).toBeLessThan(1.5 * 3_600_000 + 60_000);
    const entries = await auditOf(made.id);
    expect(entries[0]).toMatchObject({
      action: 'case.created',
      changes: [{ field: 'templateId', old: null, new: template.id }],
    });
  });

  it('is overruled by what the body says; tags, teams and tasks are united', async () => {
    const { template } = await full();
    const made = await open({
      templateId: template.id,
      description: 'Mine',
      severity: 1,
      tlp: 0,
      pap: 0,
      tags: ['mine'],
      customFields: { level: 9, own: true },
      tasks: [{ title: 'Mine' }],
      createdAt: '2026-01-01T00:00:00.000Z',
    });
    expect(made).toMatchObject({
      description: 'Mine',
      severity: 1,
      tlp: 0,
      pap: 0,
      customFields: { unit: 'SOC', level: 9, own: true },
    });
    expect(made.tags).toHaveLength(3);
    expect(made.tasks.map(({ title }) => title)).toEqual(['First', 'Second', 'Mine']);
    expect(made.tasks[0]?.dueDate).toBe('2026-01-01T01:30:00.000Z');
  });

  it('gives the case the SLA it names, unless the body says of one', async () => {
    const slaConfigId = await addSlaConfig(api.db, tenant.organizationId);
    const template = await add({ severity: 2, slaConfigId });
    expect(template.slaConfigId).toBe(slaConfigId);
    const createdAt = '2026-01-01T00:00:00.000Z';
    const made = await open({ templateId: template.id, createdAt });
    expect(made).toMatchObject({
      slaConfigId,
      slaConfig: { deadlineHours: 8 },
      slaDeadline: '2026-01-01T08:00:00.000Z',
      slaStatus: 'breached',
    });
    const without = await open({ templateId: template.id, slaConfigId: null });
    expect(without).toMatchObject({ slaConfigId: null, slaConfig: null, slaStatus: null });
    expect((await http.delete(`/api/sla-configs/${slaConfigId}`)).status).toBe(204);
    expect((await http.get(`${path}/${template.id}`)).body).toMatchObject({ slaConfigId: null });
    expect(await open({ templateId: template.id })).toMatchObject({ slaConfig: null });
  });

  it('opens a case from alerts too, as restricted as the strictest', async () => {
    const { template } = await full();
    const alert = await http.post('/api/alerts').send({
      title: 'a',
      statusValue: 'new',
      severity: 2,
      tlp: 4,
      customFields: { unit: 'A', b: 1 },
    });
    const { id } = alert.body as { id: string };
    const promoted = await http.post('/api/alerts/create-case').send({
      title: 'Promoted',
      statusValue: 'new',
      templateId: template.id,
      alertIds: [id],
    });
    expect({ status: promoted.status, body: promoted.text }).toMatchObject({ status: 200 });
    expect(await read((promoted.body as { caseId: string }).caseId)).toMatchObject({
      title: '[Phishing] Promoted',
      severity: 3,
      tlp: 4,
      pap: 2,
      customFields: { unit: 'SOC', level: 2, b: 1 },
      tasks: [{ title: 'First', tlp: 4 }, { title: 'Second' }],
    });
  });

  it('answers 400 without a severity when the template has none, and to a title too long behind its prefix', async () => {
    const { id } = await add({ titlePrefix: 'x'.repeat(128) });
    const body = { title: 'x', statusValue: 'new', templateId: id };
    const before = await fingerprint(api.db);
    expectInvalid(await http.post('/api/cases').send(body), ['severity']);
    const long = { ...body, severity: 1, title: 'y'.repeat(500) };
    expectInvalid(await http.post('/api/cases').send(long), ['title']);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 400 alike to a template that is missing, deleted or foreign', async () => {
    const texts = new Set<string>();
    for (const templateId of [MISSING_ID, ...(await goneAndForeign())]) {
      const body = { title: 'x', statusValue: 'new', severity: 1, templateId };
      const response = await http.post('/api/cases').set('X-Request-Id', 'same').send(body);
      const { errors } = expectProblem(response, 400, 'REFERENCE_NOT_FOUND');
      expect(errors?.map((error) => error.path)).toEqual(['templateId']);
      texts.add(response.text);
    }
    expect(texts.size).toBe(1);
  });

  it('answers 403 to a caller below what the template marks', async () => {
    const { id } = await add({ severity: 1, tlp: 4 });
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    const body = { title: 'x', statusValue: 'new', templateId: id };
    expectProblem(await api.http(key).post('/api/cases').send(body), 403, 'CLEARANCE_TLP');
  });
});
