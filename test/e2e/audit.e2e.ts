import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import canonicalize from 'canonicalize';
import { parse } from 'csv-parse/sync';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { verifyExport } from '../../src/audit/audit-file.js';
import { readChains, sealedEntries } from '../../src/audit/audit-trail.queries.js';
import { AuditVerification } from '../../src/audit/audit-verification.service.js';
import { auditEntrySchema, auditVerdictSchema } from '../../src/audit/audit.schema.js';
import type { AuditEntry, AuditVerdict, SealedEntry } from '../../src/audit/audit.schema.js';
import { Database } from '../../src/database/database.service.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { assertAudited, noteChanges } from '../audited.js';
import { TestDatabase, databaseUrl } from '../database.js';
import { eventually } from '../eventually.js';
import { addKey, addMember, addPair, addPerson, createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectMatches, expectProblem } from '../matchers.js';
import { outcomesOf, readAll } from '../outcomes.js';
import { PASSWORD, addSignedIn, signIn } from '../sign-in.js';

let url: string;
let api: TestApp;
let tenant: Tenant;
let other: Tenant;
let http: Agent;

beforeAll(async () => {
  // A database of its own: here chains are broken on purpose.
  url = await databaseUrl(`audit${process.env.JEST_WORKER_ID ?? ''}`);
  api = await startTestApp({ DATABASE_URL: url });
  tenant = await createTenant(api.db, { role: 'org-admin' });
  other = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
});

afterAll(() => api.close());

const outcomes = outcomesOf(() => ({ api, tenant }));

const ALERT = { title: 'Alert', statusValue: 'new', severity: 2 };

async function createAlert(
  agent = http,
  body: object = {},
  requestId = unique('request'),
): Promise<string> {
  const response = await agent
    .post('/api/alerts')
    .set('X-Request-Id', requestId)
    .send({ ...ALERT, ...body });
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return (response.body as { id: string }).id;
}

async function list(query: Record<string, string>, agent = http): Promise<AuditEntry[]> {
  const response = await agent.get('/api/audit').query(query);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(z.array(auditEntrySchema), response.body);
}

const isSealed = (entries: readonly AuditEntry[]) =>
  entries.length > 0 && entries.every(({ seq }) => seq !== null);

const sealed = (query: Record<string, string>, agent = http) =>
  eventually(() => list(query, agent), isSealed);

async function verify(agent = http): Promise<AuditVerdict> {
  const response = await agent.get('/api/audit/verify');
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(auditVerdictSchema, response.body);
}

async function exported(query: Record<string, string> = {}, agent = http): Promise<string> {
  const response = await agent.get('/api/audit/export').query(query).buffer(true).parse(asText);
  expect(response.status).toBe(200);
  return response.body as string;
}

/** The text of an answer, whatever its type. */
function asText(response: unknown, callback: (error: Error | null, body: string) => void): void {
  const stream = response as NodeJS.ReadableStream;
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    callback(null, Buffer.concat(chunks).toString());
  });
}

const linesOf = (text: string): SealedEntry[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as SealedEntry);

/** A tenant with entries that are sealed, and the client of its administrator. */
async function withChain(alerts: number): Promise<{ tenant: Tenant; agent: Agent; ids: string[] }> {
  const owner = await createTenant(api.db, { role: 'org-admin' });
  const agent = api.http(owner.key);
  for (let n = 0; n < alerts; n++) await createAlert(agent);
  const entries = await eventually(
    () => list({}, agent),
    (found) => found.length === alerts && isSealed(found),
  );
  return { tenant: owner, agent, ids: entries.reverse().map(({ id }) => id) };
}

/** Changes the trail as somebody may who owns the database and switches its triggers off. */
async function tamper(...statements: readonly string[]): Promise<void> {
  const switchAll = (how: string, table: string, names: readonly string[]) =>
    names.map((name) => `ALTER TABLE ${table} ${how} TRIGGER ${table}_${name}`);
  const all = (how: string) => [
    ...switchAll(how, 'audit_entries', ['only_sealed', 'not_deleted', 'not_truncated']),
    ...switchAll(how, 'audit_chains', ['only_advance', 'not_deleted', 'not_truncated']),
  ];
  const script = ['BEGIN', ...all('DISABLE'), ...statements, ...all('ENABLE ALWAYS'), 'COMMIT'];
  await api.db.rows(script.join(';\n'));
}

