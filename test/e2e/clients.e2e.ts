import { z } from 'zod';
import type { Alert } from '../../src/alerts/alerts.schema.js';
import { clientSchema } from '../../src/clients/clients.schema.js';
import type { Client } from '../../src/clients/clients.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { addClient, addKey, createTenant, fingerprint, unique } from '../factories.js';
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

const path = '/api/clients';
const KINDS = ['alert', 'case'] as const;
const OTHER_SCOPES = [...READ_SCOPES, ...NO_READ_SCOPES];

async function add(body: object = {}, agent = http): Promise<Client> {
  const response = await agent.post(path).send({ name: unique('Client'), ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return expectMatches(clientSchema, response.body);
}

const patch = (id: string, body: object, agent = http) => agent.patch(`${path}/${id}`).send(body);

const remove = (id: string, query = '', agent = http) => agent.delete(`${path}/${id}${query}`);

/** An alert or a case. */
async function record(kind: 'alert' | 'case', body: object = {}, agent = http): Promise<Alert> {
  const response = await agent
    .post(`/api/${kind}s`)
    .send({ title: 'Has a client', statusValue: 'new', severity: 2, ...body });
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
    `SELECT action, field_name AS field, old_value AS old, new_value AS new, tlp, pap, user_id::text AS "user"
     FROM activities WHERE ${kind}_id = $1 AND action <> 'created' ORDER BY id`,
    [id],
  );
}

function auditOf(id: string, action: string) {
  return api.db.rows(
    `SELECT organization_id::text AS organization, actor_id::text AS actor, changes FROM audit_entries
     WHERE target_id = $1 AND action = $2 ORDER BY at, id`,
    [id, action],
  );
}

/** A missing, a deleted and a foreign client. */
async function goneAndForeign(): Promise<readonly string[]> {
  const { id } = await add();
  expect((await remove(id)).status).toBe(204);
  return [id, (await addClient(api.db, other.organizationId)).id];
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe('GET /clients', () => {
  it('lists the clients of the tenant, newest first, by pages', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    const clients: Client[] = [];
    for (let i = 0; i < 4; i++) clients.push(await add({ name: `c${i}` }, agent));
    await record('alert', { clientName: 'by an alert' }, agent);
    const listed = await readAll<Client>(agent, `${path}?limit=2`);
    expectMatches(z.array(clientSchema), listed);
    expect(listed.map(({ name }) => name)).toEqual(['by an alert', 'c3', 'c2', 'c1', 'c0']);
    expect(listed.slice(1)).toEqual(clients.reverse());
    expect(await readAll<Client>(agent, `${path}?sort=createdAt&limit=3`)).toEqual(
      [...listed].reverse(),
    );
    const counted = await agent.get(`${path}?count=true&limit=1`);
    expect(counted.headers['x-total-count']).toBe('5');
  });

  it('finds by the beginning of the name, taken literally and without regard to case', async () => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(fresh.key);
    for (const name of ['Acme', 'acme_co', 'The Acme', '100%']) await add({ name }, agent);
    const names = async (q: string) =>
      (await readAll<Client>(agent, `${path}?q=${encodeURIComponent(q)}`))
        .map(({ name }) => name)
        .sort();
    expect(await names('ACME')).toEqual(['Acme', 'acme_co']);
    expect(await names('acme_')).toEqual(['acme_co']);
    expect(await names('100%')).toEqual(['100%']);
    expect(await names('%')).toEqual([]);
  });

  it('shows a platform administrator those of every tenant', async () => {
    const { id } = await add();
    const listed = await readAll<Client>(api.http(api.adminKey), `${path}?limit=1000`);
    expect(listed.map((client) => client.id)).toContain(id);
  });

  it.each(['limit=0', 'limit=1001', 'sort=name', 'name=x', 'cursor=x', `q=${'x'.repeat(257)}`])(
    'answers 400 to ?%s',
    async (query) => {
      expect((await http.get(`${path}?${query}`)).status).toBe(400);
    },
  );

  outcomes.unauthenticated({ method: 'get', path: () => path });
  outcomes.anyReadScope(() => path);
  outcomes.limited({ method: 'get', path: () => path }, ['cases:read']);
});

