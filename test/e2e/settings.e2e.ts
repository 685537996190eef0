import { z } from 'zod';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import type { CaseTemplate } from '../../src/case-templates/case-templates.schema.js';
import { tagAnswerSchema } from '../../src/records/answer.schema.js';
import type { Tag } from '../../src/records/answer.schema.js';
import { statusDetailSchema } from '../../src/statuses/statuses.schema.js';
import type { StatusDetail } from '../../src/statuses/statuses.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addKey, addTag, createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectInvalid, expectMatches, expectProblem } from '../matchers.js';
import { MISSING_ID, NO_READ_SCOPES, READ_SCOPES, outcomesOf, readAll } from '../outcomes.js';

let api: TestApp;
/** An organization's administrator. */
let tenant: Tenant;
let other: Tenant;
let http: Agent;
/** A platform administrator. */
let platform: Agent;

beforeAll(async () => {
  api = await startTestApp();
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
  platform = api.http(api.adminKey);
});

/** Statuses belong to the whole instance, which other files share. */
const made = new Set<string>();

afterAll(async () => {
  for (const table of ['alerts', 'cases'])
    await api.db.rows(
      `UPDATE ${table} r SET status_id = fresh.id FROM statuses s, statuses fresh
       WHERE s.id = r.status_id AND s.id::text = ANY($1) AND fresh.kind = s.kind AND fresh.value = 'new'`,
      [[...made]],
    );
  await api.db.rows('DELETE FROM statuses WHERE id::text = ANY($1)', [[...made]]);
  await api.close();
});

const RECORD = { title: 'Has settings', statusValue: 'new', severity: 2 };