describe('the proof that every change is audited', () => {
  it('names a change that nothing tells of: the row, what was done to it, and what was written', async () => {
    await assertAudited(api.db);
    const id = await createAlert();
    await api.app.get(Database).sql('UPDATE alerts SET severity = 4 WHERE id = $1::uuid', [id]);
    await expect(assertAudited(api.db)).rejects.toThrow(
      `1 × UPDATE of alerts(severity) ${id} beside no entry`,
    );
    await assertAudited(api.db);
  });

  it('takes no table that it does not know', async () => {
    const elsewhere = new TestDatabase(await databaseUrl('unknown_table'));
    await elsewhere.rows('CREATE TABLE pets (id uuid PRIMARY KEY)');
    await elsewhere.close();
    await expect(noteChanges(elsewhere.url)).rejects.toThrow(/changes of: pets/);
  });
});

describe('the first start', () => {
  it('tells of the organization, the administrator and the key', async () => {
    const entries = await api.db.rows(
      `SELECT e.action, e.actor_kind AS actor, e.organization_id = o.id AS "isOfTheirs", coalesce(o2.name, u.email, c.name) AS name
       FROM organizations o CROSS JOIN audit_entries e
       LEFT JOIN organizations o2 ON o2.id::text = e.target_id AND e.target_kind = 'organization'
       LEFT JOIN users u ON u.id::text = e.target_id AND e.target_kind = 'user'
       LEFT JOIN credentials c ON c.id::text = e.target_id AND e.target_kind = 'apiKey'
       WHERE o.name = 'Default organization' ORDER BY e.id LIMIT 3`,
    );
    const told = { actor: 'system', isOfTheirs: true };
    expect(entries).toEqual([
      { ...told, action: 'instance.created', name: 'Default organization' },
      { ...told, action: 'user.created', name: api.config.admin.email },
      { ...told, action: 'key.created', name: 'First administrator key' },
    ]);
  });
});

