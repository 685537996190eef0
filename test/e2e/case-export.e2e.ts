import { caseExportSchema } from '../../src/case-export/case-export.schema.js';
import type { CaseExport } from '../../src/case-export/case-export.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, createTenant, linkOrganizations } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let guest: Tenant;
let http: Agent;
let worked: Worked;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  guest = await createTenant(api.db);
  await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
  http = api.http(tenant.key);
  worked = await workedCase();
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

interface Worked {
  readonly id: string;
  readonly taskId: string;
  readonly alertId: string;
  readonly otherId: string;
}

async function post(path: string, body: object): Promise<string> {
  const response = await http.post(path).send(body);
  expect({ path, ok: response.ok, body: response.text }).toMatchObject({ ok: true });
  return (response.body as { id: string }).id;
}

/** A case with something of everything, of which some is TLP RED. */
async function workedCase(): Promise<Worked> {
  const id = await post('/api/cases', {
    title: 'Phishing | <b>finance</b>',
    description: '# Lure\n<script>alert(1)</script>',
    statusValue: 'new',
    severity: 3,
    tlp: 2,
    tags: ['phishing'],
    customFields: { unit: 'Finance' },
    organizations: [tenant.organizationId, guest.organizationId],
    slaConfig: {
      deadlineHours: 8,
      warningThresholdPercent: 50,
      criticalThresholdPercent: 80,
    },
    observables: [
      { dataType: 'url', data: 'https://evil.example/a', ioc: true },
      { dataType: 'domain', data: 'secret.example', tlp: 4 },
    ],
  });
  const taskId = await post(`/api/cases/${id}/tasks`, { title: 'Isolate', mandatory: true });
  const hidden = await post(`/api/cases/${id}/tasks`, { title: 'Hidden task', tlp: 4 });
  await post(`/api/cases/${id}/comments`, { body: 'Of the case' });
  await post(`/api/tasks/${taskId}/comments`, { body: 'Of the task' });
  await post(`/api/tasks/${hidden}/comments`, { body: 'Of the hidden task' });
  await post(`/api/cases/${id}/timeline`, {
    title: 'Power was cut',
    occurredAt: '2026-01-31T11:40:00Z',
  });
  await post(`/api/cases/${id}/ttps`, { techniqueId: 'T1566', tactic: 'initial-access' });
  for (const path of [`/api/cases/${id}`, `/api/tasks/${taskId}`]) {
    const sent = http.post(`${path}/attachments`).attach('file', Buffer.from(path), 'log.txt');
    expect((await sent).status).toBe(201);
  }
  const alert = { title: 'Mail reported', statusValue: 'new', severity: 2 };
  const alertId = await post('/api/alerts', alert);
  expect((await http.post(`/api/alerts/${alertId}/merge/${id}`)).status).toBe(200);
  const otherId = await post('/api/cases', { title: 'Before', statusValue: 'new', severity: 1 });
  expect((await http.post(`/api/cases/${id}/links`).send({ caseId: otherId })).status).toBe(201);
  return { id, taskId, alertId, otherId };
}

const exportOf = (id: string, agent = http, query = '') =>
  agent.get(`/api/cases/${id}/export${query}`);

async function exported(id: string, agent = http): Promise<CaseExport> {
  const response = await exportOf(id, agent);
  expect(response.status).toBe(200);
  return expectMatches(caseExportSchema, response.body);
}

const report = (id: string, agent = http) => exportOf(id, agent, '?format=markdown');