describe('GET /clients/:id', () => {
  it('answers what the Location of a new one names, with its ETag', async () => {
    const created = await http.post(path).send({ name: unique('Client') });
    const response = await http.get(created.headers.location ?? '');
    expect(response.status).toBe(200);
    expect(response.body).toEqual(created.body);
    expect(response.headers.etag).toBe('"1"');
    const again = await http.get(created.headers.location ?? '').set('If-None-Match', '"1"');
    expect(again.status).toBe(304);
  });

  it('answers 400 to an id that is none', async () => {
    expectInvalid(await http.get(`${path}/x`), ['id']);
  });

  outcomes.unauthenticated({ method: 'get', path: () => `${path}/${MISSING_ID}` });
  outcomes.anyReadScope(async () => `${path}/${(await add()).id}`);
  outcomes.notFound('get', (id) => `${path}/${id}`, 'CLIENT_NOT_FOUND', goneAndForeign);
});

describe('POST /clients', () => {
  it('answers 201 with Location; records find it by name at once', async () => {
    const name = unique('Client');
    const response = await http.post(path).send({ name: `  ${name} ` });
    expect(response.status).toBe(201);
    const client = expectMatches(clientSchema, response.body);
    expect(client).toMatchObject({ name, version: 1 });
    expect(response.headers.location).toBe(`${path}/${client.id}`);
    expect(response.headers.etag).toBe('"1"');
    for (const kind of KINDS)
      expect(await record(kind, { clientName: name.toUpperCase() })).toMatchObject({
        clientId: client.id,
        clientName: name,
      });
  });

  it.each(['a', 'x'.repeat(256), '日本 ✓', "O'Brien; --"])('takes the name %s', async (name) => {
    const fresh = await createTenant(api.db, { role: 'org-admin' });
    expect((await add({ name }, api.http(fresh.key))).name).toBe(name);
  });

  it('writes an audit entry', async () => {
    const { id, name } = await add();
    expect(await auditOf(id, 'client.created')).toEqual([
      {
        organization: tenant.organizationId,
        actor: tenant.userId,
        changes: [{ field: 'name', old: null, new: name }],
      },
    ]);
  });

  it.each([
    [{}, ['name']],
    [{ name: '' }, ['name']],
    [{ name: ' ' }, ['name']],
    [{ name: 'x'.repeat(257) }, ['name']],
    [{ name: 'x\u0000' }, ['name']],
    [{ name: 7 }, ['name']],
    [{ name: null }, ['name']],
    [{ name: 'x', id: MISSING_ID }, ['id']],
    [{ name: 'x', organizationId: MISSING_ID }, ['organizationId']],
  ])('answers 400 to %j, and stores nothing', async (body, paths) => {
    const before = await fingerprint(api.db);
    expectInvalid(await http.post(path).send(body), paths);
    expect(await fingerprint(api.db)).toBe(before);
  });

  const probe = { method: 'post' as const, path: () => path, body: { name: 'x' } };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);

  it('answers 409 naming the client that has the name in any case, and takes one of another tenant', async () => {
    const { id, name } = await add();
    for (const each of [name, name.toUpperCase(), ` ${name} `]) {
      const problem = expectProblem(await http.post(path).send({ name: each }), 409, 'CONFLICT');
      expect(problem.conflictingId).toBe(id);
    }
    await add({ name }, api.http(other.key));
  });

  it('answers 409 with an idempotency key too', async () => {
    const { id, name } = await add();
    const response = await http
      .post(path)
      .set('Idempotency-Key', unique('key'))
      .send({ name: name.toLowerCase() });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(id);
  });

  it('lets one of fifty at once have a name, and tells the others which', async () => {
    const name = unique('Race');
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        http.post(path).send({ name: i % 2 === 0 ? name : name.toUpperCase() }),
      ),
    );
    const [winner, ...rest] = answers.filter(({ status }) => status === 201);
    expect(rest).toEqual([]);
    const { id } = winner?.body as Client;
    const losers = answers.filter((answer) => answer !== winner);
    expect(losers).toHaveLength(49);
    for (const answer of losers)
      expect(expectProblem(answer, 409, 'CONFLICT').conflictingId).toBe(id);
    const rows = await api.db.rows('SELECT 1 FROM clients WHERE lower(name) = lower($1)', [name]);
    expect(rows).toHaveLength(1);
  });
});