describe('GET /audit', () => {
  it('lists who did what to what, newest first, to administrators of the organization', async () => {
    const request = unique('request');
    const id = await createAlert(http, {}, request);
    const [entry, ...rest] = await sealed({ requestId: request });
    expect(rest).toEqual([]);
    expect(entry).toEqual({
      id: expect.any(String) as string,
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/) as string,
      actor: { kind: 'apiKey', id: tenant.userId, name: 'Test Person' },
      credential: { id: tenant.keyId },
      action: 'alert.created',
      target: { kind: 'alert', id },
      changes: [],
      organizationId: tenant.organizationId,
      requestId: request,
      ip: '127.0.0.1',
      seq: expect.any(Number) as number,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      previousHash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
    await http.patch(`/api/alerts/${id}`).send({ severity: 4 });
    const [newest] = await list({});
    expect(newest).toMatchObject({
      action: 'alert.updated',
      target: { kind: 'alert', id },
      changes: [{ field: 'severity', old: 2, new: 4 }],
    });
  });

  it.each([
    ['actorId', (entry: AuditEntry) => entry.actor.id],
    ['credentialId', (entry: AuditEntry) => entry.credential?.id],
    ['action', (entry: AuditEntry) => entry.action],
    ['targetKind', (entry: AuditEntry) => entry.target.kind],
    ['targetId', (entry: AuditEntry) => entry.target.id],
    ['requestId', (entry: AuditEntry) => entry.requestId],
  ])('filters by %s', async (name, valueOf) => {
    const { tenant: owner, agent } = await withChain(1);
    const person = await addSignedIn(api, owner.organizationId, { role: 'org-admin' });
    await person.agent.post('/api/clients').send({ name: unique('client') });
    const all = await eventually(
      () => list({}, agent),
      ({ length }) => length === 3,
    );
    expect(new Set(all.map(valueOf)).size).toBeGreaterThan(1);
    for (const value of new Set(all.map(valueOf))) {
      const wanted = all.filter((entry) => valueOf(entry) === value);
      const found = await list({ [name]: value ?? '' }, agent);
      expect(found.map(({ id }) => id)).toEqual(wanted.map(({ id }) => id));
    }
    const none = { actorId: other.userId, credentialId: other.keyId }[name] ?? 'nothing';
    expect(await list({ [name]: none }, agent)).toEqual([]);
  });

  it('has fewer entries on a page where their changes are long, and all of them on its pages', async () => {
    const id = await createAlert();
    for (let index = 0; index < 18; index++) {
      const description = `${index} `.repeat(300_000);
      expect((await http.patch(`/api/alerts/${id}`).send({ description })).status).toBe(200);
    }
    const path = `/api/audit?targetId=${id}&limit=1000&sort=at`;
    const first = await http.get(path);
    expect(first.status).toBe(200);
    expect((first.body as AuditEntry[]).length).toBeLessThan(19);
    const all = await readAll<AuditEntry>(http, path);
    expect(all.map(({ action }) => action)).toEqual([
      'alert.created',
      ...Array.from({ length: 18 }, () => 'alert.updated'),
    ]);
  });

  it('filters by time, from an instant on and before another', async () => {
    const { agent } = await withChain(4);
    const all = (await list({ sort: 'at' }, agent)).map(({ at }) => at);
    const [from = '', to = ''] = [all[1], all[3]];
    const found = await list({ from, to, sort: 'at' }, agent);
    expect(found.map(({ at }) => at)).toEqual(all.filter((at) => at >= from && at < to));
  });

  it('shows each entry once, page by page, both ways, sealed or not', async () => {
    const { tenant: owner, agent } = await withChain(7);
    const holder = await holdSealing();
    try {
      for (let n = 0; n < 4; n++) await createAlert(agent);
      const down = await readAll<AuditEntry>(agent, '/api/audit?limit=2');
      const up = await readAll<AuditEntry>(agent, '/api/audit?limit=3&sort=at');
      const stored = await api.db.rows<{ id: string }>(
        'SELECT id FROM audit_entries WHERE organization_id = $1 ORDER BY at, id',
        [owner.organizationId],
      );
      expect(up.map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
      expect(down.reverse().map(({ id }) => id)).toEqual(stored.map(({ id }) => id));
      expect(up.filter(({ seq }) => seq === null)).toHaveLength(4);
      const counted = await agent.get('/api/audit?limit=1&count=true&action=alert.created');
      expect(counted.headers['x-total-count']).toBe('11');
    } finally {
      await holder.end();
    }
  });

  it('shows an administrator the own organizations alone, of the platform all', async () => {
    const [mine, theirs] = [await createAlert(), await createAlert(api.http(other.key))];
    const email = `${unique('nobody')}@casebender.test`;
    await api.http().post('/api/auth/login').send({ email, password: PASSWORD });
    const seen = async (agent: Agent) => {
      const found = [
        await list({ targetId: mine }, agent),
        await list({ targetId: theirs }, agent),
        (await list({ action: 'user.sign-in-failed' }, agent)).filter(
          ({ organizationId }) => organizationId === null,
        ),
      ];
      return found.map(({ length }) => length);
    };
    expect(await seen(http)).toEqual([1, 0, 0]);
    expect(await seen(api.http(other.key))).toEqual([0, 1, 0]);
    expect(await seen(api.http(api.adminKey))).toEqual([1, 1, 1]);
    const options = { role: 'org-admin', password: PASSWORD } as const;
    const both = await addPerson(api.db, tenant.organizationId, options);
    await addMember(api.db, other.organizationId, both.userId);
    expect(await seen((await signIn(api, both)).agent)).toEqual([1, 1, 0]);
  });

  it('shows entries about what lies above the clearance of the administrator', async () => {
    const id = await createAlert(http, { tlp: 4, pap: 3 });
    const { key } = await addKey(api.db, tenant, { tlpMax: 0, papMax: 0, scopes: ['admin:*'] });
    expect((await api.http(key).get(`/api/alerts/${id}`)).status).toBe(403);
    expect(await list({ targetId: id }, api.http(key))).toHaveLength(1);
  });

  it.each([
    'actorId=x',
    'from=yesterday',
    'sort=action',
    'limit=0',
    'cursor=x',
    'nonsense=1',
    'actor=x',
  ])('answers 400 to ?%s', async (query) => {
    const code = query.startsWith('cursor') ? 'INVALID_CURSOR' : 'VALIDATION_FAILED';
    expectProblem(await http.get(`/api/audit?${query}`), 400, code);
  });

  const probe = { method: 'get' as const, path: () => '/api/audit' };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', [
    'alerts:read',
    'cases:read',
    'observables:read',
    'users:read',
  ]);
  outcomes.limited(probe, ['admin:*']);
});

/** Keeps every process from sealing until the connection ends. */
async function holdSealing(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: 'test' });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE audit_chains IN SHARE MODE');
  return client;
}

