import type { Response } from 'supertest';
import type { Activity } from '../../src/activities/activities.schema.js';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import type { Attachment } from '../../src/attachments/attachments.schema.js';
import type { CaseLink } from '../../src/case-links/case-links.schema.js';
import { caseDetailSchema } from '../../src/cases/cases.schema.js';
import type { CaseDetail, ListedCase } from '../../src/cases/cases.schema.js';
import type { Comment } from '../../src/comments/comments.schema.js';
import type { Observable } from '../../src/records/answer.schema.js';
import type { Task } from '../../src/tasks/tasks.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { databaseUrl } from '../database.js';
import {
  addKey,
  addRecords,
  addTag,
  addTeam,
  createTenant,
  fingerprint,
  linkOrganizations,
  unique,
} from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { orphansIn } from '../orphans.js';
import { MISSING_ID, outcomesOf } from '../outcomes.js';

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

const ok = (response: Response, status = 200) => {
  expect({ status: response.status, body: response.text }).toMatchObject({ status });
};

async function newCase(body: object = {}, agent = http): Promise<CaseDetail> {
  const response = await agent
    .post('/api/cases')
    .send({ title: unique('Case'), statusValue: 'new', severity: 2, ...body });
  ok(response);
  return readCase((response.body as CaseDetail).id, agent);
}

async function readCase(id: string, agent = http): Promise<CaseDetail> {
  const response = await agent.get(`/api/cases/${id}`);
  ok(response);
  return expectMatches(caseDetailSchema, response.body);
}

const merge = (id: string, caseIds: readonly unknown[], agent = http, query = '') =>
  agent.post(`/api/cases/${id}/merge${query}`).send({ caseIds });

/** Folds the cases into the primary, which it answers. */
async function merged(
  primary: { readonly id: string },
  ...others: readonly { readonly id: string }[]
): Promise<CaseDetail> {
  const response = await merge(
    primary.id,
    others.map(({ id }) => id),
  );
  ok(response);
  return expectMatches(caseDetailSchema, response.body);
}

async function add<T>(path: string, body: object, agent = http): Promise<T> {
  const response = await agent.post(`/api/${path}`).send(body);
  ok(response, 201);
  return response.body as T;
}

const task = (caseId: string, body: object = {}) =>
  add<Task>(`cases/${caseId}/tasks`, { title: unique('Task'), ...body });

const comment = (path: string, body: object) => add<Comment>(`${path}/comments`, body);

async function attach(caseId: string, name: string, content: string): Promise<Attachment> {
  const response = await http
    .post(`/api/cases/${caseId}/attachments`)
    .attach('file', Buffer.from(content), name);
  ok(response, 201);
  const [attachment] = response.body as Attachment[];
  if (!attachment) throw new Error('Nothing was attached.');
  return attachment;
}

async function alertIn(caseId: string, body: object = {}): Promise<Alert> {
  const created = await http
    .post('/api/alerts')
    .send({ title: unique('Alert'), statusValue: 'new', severity: 1, ...body });
  const { id } = created.body as Alert;
  const response = await http.post(`/api/alerts/${id}/merge/${caseId}`);
  ok(response);
  return response.body as Alert;
}

async function listOf<T>(path: string, agent = http): Promise<T[]> {
  const response = await agent.get(`/api/${path}`);
  ok(response);
  return response.body as T[];
}

/** The newest entry of what the id is of. */
const lastAudited = (id: string) =>
  api.db.row(
    `SELECT action, organization_id AS owner, changes FROM audit_entries WHERE target_id = $1 ORDER BY at DESC, id DESC LIMIT 1`,
    [id],
  );

const historyOf = (id: string, agent = http) =>
  listOf<Activity>(`cases/${id}/activities?limit=100`, agent);

/** Shared with the guest. */
const shared = () => ({ organizations: [tenant.organizationId, guest.organizationId] });

const ip = (data: string, rest: object = {}) => ({ dataType: 'ip', data, ...rest });

const lowKey = async () => api.http((await addKey(api.db, tenant, { tlpMax: 2, papMax: 2 })).key);

