import type { Activity } from '../../src/activities/activities.schema.js';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { caseDetailSchema, caseSchema } from '../../src/cases/cases.schema.js';
import type { Case, CaseDetail, ListedCase } from '../../src/cases/cases.schema.js';
import { Database } from '../../src/database/database.service.js';
import { sqlIn } from '../../src/database/sql.js';
import { SLA_STATUSES } from '../../src/sla/sla.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { eventually } from '../eventually.js';
import {
  addKey,
  addSlaConfig,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db);
  other = await createTenant(api.db);
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const HOUR_MS = 3_600_000;
const BODY = { title: 'On the clock', statusValue: 'new', severity: 2 };
const SLA = { deadlineHours: 10, warningThresholdPercent: 50, criticalThresholdPercent: 80 };
const NO_SLA = {
  slaConfigId: null,
  slaDeadline: null,
  slaStatus: null,
  slaStartedAt: null,
  slaUpdatedAt: null,
  slaPausedAt: null,
};
const OFFICE_HOURS = {
  enabled: true,
  start: '09:00',
  end: '17:00',
  timezone: 'Europe/Berlin',
  workDays: [1, 2, 3, 4, 5],
};

const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS).toISOString();

const later = (instant: string | null, hours: number) =>
  new Date(Date.parse(instant ?? '') + hours * HOUR_MS).toISOString();