describe('what is written', () => {
  it('names every tag and client that something creates by its name, once', async () => {
    const owner = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(owner.key);
    const names = Array.from({ length: 8 }, (_, n) => `made ${n}`);
    const body = { tags: [names[0], 'MADE 0', names[1]], clientName: 'Acme' };
    const id = await createAlert(agent, body);
    await createAlert(agent, body);
    const bulk = { alerts: [1, 2].map(() => ({ ...ALERT, tags: [names[2]], clientName: 'Bulk' })) };
    await agent.post('/api/alerts/bulk').send(bulk);
    await agent
      .patch(`/api/alerts/${id}`)
      .send({ tags: [names[1], names[3]], clientName: 'Patched' });
    await agent.post('/api/cases').send({ ...ALERT, tags: [names[4]], clientName: 'acme' });
    const value = { dataType: 'ip', data: '10.0.0.1', tags: [names[5], names[0]] };
    const observable = await agent.post(`/api/alerts/${id}/observables`).send(value);
    const observableId = (observable.body as { id: string }).id;
    await agent.patch(`/api/observables/${observableId}`).send({ tags: [names[6]] });
    await agent.post('/api/case-templates').send({ name: 'Template', tags: [names[7]] });
    const named = async (kind: string) => {
      const entries = await list({ action: `${kind}.created` }, agent);
      for (const entry of entries) {
        expect(entry).toMatchObject({
          actor: { kind: 'apiKey', id: owner.userId },
          credential: { id: owner.keyId },
          organizationId: owner.organizationId,
          target: { kind, id: expect.any(String) as string },
          requestId: expect.any(String) as string,
          ip: '127.0.0.1',
        });
      }
      return entries.map(({ changes }) => changes[0]?.new).sort();
    };
    expect(await named('tag')).toEqual(names);
    expect(await named('client')).toEqual(['Acme', 'Bulk', 'Patched']);
    const [tag] = await list({ action: 'tag.created' }, agent);
    expect(tag?.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/);
  });

  it('names what 30 requests create at once by one name once', async () => {
    const owner = await createTenant(api.db, { role: 'org-admin' });
    const agent = api.http(owner.key);
    const body = { tags: ['at once'], clientName: 'At once' };
    await Promise.all(Array.from({ length: 30 }, () => createAlert(agent, body)));
    for (const action of ['tag.created', 'client.created'])
      expect(await list({ action }, agent)).toHaveLength(1);
    expect(await list({ action: 'alert.created' }, agent)).toHaveLength(30);
  });

  it('says who signed in and out, and who could not', async () => {
    const person = await addSignedIn(api, tenant.organizationId, { role: 'org-admin' });
    await person.agent.post('/api/auth/logout');
    const { email } = person;
    await api.http().post('/api/auth/login').send({ email, password: 'wrong password' });
    const entries = await list({ targetId: person.userId });
    expect(entries.map(({ action }) => action)).toEqual([
      'user.sign-in-failed',
      'user.signed-out',
      'user.signed-in',
    ]);
  });

  it('holds no secret, digest or password that was made or sent', async () => {
    const owner = await createTenant(api.db, { role: 'super-admin' });
    const agent = api.http(owner.key);
    const person = await addSignedIn(api, owner.organizationId, { role: 'analyst' });
    const pair = await addPair(api.db, { ...owner, role: 'org-admin' });
    const sent = unique('planted password');
    const made = await agent
      .post('/api/api-keys')
      .send({ name: 'k', tier: 'basic', scopes: ['alerts:read'] });
    const created = made.body as { id: string; key: string };
    const rotated = await agent
      .post(`/api/api-keys/${created.id}/rotate`)
      .send({ graceSeconds: 0 });
    const legacy = await agent
      .post('/api/api-keys/legacy')
      .send({ name: 'k', tier: 'basic', scopes: ['alerts:read'] });
    const user = await agent.post('/api/users').send({
      email: `${unique('planted')}@casebender.test`,
      firstName: 'A',
      lastName: 'B',
      role: 'analyst',
      organizations: [owner.organizationId],
    });
    await agent.post(`/api/users/${person.userId}/password`).send({ password: sent });
    await api
      .http()
      .post('/api/auth/login')
      .send({ email: person.email, password: `${sent} wrong` });
    await agent.get(`/api/alerts/${created.key}`);
    const below = await addKey(api.db, owner, { scopes: ['cases:read'] });
    await api.http(below.key).get(`/api/alerts?q=${pair.secretKey}`);
    await api.http(below.key).get(`/api/users/${created.key}`);
    const stored = await api.db.rows<{ digest: Buffer; password: string | null }>(
      `SELECT c.digest, u.password_hash AS password FROM credentials c JOIN users u ON u.id = c.owner_id`,
    );
    const secrets = [
      owner.key,
      pair.secretKey,
      created.key,
      (rotated.body as { key: string }).key,
      (legacy.body as { secretKey: string }).secretKey,
      (user.body as { temporaryPassword: string }).temporaryPassword,
      sent,
      PASSWORD,
      person.session.csrfToken,
      person.cookie.split('=')[1] ?? '',
      '$argon2',
      ...stored.map(({ digest }) => digest.toString('hex')),
      ...stored.map(({ digest }) => digest.toString('base64')),
    ];
    const text = await exported({}, agent);
    const actions = new Set(linesOf(text).map(({ action }) => action));
    for (const action of ['key.created', 'key.rotated', 'user.created', 'user.password-reset'])
      expect(actions).toContain(action);
    expect(secrets.filter((secret) => secret.length < 7 || text.includes(secret))).toEqual([]);
  });
});