describe('PATCH /clients/:id', () => {
  it('changes the name, which records show at once, and their history does not', async () => {
    const client = await add();
    const named = await Promise.all(
      KINDS.map(async (kind) => [kind, (await record(kind, { clientId: client.id })).id] as const),
    );
    const name = unique('Renamed');
    const response = await patch(client.id, { name: ` ${name} ` });
    expect(response.status).toBe(200);
    const changed = expectMatches(clientSchema, response.body);
    expect(changed).toMatchObject({ id: client.id, name, createdAt: client.createdAt, version: 2 });
    expect(response.headers.etag).toBe('"2"');
    for (const [kind, id] of named) {
      expect((await read(kind, id)).clientName).toBe(name);
      expect(await historyOf(kind, id)).toEqual([]);
    }
    expect(await auditOf(client.id, 'client.updated')).toMatchObject([
      { changes: [{ field: 'name', old: client.name, new: name }] },
    ]);
  });

  it('takes its own name in another case', async () => {
    const { id, name } = await add();
    expect((await patch(id, { name: name.toUpperCase() })).body).toMatchObject({
      name: name.toUpperCase(),
      version: 2,
    });
  });

  it('leaves the version when nothing changes', async () => {
    const client = await add();
    for (const body of [{}, { name: client.name }])
      expect((await patch(client.id, body)).body).toEqual(client);
    expect(await auditOf(client.id, 'client.updated')).toEqual([]);
  });

  it('answers 400 to values, keys and ids that are none', async () => {
    const { id } = await add();
    for (const name of ['', '  ', 'x'.repeat(257), null, 7])
      expectInvalid(await patch(id, { name }), ['name']);
    expectInvalid(await patch(id, { version: 7 }), ['version']);
    expectInvalid(await patch('x', { name: 'x' }), ['id']);
  });

  const probe = {
    method: 'patch' as const,
    path: () => `${path}/${MISSING_ID}`,
    body: { name: 'x' },
  };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
  outcomes.notFound('patch', (id) => `${path}/${id}`, 'CLIENT_NOT_FOUND', goneAndForeign, {
    name: 'x',
  });

  it('answers 409 naming the client that has the name in any case', async () => {
    const [a, b] = [await add(), await add()];
    const response = await patch(a.id, { name: b.name.toUpperCase() });
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(b.id);
    expect((await http.get(`${path}/${a.id}`)).body).toEqual(a);
  });

  it('answers 409 naming the client of the same tenant to a platform administrator', async () => {
    const [a, b] = [await add(), await add()];
    await add({ name: b.name }, api.http(other.key));
    const response = await patch(a.id, { name: b.name }, api.http(api.adminKey));
    expect(expectProblem(response, 409, 'CONFLICT').conflictingId).toBe(b.id);
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    const send = (etag: string) => patch(id, { name: unique('Client') }).set('If-Match', etag);
    expect((await send('"1"')).status).toBe(200);
    expectProblem(await send('"1"'), 412, 'STALE_VERSION');
  });
});