async function create(body: object = {}, agent = http): Promise<Case> {
  const response = await agent.post('/api/cases').send({ ...BODY, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(caseSchema, response.body);
}

/** A case with an SLA of ten hours, opened so many hours ago. */
const open = (hours: number, body: object = {}, agent = http) =>
  create({ createdAt: ago(hours), slaConfig: SLA, ...body }, agent);

async function read(id: string, agent = http): Promise<CaseDetail> {
  const response = await agent.get(`/api/cases/${id}`);
  expect(response.status).toBe(200);
  return expectMatches(caseDetailSchema, response.body);
}

async function change(id: string, body: object, agent = http): Promise<CaseDetail> {
  const response = await agent.patch(`/api/cases/${id}`).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(caseDetailSchema, response.body);
}

const post = (id: string, verb: 'pause' | 'resume', agent = http) =>
  agent.post(`/api/cases/${id}/sla/${verb}`);

async function clock(id: string, verb: 'pause' | 'resume', agent = http): Promise<CaseDetail> {
  const response = await post(id, verb, agent);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(caseDetailSchema, response.body);
}

/** Lets hours pass for a case: moves all it knows of its past into the past. Jobs come when they are told. */
async function pass(id: string, hours: number, job: 'comes' | 'waits' = 'waits'): Promise<void> {
  const moved = [
    ...['created_at', 'sla_started_at', 'sla_updated_at', 'sla_paused_at', 'sla_ended_at'],
    ...['sla_warning_at', 'sla_critical_at', 'sla_deadline', 'sla_next_at'],
  ].map((column) => `${column} = ${column} - $2::interval`);
  const instant = (key: string) =>
    `to_char((stop->>'${key}')::timestamptz - $2::interval, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
  const stops = `(SELECT coalesce(jsonb_agg(stop || jsonb_build_object('from', ${instant('from')}, 'to', ${instant('to')}) ORDER BY n), '[]')
    FROM jsonb_array_elements(sla_stops) WITH ORDINALITY AS x(stop, n))`;
  const interval = `${hours * 3_600} seconds`;
  await api.db.rows(`UPDATE cases SET ${moved.join(', ')}, sla_stops = ${stops} WHERE id = $1`, [
    id,
    interval,
  ]);
  if (job === 'comes')
    await api.db.rows('UPDATE jobs SET run_at = run_at - $2::interval WHERE key = $1', [
      `sla:${id}`,
      interval,
    ]);
}

/** The lines of history on the SLA, oldest first. */
async function historyOf(id: string) {
  const activities = await readHistory(id);
  return activities
    .filter(({ fieldName }) => fieldName?.startsWith('sla'))
    .map(({ fieldName, oldValue, newValue, username, actor }) => ({
      field: fieldName,
      old: oldValue,
      new: newValue,
      by: actor.kind === 'system' ? username : actor.kind,
    }))
    .reverse();
}

async function readHistory(id: string): Promise<Activity[]> {
  const response = await http.get(`/api/cases/${id}/activities?limit=100`);
  expect(response.status).toBe(200);
  return response.body as Activity[];
}

const statusLine = (before: string | null, after: string | null, by = 'apiKey') => ({
  field: 'slaStatus',
  old: before,
  new: after,
  by,
});

const outcomes = outcomesOf(() => ({ api, tenant }));

describe('POST /cases', () => {
  it.each([
    [0, 'on-track'],
    [4.9, 'on-track'],
    [5.1, 'warning'],
    [8.1, 'critical'],
    [10.1, 'breached'],
  ])('starts a clock with the case: %d of 10 hours ago it is %s', async (hours, slaStatus) => {
    const created = await open(hours);
    expect(created).toMatchObject({
      slaConfigId: null,
      slaStatus,
      slaStartedAt: created.createdAt,
      slaDeadline: later(created.createdAt, 10),
      slaPausedAt: null,
      version: 1,
    });
    expect(created.slaUpdatedAt).not.toBeNull();
    expect(await read(created.id)).toMatchObject({ ...created, slaConfig: SLA });
    expect(await historyOf(created.id)).toEqual([]);
  });

  it('counts business hours alone', async () => {
    // A Friday at 16:00 in Berlin; clocks go forward on Sunday.
    const created = await create({
      createdAt: '2026-03-27T15:00:00.000Z',
      slaConfig: { ...SLA, businessHours: OFFICE_HOURS },
    });
    expect(created).toMatchObject({
      slaDeadline: '2026-03-31T08:00:00.000Z',
      slaStatus: 'breached',
    });
  });

  it('starts the clock now when no creation is given', async () => {
    const created = await create({ slaConfig: SLA });
    expect(created.slaStartedAt).toBe(created.createdAt);
    expect(created.slaDeadline).toBe(later(created.createdAt, 10));
  });

  it.each([
    [1, 'met'],
    [11, 'missed'],
  ])(
    'ends the clock of a case that is closed from the start: %d hours are %s',
    async (hours, slaStatus) => {
      expect(await open(hours, { statusValue: 'resolved' })).toMatchObject({ slaStatus });
    },
  );

  it('starts a clock in a case made from alerts, with tasks, and under an idempotency key', async () => {
    const alert = await http.post('/api/alerts').send(BODY);
    const promoted = await http
      .post('/api/alerts/create-case')
      .send({ ...BODY, slaConfig: SLA, alertIds: [(alert.body as Alert).id] });
    expect(await read((promoted.body as { caseId: string }).caseId)).toMatchObject({
      slaStatus: 'on-track',
    });
    expect(await open(6, { tasks: [{ title: 'Look' }] })).toMatchObject({ slaStatus: 'warning' });
    const key = unique('key');
    const [first, again] = [
      await http
        .post('/api/cases')
        .set('Idempotency-Key', key)
        .send({ ...BODY, slaConfig: SLA }),
      await http
        .post('/api/cases')
        .set('Idempotency-Key', key)
        .send({ ...BODY, slaConfig: SLA }),
    ];
    expect(first.body).toMatchObject({ slaStatus: 'on-track' });
    expect(again.body).toEqual(first.body);
  });

  it('copies a configuration by its id, in either form', async () => {
    const id = await addSlaConfig(api.db, tenant.organizationId, SLA);
    for (const slaConfigId of [id, { id }]) {
      const created = await create({ slaConfigId, slaConfig: null });
      expect(created).toMatchObject({ slaConfigId: id, slaStatus: 'on-track' });
      expect(await read(created.id)).toMatchObject({ slaConfigId: id, slaConfig: SLA });
    }
  });

  it('lets values win over those of a configuration that is named with them', async () => {
    const slaConfigId = await addSlaConfig(api.db, tenant.organizationId, SLA);
    const slaConfig = { ...SLA, deadlineHours: 20 };
    const created = await create({ slaConfigId, slaConfig });
    expect(await read(created.id)).toMatchObject({ slaConfigId, slaConfig });
    expect(created.slaDeadline).toBe(later(created.createdAt, 20));
  });

  it('leaves every sla field null without a configuration', async () => {
    const created = await create({ slaConfig: null, slaConfigId: null });
    expect(created).toMatchObject(NO_SLA);
    expect(await read(created.id)).toMatchObject({ ...NO_SLA, slaConfig: null });
  });

  it.each([
    [{ deadlineHours: 0 }, 'deadlineHours'],
    [{ deadlineHours: -1 }, 'deadlineHours'],
    [{ deadlineHours: 87_601 }, 'deadlineHours'],
    [{ deadlineHours: '8' }, 'deadlineHours'],
    [{ warningThresholdPercent: -1 }, 'warningThresholdPercent'],
    [{ warningThresholdPercent: 81 }, 'warningThresholdPercent'],
    [{ criticalThresholdPercent: 101 }, 'criticalThresholdPercent'],
    [{ businessHours: { ...OFFICE_HOURS, end: '09:00' } }, 'businessHours.end'],
    [{ businessHours: { ...OFFICE_HOURS, end: '24:01' } }, 'businessHours.end'],
    [{ businessHours: { ...OFFICE_HOURS, start: '24:00' } }, 'businessHours.start'],
    [{ businessHours: { ...OFFICE_HOURS, timezone: 'Mars/Olympus' } }, 'businessHours.timezone'],
    [{ businessHours: { ...OFFICE_HOURS, timezone: '+02:00' } }, 'businessHours.timezone'],
    [{ businessHours: { ...OFFICE_HOURS, timezone: 'PST' } }, 'businessHours.timezone'],
    [{ businessHours: { ...OFFICE_HOURS, timezone: '' } }, 'businessHours.timezone'],
    [
      { businessHours: { ...OFFICE_HOURS, timezone: '2026-01-01T00:00[Europe/Berlin]' } },
      'businessHours.timezone',
    ],
    [{ businessHours: { ...OFFICE_HOURS, workDays: [] } }, 'businessHours.workDays'],
    [{ businessHours: { ...OFFICE_HOURS, workDays: [7] } }, 'businessHours.workDays[0]'],
    // One minute a week: an hour takes more than a year of them.
    [
      { deadlineHours: 9, businessHours: { ...OFFICE_HOURS, end: '09:01', workDays: [1] } },
      'deadlineHours',
    ],
    [{ deadlineHours: 1e6, businessHours: OFFICE_HOURS }, 'deadlineHours'],
  ])('answers 400 to %j, naming %s', async (part, path) => {
    const before = await fingerprint(api.db);
    const response = await http
      .post('/api/cases')
      .send({ ...BODY, slaConfig: { ...SLA, ...part } });
    expectInvalid(response, [`slaConfig.${path}`]);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 400 alike to a configuration that is missing, deleted or another tenant’s', async () => {
    const deleted = await addSlaConfig(api.db, tenant.organizationId, SLA);
    await api.db.rows('UPDATE sla_configs SET deleted_at = now() WHERE id = $1', [deleted]);
    const foreign = await addSlaConfig(api.db, other.organizationId, SLA);
    const answers = new Set<string>();
    for (const slaConfigId of [MISSING_ID, deleted, foreign]) {
      const agent = api.http(tenant.key).set('X-Request-Id', 'same');
      const response = await agent.post('/api/cases').send({ ...BODY, slaConfigId });
      expectInvalid(response, ['slaConfigId'], 'REFERENCE_NOT_FOUND');
      answers.add(response.text);
    }
    expect(answers.size).toBe(1);
    expectInvalid(await http.post('/api/cases').send({ ...BODY, slaConfigId: 'x' }), [
      'slaConfigId',
    ]);
  });
});

describe('PATCH /cases/:id', () => {
  it('starts the clock at the creation, however late it is set', async () => {
    const { id, createdAt } = await create({ createdAt: ago(6) });
    const changed = await change(id, { slaConfig: SLA });
    expect(changed).toMatchObject({
      slaStatus: 'warning',
      slaStartedAt: createdAt,
      slaDeadline: later(createdAt, 10),
      version: 2,
    });
    expect(await historyOf(id)).toEqual([
      { field: 'slaConfig', old: null, new: SLA, by: 'apiKey' },
      statusLine(null, 'warning'),
      { field: 'slaDeadline', old: null, new: changed.slaDeadline, by: 'apiKey' },
    ]);
  });

  it('reckons anew from the creation, less the pauses, in SLA time of the new configuration', async () => {
    const { id, createdAt } = await open(0);
    await clock(id, 'pause');
    await pass(id, 3);
    const { slaDeadline } = await clock(id, 'resume');
    const started = later(createdAt, -3);
    // Some milliseconds pass before and after the three hours.
    const aboutHours = (instant: string | null) =>
      (Date.parse(instant ?? '') - Date.parse(started)) / HOUR_MS;
    expect(aboutHours(slaDeadline)).toBeCloseTo(13, 2);
    const longer = await change(id, { slaConfig: { ...SLA, deadlineHours: 20 } });
    expect(aboutHours(longer.slaDeadline)).toBeCloseTo(23, 2);
    const businessHours = {
      ...OFFICE_HOURS,
      start: '00:00',
      end: '24:00',
      workDays: [0, 1, 2, 3, 4, 5, 6],
    };
    const always = await change(id, { slaConfig: { ...SLA, businessHours } });
    expect(always.slaDeadline).toBe(slaDeadline);
  });

  it('clears every sla field with null, pauses too', async () => {
    const { id, createdAt } = await open(1);
    await clock(id, 'pause');
    expect(await change(id, { slaConfig: null })).toMatchObject({ ...NO_SLA, slaConfig: null });
    expect(await historyOf(id)).toContainEqual(statusLine('paused', null));
    expect(await change(id, { slaConfig: SLA })).toMatchObject({
      slaStatus: 'on-track',
      slaPausedAt: null,
      slaDeadline: later(createdAt, 10),
    });
  });

  it('changes nothing when a case is sent back as it was read', async () => {
    const slaConfigId = await addSlaConfig(api.db, tenant.organizationId, SLA);
    const created = await create({ slaConfigId });
    await api.db.rows(
      `UPDATE sla_configs SET config = config || '{"deadlineHours": 99}' WHERE id = $1`,
      [slaConfigId],
    );
    const detail = await read(created.id);
    expect(await change(created.id, { slaConfigId })).toEqual(detail);
    expect(await change(created.id, { slaConfigId, slaConfig: detail.slaConfig })).toEqual(detail);
  });

  it('sends back a case whose configuration is deleted', async () => {
    const slaConfigId = await addSlaConfig(api.db, tenant.organizationId, SLA);
    const { id } = await create({ slaConfigId });
    await api.db.rows('UPDATE sla_configs SET deleted_at = now() WHERE id = $1', [slaConfigId]);
    expect(await change(id, { slaConfigId, title: 'Changed' })).toMatchObject({
      title: 'Changed',
      slaConfigId,
      slaStatus: 'on-track',
    });
  });

  it('takes another configuration, lets go of it and keeps its values, and forgets it for own ones', async () => {
    const first = await addSlaConfig(api.db, tenant.organizationId, SLA);
    const second = await addSlaConfig(api.db, tenant.organizationId, { ...SLA, deadlineHours: 4 });
    const { id, createdAt } = await create({ slaConfigId: first });
    const taken = await change(id, { fields: { slaConfigId: { id: second }, slaConfig: null } });
    expect(taken).toMatchObject({
      slaConfigId: second,
      slaConfig: { ...SLA, deadlineHours: 4 },
      slaDeadline: later(createdAt, 4),
    });
    const freed = await change(id, { slaConfigId: null });
    expect(freed).toMatchObject({ slaConfigId: null, slaDeadline: later(createdAt, 4) });
    await change(id, { slaConfigId: first });
    expect(await change(id, { slaConfig: SLA })).toMatchObject({ slaConfigId: null });
    await change(id, { slaConfigId: first });
    expect(await change(id, { slaConfigId: first, slaConfig: null })).toMatchObject(NO_SLA);
  });

  it.each([
    [1, 'on-track', 'met'],
    [9, 'critical', 'met'],
    [11, 'breached', 'missed'],
  ])('ends the clock by closing: after %d hours, %s becomes %s', async (hours, before, after) => {
    const { id, slaDeadline } = await open(hours);
    const closed = await change(id, { statusValue: 'resolved' });
    expect(closed).toMatchObject({ slaStatus: after, slaDeadline });
    await pass(id, 24);
    expect(await read(id)).toMatchObject({ slaStatus: after });
    expect(await change(id, { statusValue: 'false-positive' })).toMatchObject({ slaStatus: after });
    expect(await historyOf(id)).toEqual([statusLine(before, after)]);
    expect(await api.db.rows('SELECT 1 FROM jobs WHERE key = $1', [`sla:${id}`])).toEqual([]);
  });

  it('goes on with the time that was left when the case is opened again', async () => {
    const { id, createdAt } = await open(6);
    await change(id, { statusValue: 'resolved' });
    await pass(id, 100);
    const reopened = await change(id, { statusValue: 'in-progress' });
    expect(reopened.slaStatus).toBe('warning');
    const deadlineHours =
      (Date.parse(reopened.slaDeadline ?? '') - Date.parse(createdAt)) / HOUR_MS;
    expect(deadlineHours).toBeCloseTo(10, 2);
    await pass(id, 3);
    expect(await read(id)).toMatchObject({ slaStatus: 'critical' });
  });

  it('is breached when opened again with no time left', async () => {
    const { id, slaDeadline } = await open(11);
    await change(id, { statusValue: 'resolved' });
    expect(await change(id, { statusValue: 'new' })).toMatchObject({
      slaStatus: 'breached',
      slaDeadline,
    });
  });

  it('ends a pause by closing', async () => {
    const { id, createdAt } = await open(6);
    await clock(id, 'pause');
    await pass(id, 20);
    const closed = await change(id, { statusValue: 'resolved' });
    expect(closed).toMatchObject({ slaStatus: 'met', slaPausedAt: null });
    const deadlineHours = (Date.parse(closed.slaDeadline ?? '') - Date.parse(createdAt)) / HOUR_MS;
    expect(deadlineHours).toBeCloseTo(10, 2);
    expect(await change(id, { statusValue: 'new' })).toMatchObject({
      slaStatus: 'warning',
      slaPausedAt: null,
    });
  });

  it('knows when a case was closed when its SLA is set later', async () => {
    const { id } = await create({ createdAt: ago(1) });
    await change(id, { statusValue: 'resolved' });
    await pass(id, 5);
    await change(id, { statusValue: 'new' });
    await pass(id, 6);
    await change(id, { statusValue: 'resolved' });
    await pass(id, 20);
    // Open for one hour and for six.
    expect(await change(id, { slaConfig: { ...SLA, deadlineHours: 6.9 } })).toMatchObject({
      slaStatus: 'missed',
    });
    expect(await change(id, { slaConfig: { ...SLA, deadlineHours: 7.1 } })).toMatchObject({
      slaStatus: 'met',
    });
  });

  it('answers 400 to an invalid configuration and to one that does not exist, naming the path in either shape', async () => {
    const { id } = await open(1);
    const slaConfig = { ...SLA, warningThresholdPercent: 90 };
    const slaConfigId = MISSING_ID;
    const before = await fingerprint(api.db);
    const path = `/api/cases/${id}`;
    const rule = 'slaConfig.warningThresholdPercent';
    expectInvalid(await http.patch(path).send({ slaConfig }), [rule]);
    expectInvalid(await http.patch(path).send({ fields: { slaConfig } }), [`fields.${rule}`]);
    expectInvalid(
      await http.patch(path).send({ slaConfigId }),
      ['slaConfigId'],
      'REFERENCE_NOT_FOUND',
    );
    expectInvalid(
      await http.patch(path).send({ fields: { slaConfigId } }),
      ['fields.slaConfigId'],
      'REFERENCE_NOT_FOUND',
    );
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('does not let a guest find out about the configurations of the owner', async () => {
    const own = await createTenant(api.db);
    const guest = await createTenant(api.db);
    await linkOrganizations(api.db, own.organizationId, guest.organizationId);
    const organizations = [own.organizationId, guest.organizationId];
    const { id } = await open(1, { organizations }, api.http(own.key));
    for (const tenantOf of [own, guest]) {
      const slaConfigId = await addSlaConfig(api.db, tenantOf.organizationId, SLA);
      const response = await api.http(guest.key).patch(`/api/cases/${id}`).send({ slaConfigId });
      expectInvalid(response, ['slaConfigId'], 'REFERENCE_NOT_FOUND');
    }
    expect(await change(id, { slaConfig: null }, api.http(guest.key))).toMatchObject(NO_SLA);
  });
});

describe('every way to close and open a case', () => {
  it('moves its clock: in bulk', async () => {
    const ids = [(await open(1)).id, (await open(11)).id];
    const bulk = (fields: object) => http.patch('/api/cases/bulk').send({ ids, fields });
    const statuses = async () => [
      (await read(ids[0] ?? '')).slaStatus,
      (await read(ids[1] ?? '')).slaStatus,
    ];
    await bulk({ statusValue: 'resolved' });
    expect(await statuses()).toEqual(['met', 'missed']);
    await bulk({ statusValue: 'new' });
    expect(await statuses()).toEqual(['on-track', 'breached']);
    await bulk({ slaConfig: { ...SLA, deadlineHours: 20 } });
    expect(await statuses()).toEqual(['on-track', 'warning']);
  });

  it('moves its clock: by merging an alert with ?reopen=true', async () => {
    const { id } = await open(6);
    await change(id, { statusValue: 'resolved' });
    const alert = await http.post('/api/alerts').send(BODY);
    const merged = await http.post(
      `/api/alerts/${(alert.body as Alert).id}/merge/${id}?reopen=true`,
    );
    expect(merged.status).toBe(200);
    expect(await read(id)).toMatchObject({ statusValue: 'in-progress', slaStatus: 'warning' });
    expect(await historyOf(id)).toContainEqual(statusLine('met', 'warning'));
  });

  it('moves its clock: by deleting its status with ?replaceWith', async () => {
    const platform = api.http(api.adminKey);
    const added = await platform
      .post('/api/case-statuses')
      .send({ label: unique('Waiting'), stage: 'InProgress' });
    const { id: statusId, value } = added.body as { id: string; value: string };
    const { id } = await open(6, { statusValue: value });
    const plain = await create({ statusValue: value });
    expect(
      (await platform.delete(`/api/case-statuses/${statusId}?replaceWith=resolved`)).status,
    ).toBe(204);
    expect(await read(id)).toMatchObject({ statusValue: 'resolved', slaStatus: 'met', version: 2 });
    expect(await historyOf(id)).toEqual([statusLine('warning', 'met')]);
    const audited = await api.db.rows<{ owner: string; changes: { field: string }[] }>(
      `SELECT organization_id::text AS owner, changes FROM audit_entries WHERE target_id = $1 AND action = 'case.updated'`,
      [id],
    );
    expect(audited.map(({ owner }) => owner)).toEqual([
      tenant.organizationId,
      tenant.organizationId,
    ]);
    const fields = audited.flatMap(({ changes }) => changes.map(({ field }) => field));
    expect(fields).toEqual(expect.arrayContaining(['statusValue', 'slaStatus']));
    expect(await read(plain.id)).toMatchObject({ statusValue: 'resolved', ...NO_SLA });
  });
});

describe('POST /cases/:id/sla/pause', () => {
  it('stops the clock, wherever it stands', async () => {
    for (const hours of [1, 6, 9, 11]) {
      const { id, slaStatus, slaDeadline } = await open(hours);
      const paused = await clock(id, 'pause');
      expect(paused).toMatchObject({ slaStatus: 'paused', slaDeadline, version: 2 });
      expect(paused.slaPausedAt).not.toBeNull();
      await pass(id, 50);
      expect(await read(id)).toMatchObject({ slaStatus: 'paused' });
      expect(await historyOf(id)).toEqual([
        statusLine(slaStatus, 'paused'),
        { field: 'slaPausedAt', old: null, new: paused.slaPausedAt, by: 'apiKey' },
      ]);
    }
  });

  it('records the status that time had brought before', async () => {
    const { id } = await open(1);
    await pass(id, 5);
    await clock(id, 'pause');
    expect((await historyOf(id)).slice(0, 2)).toEqual([
      statusLine('on-track', 'warning', 'System'),
      statusLine('warning', 'paused'),
    ]);
  });

  it('answers 409 to what is paused, has ended or has no clock, each with its code', async () => {
    const { id } = await open(1);
    await clock(id, 'pause');
    expectProblem(await post(id, 'pause'), 409, 'SLA_PAUSED');
    await change(id, { statusValue: 'resolved' });
    expectProblem(await post(id, 'pause'), 409, 'SLA_ENDED');
    await change(id, { slaConfig: null });
    expectProblem(await post(id, 'pause'), 409, 'SLA_NOT_SET');
  });

  it('lets one of twenty at once pause', async () => {
    const { id } = await open(1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(id, 'pause')));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
    expect(await read(id)).toMatchObject({ version: 2 });
  });
});

describe('POST /cases/:id/sla/resume', () => {
  it('moves the deadline by the pause', async () => {
    const { id, slaDeadline } = await open(1);
    await clock(id, 'pause');
    await pass(id, 50);
    const resumed = await clock(id, 'resume');
    expect(resumed).toMatchObject({ slaStatus: 'on-track', slaPausedAt: null, version: 3 });
    expect(
      (Date.parse(resumed.slaDeadline ?? '') - Date.parse(slaDeadline ?? '')) / HOUR_MS,
    ).toBeCloseTo(0, 2);
    expect((await historyOf(id)).map(({ field }) => field)).toEqual([
      'slaStatus',
      'slaPausedAt',
      'slaStatus',
      'slaDeadline',
      'slaPausedAt',
    ]);
  });

  it('moves the deadline by the business hours of the pause alone', async () => {
    const businessHours = { ...OFFICE_HOURS, workDays: [1] };
    const { id } = await create({ slaConfig: { ...SLA, deadlineHours: 80, businessHours } });
    // From a Friday at 16:00 in Berlin to the Monday at 11:00, over the change of clocks.
    const stops = [
      { reason: 'pause', from: '2026-03-27T15:00:00.000Z', to: '2026-03-30T09:00:00.000Z' },
    ];
    await api.db.rows('UPDATE cases SET created_at = $2, sla_stops = $3 WHERE id = $1', [
      id,
      '2026-03-23T08:00:00.000Z',
      JSON.stringify(stops),
    ]);
    const businessHoursAnew = { ...businessHours, end: '17:00' };
    const detail = await change(id, {
      slaConfig: { ...SLA, deadlineHours: 16, businessHours: businessHoursAnew },
    });
    // Eight hours on the first Monday, six on the second, two on the third.
    expect(detail.slaDeadline).toBe('2026-04-06T09:00:00.000Z');
  });

  it('is breached again when it was before the pause', async () => {
    const { id, slaDeadline } = await open(11);
    await clock(id, 'pause');
    await pass(id, 2);
    expect(await clock(id, 'resume')).toMatchObject({
      slaStatus: 'breached',
      slaDeadline: later(slaDeadline, -2),
    });
  });

  it('answers 409 to what runs, has ended or has no clock, each with its code', async () => {
    const { id } = await open(1);
    expectProblem(await post(id, 'resume'), 409, 'SLA_NOT_PAUSED');
    await change(id, { statusValue: 'resolved' });
    expectProblem(await post(id, 'resume'), 409, 'SLA_ENDED');
    expectProblem(await post((await create()).id, 'resume'), 409, 'SLA_NOT_SET');
  });
});

describe.each(['pause', 'resume'] as const)('POST /cases/:id/sla/%s', (verb) => {
  const probe = { method: 'post' as const, path: () => `/api/cases/${MISSING_ID}/sla/${verb}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);

  it('answers a guest', async () => {
    await linkOrganizations(api.db, tenant.organizationId, other.organizationId).catch(() => null);
    const organizations = [tenant.organizationId, other.organizationId];
    const { id } = await open(1, { organizations });
    if (verb === 'resume') await clock(id, 'pause');
    await clock(id, verb, api.http(other.key));
  });

  it('answers 403 above the clearance', async () => {
    const { id } = await open(1, { tlp: 4 });
    const { key } = await addKey(api.db, tenant, { tlpMax: 3 });
    expectProblem(await post(id, verb, api.http(key)), 403, 'CLEARANCE_TLP');
  });

  outcomes.notFound(
    'post',
    (id) => `/api/cases/${id}/sla/${verb}`,
    'CASE_NOT_FOUND',
    async () => {
      const deleted = await open(1);
      await http.delete(`/api/cases/${deleted.id}`);
      const stranger = await createTenant(api.db);
      return [deleted.id, (await open(1, {}, api.http(stranger.key))).id];
    },
  );

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await open(1);
    if (verb === 'resume') await clock(id, 'pause');
    expectProblem(await post(id, verb).set('If-Match', '"9"'), 412, 'STALE_VERSION');
    const version = verb === 'resume' ? 2 : 1;
    expect((await post(id, verb).set('If-Match', `"${version}"`)).status).toBe(200);
  });
});