async function create(kind: 'alert' | 'case', body: object = {}, agent = http): Promise<Alert> {
  const response = await agent.post(`/api/${kind}s`).send({ ...RECORD, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return read(kind, (response.body as Alert).id, agent);
}

async function read(kind: 'alert' | 'case', id: string, agent = http): Promise<Alert> {
  const response = await agent.get(`/api/${kind}s/${id}`);
  expect(response.status).toBe(200);
  return response.body as Alert;
}

function historyOf(kind: 'alert' | 'case', id: string) {
  return api.db.rows(
    `SELECT action, field_name AS field, old_value AS old, new_value AS new, user_id::text AS "user"
     FROM activities WHERE ${kind}_id = $1 AND action <> 'created' ORDER BY id`,
    [id],
  );
}

const outcomes = outcomesOf(() => ({ api, tenant }));

const STATUSES = [
  {
    path: '/api/alert-statuses',
    kind: 'alert',
    seeded: ['new', 'in-progress', 'imported', 'false-positive', 'duplicate', 'closed'],
    kept: ['new', 'in-progress', 'imported', 'closed'],
  },
  {
    path: '/api/case-statuses',
    kind: 'case',
    seeded: ['new', 'in-progress', 'on-hold', 'resolved', 'false-positive', 'duplicated', 'other'],
    kept: ['new', 'in-progress', 'resolved'],
  },
] as const;

describe.each(STATUSES)('$path', ({ path, kind, seeded, kept }) => {
  async function add(body: object = {}): Promise<StatusDetail> {
    const response = await platform
      .post(path)
      .send({ label: unique('Label'), stage: 'InProgress', ...body });
    expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
    const status = expectMatches(statusDetailSchema, response.body);
    made.add(status.id);
    return status;
  }

  async function all(agent = http): Promise<StatusDetail[]> {
    const response = await agent.get(path);
    expect(response.status).toBe(200);
    return expectMatches(z.array(statusDetailSchema), response.body);
  }

  const named = async (value: string) => {
    const status = (await all()).find((each) => each.value === value);
    if (!status) throw new Error(`No status ${value}.`);
    return status;
  };

  const refusedToOrgAdmins = (send: (agent: Agent) => PromiseLike<unknown>) => {
    it('answers 403 to the administrator of an organization, audited', async () => {
      const { key, id } = await addKey(api.db, tenant);
      const response = (await send(api.http(key))) as Parameters<typeof expectProblem>[0];
      expectProblem(response, 403, 'INSUFFICIENT_ROLE');
      const entries = await api.db.rows(
        "SELECT changes FROM audit_entries WHERE credential_id = $1 AND action = 'request.refused'",
        [id],
      );
      expect(JSON.stringify(entries)).toContain('INSUFFICIENT_ROLE');
    });
  };

  describe('GET', () => {
    it('lists the seeded ones in their order, with stage and protection', async () => {
      const statuses = (await all()).filter(({ value }) => seeded.includes(value as never));
      expect(statuses.map(({ value }) => value)).toEqual(seeded);
      expect(statuses.filter(({ canDelete }) => !canDelete).map(({ value }) => value)).toEqual(
        kept,
      );
      const stages = statuses.map(({ stage }) => stage);
      expect(stages.slice(0, 2)).toEqual(['New', 'InProgress']);
      expect(stages.at(-1)).toBe('Closed');
    });

    it('is the same to every tenant', async () => {
      expect(await all(api.http(other.key))).toEqual(await all());
    });

    it('answers 400 to parameters', async () => {
      expectInvalid(await http.get(`${path}?limit=1`), ['limit']);
    });

    outcomes.unauthenticated({ method: 'get', path: () => path });
    outcomes.anyReadScope(() => path);
    outcomes.limited({ method: 'get', path: () => path }, ['alerts:read']);
  });

  describe('GET /:id', () => {
    it('answers what the Location of a new one names, with its ETag', async () => {
      const response = await platform.post(path).send({ label: unique('Label'), stage: 'New' });
      made.add((response.body as StatusDetail).id);
      const read = await http.get(response.headers.location ?? '');
      expect(read.status).toBe(200);
      expect(read.body).toEqual(response.body);
      expect(read.headers.etag).toBe('"1"');
    });

    it('answers 400 to an id that is none', async () => {
      expectInvalid(await http.get(`${path}/x`), ['id']);
    });

    const probe = { method: 'get' as const, path: () => `${path}/${MISSING_ID}` };
    outcomes.unauthenticated(probe);
    outcomes.anyReadScope(async () => `${path}/${(await named('new')).id}`);

    it('answers 404 to a missing one, a deleted one and one of the other kind', async () => {
      const { id } = await add();
      expect((await platform.delete(`${path}/${id}`)).status).toBe(204);
      const elsewhere = kind === 'alert' ? '/api/case-statuses' : '/api/alert-statuses';
      const { id: kept } = await named('new');
      for (const each of [`${path}/${MISSING_ID}`, `${path}/${id}`, `${elsewhere}/${kept}`])
        expectProblem(await http.get(each), 404, 'STATUS_NOT_FOUND');
    });
  });

  describe('POST', () => {
    it('answers 201 with Location, and derives the value from the label', async () => {
      const suffix = unique('x');
      const body = { label: `  Waiting for_Customer (${suffix})!`, stage: 'InProgress' };
      const response = await platform.post(path).send(body);
      expect(response.status).toBe(201);
      const status = expectMatches(statusDetailSchema, response.body);
      made.add(status.id);
      expect(response.headers.location).toBe(`${path}/${status.id}`);
      expect(status).toMatchObject({
        value: `waiting-for-customer-${suffix}`,
        stage: 'InProgress',
        canDelete: true,
        version: 1,
        color: expect.stringMatching(/^#[0-9a-f]{6}$/) as string,
      });
      const last = (await all()).at(-1);
      expect(last).toEqual(status);
    });

    it('takes value, color and order as they are sent', async () => {
      const body = {
        label: 'Ärger 日本',
        value: unique('trouble'),
        stage: 'Closed',
        color: '#AbCdEf',
        order: 0,
      };
      const status = await add(body);
      expect(status).toMatchObject(body);
      expect((await all()).slice(0, 2)).toContainEqual(status);
    });

    it('is known to the next request of every kind', async () => {
      for (let i = 0; i < 10; i++) {
        const { value, label, stage, id } = await add();
        const record = await create(kind, { statusValue: label.toUpperCase() });
        expect(record).toMatchObject({ statusValue: value, status: { id, value, label, stage } });
        const found = await readAll<Alert>(http, `/api/${kind}s?status=${value}`);
        expect(found.map((each) => each.id)).toEqual([record.id]);
      }
    });

    it('writes an audit entry', async () => {
      const { id, value } = await add();
      const entry = await api.db.row(
        'SELECT action, organization_id AS organization, changes FROM audit_entries WHERE target_id = $1',
        [id],
      );
      expect(entry).toEqual({
        action: 'status.created',
        organization: null,
        changes: [{ field: 'value', old: null, new: value }],
      });
    });

    it.each([
      [{ stage: 'New' }, ['label']],
      [{ label: 'x' }, ['stage']],
      [{ label: '', stage: 'New' }, ['label']],
      [{ label: 'x'.repeat(65), stage: 'New' }, ['label']],
      [{ label: '日本', stage: 'New' }, ['label']],
      [{ label: 'x', stage: 'new' }, ['stage']],
      [{ label: 'x', stage: 'New', value: 'Not Kebab' }, ['value']],
      [{ label: 'x', stage: 'New', value: '-x' }, ['value']],
      [{ label: 'x', stage: 'New', color: 'red' }, ['color']],
      [{ label: 'x', stage: 'New', order: -1 }, ['order']],
      [{ label: 'x', stage: 'New', canDelete: false }, ['canDelete']],
      [{ label: 'x', stage: 'New', kind: 'case' }, ['kind']],
    ])('answers 400 to %j', async (body, paths) => {
      expectInvalid(await platform.post(path).send(body), paths);
    });

    const probe = { method: 'post' as const, path: () => path, body: { label: 'x', stage: 'New' } };
    outcomes.unauthenticated(probe);
    outcomes.insufficientScope(probe, 'admin:*', [...READ_SCOPES, ...NO_READ_SCOPES]);
    refusedToOrgAdmins((agent) => agent.post(path).send(probe.body));

    it('answers 409 to a value that is taken, sent or derived', async () => {
      for (const body of [{ value: 'new' }, { label: 'In_Progress' }])
        expectProblem(
          await platform.post(path).send({ label: 'x', stage: 'New', ...body }),
          409,
          'CONFLICT',
        );
    });

    it('lets one of ten at once have a label', async () => {
      const label = unique('Race');
      const answers = await Promise.all(
        Array.from({ length: 10 }, () => platform.post(path).send({ label, stage: 'New' })),
      );
      const statuses = answers.map(({ status }) => status).sort();
      expect(statuses).toEqual([201, ...Array.from({ length: 9 }, () => 409)]);
      for (const { status, body } of answers)
        if (status === 201) made.add((body as StatusDetail).id);
    });
  });

  describe('PATCH', () => {
    const patch = (id: string, body: object, agent = platform) =>
      agent.patch(`${path}/${id}`).send(body);

    it('changes the stage of a status that no record has, and answers 409 once one has', async () => {
      const status = await add();
      expect((await patch(status.id, { stage: 'InProgress' })).status).toBe(200);
      const record = await create(kind, { statusValue: status.value });
      expectProblem(await patch(status.id, { stage: 'Closed' }), 409, 'IN_USE');
      await http.delete(`/api/${kind}s/${record.id}`);
      expect((await patch(status.id, { stage: 'Closed' })).status).toBe(200);
    });

    it('changes what is sent, which the next request sees on records', async () => {
      const status = await add();
      const record = await create(kind, { statusValue: status.value });
      const value = unique('renamed');
      const changes = { label: 'Renamed', color: '#123456', value, order: 9000 };
      const response = await patch(status.id, changes);
      expect(response.status).toBe(200);
      expect(response.body).toEqual({ ...status, ...changes, version: 2 });
      expect(response.headers.etag).toBe('"2"');
      const seen = await read(kind, record.id);
      expect(seen).toMatchObject({
        statusValue: value,
        status: { label: 'Renamed', color: '#123456' },
      });
      expectProblem(
        await http.post(`/api/${kind}s`).send({ ...RECORD, statusValue: status.value }),
        400,
        'VALIDATION_FAILED',
      );
      await create(kind, { statusValue: value });
    });

    it('keeps value and stage of a protected one, but takes label, color and order', async () => {
      for (const value of kept) {
        const status = await named(value);
        for (const body of [
          { value: unique('v') },
          { stage: status.stage === 'Closed' ? 'New' : 'Closed' },
        ])
          expectProblem(await patch(status.id, body), 409, 'STATUS_PROTECTED');
        const { label, color, order, stage } = status;
        const looks = { label: 'Changed', color: '#000001', order: order + 1, value, stage };
        expect((await patch(status.id, looks)).body).toMatchObject(looks);
        expect((await patch(status.id, { label, color, order })).status).toBe(200);
      }
    });

    it('writes an audit entry with old and new', async () => {
      const { id, label, order } = await add();
      await patch(id, { label: 'Audited', order: 8000 });
      const { changes } = await api.db.row(
        "SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'status.updated'",
        [id],
      );
      expect(changes).toContainEqual({ field: 'label', old: label, new: 'Audited' });
      expect(changes).toContainEqual({ field: 'order', old: order, new: 8000 });
    });

    it('answers 400 to values and keys that are none', async () => {
      const { id } = await add();
      for (const [body, name] of [
        [{ label: ' ' }, 'label'],
        [{ value: 'A b' }, 'value'],
        [{ stage: 'Open' }, 'stage'],
        [{ color: '#12' }, 'color'],
        [{ canDelete: false }, 'canDelete'],
        [{ position: 1 }, 'position'],
      ] as const)
        expectInvalid(await patch(id, body), [name]);
      expectProblem(await patch('x', {}), 400, 'VALIDATION_FAILED');
    });

    const probe = {
      method: 'patch' as const,
      path: () => `${path}/${MISSING_ID}`,
      body: { label: 'x' },
    };
    outcomes.unauthenticated(probe);
    outcomes.insufficientScope(probe, 'admin:*', [...READ_SCOPES, ...NO_READ_SCOPES]);
    refusedToOrgAdmins((agent) => patch(MISSING_ID, { label: 'x' }, agent));

    it('answers 404 to a missing one and to one of the other kind', async () => {
      expectProblem(await patch(MISSING_ID, { label: 'x' }), 404, 'STATUS_NOT_FOUND');
      const elsewhere = kind === 'alert' ? '/api/case-statuses' : '/api/alert-statuses';
      const { id } = await named('new');
      expectProblem(
        await platform.patch(`${elsewhere}/${id}`).send({ label: 'x' }),
        404,
        'STATUS_NOT_FOUND',
      );
    });

    it('answers 409 to a value that another has', async () => {
      const { id } = await add();
      const problem = expectProblem(await patch(id, { value: 'new' }), 409, 'CONFLICT');
      expect(problem.conflictingId).toBe((await named('new')).id);
    });

    it('answers 412 to a stale If-Match', async () => {
      const { id } = await add();
      const send = (etag: string) => patch(id, { color: '#111111' }).set('If-Match', etag);
      expect((await send('"1"')).status).toBe(200);
      expectProblem(await send('"1"'), 412, 'STALE_VERSION');
    });
  });

  describe('DELETE', () => {
    const remove = (id: string, query = '', agent = platform) =>
      agent.delete(`${path}/${id}${query}`);

    it('deletes what no record has; the next request knows it no more', async () => {
      const { id, value } = await add();
      await create(kind, { statusValue: value }).then(({ id: record }) =>
        http.patch(`/api/${kind}s/${record}`).send({ statusValue: 'new' }),
      );
      const response = await remove(id);
      expect(response.status).toBe(204);
      expect(response.text).toBe('');
      expect((await all()).map((status) => status.id)).not.toContain(id);
      const problem = expectInvalid(
        await http.post(`/api/${kind}s`).send({ ...RECORD, statusValue: value }),
        ['statusValue'],
      );
      expect(problem.detail.match(new RegExp(value, 'g')) ?? []).toEqual([]);
      expect((await http.get(`/api/${kind}s?status=${value}`)).body).toEqual([]);
    });

    it('moves the records of every tenant with ?replaceWith, with a line of history and an audit entry each', async () => {
      const { id, value } = await add();
      const own = await create(kind, { statusValue: value });
      const foreign = await create(kind, { statusValue: value }, api.http(other.key));
      const untouched = await create(kind);
      expect((await remove(id, '?replaceWith=IN_Progress')).status).toBe(204);
      for (const [record, agent, owner] of [
        [own, http, tenant],
        [foreign, api.http(other.key), other],
      ] as const) {
        expect(await read(kind, record.id, agent)).toMatchObject({
          statusValue: 'in-progress',
          version: 2,
        });
        expect(await historyOf(kind, record.id)).toEqual([
          {
            action: 'statusChanged',
            field: 'statusValue',
            old: value,
            new: 'in-progress',
            user: expect.any(String) as string,
          },
        ]);
        const entries = await api.db.rows(
          'SELECT organization_id::text AS organization, changes FROM audit_entries WHERE target_id = $1 AND action = $2',
          [record.id, `${kind}.updated`],
        );
        expect(entries).toEqual([
          {
            organization: owner.organizationId,
            changes: [{ field: 'statusValue', old: value, new: 'in-progress' }],
          },
        ]);
      }
      expect(await read(kind, untouched.id)).toEqual(untouched);
      const entry = await api.db.row(
        "SELECT changes FROM audit_entries WHERE target_id = $1 AND action = 'status.deleted'",
        [id],
      );
      expect(entry.changes).toEqual([{ field: 'value', old: value, new: 'in-progress' }]);
    });

    it('counts as the first entry into the stage that records move to', async () => {
      const { id, value } = await add();
      const closed = kind === 'alert' ? 'closed' : 'resolved';
      const record = await create(kind, { statusValue: value });
      await remove(id, `?replaceWith=${closed}`);
      const row = await api.db.row(`SELECT closed_at AS at FROM ${kind}s WHERE id = $1`, [
        record.id,
      ]);
      expect(row.at).toBeInstanceOf(Date);
    });

    it('answers 400 to a replacement that is none or itself, and moves nothing', async () => {
      const { id, value } = await add();
      const record = await create(kind, { statusValue: value });
      for (const query of ['?replaceWith=nonsense', '?replaceWith=', `?replaceWith=${value}`])
        expectInvalid(await remove(id, query), ['replaceWith']);
      expectInvalid(await remove(id, '?force=true'), ['force']);
      expect(await read(kind, record.id)).toEqual(record);
    });

    const probe = { method: 'delete' as const, path: () => `${path}/${MISSING_ID}` };
    outcomes.unauthenticated(probe);
    outcomes.insufficientScope(probe, 'admin:*', [...READ_SCOPES, ...NO_READ_SCOPES]);
    refusedToOrgAdmins((agent) => remove(MISSING_ID, '', agent));

    it('answers 404 to a missing one and the second time', async () => {
      expectProblem(await remove(MISSING_ID), 404, 'STATUS_NOT_FOUND');
      const { id } = await add();
      expect((await remove(id)).status).toBe(204);
      expectProblem(await remove(id), 404, 'STATUS_NOT_FOUND');
    });

    it('answers 409 to a protected one, with a replacement too', async () => {
      for (const value of kept) {
        const { id } = await named(value);
        expectProblem(await remove(id), 409, 'STATUS_PROTECTED');
        expectProblem(await remove(id, '?replaceWith=false-positive'), 409, 'STATUS_PROTECTED');
      }
    });

    it('answers 409 while records have it, and changes nothing', async () => {
      const { id, value } = await add();
      const record = await create(kind, { statusValue: value });
      expectProblem(await remove(id), 409, 'IN_USE');
      expect(await read(kind, record.id)).toEqual(record);
      expect((await all()).map((status) => status.id)).toContain(id);
    });

    it('loses no record that takes the status while it goes', async () => {
      const { id, value } = await add();
      const [removed, ...answers] = await Promise.all([
        remove(id, '?replaceWith=new'),
        ...Array.from({ length: 10 }, () =>
          http.post(`/api/${kind}s`).send({ ...RECORD, statusValue: value }),
        ),
      ]);
      expect([204, 409]).toContain(removed.status);
      for (const { status, body } of answers) {
        expect([200, 400, 409]).toContain(status);
        if (status === 200) await read(kind, (body as Alert).id);
      }
    });

    it('answers 412 to a stale If-Match', async () => {
      const { id } = await add();
      expectProblem(await remove(id).set('If-Match', '"7"'), 412, 'STALE_VERSION');
      expect((await remove(id).set('If-Match', '"1"')).status).toBe(204);
    });
  });
});

describe('/api/tags', () => {
  const path = '/api/tags';

  async function add(body: object = {}, agent = http): Promise<Tag> {
    const response = await agent.post(path).send({ name: unique('tag'), ...body });
    expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
    return expectMatches(tagAnswerSchema, response.body);
  }

  describe('GET', () => {
    it('lists the tags of the tenant, newest first, by pages', async () => {
      const fresh = await createTenant(api.db, { role: 'org-admin' });
      const agent = api.http(fresh.key);
      const tags: Tag[] = [];
      for (let i = 0; i < 5; i++) tags.push(await add({ name: `t${i}` }, agent));
      await create('alert', { tags: ['by an alert'] }, agent);
      const listed = await readAll<Tag>(agent, `${path}?limit=2`);
      expectMatches(z.array(tagAnswerSchema), listed);
      expect(listed.map(({ name }) => name)).toEqual(['by an alert', 't4', 't3', 't2', 't1', 't0']);
      expect(await readAll<Tag>(agent, `${path}?sort=createdAt&limit=4`)).toEqual(
        [...listed].reverse(),
      );
      const counted = await agent.get(`${path}?count=true&limit=1`);
      expect(counted.headers['x-total-count']).toBe('6');
    });

    it('finds by the beginning of the name, taken literally and without regard to case', async () => {
      const fresh = await createTenant(api.db, { role: 'org-admin' });
      const agent = api.http(fresh.key);
      for (const name of ['Phishing', 'phish_kit', 'spear-phishing', '100%'])
        await add({ name }, agent);
      const names = async (q: string) =>
        (await readAll<Tag>(agent, `${path}?q=${encodeURIComponent(q)}`))
          .map(({ name }) => name)
          .sort();
      expect(await names('PHISH')).toEqual(['Phishing', 'phish_kit']);
      expect(await names('phish_')).toEqual(['phish_kit']);
      expect(await names('100%')).toEqual(['100%']);
      expect(await names('%')).toEqual([]);
    });

    it.each(['limit=0', 'limit=1001', 'sort=name', 'name=x', 'cursor=x'])(
      'answers 400 to ?%s',
      async (query) => {
        expect((await http.get(`${path}?${query}`)).status).toBe(400);
      },
    );

    outcomes.unauthenticated({ method: 'get', path: () => path });
    outcomes.anyReadScope(() => path);
    outcomes.limited({ method: 'get', path: () => path }, ['cases:read']);
  });

  describe('GET /:id', () => {
    it('answers what the Location of a new one names', async () => {
      const response = await http.post(path).send({ name: unique('tag') });
      const read = await http.get(response.headers.location ?? '');
      expect(read.status).toBe(200);
      expect(read.body).toEqual(response.body);
    });

    it('answers 400 to an id that is none', async () => {
      for (const id of ['x', '0', '1.5', '2147483648', MISSING_ID])
        expectInvalid(await http.get(`${path}/${id}`), ['id']);
    });

    outcomes.unauthenticated({ method: 'get', path: () => `${path}/1` });
    outcomes.anyReadScope(async () => `${path}/${(await add()).id}`);

    it('answers 404 to a missing tag, a deleted one and one of another tenant', async () => {
      const { id } = await add();
      await http.delete(`${path}/${id}`);
      const foreign = await addTag(api.db, other.organizationId);
      for (const each of [2_147_483_647, id, foreign.id])
        expectProblem(await http.get(`${path}/${each}`), 404, 'TAG_NOT_FOUND');
    });
  });

  describe('POST', () => {
    it('answers 201 with Location; records find it by name at once', async () => {
      const name = unique('Tag');
      const response = await http.post(path).send({ name: `  ${name} `, color: '#abcdef' });
      expect(response.status).toBe(201);
      const tag = expectMatches(tagAnswerSchema, response.body);
      expect(tag).toMatchObject({ name, color: '#abcdef' });
      expect(response.headers.location).toBe(`${path}/${tag.id}`);
      expect((await create('alert', { tags: [name.toUpperCase()] })).tags).toEqual([tag]);
      expect((await add()).color).toMatch(/^#[0-9a-f]{6}$/);
    });

    it.each([
      [{}, ['name']],
      [{ name: ' ' }, ['name']],
      [{ name: 'x'.repeat(101) }, ['name']],
      [{ name: 'x\u0000' }, ['name']],
      [{ name: 'x', color: 'red' }, ['color']],
      [{ name: 'x', organizationId: MISSING_ID }, ['organizationId']],
    ])('answers 400 to %j', async (body, paths) => {
      expectInvalid(await http.post(path).send(body), paths);
    });

    const probe = { method: 'post' as const, path: () => path, body: { name: 'x' } };
    outcomes.unauthenticated(probe);
    outcomes.insufficientScope(probe, 'admin:*', [...READ_SCOPES, ...NO_READ_SCOPES]);

    it('answers 409 to a name of the tenant in any case, and takes one of another', async () => {
      const { id, name } = await add();
      for (const each of [name, name.toUpperCase(), ` ${name} `]) {
        const problem = expectProblem(await http.post(path).send({ name: each }), 409, 'CONFLICT');
        expect(problem.conflictingId).toBe(String(id));
      }
      await add({ name }, api.http(other.key));
    });
  });

  describe('PATCH', () => {
    const patch = (id: number | string, body: object, agent = http) =>
      agent.patch(`${path}/${id}`).send(body);

    it('changes name and color, which records show at once', async () => {
      const tag = await add();
      const { id } = await create('case', { tags: [tag.id] });
      const changes = { name: unique('renamed'), color: '#010203' };
      const response = await patch(tag.id, changes);
      expect(response.status).toBe(200);
      expect(response.body).toEqual({ id: tag.id, ...changes });
      expect((await read('case', id)).tags).toEqual([{ id: tag.id, ...changes }]);
      expect((await patch(tag.id, { color: '#040506' })).body).toMatchObject({
        name: changes.name,
        color: '#040506',
      });
    });

    it('takes its own name in another case', async () => {
      const { id, name } = await add();
      expect((await patch(id, { name: name.toUpperCase() })).body).toMatchObject({
        name: name.toUpperCase(),
      });
    });

    it('answers 400 to values, keys and ids that are none', async () => {
      const { id } = await add();
      expectInvalid(await patch(id, { name: '' }), ['name']);
      expectInvalid(await patch(id, { color: 'x' }), ['color']);
      expectInvalid(await patch(id, { id: 7 }), ['id']);
      for (const each of ['x', '0', '-1', '1.5', '99999999999'])
        expectProblem(await patch(each, { name: 'x' }), 400, 'VALIDATION_FAILED');
    });

    const probe = { method: 'patch' as const, path: () => `${path}/1`, body: { name: 'x' } };
    outcomes.unauthenticated(probe);
    outcomes.insufficientScope(probe, 'admin:*', [...READ_SCOPES, ...NO_READ_SCOPES]);
    outcomes.notFound(
      'patch',
      (id) => `${path}/${id === MISSING_ID ? '2000000000' : id}`,
      'TAG_NOT_FOUND',
      () => Promise.resolve([]),
      { name: 'x' },
    );

    it('answers 404 to a tag of another tenant, which stays as it is', async () => {
      const foreign = await addTag(api.db, other.organizationId);
      expectProblem(await patch(foreign.id, { name: 'x' }), 404, 'TAG_NOT_FOUND');
      const row = await api.db.row('SELECT name FROM tags WHERE id = $1', [foreign.id]);
      expect(row.name).toBe(foreign.name);
    });

    it('answers 409 to the name of another in any case', async () => {
      const [a, b] = [await add(), await add()];
      const response = await patch(a.id, { name: b.name.toUpperCase() });
      expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(String(b.id));
    });
  });

  describe('DELETE', () => {
    const remove = (id: number | string, agent = http) => agent.delete(`${path}/${id}`);

    it('takes the tag off every record, with a line of history each', async () => {
      const [tag, kept] = [await add(), await add()];
      const alert = await create('alert', { tags: [tag.id, kept.id] });
      const incident = await create('case', { tags: [tag.id, kept.id] });
      const response = await remove(tag.id);
      expect(response.status).toBe(204);
      for (const [kind, { id }] of [
        ['alert', alert],
        ['case', incident],
      ] as const) {
        expect((await read(kind, id)).tags).toEqual([kept]);
        expect(await historyOf(kind, id)).toEqual([
          { action: 'removed', field: 'tags', old: tag.name, new: null, user: tenant.userId },
        ]);
      }
      expect((await readAll<Tag>(http, path)).map(({ id }) => id)).not.toContain(tag.id);
      expect((await http.get(`/api/alerts?tag=${tag.name}`)).body).toEqual([]);
    });

    it('gives the records a new version: what was read before is stale', async () => {
      const tag = await add();
      for (const kind of ['alert', 'case'] as const) {
        const record = await create(kind, { tags: [tag.id] });
        const doomed = await add();
        await http.patch(`/api/${kind}s/${record.id}`).send({ tags: [tag.id, doomed.id] });
        const { etag = '' } = (await http.get(`/api/${kind}s/${record.id}`)).headers;
        await remove(doomed.id);
        const again = await http.get(`/api/${kind}s/${record.id}`).set('If-None-Match', etag);
        expect(again.status).toBe(200);
        expect((again.body as Alert).tags).toEqual([tag]);
        const stale = await http
          .patch(`/api/${kind}s/${record.id}`)
          .set('If-Match', etag)
          .send({ title: 'x' });
        expectProblem(stale, 412, 'STALE_VERSION');
      }
    });

    it('writes an audit entry', async () => {
      const { id, name } = await add();
      await remove(id);
      const entry = await api.db.row(
        `SELECT organization_id::text AS organization FROM audit_entries
         WHERE action = 'tag.deleted' AND changes::text LIKE $1`,
        [`%${name}%`],
      );
      expect(entry.organization).toBe(tenant.organizationId);
    });

    it('writes an audit entry of each alert, case, observable and case template that had it', async () => {
      const { id, name } = await add();
      const alert = await create('alert', { tags: [id] });
      const incident = await create('case', { tags: [id] });
      const { observables } = await create('alert', {
        observables: [
          { dataType: 'ip', data: '10.0.0.1' },
          { dataType: 'ip', data: '10.0.0.2' },
        ],
      });
      await http.patch(`/api/observables/${observables[0]?.id ?? ''}`).send({ tags: [id] });
      const named = await http.post('/api/case-templates').send({ name, tags: [id] });
      expect(named.status).toBe(201);
      const template = named.body as CaseTemplate;
      await remove(id);
      const left = (await http.get(`/api/case-templates/${template.id}`)).body as CaseTemplate;
      expect(left).toMatchObject({ tags: [], version: template.version + 1 });
      const entries = await api.db.rows(
        `SELECT action, target_kind AS kind, target_id AS id, organization_id AS organization FROM audit_entries
         WHERE changes = $1 ORDER BY kind`,
        [JSON.stringify([{ field: 'tags', old: name, new: null }])],
      );
      const entry = (kind: string, target?: string) => {
        return { action: `${kind}.updated`, kind, id: target, organization: tenant.organizationId };
      };
      expect(entries).toEqual([
        entry('alert', alert.id),
        entry('case', incident.id),
        entry('case-template', template.id),
        entry('observable', observables[0]?.id),
      ]);
    });

    it('answers 400 to an id that is none', async () => {
      for (const id of ['x', '0', MISSING_ID])
        expectProblem(await remove(id), 400, 'VALIDATION_FAILED');
    });

    const probe = { method: 'delete' as const, path: () => `${path}/1` };
    outcomes.unauthenticated(probe);
    outcomes.insufficientScope(probe, 'admin:*', [...READ_SCOPES, ...NO_READ_SCOPES]);

    it('answers 404 to a missing tag, a deleted one and one of another tenant', async () => {
      const foreign = await addTag(api.db, other.organizationId);
      const { id } = await add();
      await remove(id);
      for (const each of [2_000_000_000, id, foreign.id])
        expectProblem(await remove(each), 404, 'TAG_NOT_FOUND');
      expect((await readAll<Tag>(api.http(other.key), path)).map((tag) => tag.id)).toContain(
        foreign.id,
      );
    });
  });
});