describe('sealing', () => {
  it('leaves one chain without gaps of 50 writers at once, in two processes', async () => {
    const owner = await createTenant(api.db, { role: 'org-admin' });
    const second = await startTestApp({ DATABASE_URL: url });
    try {
      const agents = [api.http(owner.key), second.http(owner.key)];
      const write = (_: unknown, n: number) => createAlert(agents[n % 2]);
      for (let round = 0; round < 4; round++) await Promise.all(Array.from({ length: 50 }, write));
      const [agent = http] = agents;
      await eventually(
        () => list({ limit: '1000' }, agent),
        (entries) => entries.length === 200 && isSealed(entries),
      );
      const seqs = (await list({ limit: '1000' }, agent)).map(({ seq }) => seq ?? 0);
      expect(seqs.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, n) => n + 1));
      expect(await verify(agent)).toEqual({ valid: true, entries: 200, firstBreak: null });
    } finally {
      await second.close();
    }
  });

  it('takes an entry whose transaction ends late, after what was sealed meanwhile', async () => {
    const { tenant: owner, agent, ids } = await withChain(1);
    const late = new pg.Client({ connectionString: url, application_name: 'test' });
    await late.connect();
    const id = uuidv7();
    try {
      await late.query('BEGIN');
      await late.query(
        `INSERT INTO audit_entries (id, organization_id, actor_kind, action, target_kind) VALUES ($1, $2, 'system', 'test.late', 'test')`,
        [id, owner.organizationId],
      );
      const alertId = await createAlert(agent);
      const [between] = await sealed({ targetId: alertId }, agent);
      expect(between?.seq).toBe(2);
      await late.query('COMMIT');
    } finally {
      await late.end();
    }
    const [entry] = await sealed({ action: 'test.late' }, agent);
    expect(entry).toMatchObject({ id, seq: 3 });
    expect((await list({ sort: 'at' }, agent)).map(({ seq }) => seq)).toEqual([1, 3, 2]);
    expect(ids).toHaveLength(1);
    expect(await verify(agent)).toEqual({ valid: true, entries: 3, firstBreak: null });
  });

  it('catches up after a pause, in the order of time', async () => {
    const owner = await createTenant(api.db, { role: 'org-admin' });
    const holder = await holdSealing();
    await api.db.rows(
      `INSERT INTO audit_entries (id, at, organization_id, actor_kind, action, target_kind, target_id)
       SELECT gen_random_uuid(), now() - interval '50 seconds' + n * interval '10 ms', $1, 'system', 'test.paused', 'test', n::text
       FROM generate_series(1, 1200) n`,
      [owner.organizationId],
    );
    await holder.end();
    const agent = api.http(owner.key);
    await eventually(
      () => verify(agent),
      ({ entries }) => entries === 1200,
    );
    const rows = linesOf(await exported({ action: 'test.paused' }, agent));
    expect(rows.map(({ seq, target }) => [seq, target.id])).toEqual(
      rows.map((_, index) => [index + 1, String(index + 1)]),
    );
    expect(rows).toHaveLength(1200);
  });
});