describe('POST /cases/:id/merge', () => {
  it('unites what the cases are: the highest marks, all tags and teams, custom fields, descriptions', async () => {
    const [team, second] = [
      await addTeam(api.db, tenant.organizationId),
      await addTeam(api.db, tenant.organizationId),
    ];
    const primary = await newCase({
      description: 'As it was.',
      severity: 1,
      tlp: 1,
      pap: 3,
      tags: ['held', 'both'],
      teams: [team.id],
      customFields: { a: 'primary' },
      source: 'soc',
    });
    const older = await newCase({
      description: 'First **seen**.',
      severity: 4,
      tlp: 3,
      pap: 0,
      tags: ['BOTH', 'older'],
      teams: [team.id, second.id],
      customFields: { a: 'older', b: 'older', c: 'older' },
      assigneeId: tenant.userId,
      source: 'other',
    });
    const newer = await newCase({
      severity: 2,
      tlp: 0,
      flag: true,
      customFields: { b: 'newer' },
    });
    // The order in the body says nothing of age.
    const after = await merged(primary, newer, older);
    expect(after).toMatchObject({
      id: primary.id,
      title: primary.title,
      statusValue: 'new',
      severity: 4,
      tlp: 3,
      pap: 3,
      flag: true,
      customFields: { a: 'primary', b: 'newer', c: 'older' },
      source: 'soc',
      assigneeId: null,
      primaryCaseId: null,
      version: 2,
    });
    expect(after.description).toBe(
      [
        'As it was.',
        `## Merged case #${older.tinyId}: ${older.title}`,
        'First **seen**.',
        `## Merged case #${newer.tinyId}: ${newer.title}`,
      ].join('\n\n'),
    );
    expect(after.tags.map(({ name }) => name)).toEqual(['both', 'held', 'older']);
    expect(after.teams.map(({ id }) => id).sort()).toEqual([team.id, second.id].sort());
    expect(await readCase(primary.id)).toEqual(after);
  });

  it('closes the others as `duplicated`; they keep what they are and point to the primary', async () => {
    const primary = await newCase();
    const folded = await newCase({ description: 'Own.', tags: ['own'], tlp: 1, severity: 3 });
    await merged(primary, folded);
    const after = await readCase(folded.id);
    expect(after).toMatchObject({
      title: folded.title,
      description: 'Own.',
      tags: folded.tags,
      tlp: 1,
      severity: 3,
      statusValue: 'duplicated',
      status: { stage: 'Closed' },
      primaryCaseId: primary.id,
      version: 2,
    });
    const closed = await api.db.row('SELECT closed_at FROM cases WHERE id = $1', [folded.id]);
    expect(closed.closed_at).not.toBeNull();
    const listed = await listOf<ListedCase>('cases?status=duplicated');
    expect(listed.find(({ id }) => id === folded.id)?.primaryCaseId).toBe(primary.id);
  });

  it('appends the tasks in their order, none less restricted than the case', async () => {
    const [primary, older, newer] = [await newCase({ tlp: 1 }), await newCase(), await newCase()];
    const own = [await task(primary.id, { tlp: 1 }), await task(primary.id, { tlp: 4 })];
    const theirs = [
      await task(older.id, { mandatory: true }),
      await task(older.id, { status: 'completed' }),
    ];
    const deleted = await task(older.id);
    const last = await task(newer.id, { order: 0 });
    ok(await http.delete(`/api/tasks/${deleted.id}`), 204);
    const after = await merged(primary, newer, older);
    expect(after.tasks.map(({ id, order, tlp }) => [id, order, tlp])).toEqual([
      [own[0]?.id, 0, 2],
      [own[1]?.id, 1, 4],
      [theirs[0]?.id, 2, 2],
      [theirs[1]?.id, 3, 2],
      [last.id, 4, 2],
    ]);
    for (const { caseId } of after.tasks) expect(caseId).toBe(primary.id);
    expect(after.tasks[2]?.version).toBe(2);
    const raised = await api.db.rows(
      `SELECT target_id AS id, action, changes, organization_id AS owner FROM audit_entries
       WHERE target_id = ANY($1) AND action <> 'task.created'`,
      [after.tasks.map(({ id }) => id)],
    );
    expect(raised).toEqual([
      {
        id: own[0]?.id,
        action: 'task.updated',
        changes: [{ field: 'tlp', old: 1, new: 2 }],
        owner: tenant.organizationId,
      },
    ]);
    expect((await readCase(older.id)).tasks).toEqual([]);
    expectProblem(await http.get(`/api/tasks/${deleted.id}`), 404, 'TASK_NOT_FOUND');
    expect((await task(primary.id)).order).toBe(5);
  });

  it('tells of each task that it raises, also of what moves', async () => {
    const [primary, folded] = [await newCase({ tlp: 1 }), await newCase({ tlp: 1 })];
    const tasks = [await task(primary.id), await task(folded.id), await task(folded.id)];
    await merged(primary, folded, await newCase({ tlp: 3 }));
    for (const { id, title } of tasks) {
      const [line] = await listOf<Activity>(`tasks/${id}/activities`);
      expect(line).toMatchObject({ fieldName: 'tlp', oldValue: 1, newValue: 3, body: title });
      expect(await historyOf(primary.id)).toContainEqual({
        ...line,
        timeAgo: expect.any(String) as string,
      });
      const told = await api.db.row(
        `SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'task.updated'`,
        [id],
      );
      expect(told).toEqual({ changes: [{ field: 'tlp', old: 1, new: 3 }] });
    }
  });

  it('unites equal observables, also among the others, and moves the rest', async () => {
    const primary = await newCase({
      observables: [ip('10.0.0.1', { tlp: 1, pap: 1, message: 'ours' }), ip('10.0.0.9')],
    });
    const older = await newCase({
      observables: [
        ip('::ffff:10.0.0.1', { tlp: 3, pap: 0, ioc: true, message: 'theirs' }),
        ip('10.0.0.2', { tlp: 1, pap: 2, message: 'first' }),
        ip('10.0.0.3', { tlp: 4 }),
      ],
    });
    const newer = await newCase({
      observables: [
        ip('10.0.0.1', { tlp: 0, pap: 3, sighted: true, message: 'ours' }),
        ip('10.0.0.2', { tlp: 2, pap: 1, sighted: true, message: 'second' }),
      ],
    });
    const idOf = (from: CaseDetail, data: string) =>
      from.observables.find((each) => each.data === data)?.id ?? '';
    const [tag, both] = [
      await addTag(api.db, tenant.organizationId),
      await addTag(api.db, tenant.organizationId),
    ];
    const tagged = async (id: string, ...tags: readonly { readonly id: number }[]) => {
      for (const each of tags)
        await api.db.rows('INSERT INTO observable_tags VALUES ($1, $2)', [id, each.id]);
    };
    await tagged(idOf(primary, '10.0.0.1'), both);
    await tagged(idOf(older, '::ffff:10.0.0.1'), tag, both);

    const after = await merged(primary, older, newer);
    const shown = after.observables.map(({ id, data, tlp, pap, ioc, sighted, message }) => {
      return { id, data, tlp, pap, ioc, sighted, message };
    });
    expect(shown).toHaveLength(4);
    expect(shown).toEqual(
      expect.arrayContaining([
        {
          id: idOf(primary, '10.0.0.1'),
          data: '10.0.0.1',
          tlp: 3,
          pap: 3,
          ioc: true,
          sighted: true,
          message: 'ours\ntheirs',
        },
        {
          id: idOf(older, '10.0.0.2'),
          data: '10.0.0.2',
          tlp: 2,
          pap: 2,
          ioc: false,
          sighted: true,
          message: 'first\nsecond',
        },
        expect.objectContaining({ id: idOf(older, '10.0.0.3'), tlp: 4 }),
        expect.objectContaining({ id: idOf(primary, '10.0.0.9') }),
      ]),
    );
    const united = after.observables.find(({ id }) => id === idOf(primary, '10.0.0.1'));
    expect(united?.tags.map(({ id }) => id).sort()).toEqual([tag.id, both.id].sort());
    expect(united?.sightedAt).not.toBeNull();
    for (const { caseId } of after.observables) expect(caseId).toBe(primary.id);

    for (const gone of [idOf(older, '::ffff:10.0.0.1'), idOf(newer, '10.0.0.2')])
      expectProblem(await http.get(`/api/observables/${gone}`), 404, 'OBSERVABLE_NOT_FOUND');
    const moved = await http.get(`/api/observables/${idOf(older, '10.0.0.3')}`);
    expect(moved.body).toMatchObject({ caseId: primary.id, version: 2 });
    for (const { id } of [older, newer]) expect((await readCase(id)).observables).toEqual([]);
  });

  it('keeps the file of an equal observable, as strictly marked as any that named it', async () => {
    const form = (name: string, tlp: number) =>
      http
        .post('/api/alerts-attachments')
        .field(
          'alert',
          JSON.stringify({
            title: 'With a file',
            statusValue: 'new',
            severity: 1,
            tlp: 1,
            observables: [{ dataType: 'file', attachment: name, tlp }],
          }),
        )
        .attach('file', Buffer.from('MZ equal'), name);
    const cases: CaseDetail[] = [];
    for (const [name, tlp] of [
      ['a.exe', 1],
      ['b.exe', 3],
    ] as const) {
      const { id } = (await form(name, tlp)).body as Alert;
      const opened = await http
        .post('/api/alerts/create-case')
        .send({ title: name, statusValue: 'new', severity: 1, tlp: 1, alertIds: [id] });
      cases.push(await readCase((opened.body as { caseId: string }).caseId));
    }
    const [primary, folded] = cases as [CaseDetail, CaseDetail];
    const after = await merged(primary, folded);
    expect(after.observables).toMatchObject([
      { id: primary.observables[0]?.id, tlp: 3, attachment: { name: 'a.exe' } },
    ]);
    const files = await listOf<Attachment>(`cases/${primary.id}/attachments?sort=createdAt`);
    expect(files.map(({ name }) => name)).toEqual(['a.exe', 'b.exe']);
    const low = await lowKey();
    for (const { id } of files) {
      expect((await http.get(`/api/attachments/${id}/download`)).body).toEqual(
        Buffer.from('MZ equal'),
      );
      expectProblem(await low.get(`/api/attachments/${id}`), 403, 'CLEARANCE_TLP');
    }
  });

  it('moves comments with their replies, files, and tasks with their comments, under their ids', async () => {
    const [primary, folded] = [await newCase(), await newCase()];
    const own = await comment(`cases/${primary.id}`, { body: 'ours' });
    const first = await comment(`cases/${folded.id}`, { body: `@${tenant.email} first` });
    const reply = await comment(`cases/${folded.id}`, { body: 'reply', parentId: first.id });
    const file = await attach(folded.id, 'evidence.txt', 'evidence');
    const work = await task(folded.id);
    const said = await comment(`tasks/${work.id}`, { body: 'on the task' });
    await merged(primary, folded);

    const comments = await listOf<Comment>(`cases/${primary.id}/comments?sort=createdAt`);
    expect(comments.map(({ id, parentId }) => [id, parentId])).toEqual([
      [own.id, null],
      [first.id, null],
      [reply.id, first.id],
    ]);
    expect(comments[1]).toMatchObject({ caseId: primary.id, version: 2, editedAt: null });
    expect(comments[1]?.mentions.map(({ id }) => id)).toEqual([tenant.userId]);
    expect(await listOf<Comment>(`cases/${folded.id}/comments`)).toEqual([]);
    expect(await listOf<Comment>(`tasks/${work.id}/comments`)).toEqual([said]);
    expect(await listOf<Activity>(`tasks/${work.id}/activities`)).toHaveLength(2);
    expect(await listOf<Attachment>(`cases/${primary.id}/attachments`)).toEqual([
      { ...file, caseId: primary.id },
    ]);
    expect(await listOf<Attachment>(`cases/${folded.id}/attachments`)).toEqual([]);
    const download = await http.get(`/api/attachments/${file.id}/download`);
    expect(download.body).toEqual(Buffer.from('evidence'));
    const answered = await comment(`cases/${primary.id}`, { body: 'x', parentId: reply.id });
    expect(answered.parentId).toBe(reply.id);
    ok(await http.patch(`/api/comments/${first.id}`).send({ body: 'changed' }));
    ok(await http.patch(`/api/tasks/${work.id}`).send({ status: 'completed' }));
  });

  it('moves the alerts, which tell of it', async () => {
    const [primary, folded] = [await newCase(), await newCase()];
    const own = await alertIn(primary.id);
    const theirs = await alertIn(folded.id);
    const after = await merged(primary, folded);
    expect(after.alerts.map(({ id }) => id)).toEqual([own.id, theirs.id]);
    const alert = (await http.get(`/api/alerts/${theirs.id}`)).body as Alert;
    expect(alert).toMatchObject({
      statusValue: 'imported',
      version: theirs.version + 1,
      case: { id: primary.id, tinyId: primary.tinyId },
    });
    const [newest] = await listOf<Activity>(`alerts/${theirs.id}/activities`);
    expect(newest).toMatchObject({
      action: 'updated',
      fieldName: 'case',
      oldValue: { id: folded.id, tinyId: folded.tinyId },
      newValue: { id: primary.id, tinyId: primary.tinyId },
    });
    expect(await lastAudited(theirs.id)).toEqual({
      action: 'alert.updated',
      owner: tenant.organizationId,
      changes: [{ field: 'case', old: folded.id, new: primary.id }],
    });
    expect((await readCase(folded.id)).alerts).toEqual([]);
    const again = await http.post(`/api/alerts/${theirs.id}/merge/${primary.id}`);
    expect(again.body).toEqual(alert);
  });

  it('gives the links to the primary, each once, and none to itself', async () => {
    const [primary, folded, second] = [await newCase(), await newCase(), await newCase()];
    const [far, known] = [await newCase(), await newCase()];
    const link = (id: string, caseId: string, kind: string) =>
      add<CaseLink>(`cases/${id}/links`, { caseId, kind });
    await link(primary.id, known.id, 'kept');
    await link(folded.id, known.id, 'dropped');
    await link(folded.id, far.id, 'older');
    await link(far.id, second.id, 'newer');
    await link(folded.id, second.id, 'inside');
    await link(folded.id, primary.id, 'inside');
    await merged(primary, folded, second);
    const links = await listOf<CaseLink>(`cases/${primary.id}/links?sort=createdAt`);
    expect(links.map(({ caseId, kind }) => [caseId, kind])).toEqual([
      [known.id, 'kept'],
      [far.id, 'older'],
    ]);
    expect(await lastAudited(known.id)).toEqual({
      action: 'case.updated',
      owner: tenant.organizationId,
      changes: [{ field: 'links', old: folded.id, new: primary.id }],
    });
    expect(await listOf<CaseLink>(`cases/${folded.id}/links`)).toEqual([]);
    expect((await listOf<CaseLink>(`cases/${far.id}/links`)).map((each) => each.caseId)).toEqual([
      primary.id,
    ]);
    const lines = (await historyOf(far.id)).filter(({ action }) => action === 'updated');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatchObject({ fieldName: 'links', newValue: { id: primary.id } });
  });

  it('leaves the history where it was, and tells of the merge in both, and in the audit trail', async () => {
    const primary = await newCase({ tlp: 1, description: 'Ours.' });
    const folded = await newCase({ tlp: 3, statusValue: 'in-progress' });
    ok(await http.patch(`/api/cases/${folded.id}`).send({ title: 'Renamed' }));
    const before = await historyOf(folded.id);
    const { id: alertId } = await alertIn(folded.id);
    await merged(primary, folded);

    const history = await historyOf(folded.id);
    expect(history.slice(-before.length)).toEqual(
      before.map((line) => ({ ...line, timeAgo: expect.any(String) as string })),
    );
    expect(
      history.map(({ action, fieldName, oldValue, newValue }) => {
        return { action, fieldName, oldValue, newValue };
      }),
    ).toEqual(
      expect.arrayContaining([
        {
          action: 'merged',
          fieldName: 'case',
          oldValue: null,
          newValue: { id: primary.id, tinyId: primary.tinyId },
        },
        {
          action: 'statusChanged',
          fieldName: 'statusValue',
          oldValue: 'in-progress',
          newValue: 'duplicated',
        },
      ]),
    );
    const ofPrimary = await historyOf(primary.id);
    expect(ofPrimary.map(({ action, fieldName }) => `${action} ${fieldName ?? ''}`).sort()).toEqual(
      ['created ', 'merged cases', 'updated description', 'updated tlp'],
    );
    expect(ofPrimary.find(({ action }) => action === 'merged')?.newValue).toEqual({
      id: folded.id,
      tinyId: folded.tinyId,
    });
    const audit = await api.db.rows<{ action: string; target: string; changes: unknown[] }>(
      `SELECT action, target_id AS target, changes FROM audit_entries
       WHERE target_id = ANY($1) AND action <> 'case.created' ORDER BY at, id`,
      [[primary.id, folded.id]],
    );
    const [ofMerge, update] = audit.slice(-2);
    expect(ofMerge).toEqual({
      action: 'case.merged',
      target: folded.id,
      changes: [
        { field: 'primaryCaseId', old: null, new: primary.id },
        { field: 'statusValue', old: 'in-progress', new: 'duplicated' },
        { field: 'alerts', old: alertId, new: null },
      ],
    });
    expect(update).toMatchObject({ action: 'case.updated', target: primary.id });
    expect(update?.changes).toEqual(
      expect.arrayContaining([
        { field: 'tlp', old: 1, new: 3 },
        { field: 'alerts', old: null, new: alertId },
      ]),
    );
  });

  it('closes cases with open mandatory tasks and empty required fields: their tasks move', async () => {
    const own = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(own.key);
    const field = await agent.post('/api/custom-fields').send({
      key: 'verdict',
      label: 'Verdict',
      type: 'text',
      appliesTo: ['case'],
      required: true,
    });
    ok(field, 201);
    const [primary, folded] = [await newCase({}, agent), await newCase({}, agent)];
    ok(
      await agent.post(`/api/cases/${folded.id}/tasks`).send({ title: 'Must', mandatory: true }),
      201,
    );
    ok(await merge(primary.id, [folded.id], agent));
    expect((await readCase(folded.id, agent)).statusValue).toBe('duplicated');
    const close = await agent.patch(`/api/cases/${primary.id}`).send({ statusValue: 'resolved' });
    expectProblem(close, 409, 'MANDATORY_TASKS_OPEN');
  });

  it('closes as `resolved` where `duplicated` was deleted', async () => {
    const alone = await startTestApp({ DATABASE_URL: await databaseUrl('merge_status') });
    try {
      const agent = alone.http(alone.adminKey);
      const statuses = (await agent.get('/api/case-statuses')).body as {
        readonly id: string;
        readonly value: string;
      }[];
      const duplicated = statuses.find(({ value }) => value === 'duplicated');
      ok(await agent.delete(`/api/case-statuses/${duplicated?.id ?? ''}`), 204);
      const [primary, folded] = [await newCase({}, agent), await newCase({}, agent)];
      ok(await merge(primary.id, [folded.id], agent));
      expect(await readCase(folded.id, agent)).toMatchObject({
        statusValue: 'resolved',
        primaryCaseId: primary.id,
      });
    } finally {
      await alone.close();
    }
  });

  it('folds fifty cases, named as objects or twice', async () => {
    const primary = await newCase();
    const ids = await addRecords(api.db, 'cases', tenant, 49, new Date('2026-02-01T00:00:00Z'));
    for (const id of ids.slice(0, 5)) await task(id);
    const [first = ''] = ids;
    const response = await merge(primary.id, [...ids.slice(1), { id: first }, first.toUpperCase()]);
    ok(response);
    const { tasks, description } = response.body as CaseDetail;
    expect(tasks.map(({ order }) => order)).toEqual([0, 1, 2, 3, 4]);
    expect(description?.match(/^## Merged case/gm)).toHaveLength(49);
    const counted = await api.db.row(
      'SELECT count(*)::int AS n FROM cases WHERE primary_case_id = $1',
      [primary.id],
    );
    expect(counted.n).toBe(49);
  });

  it('answers 200 to what was merged into it already, and changes nothing', async () => {
    const [primary, folded, fresh] = [await newCase(), await newCase(), await newCase()];
    const after = await merged(primary, folded);
    const before = await fingerprint(api.db);
    expect((await merged(primary, folded)).version).toBe(after.version);
    expect(await fingerprint(api.db)).toBe(before);
    const more = await merged(primary, folded, fresh);
    expect(more.description?.match(/^## Merged case/gm)).toHaveLength(2);
    expect((await readCase(folded.id)).version).toBe(2);
    ok(await http.patch(`/api/cases/${primary.id}`).send({ statusValue: 'resolved' }));
    await merged(primary, folded, fresh);
  });

  it('merges once for one Idempotency-Key', async () => {
    const [primary, folded] = [await newCase(), await newCase()];
    const send = () => merge(primary.id, [folded.id]).set('Idempotency-Key', `merge-${primary.id}`);
    const first = await send();
    const second = await send();
    ok(second);
    expect(second.text).toBe(first.text);
    expect(second.headers['idempotent-replayed']).toBe('true');
  });

  it('lets one of A into B and B into A at once win', async () => {
    for (let round = 0; round < 20; round++) {
      const [a, b] = [await newCase(), await newCase()];
      const work = [await task(a.id), await task(b.id)].map(({ id }) => id).sort();
      const answers = await Promise.all([merge(a.id, [b.id]), merge(b.id, [a.id])]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const [winner, loser] = answers[0].status === 200 ? [a, b] : [b, a];
      for (const answer of answers)
        if (answer.status === 409)
          expect(expectProblem(answer, 409, 'CASE_MERGED').conflictingId).toBe(loser.id);
      const after = await readCase(winner.id);
      expect(after.tasks.map(({ id }) => id).sort()).toEqual(work);
      expect(await readCase(loser.id)).toMatchObject({ primaryCaseId: winner.id, tasks: [] });
    }
  });

  it('doubles nothing when many requests do the same merge', async () => {
    const primary = await newCase({ observables: [ip('10.0.0.1')] });
    const folded = await newCase({ observables: [ip('10.0.0.1'), ip('10.0.0.2')] });
    await task(folded.id);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => merge(primary.id, [folded.id])),
    );
    for (const answer of answers) ok(answer);
    const after = await readCase(primary.id);
    expect(after).toMatchObject({ version: 2, tasks: [{ order: 0 }] });
    expect(after.observables).toHaveLength(2);
    expect(after.description?.match(/^## Merged case/gm)).toHaveLength(1);
    const lines = (await historyOf(primary.id)).filter(({ action }) => action === 'merged');
    expect(lines).toHaveLength(1);
  });

  it('lets one of two primaries win the same case', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b, folded] = [await newCase(), await newCase(), await newCase()];
      const answers = await Promise.all([merge(a.id, [folded.id]), merge(b.id, [folded.id])]);
      expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
      const [winner, loser] = answers[0].status === 200 ? [a, b] : [b, a];
      expect((await readCase(folded.id)).primaryCaseId).toBe(winner.id);
      expect(await readCase(loser.id)).toEqual(loser);
    }
  });

  it('leaves nothing on a case that is folded while more is added to it', async () => {
    const orphans = await orphansIn(api.db);
    for (let round = 0; round < 5; round++) {
      const [primary, folded, far] = [await newCase(), await newCase(), await newCase()];
      const existing = await task(folded.id);
      const { body: alert } = (await http
        .post('/api/alerts')
        .send({ title: 'x', statusValue: 'new', severity: 1 })) as { body: Alert };
      const path = `/api/cases/${folded.id}`;
      const [answer, ...others] = await Promise.all([
        merge(primary.id, [folded.id]),
        http.post(`${path}/tasks`).send({ title: 'late' }),
        http.post(`${path}/comments`).send({ body: 'late' }),
        http.post(`${path}/observables`).send(ip('10.0.0.7')),
        http.post(`${path}/attachments`).attach('file', Buffer.from('late'), 'late.txt'),
        http.post(`${path}/links`).send({ caseId: far.id }),
        http.post(`/api/alerts/${alert.id}/merge/${folded.id}`),
        http.patch(`/api/tasks/${existing.id}`).send({ title: 'changed' }),
        http.post(`/api/tasks/${existing.id}/comments`).send({ body: 'late' }),
      ]);
      ok(answer);
      for (const other of others) if (other.status >= 300) expectProblem(other, 409, 'CASE_MERGED');
    }
    expect(await orphansIn(api.db)).toEqual(orphans);
  });

  it('survives deletions of either at the same time', async () => {
    const orphans = await orphansIn(api.db);
    for (let round = 0; round < 5; round++) {
      const [primary, folded] = [await newCase(), await newCase()];
      await alertIn(folded.id);
      const gone = round % 2 === 0 ? primary : folded;
      const [answer, deleted] = await Promise.all([
        merge(primary.id, [folded.id]),
        http.delete(`/api/cases/${gone.id}`),
      ]);
      ok(deleted, 204);
      if (answer.status !== 200)
        expectProblem(
          answer,
          gone === primary ? 404 : 400,
          gone === primary ? 'CASE_NOT_FOUND' : 'REFERENCE_NOT_FOUND',
        );
    }
    expect(await orphansIn(api.db)).toEqual(orphans);
  });

  it('leaves no orphans, however cases were merged, linked and deleted', async () => {
    const orphans = await orphansIn(api.db);
    const cases: CaseDetail[] = [];
    for (let index = 0; index < 5; index++) {
      const each = await newCase({
        observables: [ip('10.0.0.1'), ip(`10.0.1.${index}`)],
        tags: ['x'],
        ...shared(),
      });
      const { id } = await comment(`cases/${each.id}`, { body: 'x' });
      await comment(`cases/${each.id}`, { body: 'y', parentId: id });
      const work = await task(each.id, {
        teams: [(await addTeam(api.db, tenant.organizationId)).id],
      });
      await comment(`tasks/${work.id}`, { body: 'z' });
      await attach(each.id, 'same.txt', 'same');
      await alertIn(each.id);
      cases.push(each);
    }
    const [a, b, c, d, e] = cases as [CaseDetail, CaseDetail, CaseDetail, CaseDetail, CaseDetail];
    for (const far of [b, c, d, e]) await add(`cases/${a.id}/links`, { caseId: far.id });
    await merged(b, a);
    await merged(c, b);
    expect(await orphansIn(api.db)).toEqual(orphans);
    const [held] = (await readCase(c.id)).alerts;
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [held?.id, a.id]);
    expect(await orphansIn(api.db)).toEqual([...orphans, `alerts_case_id_fkey → ${a.id}`].sort());
    await api.db.rows('UPDATE alerts SET case_id = $2 WHERE id = $1', [held?.id, c.id]);
    await merged(d, c, e);
    expect((await readCase(d.id)).alerts).toHaveLength(5);
    ok(await http.delete(`/api/cases/${d.id}`), 204);
    expect(await orphansIn(api.db)).toEqual(orphans);
  });

  it('moves techniques, an equal one once, and ends the clocks of the folded', async () => {
    const slaConfig = {
      deadlineHours: 8,
      warningThresholdPercent: 50,
      criticalThresholdPercent: 80,
    };
    const [primary, folded] = [await newCase(), await newCase({ slaConfig })];
    for (const [{ id }, techniqueId] of [
      [primary, 'T1566'],
      [folded, 'T1566'],
      [folded, 'T1059'],
    ] as const)
      await add(`cases/${id}/ttps`, { techniqueId });
    ok(await merge(primary.id, [folded.id]));
    const seen = await listOf<{ techniqueId: string }>(`cases/${primary.id}/ttps`);
    expect(seen.map(({ techniqueId }) => techniqueId).sort()).toEqual(['T1059', 'T1566']);
    expect(await listOf(`cases/${folded.id}/ttps`)).toEqual([]);
    expect(await readCase(folded.id)).toMatchObject({ slaStatus: 'met' });
    const history = await listOf<{ fieldName: string }>(`cases/${folded.id}/activities`);
    expect(history.map(({ fieldName }) => fieldName)).toContain('slaStatus');
  });

  it('opens a closed primary again with ?reopen=true, and records it', async () => {
    const [primary, folded] = [await newCase({ statusValue: 'resolved' }), await newCase()];
    expectProblem(await merge(primary.id, [folded.id]), 409, 'CASE_CLOSED');
    expectProblem(await merge(primary.id, [folded.id], http, '?reopen=false'), 409, 'CASE_CLOSED');
    expect(await readCase(folded.id)).toEqual(folded);
    ok(await merge(primary.id, [folded.id], http, '?reopen=true'));
    expect((await readCase(primary.id)).statusValue).toBe('in-progress');
    expect(await historyOf(primary.id)).toContainEqual(
      expect.objectContaining({
        action: 'statusChanged',
        oldValue: 'resolved',
        newValue: 'in-progress',
      }),
    );
  });

  it('folds closed cases as well', async () => {
    const [primary, folded] = [await newCase(), await newCase({ statusValue: 'other' })];
    await merged(primary, folded);
    expect((await readCase(folded.id)).statusValue).toBe('duplicated');
  });

  it.each([
    ['no cases', {}, 'caseIds'],
    ['an empty list', { caseIds: [] }, 'caseIds'],
    ['a text', { caseIds: 'x' }, 'caseIds'],
    ['an id that is none', { caseIds: ['x'] }, 'caseIds[0]'],
    ['an unknown key', { caseIds: [MISSING_ID], reopen: true }, 'reopen'],
    ['fifty-one cases', { caseIds: Array<string>(51).fill(MISSING_ID) }, 'caseIds'],
  ])('answers 400 to %s', async (_what, body, path) => {
    const { id } = await newCase();
    expectInvalid(await http.post(`/api/cases/${id}/merge`).send(body), [path]);
  });

  it('answers 400 to the primary among the others, and to other values of reopen', async () => {
    const [primary, folded] = [await newCase(), await newCase()];
    expectInvalid(await merge(primary.id, [folded.id, primary.id]), ['caseIds[1]']);
    expectInvalid(await merge(primary.id, [folded.id], http, '?reopen=yes'), ['reopen']);
    expect(await readCase(folded.id)).toEqual(folded);
  });

  it('answers 400 alike to missing, deleted and foreign cases, naming each path', async () => {
    const [primary, folded] = [await newCase(), await newCase()];
    const deleted = await newCase();
    ok(await http.delete(`/api/cases/${deleted.id}`), 204);
    const foreign = await newCase({}, api.http(other.key));
    const answers = new Set<string>();
    const before = await fingerprint(api.db);
    for (const id of [MISSING_ID, deleted.id, foreign.id]) {
      const response = await merge(primary.id, [folded.id, id]).set('X-Request-Id', 'same');
      expectInvalid(response, ['caseIds[1]'], 'REFERENCE_NOT_FOUND');
      answers.add(response.text);
    }
    expect(answers.size).toBe(1);
    expect(await fingerprint(api.db)).toBe(before);
    const several = await merge(primary.id, [MISSING_ID, folded.id, foreign.id]);
    expectInvalid(several, ['caseIds[0]', 'caseIds[2]'], 'REFERENCE_NOT_FOUND');
  });

  const probe = {
    method: 'post',
    path: () => `/api/cases/${MISSING_ID}/merge`,
    body: { caseIds: [MISSING_ID] },
  } as const;

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'cases:write', ['cases:read', 'alerts:write']);

  it('answers 403 to a primary or another case above the clearance, and changes nothing', async () => {
    const low = await lowKey();
    const [open, red, amber] = [
      await newCase(),
      await newCase({ tlp: 4 }),
      await newCase({ pap: 3 }),
    ];
    const before = await fingerprint(api.db);
    expectProblem(await merge(open.id, [red.id], low), 403, 'CLEARANCE_TLP');
    expectProblem(await merge(open.id, [amber.id], low), 403, 'CLEARANCE_PAP');
    expectProblem(await merge(red.id, [open.id], low), 403, 'CLEARANCE_TLP');
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('answers 403 to guests of the primary or of another case', async () => {
    const agent = api.http(guest.key);
    const [open, second] = [await newCase(shared()), await newCase(shared())];
    const own = await newCase({}, agent);
    expectProblem(await merge(open.id, [second.id], agent), 403, 'OWNER_ONLY');
    expectProblem(await merge(open.id, [own.id], agent), 403, 'OWNER_ONLY');
    expectProblem(await merge(own.id, [open.id], agent), 403, 'OWNER_ONLY');
  });

  outcomes.notFound(
    'post',
    (id) => `/api/cases/${id}/merge`,
    'CASE_NOT_FOUND',
    async () => {
      const deleted = await newCase();
      await http.delete(`/api/cases/${deleted.id}`);
      return [deleted.id, (await newCase({}, api.http(other.key))).id];
    },
    { caseIds: [MISSING_ID] },
  );

  it('answers 409 to cases of different owners', async () => {
    const [own, foreign] = [await newCase(), await newCase({}, api.http(other.key))];
    const response = await merge(own.id, [foreign.id], api.http(api.adminKey));
    expect(expectProblem(response, 409, 'OWNERS_DIFFER').conflictingId).toBe(foreign.id);
    expect(await readCase(own.id)).toEqual(own);
  });

  it('answers 409 to a case that was merged into another one, naming it, and folds none', async () => {
    const [first, second, folded, fresh] = [
      await newCase(),
      await newCase(),
      await newCase(),
      await newCase(),
    ];
    await merged(first, folded);
    const response = await merge(second.id, [fresh.id, folded.id]);
    expect(expectProblem(response, 409, 'CASE_MERGED').conflictingId).toBe(folded.id);
    expect(await readCase(fresh.id)).toEqual(fresh);
  });

  it('answers 409 when the primary was merged away, also with ?reopen=true', async () => {
    const [primary, folded, fresh] = [await newCase(), await newCase(), await newCase()];
    await merged(primary, folded);
    for (const caseIds of [[fresh.id], [primary.id]]) {
      const response = await merge(folded.id, caseIds, http, '?reopen=true');
      expect(expectProblem(response, 409, 'CASE_MERGED').conflictingId).toBe(folded.id);
    }
  });
});

describe('who sees a case that others were folded into', () => {
  it('is who could see them all: a merge shows a guest nothing that was not shared with it', async () => {
    const agent = api.http(guest.key);
    const seen = async ({ id }: CaseDetail) => (await agent.get(`/api/cases/${id}`)).status;
    const [both, alsoShared] = [await newCase(shared()), await newCase(shared())];
    await merged(both, alsoShared);
    expect(await seen(both)).toBe(200);

    const [open, hidden] = [await newCase(shared()), await newCase()];
    const secret = await comment(`cases/${hidden.id}`, { body: 'secret' });
    await merged(open, hidden);
    expect(await seen(open)).toBe(404);
    expectProblem(await agent.get(`/api/comments/${secret.id}`), 404, 'COMMENT_NOT_FOUND');
    expect(await historyOf(open.id)).toContainEqual(
      expect.objectContaining({
        fieldName: 'organizations',
        oldValue: [tenant.organizationName, guest.organizationName],
        newValue: [tenant.organizationName],
      }),
    );

    const [closed, opened] = [await newCase(), await newCase(shared())];
    await merged(closed, opened);
    expect(await seen(closed)).toBe(404);
    expect(await seen(opened)).toBe(200);
    expect((await readCase(opened.id, agent)).primaryCaseId).toBeNull();
  });

  it('counts what all organizations may see', async () => {
    const agent = api.http(guest.key);
    const [all, some] = [
      await newCase({ visibleToAllOrganizations: true }),
      await newCase(shared()),
    ];
    const after = await merged(all, some);
    expect(after).toMatchObject({ visibleToAllOrganizations: false });
    expect((await readCase(all.id, agent)).id).toBe(all.id);
    expectProblem(await api.http(other.key).get(`/api/cases/${all.id}`), 404, 'CASE_NOT_FOUND');
  });

  it('is who is cleared for all of them, but for what is marked above its case', async () => {
    const low = await lowKey();
    const primary = await newCase({ tlp: 1, pap: 1 });
    const folded = await newCase({
      tlp: 2,
      pap: 2,
      observables: [ip('10.0.0.1', { tlp: 4 }), ip('10.0.0.2', { tlp: 2 })],
    });
    const secret = await task(folded.id, { tlp: 4 });
    ok(await merge(primary.id, [folded.id], low));
    const seen = await readCase(primary.id, low);
    expect(seen.observables.map(({ data }) => data)).toEqual(['10.0.0.2']);
    expect(seen.tasks).toEqual([]);
    const whole = await readCase(primary.id);
    expect(whole.observables).toHaveLength(2);
    expect(whole.tasks).toMatchObject([{ id: secret.id, tlp: 4 }]);

    const red = await newCase({ tlp: 4 });
    await merged(red, primary);
    expectProblem(await low.get(`/api/cases/${red.id}`), 403, 'CLEARANCE_TLP');
    const left = await readCase(primary.id, low);
    expect(left).toMatchObject({ statusValue: 'duplicated', primaryCaseId: null });
    expect(await historyOf(primary.id, low)).not.toContainEqual(
      expect.objectContaining({ action: 'merged', fieldName: 'case' }),
    );
  });
});

describe('a case that was merged away', () => {
  async function mergedAway(): Promise<{ primary: CaseDetail; folded: CaseDetail }> {
    const [primary, folded] = [await newCase(), await newCase()];
    await merged(primary, folded);
    return { primary, folded: await readCase(folded.id) };
  }

  it('is read and updated, and stays closed and merged', async () => {
    const { primary, folded } = await mergedAway();
    const response = await http
      .patch(`/api/cases/${folded.id}`)
      .set('If-Match', `"${folded.version}"`)
      .send({ title: 'The same', tlp: 4, statusValue: 'resolved' });
    ok(response);
    expect(response.body).toMatchObject({ primaryCaseId: primary.id, statusValue: 'resolved' });
  });

  it('takes nothing more: 409 naming it', async () => {
    const { folded } = await mergedAway();
    const far = await newCase();
    const { body: alert } = (await http
      .post('/api/alerts')
      .send({ title: 'x', statusValue: 'new', severity: 1 })) as { body: Alert };
    const path = `/api/cases/${folded.id}`;
    const before = await fingerprint(api.db);
    for (const response of [
      await http.post(`${path}/tasks`).send({ title: 'x' }),
      await http.post(`${path}/comments`).send({ body: 'x' }),
      await http.post(`${path}/observables`).send(ip('10.0.0.1')),
      await http.post('/api/observables').send({ caseId: folded.id, ...ip('10.0.0.1') }),
      await http.post(`${path}/attachments`).attach('file', Buffer.from('x'), 'x.txt'),
      await http.post(`${path}/links`).send({ caseId: far.id }),
      await http.post(`/api/cases/${far.id}/links`).send({ caseId: folded.id }),
      await http.post(`/api/alerts/${alert.id}/merge/${folded.id}?reopen=true`),
    ])
      expect(expectProblem(response, 409, 'CASE_MERGED').conflictingId).toBe(folded.id);
    expect(await fingerprint(api.db)).toBe(before);
  });

  it('stands for itself once it is opened again, with what happened recorded', async () => {
    const { primary, folded } = await mergedAway();
    const response = await http
      .patch(`/api/cases/${folded.id}`)
      .send({ statusValue: 'in-progress' });
    ok(response);
    expect(response.body).toMatchObject({ primaryCaseId: null, statusValue: 'in-progress' });
    expect(await historyOf(folded.id)).toContainEqual(
      expect.objectContaining({
        action: 'updated',
        fieldName: 'primaryCaseId',
        oldValue: primary.id,
        newValue: null,
      }),
    );
    await task(folded.id);
    expect((await merged(primary, folded)).tasks).toHaveLength(1);
  });

  it('points nowhere when its primary is deleted, which its version tells', async () => {
    const { primary, folded } = await mergedAway();
    ok(await http.delete(`/api/cases/${primary.id}`), 204);
    const after = await readCase(folded.id);
    expect(after).toMatchObject({
      primaryCaseId: null,
      statusValue: 'duplicated',
      version: folded.version + 1,
    });
    expect((await historyOf(folded.id))[0]).toMatchObject({
      action: 'updated',
      fieldName: 'primaryCaseId',
      oldValue: primary.id,
    });
    const [entry] = await api.db.rows(
      "SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'case.updated'",
      [folded.id],
    );
    expect(entry?.changes).toEqual([{ field: 'primaryCaseId', old: primary.id, new: null }]);
    await merged(await newCase(), folded);
  });

  it('can be deleted by itself', async () => {
    const { primary, folded } = await mergedAway();
    ok(await http.delete(`/api/cases/${folded.id}`), 204);
    expect((await readCase(primary.id)).version).toBe(2);
    expectInvalid(await merge(primary.id, [folded.id]), ['caseIds[0]'], 'REFERENCE_NOT_FOUND');
  });
});

describe('observables of a merged case', () => {
  it('are found by their value, once, on the primary', async () => {
    const value = `2001:db8::${unique('x').slice(-4)}`;
    const [primary, folded] = [
      await newCase({ observables: [ip(value)] }),
      await newCase({ observables: [ip(value)] }),
    ];
    await merged(primary, folded);
    const found = await listOf<Observable>(`observables/lookup?data=${value}`);
    expect(found.map(({ caseId }) => caseId)).toEqual([primary.id]);
  });
});