describe('the status that answers show', () => {
  it('is never out of date, in reads, lists, searches, counts and filters alike', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const byStatus = new Map<string, string>();
    // Every status twice: as it was stored, and as time has brought it about with the job still to come.
    for (const [hours, status] of [
      [1, 'on-track'],
      [6, 'warning'],
      [9, 'critical'],
      [11, 'breached'],
    ] as const) {
      byStatus.set((await open(hours, {}, agent)).id, status);
      const { id } = await open(0, {}, agent);
      await pass(id, hours);
      byStatus.set(id, status);
    }
    const paused = await open(0, {}, agent);
    await clock(paused.id, 'pause', agent);
    await pass(paused.id, 50);
    byStatus.set(paused.id, 'paused');
    for (const [hours, status] of [
      [1, 'met'],
      [11, 'missed'],
    ] as const) {
      const { id } = await open(0, {}, agent);
      await pass(id, hours);
      await change(id, { statusValue: 'resolved' }, agent);
      byStatus.set(id, status);
    }
    await create({}, agent);

    const listed = await readAll<ListedCase>(agent, '/api/cases');
    expect(
      new Map(listed.flatMap(({ id, slaStatus }) => (slaStatus ? [[id, slaStatus]] : []))),
    ).toEqual(byStatus);
    for (const [id, status] of byStatus)
      expect(await read(id, agent)).toMatchObject({ slaStatus: status });

    const expected = (wanted: readonly string[]) =>
      [...byStatus]
        .filter(([, status]) => wanted.includes(status))
        .map(([id]) => id)
        .sort();
    for (const wanted of [
      ...SLA_STATUSES.map((status) => [status]),
      ['met', 'missed'],
      ['warning', 'critical', 'breached'],
      ['paused', 'on-track'],
      [...SLA_STATUSES],
    ]) {
      const query = wanted.map((status) => `slaStatus=${status}`).join('&');
      const found = await readAll<ListedCase>(agent, `/api/cases?${query}&limit=2`);
      expect({ wanted, ids: found.map(({ id }) => id).sort() }).toEqual({
        wanted,
        ids: expected(wanted),
      });
      const counted = await agent.get(
        `/api/cases?slaStatus=${wanted.join(',')}&count=true&limit=1`,
      );
      expect(counted.headers['x-total-count']).toBe(String(expected(wanted).length));
      const searched = await agent
        .post('/api/cases/search')
        .send({ slaStatus: wanted, sort: 'severity' });
      const { items } = searched.body as { items: ListedCase[] };
      expect(items.map(({ id }) => id).sort()).toEqual(expected(wanted));
    }
  });

  it('is found by the deadline too', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const cases = [];
    for (const hours of [1, 2, 3]) cases.push(await open(hours, {}, agent));
    await create({}, agent);
    const ids = async (query: string) =>
      (await readAll<ListedCase>(agent, `/api/cases?${query}&sort=createdAt`)).map(({ id }) => id);
    const [first, second, third] = cases;
    expect(await ids(`slaDueBefore=${second?.slaDeadline ?? ''}`)).toEqual([third?.id]);
    expect(await ids(`slaDueBefore=${later(second?.slaDeadline ?? '', 0.01)}`)).toEqual([
      third?.id,
      second?.id,
    ]);
    expect(await ids(`slaDueBefore=2999-01-01T00:00:00Z&slaStatus=on-track`)).toHaveLength(3);
    const searched = await agent
      .post('/api/cases/search')
      .send({ slaDueBefore: first?.slaDeadline, count: true });
    expect(searched.body).toMatchObject({ total: 2 });
  });

  it('can be listed by the deadline, page by page, those without one last', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const cases: Case[] = [];
    for (const hours of [2, 12, 7]) cases.push(await open(hours, {}, agent));
    const plain = [await create({}, agent), await create({}, agent)];
    const [late, overdue, soon] = cases;
    const ids = async (query: string) =>
      (await readAll<ListedCase>(agent, `/api/cases?${query}&limit=1`)).map(({ id }) => id);
    const expected = [overdue?.id, soon?.id, late?.id, ...plain.map(({ id }) => id)];
    expect(await ids('sort=slaDeadline')).toEqual(expected);
    expect(await ids('sort=-slaDeadline')).toEqual([...expected].reverse());
    expect(await ids('sort=slaDeadline&slaStatus=warning,on-track')).toEqual([soon?.id, late?.id]);
    expect(await ids(`sort=-slaDeadline&slaDueBefore=${late?.slaDeadline ?? ''}`)).toEqual([
      soon?.id,
      overdue?.id,
    ]);
    expect(await ids('sort=slaDeadline&severity=2&stage=New')).toEqual(expected);
    const counted = await agent.get('/api/cases?sort=slaDeadline&count=true&limit=1');
    expect(counted.headers['x-total-count']).toBe('5');
    const all = await readAll<ListedCase>(api.http(api.adminKey), '/api/cases?sort=slaDeadline');
    const own = new Set(expected);
    expect(all.map(({ id }) => id).filter((id) => own.has(id))).toEqual(expected);
  });

  it.each([
    ['slaStatus=late', 'slaStatus[0]'],
    ['slaStatus=', 'slaStatus'],
    ['slaDueBefore=tomorrow', 'slaDueBefore'],
  ])('answers 400 to ?%s', async (query, path) => {
    expectInvalid(await http.get(`/api/cases?${query}`), [path]);
  });
});