describe('GET /audit/verify', () => {
  it('finds the chains of an administrator intact, and of the platform all', async () => {
    await eventually(
      () => verify(api.http(api.adminKey)),
      ({ valid, entries }) => valid && entries > 0,
    );
    const own = await verify();
    const all = await verify(api.http(api.adminKey));
    expect(own).toMatchObject({ valid: true, firstBreak: null });
    expect(all.entries).toBeGreaterThan(own.entries);
  });

  it('finds no break while entries are written and sealed', async () => {
    const { agent } = await withChain(2);
    let isOver = false;
    const writers = Array.from({ length: 6 }, async () => {
      while (!isOver) await createAlert(agent);
    });
    try {
      let entries = 0;
      while (entries < 60) {
        const verdict = await verify(agent);
        expect(verdict).toMatchObject({ valid: true, firstBreak: null });
        expect(verdict.entries).toBeGreaterThanOrEqual(entries);
        ({ entries } = verdict);
      }
    } finally {
      isOver = true;
      await Promise.all(writers);
    }
  });

  it('holds few entries at once where their changes are long', async () => {
    const { organizationId } = await createTenant(api.db, { role: 'org-admin' });
    const scope = { everyOrganization: false, organizationIds: [organizationId] };
    await api.db.rows(
      `INSERT INTO audit_entries (id, organization_id, actor_kind, action, target_kind, changes)
       SELECT gen_random_uuid(), $1, 'system', 'test.long', 'test',
         jsonb_build_array(jsonb_build_object('field', 'text', 'old', NULL, 'new',
           (SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 20000 + n))))
       FROM generate_series(1, 12) n`,
      [organizationId],
    );
    const { sql } = api.app.get(Database);
    const [chain] = await eventually(
      () => readChains(sql, scope),
      ([each]) => each?.seq === 12,
    );
    if (!chain) throw new Error('No chain was begun.');
    const places: number[][] = [];
    for await (const batch of sealedEntries(sql, chain)) {
      places.push(batch.map(({ seq }) => seq));
      expect(JSON.stringify(batch).length).toBeLessThan(2_000_000);
    }
    expect(places.flat()).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    expect(await api.app.get(AuditVerification).verify({ ...scope, transaction: null })).toEqual({
      valid: true,
      entries: 12,
      firstBreak: null,
    });
  });

  it('ends when nobody waits for the verdict', async () => {
    const scope = { everyOrganization: true, organizationIds: [], transaction: null };
    const walk = api.app.get(AuditVerification).verify(scope, { signal: AbortSignal.abort() });
    await expect(walk).rejects.toThrow('Nobody waits');
  });

  it('names an entry whose content was changed, to its administrators alone', async () => {
    const { agent, ids } = await withChain(4);
    await tamper(`UPDATE audit_entries SET action = 'alert.read' WHERE id = '${ids[2]}'`);
    const verdict = {
      valid: false,
      entries: 2,
      firstBreak: { id: ids[2], seq: 3, reason: 'Entry 3 was changed after it was sealed.' },
    };
    expect(await verify(agent)).toEqual(verdict);
    expect(await verify()).toMatchObject({ valid: true });
    expect(await verify(api.http(api.adminKey))).toMatchObject({
      valid: false,
      firstBreak: verdict.firstBreak,
    });
    await tamper(`UPDATE audit_entries SET action = 'alert.created' WHERE id = '${ids[2]}'`);
    expect(await verify(agent)).toMatchObject({ valid: true, entries: 4 });
  });

  it.each(
    Object.entries({
      at: "at + interval '1 ms'",
      organization_id: 'NULL',
      actor_kind: "'system'",
      actor_id: 'NULL',
      credential_id: 'NULL',
      target_kind: "'case'",
      target_id: "'x'",
      changes: '\'[{"field": "x", "old": null, "new": 1}]\'',
      request_id: "'x'",
      ip: "'::1'",
      hash: "sha256('x')",
    }),
  )('names an entry of which %s was changed', async (column, value) => {
    const { tenant: owner, ids } = await withChain(2);
    await tamper(`UPDATE audit_entries SET ${column} = ${value} WHERE id = '${ids[0]}'`);
    const verdict = await verify(api.http(owner.key));
    expect(verdict.firstBreak).toMatchObject({ id: ids[0], seq: 1 });
    await tamper(
      `DELETE FROM audit_entries WHERE id = ANY('{${ids.join(',')}}')`,
      `DELETE FROM audit_chains WHERE organization_id = '${owner.organizationId}'`,
    );
  });

  it('names the place of an entry that was deleted', async () => {
    const { agent, ids } = await withChain(4);
    await tamper(`DELETE FROM audit_entries WHERE id = '${ids[1]}'`);
    expect(await verify(agent)).toEqual({
      valid: false,
      entries: 1,
      firstBreak: { id: null, seq: 2, reason: 'Entry 2 is missing: entry 3 comes after 1.' },
    });
  });

  it('names the place from which the last entries were cut off', async () => {
    const { agent, ids } = await withChain(4);
    await tamper(`DELETE FROM audit_entries WHERE id IN ('${ids[2]}', '${ids[3]}')`);
    const { firstBreak, entries } = await verify(agent);
    expect({ firstBreak, entries }).toEqual({
      entries: 2,
      firstBreak: {
        id: null,
        seq: 3,
        reason: 'Entry 3 is missing: 4 entries were sealed, and the last of them were cut off.',
      },
    });
  });

  it('names the first of two entries that were swapped', async () => {
    const { agent, ids } = await withChain(4);
    const place = (id: string | undefined, seq: number) =>
      `UPDATE audit_entries SET seq = ${seq} WHERE id = '${id}'`;
    await tamper(place(ids[1], 99), place(ids[2], 2), place(ids[1], 3));
    const { firstBreak } = await verify(agent);
    expect(firstBreak).toMatchObject({ id: ids[2], seq: 2 });
    expect(firstBreak?.reason).toContain('swapped or replaced');
  });

  it('names a chain whose end was removed, or moved back', async () => {
    const gone = await withChain(2);
    await tamper(
      `DELETE FROM audit_chains WHERE organization_id = '${gone.tenant.organizationId}'`,
    );
    expect((await verify(gone.agent)).firstBreak).toEqual({
      id: gone.ids[0],
      seq: 1,
      reason: 'The chain of entry 1 has no end any more.',
    });
    const back = await withChain(3);
    await tamper(
      `UPDATE audit_chains c SET seq = 1, hash = e.hash FROM audit_entries e
       WHERE e.id = '${back.ids[0]}' AND c.id = e.chain_id`,
    );
    expect((await verify(back.agent)).firstBreak).toMatchObject({ id: null, seq: 2 });
    const id = await createAlert(back.agent);
    const [next] = await sealed({ targetId: id }, back.agent);
    expect((await verify(back.agent)).firstBreak).toMatchObject({ id: next?.id, seq: 4 });
  });

  it('names an entry that nobody sealed for more than a minute', async () => {
    const { tenant: owner, agent } = await withChain(1);
    const holder = await holdSealing();
    const id = uuidv7();
    try {
      await api.db.rows(
        `INSERT INTO audit_entries (id, at, organization_id, actor_kind, action, target_kind)
         VALUES ($1, now() - interval '2 minutes', $2, 'system', 'test.forgotten', 'test')`,
        [id, owner.organizationId],
      );
      expect(await verify(agent)).toEqual({
        valid: false,
        entries: 1,
        firstBreak: {
          id,
          seq: null,
          reason: 'The entry was not sealed for more than a minute.',
        },
      });
    } finally {
      await holder.end();
    }
  });

  const probe = { method: 'get' as const, path: () => '/api/audit/verify' };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ['alerts:read', 'users:read']);
});