describe('GET /cases/:id/export', () => {
  it('answers one document with all that belongs to the case', async () => {
    const { id, taskId, alertId, otherId } = worked;
    const response = await exportOf(id);
    expect(response.headers['content-disposition']).toMatch(
      /^attachment; filename=case-\d+\.json$/,
    );
    const all = await exported(id);
    expect(all).toMatchObject({
      format: 'casebender-case/1',
      case: { id, severity: 3, customFields: { unit: 'Finance' }, slaConfig: { deadlineHours: 8 } },
      tasks: [{ id: taskId }, { title: 'Hidden task' }],
      ttps: [{ techniqueId: 'T1566', tactic: 'initial-access' }],
      links: [{ caseId: otherId, kind: 'related' }],
      alerts: [{ id: alertId, statusValue: 'imported' }],
    });
    expect(all.observables.map(({ data }) => data).sort()).toEqual([
      'https://evil.example/a',
      'secret.example',
    ]);
    expect(all.comments.map(({ body }) => body)).toEqual([
      'Of the case',
      'Of the task',
      'Of the hidden task',
    ]);
    expect(all.attachments.map((file) => [file.name, file.caseId, file.taskId])).toEqual([
      ['log.txt', id, null],
      ['log.txt', null, taskId],
    ]);
    expect(all.timeline[0]).toMatchObject({ kind: 'manual', title: 'Power was cut' });
    expect(all.timeline.map(({ kind }) => kind)).toContain('automatic');
    expect(all.activities[0]).toMatchObject({ action: 'created' });
    const ids = all.activities.map((activity) => activity.id);
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
  });

  it('answers a report in Markdown, of which nothing that people typed is a part', async () => {
    const response = await report(worked.id);
    expect(response.status).toBe(200);
    expect(response.headers['content-type']).toBe('text/markdown; charset=utf-8');
    expect(response.headers['content-disposition']).toMatch(/^attachment; filename=case-\d+\.md$/);
    expect(response.headers['x-content-type-options']).toBe('nosniff');
    const { text } = response;
    expect(text).toMatch(
      /^# Case #\d+: Phishing \\\| \\<b\\>finance\\<\/b\\>\n\n\*\*TLP:AMBER · PAP:AMBER\*\*/,
    );
    expect(text).not.toContain('<script>');
    expect(text).toContain('> # Lure');
    expect(text).toContain('`hxxps://evil[.]example/a`');
    for (const heading of [
      'Description',
      'Timeline',
      'Tasks',
      'Observables',
      'Techniques',
      'Evidence',
      'Alerts',
      'Related cases',
      'Comments',
    ])
      expect(text).toContain(`\n## ${heading}\n`);
    expect(text).not.toContain('## Resolution');
    expect(text).toContain('Power was cut');
    expect(text).toContain('| **SLA** | on-track, due ');
  });

  it('leaves out what lies above the clearance of the key', async () => {
    const low = api.http((await addKey(api.db, tenant, { tlpMax: 3 })).key);
    const all = JSON.stringify(await exported(worked.id, low));
    const { text } = await report(worked.id, low);
    for (const secret of [
      'secret.example',
      'secret[.]example',
      'Hidden task',
      'Of the hidden task',
    ]) {
      expect(all).not.toContain(secret);
      expect(text).not.toContain(secret);
    }
    expect(all).toContain('Of the task');
  });

  it('leaves out alerts without alerts:read', async () => {
    const { key } = await addKey(api.db, tenant, { scopes: ['cases:read'] });
    expect((await exported(worked.id, api.http(key))).alerts).toEqual([]);
  });

  it('gives a guest the case without records that are not shared with it', async () => {
    const all = await exported(worked.id, api.http(guest.key));
    expect(all).toMatchObject({ case: { id: worked.id }, alerts: [], links: [] });
  });

  it('is audited', async () => {
    const { id } = worked;
    const actors = async () => {
      const entries = await api.db.rows<{ actor: string }>(
        "SELECT actor_id::text AS actor FROM audit_entries WHERE action = 'case.exported' AND target_id = $1",
        [id],
      );
      return entries.map(({ actor }) => actor);
    };
    const before = await actors();
    await exportOf(id);
    expect((await actors()).sort()).toEqual([...before, tenant.userId].sort());
  });

  it('answers a client that accepts Markdown alone', async () => {
    const response = await report(worked.id, http).set('Accept', 'text/markdown');
    expect(response.status).toBe(200);
  });

  it('answers 400 to a format that is none, and to parameters that are none', async () => {
    expectInvalid(await exportOf(worked.id, http, '?format=pdf'), ['format']);
    expectInvalid(await exportOf(worked.id, http, '?from=x'), ['from']);
  });

  it('answers 403 to a case above the clearance', async () => {
    const id = await post('/api/cases', {
      title: 'Red',
      statusValue: 'new',
      severity: 1,
      tlp: 4,
    });
    const { key } = await addKey(api.db, tenant, { tlpMax: 3 });
    expectProblem(await exportOf(id, api.http(key)), 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'get',
    (id) => `/api/cases/${id}/export`,
    'CASE_NOT_FOUND',
    async () => {
      const id = await post('/api/cases', { title: 'Gone', statusValue: 'new', severity: 1 });
      expect((await http.delete(`/api/cases/${id}`)).status).toBe(204);
      return [id];
    },
  );

  outcomes.unauthenticated({ method: 'get', path: () => `/api/cases/${MISSING_ID}/export` });
  outcomes.insufficientScope(
    { method: 'get', path: () => `/api/cases/${MISSING_ID}/export` },
    'cases:read',
    ['cases:write', 'alerts:read'],
  );
});