describe('a moment of the clock', () => {
  const stored = (ids: readonly string[]) =>
    api.db.rows<{ id: string; status: string }>(
      'SELECT id::text AS id, sla_status AS status FROM cases WHERE id = ANY($1)',
      [ids],
    );

  it('is recorded when it comes: history, audit, version, slaUpdatedAt', async () => {
    // The deadline lies in a second.
    const created = await open(10 - 1 / 3_600);
    expect(created).toMatchObject({ slaStatus: 'critical', version: 1 });
    const moved = await eventually(
      () => read(created.id),
      ({ version }) => version > 1,
    );
    expect(moved).toMatchObject({ slaStatus: 'breached', version: 2 });
    const lateMs = Date.parse(moved.slaUpdatedAt ?? '') - Date.parse(moved.slaDeadline ?? '');
    expect(lateMs).toBeGreaterThan(0);
    expect(lateMs).toBeLessThan(5_000);
    expect(await historyOf(created.id)).toEqual([statusLine('critical', 'breached', 'System')]);
    const entries = await api.db.rows(
      `SELECT action, actor_kind AS kind, actor_id AS actor, changes, organization_id::text AS organization
       FROM audit_entries WHERE target_id = $1 AND action <> 'case.created' ORDER BY at, id`,
      [created.id],
    );
    expect(entries).toEqual([
      {
        action: 'case.updated',
        kind: 'system',
        actor: null,
        changes: [{ field: 'slaStatus', old: 'critical', new: 'breached' }],
        organization: tenant.organizationId,
      },
    ]);
  });

  it('comes one after the other', async () => {
    const { id } = await open(1);
    for (const [hours, status] of [
      [5, 'warning'],
      [3, 'critical'],
      [2, 'breached'],
    ] as const) {
      await pass(id, hours, 'comes');
      await eventually(
        () => stored([id]),
        ([row]) => row?.status === status,
      );
    }
    expect(await historyOf(id)).toEqual([
      statusLine('on-track', 'warning', 'System'),
      statusLine('warning', 'critical', 'System'),
      statusLine('critical', 'breached', 'System'),
    ]);
    expect(await api.db.rows('SELECT 1 FROM jobs WHERE key = $1', [`sla:${id}`])).toEqual([]);
  });

  it('is recorded once for each of fifty cases, with two processes at work', async () => {
    const second = await startTestApp();
    try {
      const ids: string[] = [];
      for (let i = 0; i < 50; i++) ids.push((await open(1)).id);
      await Promise.all(ids.map((id) => pass(id, 5, 'comes')));
      await eventually(
        () => stored(ids),
        (rows) => rows.every(({ status }) => status === 'warning'),
      );
      await eventually(
        () =>
          api.db.rows('SELECT 1 FROM jobs WHERE key = ANY($1) AND leased_until IS NOT NULL', [
            ids.map((id) => `sla:${id}`),
          ]),
        ({ length }) => length === 0,
      );
      for (const id of ids) {
        expect(await historyOf(id)).toEqual([statusLine('on-track', 'warning', 'System')]);
        expect(await read(id)).toMatchObject({ slaStatus: 'warning', version: 2 });
      }
    } finally {
      await second.close();
    }
  });

  it('is recorded once while the case is changed all the time', async () => {
    const { id } = await open(1);
    await pass(id, 5, 'comes');
    await Promise.all(
      Array.from({ length: 30 }, (_, i) =>
        http
          .patch(`/api/cases/${id}`)
          .send({ title: `t${i}`, statusValue: i % 2 ? 'new' : 'in-progress' }),
      ),
    );
    await eventually(
      () => stored([id]),
      ([row]) => row?.status === 'warning',
    );
    expect(await historyOf(id)).toEqual([statusLine('on-track', 'warning', 'System')]);
  });

  it('is made up for after a crash in the middle', async () => {
    const { id } = await open(1);
    await pass(id, 5, 'comes');
    await api.db.rows(
      `UPDATE jobs SET attempts = 1, leased_until = now() - interval '1 millisecond' WHERE key = $1`,
      [`sla:${id}`],
    );
    await eventually(
      () => stored([id]),
      ([row]) => row?.status === 'warning',
    );
    expect(await historyOf(id)).toEqual([statusLine('on-track', 'warning', 'System')]);
    // The next moment has the job of the case again.
    const [next] = await api.db.rows<{ isAhead: boolean; attempts: number }>(
      'SELECT run_at > now() AS "isAhead", attempts FROM jobs WHERE key = $1',
      [`sla:${id}`],
    );
    expect(next).toEqual({ isAhead: true, attempts: 0 });
  });

  it('waits for a case that somebody holds, which holds up no other', async () => {
    const [held, free] = [(await open(1)).id, (await open(1)).id];
    for (const id of [held, free]) await pass(id, 5);
    await api.app.get(Database).transaction({ transaction: null }, async (tx) => {
      await sqlIn(tx)('SELECT id::text FROM cases WHERE id = $1::uuid FOR UPDATE', [held]);
      await api.db.rows('UPDATE jobs SET run_at = now() WHERE key = ANY($1)', [
        [`sla:${held}`, `sla:${free}`],
      ]);
      await eventually(
        () => stored([free]),
        ([row]) => row?.status === 'warning',
      );
      expect(await stored([held])).toEqual([{ id: held, status: 'on-track' }]);
    });
    await eventually(
      () => stored([held]),
      ([row]) => row?.status === 'warning',
    );
  });

  it('is forgotten with the case', async () => {
    const { id } = await open(1);
    await http.delete(`/api/cases/${id}`);
    await pass(id, 5, 'comes');
    await eventually(
      () => api.db.rows('SELECT 1 FROM jobs WHERE key = $1', [`sla:${id}`]),
      ({ length }) => length === 0,
    );
    expect(await stored([id])).toEqual([{ id, status: 'on-track' }]);
  });
});