describe('DELETE /clients/:id', () => {
  it('deletes what no record names, with an audit entry; the name is free again', async () => {
    const { id, name } = await add();
    const response = await remove(id);
    expect(response.status).toBe(204);
    expect(response.text).toBe('');
    expect(await auditOf(id, 'client.deleted')).toMatchObject([
      { organization: tenant.organizationId, changes: [{ field: 'name', old: name, new: null }] },
    ]);
    const reused = await record('alert', { clientName: name });
    expect(reused.clientId).not.toBe(id);
  });

  it('is not kept by records that are deleted', async () => {
    const { id } = await add();
    for (const kind of KINDS) {
      const doomed = await record(kind, { clientId: id });
      await http.delete(`/api/${kind}s/${doomed.id}`);
    }
    expect((await remove(id)).status).toBe(204);
  });

  it('moves records with ?replaceWith, with a line of history and an audit entry each', async () => {
    const [from, to] = [await add(), await add()];
    const moved: { kind: 'alert' | 'case'; id: string; tlp: number; pap: number }[] = [];
    const untouched: { kind: 'alert' | 'case'; shown: Alert }[] = [];
    for (const kind of KINDS) {
      for (const marking of [
        { tlp: 2, pap: 2 },
        { tlp: 4, pap: 3 },
      ]) {
        const { id } = await record(kind, { clientId: from.id, ...marking });
        moved.push({ kind, id, ...marking });
      }
      untouched.push({ kind, shown: await record(kind, { clientId: to.id }) });
      const doomed = await record(kind, { clientId: from.id });
      await http.delete(`/api/${kind}s/${doomed.id}`);
    }
    expect((await remove(from.id, `?replaceWith=${to.id}`)).status).toBe(204);
    for (const { kind, id, tlp, pap } of moved) {
      const after = { clientId: to.id, clientName: to.name, version: 2 };
      expect(await read(kind, id)).toMatchObject(after);
      const [old, fresh, user] = [from.name, to.name, tenant.userId];
      expect(await historyOf(kind, id)).toEqual([
        { action: 'updated', field: 'clientName', old, new: fresh, tlp, pap, user },
      ]);
      expect(await auditOf(id, `${kind}.updated`)).toEqual([
        {
          organization: tenant.organizationId,
          actor: tenant.userId,
          changes: [
            { field: 'clientId', old: from.id, new: to.id },
            { field: 'clientName', old, new: fresh },
          ],
        },
      ]);
    }
    for (const { kind, shown } of untouched) expect(await read(kind, shown.id)).toEqual(shown);
    expect(await auditOf(from.id, 'client.deleted')).toMatchObject([
      { changes: [{ field: 'name', old: from.name, new: to.name }] },
    ]);
  });

  it('answers 400 to a replacement that is none, itself, missing or foreign, and moves nothing', async () => {
    const { id } = await add();
    const named = await record('alert', { clientId: id });
    const foreign = await addClient(api.db, other.organizationId);
    for (const query of ['?replaceWith=x', '?replaceWith=', `?replaceWith=${id}`])
      expectInvalid(await remove(id, query), ['replaceWith']);
    for (const each of [MISSING_ID, foreign.id])
      expectInvalid(
        await remove(id, `?replaceWith=${each}`),
        ['replaceWith'],
        'REFERENCE_NOT_FOUND',
      );
    expectInvalid(
      await remove(id, `?replaceWith=${foreign.id}`, api.http(api.adminKey)),
      ['replaceWith'],
      'REFERENCE_NOT_FOUND',
    );
    expectInvalid(await remove(id, '?force=true'), ['force']);
    expect(await read('alert', named.id)).toEqual(named);
  });

  const probe = { method: 'delete' as const, path: () => `${path}/${MISSING_ID}` };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', OTHER_SCOPES);
  outcomes.notFound('delete', (id) => `${path}/${id}`, 'CLIENT_NOT_FOUND', goneAndForeign);

  it.each(KINDS)('answers 409 while one %s names it, and changes nothing', async (kind) => {
    const { id } = await add();
    const named = await record(kind, { clientId: id });
    expectProblem(await remove(id), 409, 'IN_USE');
    expect(await read(kind, named.id)).toEqual(named);
    expect((await http.get(`${path}/${id}`)).status).toBe(200);
  });

  it('loses no record that names the client while it goes', async () => {
    for (const key of ['clientId', 'clientName'] as const) {
      const [from, to] = [await add(), await add()];
      const value = key === 'clientId' ? from.id : from.name;
      const [removed, ...answers] = await Promise.all([
        remove(from.id, `?replaceWith=${to.id}`),
        ...Array.from({ length: 20 }, () =>
          http
            .post('/api/alerts')
            .send({ title: 'Race', statusValue: 'new', severity: 2, [key]: value }),
        ),
      ]);
      expect(removed.status).toBe(204);
      for (const { status, body } of answers) {
        expect([200, 400, 409]).toContain(status);
        if (status !== 200) continue;
        const { clientId, clientName } = await read('alert', (body as Alert).id);
        expect(clientId).not.toBe(from.id);
        expect([from.name, to.name]).toContain(clientName);
      }
    }
  });

  it('lets only one of two clients be replaced by the other at once', async () => {
    const [a, b] = [await add(), await add()];
    const answers = await Promise.all([
      remove(a.id, `?replaceWith=${b.id}`),
      remove(b.id, `?replaceWith=${a.id}`),
    ]);
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 400]);
  });

  it('answers 412 to a stale If-Match', async () => {
    const { id } = await add();
    expectProblem(await remove(id).set('If-Match', '"7"'), 412, 'STALE_VERSION');
    expect((await remove(id).set('If-Match', '"1"')).status).toBe(204);
  });
});

describe('a key of a platform administrator', () => {
  it('creates clients in its own organization', async () => {
    const platform = await createTenant(api.db, { role: 'super-admin' });
    const { key } = await addKey(api.db, platform);
    const { id } = await add({}, api.http(key));
    const row = await api.db.row(
      'SELECT organization_id::text AS organization FROM clients WHERE id = $1',
      [id],
    );
    expect(row.organization).toBe(platform.organizationId);
  });
});