describe('GET /audit/export', () => {
  it('answers each entry as it was sealed, which ten lines check offline', async () => {
    const { agent } = await withChain(5);
    const text = await exported({}, agent);
    let end = '0'.repeat(64);
    for (const line of text.trimEnd().split('\n')) {
      const { hash, previousHash, ...entry } = JSON.parse(line) as SealedEntry;
      const digest = createHash('sha256').update(previousHash, 'hex');
      expect(digest.update(canonicalize(entry) ?? '').digest('hex')).toBe(hash);
      expect(previousHash).toBe(end);
      end = hash;
    }
    expect(linesOf(text).map(({ seq, action }) => [seq, action])).toEqual([
      ...Array.from({ length: 5 }, (_, n) => [n + 1, 'alert.created']),
      [6, 'audit.exported'],
    ]);
    expect(Object.keys(linesOf(text)[0]?.actor ?? {})).toEqual(['kind', 'id']);
  });

  it('is a file to be saved, and is audited with what was asked for', async () => {
    const { agent } = await withChain(1);
    const response = await agent.get('/api/audit/export?action=alert.created').buffer(true);
    expect(response.headers).toMatchObject({
      'content-type': 'application/jsonl; charset=utf-8',
      'content-disposition': 'attachment; filename=audit.jsonl',
      'x-content-type-options': 'nosniff',
    });
    const [entry] = await list({ action: 'audit.exported' }, agent);
    expect(entry?.changes).toEqual([
      { field: 'format', old: null, new: 'jsonl' },
      { field: 'action', old: null, new: 'alert.created' },
    ]);
  });

  it('answers CSV, in which no cell is run by a spreadsheet', async () => {
    const { agent } = await withChain(1);
    const formula = '=HYPERLINK("http://evil.example")';
    await agent.post('/api/clients').send({ name: formula });
    const requestId = '-1.formula';
    await createAlert(agent, {}, requestId);
    const text = await exported({ format: 'csv' }, agent);
    const [header, ...rows]: string[][] = parse(text);
    expect(header?.slice(0, 4)).toEqual(['organizationId', 'seq', 'at', 'actorKind']);
    expect(rows).toHaveLength(4);
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[=+\-@\t\r]/);
    const columns = Object.fromEntries((header ?? []).map((name, index) => [name, index]));
    expect(JSON.parse(rows[1]?.[columns.changes ?? 0] ?? '')).toEqual([
      { field: 'name', old: null, new: formula },
    ]);
    expect(rows[2]?.[columns.requestId ?? 0]).toBe(`'${requestId}`);
  });

  it('takes the filters of the list, and what the caller may see', async () => {
    const { tenant: owner, agent } = await withChain(3);
    const [first, second, third] = await list({ sort: 'at' }, agent);
    const ids = async (query: Record<string, string>) =>
      linesOf(await exported(query, agent)).map(({ id }) => id);
    expect(await ids({ targetId: second?.target.id ?? '' })).toEqual([second?.id]);
    const range = { from: second?.at ?? '', to: third?.at ?? '', actorId: owner.userId };
    expect(await ids({ ...range, action: 'alert.created' })).toEqual(
      [first, second, third]
        .filter((entry) => entry && entry.at >= range.from && entry.at < range.to)
        .map((entry) => entry?.id),
    );
    const organizations = new Set(
      linesOf(await exported({}, agent)).map(({ organizationId }) => organizationId),
    );
    expect([...organizations]).toEqual([owner.organizationId]);
    const all = linesOf(await exported({}, api.http(api.adminKey)));
    expect(new Set(all.map(({ organizationId }) => organizationId)).size).toBeGreaterThan(2);
  });

  it('gives files that can be checked without a database, and are found out when changed', async () => {
    const { agent } = await withChain(4);
    const dir = await mkdtemp(join(tmpdir(), 'casebender-audit-'));
    const verdictOf = async (lines: readonly string[]) => {
      const path = join(dir, 'export.jsonl');
      await writeFile(path, `${lines.join('\n')}\n`);
      return verifyExport(path);
    };
    try {
      const lines = (await exported({}, agent)).trimEnd().split('\n');
      expect(await verdictOf(lines)).toEqual({ valid: true, entries: 5, firstBreak: null });
      expect(await verdictOf(lines.slice(2, 4))).toMatchObject({ valid: true, entries: 2 });
      const changed = lines.map((line) => line.replace('"alert.created"', '"alert.read"'));
      expect((await verdictOf(changed)).firstBreak).toMatchObject({ seq: 1 });
      const without = lines.filter((_, index) => index !== 2);
      expect((await verdictOf(without)).firstBreak).toMatchObject({ id: null, seq: 3 });
      expect((await verdictOf(['organizationId,seq'])).firstBreak?.reason).toContain('Line 1');
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it.each(['format=xml', 'limit=5', 'sort=at', 'actorId=x'])(
    'answers 400 to ?%s',
    async (query) => {
      const response = await http.get(`/api/audit/export?${query}`);
      expectProblem(response, 400, 'VALIDATION_FAILED');
    },
  );

  const probe = { method: 'get' as const, path: () => '/api/audit/export' };
  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'admin:*', ['alerts:read', 'users:read']);
});

describe('the audit trail in the database', () => {
  const FORBIDDEN = [
    ["UPDATE audit_entries SET action = 'x'", /never changed, only sealed once/],
    [
      "UPDATE audit_entries SET seq = seq + 1000, hash = sha256('x') WHERE seq IS NOT NULL",
      /never changed, only sealed once/,
    ],
    [
      'UPDATE audit_entries SET chain_id = NULL, seq = NULL, hash = NULL, previous_hash = NULL',
      /never changed, only sealed once/,
    ],
    ['DELETE FROM audit_entries', /never changed or deleted/],
    ['TRUNCATE audit_entries', /never changed or deleted/],
    ['UPDATE audit_chains SET seq = seq - 1', /only moves on/],
    ['UPDATE audit_chains SET organization_id = NULL, seq = seq + 1', /only moves on/],
    ['DELETE FROM audit_chains', /never changed or deleted/],
    ['TRUNCATE audit_chains', /never changed or deleted/],
  ] as const;

  it.each(FORBIDDEN)('refuses %s to the server itself', async (statement, told) => {
    await expect(api.app.get(Database).sql(statement, [])).rejects.toThrow(told);
  });

  /** Runs a statement after others, and takes all back. */
  async function attempt(statement: string, ...before: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString: url, application_name: 'test' });
    await client.connect();
    try {
      await client.query(['BEGIN', ...before].join(';'));
      await client.query(statement);
    } finally {
      await client.end();
    }
  }

  it.each(FORBIDDEN)('refuses %s to replication', async (statement, told) => {
    const replication = "SET session_replication_role = 'replica'";
    await expect(attempt(statement, replication)).rejects.toThrow(told);
  });

  it.each(FORBIDDEN.filter(([statement]) => !statement.includes('seq')))(
    'gives no right to %s to an owner of the tables who is no superuser',
    async (statement) => {
      const role = unique('owner').replace('-', '_');
      // The one table alone: locked one after the other, both would wait in a circle with the sealer.
      const table = statement.includes('audit_chains') ? 'audit_chains' : 'audit_entries';
      const asOwner = [
        `CREATE ROLE ${role}`,
        `ALTER TABLE ${table} OWNER TO ${role}`,
        `SET LOCAL ROLE ${role}`,
      ];
      const denied = `permission denied for table ${table}`;
      await expect(attempt(statement, ...asOwner)).rejects.toThrow(denied);
    },
  );
});
