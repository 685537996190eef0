import pg from 'pg';
import { bulkCreatedSchema } from '../../src/alerts/alerts.schema.js';
import type { Alert, BulkCreated } from '../../src/alerts/alerts.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { eventually } from '../eventually.js';
import {
  addClient,
  addKey,
  addPerson,
  addTag,
  addTeam,
  createTenant,
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

const BODY = { title: 'Taken in', statusValue: 'new', severity: 2 };
const MEBIBYTE = 1024 ** 2;
/** What of an answer follows the clock. */
const LABELS = { createdAtLabel: '', updatedAtLabel: '' };

type Policy = 'create' | 'count' | 'reject';

/** Type, source and sourceRef that no other alert has. */
function origin() {
  return { type: 'edr', source: 'sentinel', sourceRef: unique('ref') };
}

async function bulk(body: object, agent = http): Promise<BulkCreated> {
  const response = await agent.post('/api/alerts/bulk').send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return expectMatches(bulkCreatedSchema, response.body);
}

function post(body: object, policy?: Policy, agent = http) {
  const request = agent.post('/api/alerts');
  return (policy ? request.set('X-Alert-Dedup', policy) : request).send({ ...BODY, ...body });
}

async function create(body: object = {}, policy?: Policy, agent = http): Promise<Alert> {
  const response = await post(body, policy, agent);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
  return response.body as Alert;
}

async function read(id: string | undefined, agent = http): Promise<Alert> {
  const response = await agent.get(`/api/alerts/${id ?? ''}`);
  expect(response.status).toBe(200);
  return response.body as Alert;
}

async function countOf({ organizationId }: Tenant = tenant): Promise<number> {
  const { n } = await api.db.row<{ n: number }>(
    'SELECT count(*)::int AS n FROM alerts WHERE organization_id = $1',
    [organizationId],
  );
  return n;
}

function numbered(count: number, body: object = {}): object[] {
  return Array.from({ length: count }, (_, i) => ({ ...BODY, ...body, title: `n${i}` }));
}

const outcomes = outcomesOf(() => ({ api, tenant }));

describe('POST /alerts, many at once', () => {
  it('answers each with what it brought, and writes it down as done by whoever sent it', async () => {
    const tags = [
      await addTag(api.db, tenant.organizationId),
      await addTag(api.db, other.organizationId),
    ];
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, place) => {
        const sender = place % 2 === 0 ? tenant : other;
        const observables = Array.from({ length: place % 7 }, (_, index) => ({
          dataType: 'other',
          data: `${place} ${index}`,
        }));
        const tag = tags[place % 2]?.id;
        const sent = { title: `At once ${place}`, observables, tags: place % 3 === 0 ? [tag] : [] };
        const response = await post(sent, undefined, api.http(sender.key));
        expect({ status: response.status, body: response.text }).toMatchObject({ status: 200 });
        const alert = response.body as Alert;
        expect(alert).toMatchObject({
          title: sent.title,
          ownerOrganizationId: sender.organizationId,
        });
        expect(alert.observables.map(({ data }) => data)).toEqual(
          observables.map(({ data }) => data),
        );
        expect(alert.tags.map(({ id }) => id)).toEqual(sent.tags);
        const stored = await read(alert.id, api.http(sender.key));
        expect({ ...stored, ...LABELS }).toEqual({ ...alert, ...LABELS });
        return {
          id: alert.id,
          tinyId: alert.tinyId,
          by: sender.userId,
          request: response.headers['x-request-id'],
        };
      }),
    );
    expect(new Set(answers.map(({ tinyId }) => tinyId)).size).toBe(60);
    const { statements } = await api.db.row<{ statements: number }>(
      'SELECT count(DISTINCT xmin::text)::int AS statements FROM alerts WHERE id = ANY($1)',
      [answers.map(({ id }) => id)],
    );
    expect(statements).toBeLessThan(60);
    const audited = await api.db.rows(
      `SELECT target_id AS id, actor_id::text AS by, request_id AS request FROM audit_entries
       WHERE target_id = ANY($1) AND action = 'alert.created' ORDER BY target_id`,
      [answers.map(({ id }) => id)],
    );
    const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
    expect(audited).toEqual(answers.map(({ id, by, request }) => ({ id, by, request })).sort(byId));
  });

  it('writes no more text with one statement than it can take', async () => {
    const description = 'x'.repeat(1_000_000);
    await api.db.rows('CREATE TABLE written (chars bigint)');
    await api.db.rows(`CREATE FUNCTION measure() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN INSERT INTO written SELECT sum(length(description)) FROM added; RETURN NULL; END $$`);
    await api.db.rows(
      'CREATE TRIGGER measure AFTER INSERT ON alerts REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION measure()',
    );
    try {
      const answers = await Promise.all(Array.from({ length: 40 }, () => post({ description })));
      expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
      const [most] = await api.db.rows(
        'SELECT max(chars)::int AS chars, sum(chars)::int AS all FROM written',
      );
      expect(most?.all).toBe(40_000_000);
      expect(most?.chars).toBeLessThanOrEqual(8_000_000);
    } finally {
      await api.db.rows('DROP TRIGGER measure ON alerts');
      await api.db.rows('DROP FUNCTION measure');
      await api.db.rows('DROP TABLE written');
    }
  });

  it('fails only those that the database refuses', async () => {
    const title = unique('Refused');
    await api.db.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'check_violation'; END $$`);
    await api.db.rows(
      `CREATE TRIGGER refuse BEFORE INSERT ON alerts FOR EACH ROW WHEN (new.title = '${title}') EXECUTE FUNCTION refuse()`,
    );
    const before = await countOf();
    try {
      const statuses = await Promise.all(
        Array.from({ length: 40 }, async (_, place) => {
          const response = await post({ title: place % 8 === 5 ? title : `Taken ${place}` });
          return response.status === 200;
        }),
      );
      expect(statuses).toEqual(statuses.map((_, place) => place % 8 !== 5));
    } finally {
      await api.db.rows('DROP TRIGGER refuse ON alerts');
      await api.db.rows('DROP FUNCTION refuse');
    }
    expect(await countOf()).toBe(before + 35);
  });

  it('lets nobody wait for what holds up the alerts of others', async () => {
    const tag = await addTag(api.db, tenant.organizationId);
    const holder = new pg.Client(api.db.url);
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT 1 FROM tags WHERE id = $1 FOR UPDATE', [tag.id]);
      const waiting = (count: number) =>
        eventually(
          () =>
            api.db.row<{ n: number }>(
              "SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
            ),
          ({ n }) => n >= count,
        );
      const first = create({ tags: [tag.id] });
      await waiting(1);
      const later = [1, 2, 3].map(() => create({ tags: [tag.id] }));
      await waiting(4);
      await create({}, undefined, api.http(other.key));
      await holder.query('COMMIT');
      const heldUp = await Promise.all([first, ...later]);
      expect(heldUp.map(({ tags }) => tags.length)).toEqual([1, 1, 1, 1]);
    } finally {
      await holder.end();
    }
  });
});

describe('POST /alerts/bulk', () => {
  const probe = {
    method: 'post' as const,
    path: () => '/api/alerts/bulk',
    body: { alerts: [BODY] },
  };

  it('stores one', async () => {
    const answer = await bulk({ alerts: [BODY] });
    expect(answer).toEqual({
      createdCount: 1,
      failedCount: 0,
      results: [{ index: 0, status: 200, id: expect.any(String) as string }],
    });
    expect(await read(answer.results[0]?.id)).toMatchObject({ ...BODY, version: 1, count: 1 });
  });

  it('answers for each item in order and stores those that are right', async () => {
    const before = await countOf();
    const { createdCount, failedCount, results } = await bulk({
      alerts: [
        { ...BODY, title: 'first' },
        { title: 'no severity', statusValue: 'new' },
        { ...BODY, statusValue: 'nonsense' },
        { ...BODY, title: 'fourth' },
        'no object',
        null,
        { ...BODY, teams: [MISSING_ID] },
        { ...BODY, title: 'eighth', unknown: true },
      ],
    });
    expect({ createdCount, failedCount }).toEqual({ createdCount: 3, failedCount: 5 });
    expect(results.map(({ index, status, code }) => [index, status, code])).toEqual([
      [0, 200, undefined],
      [1, 400, 'VALIDATION_FAILED'],
      [2, 400, 'VALIDATION_FAILED'],
      [3, 200, undefined],
      [4, 400, 'VALIDATION_FAILED'],
      [5, 400, 'VALIDATION_FAILED'],
      [6, 400, 'REFERENCE_NOT_FOUND'],
      [7, 200, undefined],
    ]);
    expect(results[1]?.detail).toContain('severity');
    expect(results[2]?.detail).toContain('in-progress');
    expect(results[6]?.detail).toContain('teams[0]');
    for (const { status, id } of results) expect(id !== undefined).toBe(status === 200);
    expect(await countOf()).toBe(before + 3);
    const titles = [];
    for (const { id } of results) if (id !== undefined) titles.push((await read(id)).title);
    expect(titles).toEqual(['first', 'fourth', 'eighth']);
  });

  it('stores each item as POST /alerts would, with tags and clients created once', async () => {
    const tag = await addTag(api.db, tenant.organizationId);
    const team = await addTeam(api.db, tenant.organizationId);
    const name = unique('shared');
    const clientName = unique('Client');
    const item = {
      ...BODY,
      ...origin(),
      description: 'd',
      tlp: '3',
      pap: 1,
      count: 4,
      customFields: { a: { b: 1 } },
      externalLink: 'https://siem.example/1',
      assigneeId: tenant.userId,
      teams: [team.id],
      observables: [
        { dataType: 'domain', data: 'Evil.example', tlp: 1 },
        { dataType: 'DOMAIN', data: 'evil.example' },
        { dataType: 'Spaceship', data: 'x', attachment: '' },
      ],
    };
    const { results } = await bulk({
      alerts: [
        { ...item, tags: [tag.id, name], clientName },
        { ...item, tags: [{ name: name.toUpperCase() }], clientName: clientName.toLowerCase() },
        { title: 'stale', severity: 1, status: 'whatever' },
      ],
    });
    const first = await read(results[0]?.id);
    const second = await read(results[1]?.id);
    expect(first).toMatchObject({
      description: 'd',
      tlp: 3,
      pap: 1,
      count: 4,
      customFields: { a: { b: 1 } },
      assigneeId: tenant.userId,
      teams: [team],
      clientName,
      createdById: tenant.userId,
      observableCount: 2,
    });
    expect(first.observables.map(({ dataType, data }) => [dataType, data])).toEqual([
      ['domain', 'Evil.example'],
      ['other', 'x'],
    ]);
    expect(first.tags.map((each) => each.name).sort()).toEqual(
      [tag.name, second.tags[0]?.name].sort(),
    );
    expect(first.tags.map((each) => each.id)).toContain(second.tags[0]?.id);
    expect(second.clientId).toBe(first.clientId);
    expect((await read(results[2]?.id)).statusValue).toBe('new');
  });

  it('writes an activity and an audit entry for each', async () => {
    const { results } = await bulk({ alerts: numbered(3) });
    const ids = results.map(({ id }) => id);
    const lines = await api.db.rows(
      'SELECT action, body FROM activities WHERE alert_id = ANY($1) ORDER BY id',
      [ids],
    );
    expect(lines).toEqual(['n0', 'n1', 'n2'].map((body) => ({ action: 'created', body })));
    const entries = await api.db.rows(
      'SELECT action, actor_id::text AS actor FROM audit_entries WHERE target_id = ANY($1)',
      [ids],
    );
    expect(entries).toEqual(
      Array.from({ length: 3 }, () => ({ action: 'alert.created', actor: tenant.userId })),
    );
  });

  it('stores 1000 with five observables each, in order, in one request', async () => {
    const fresh = await createTenant(api.db);
    const alerts = numbered(1000).map((body, i) => ({
      ...body,
      observables: Array.from({ length: 5 }, (_, j) => ({
        dataType: 'ip',
        data: `10.${j}.${i >> 8}.${i & 255}`,
      })),
    }));
    const { createdCount, failedCount, results } = await bulk({ alerts }, api.http(fresh.key));
    expect({ createdCount, failedCount }).toEqual({ createdCount: 1000, failedCount: 0 });
    expect(results.map(({ index }) => index)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const stored = await api.db.rows<{ id: string; title: string; tiny: number; n: number }>(
      `SELECT a.id::text, a.title, a.tiny_id AS tiny,
         (SELECT count(*)::int FROM observables o WHERE o.alert_id = a.id) AS n
       FROM alerts a WHERE a.organization_id = $1`,
      [fresh.organizationId],
    );
    expect(stored).toHaveLength(1000);
    expect(new Set(stored.map(({ tiny }) => tiny)).size).toBe(1000);
    expect(stored.every(({ n }) => n === 5)).toBe(true);
    const titleOf = new Map(stored.map(({ id, title }) => [id, title]));
    expect(results.map(({ id }) => titleOf.get(id ?? ''))).toEqual(
      Array.from({ length: 1000 }, (_, i) => `n${i}`),
    );
  });

  it('stores all under `atomic` when all are right', async () => {
    const before = await countOf();
    const { createdCount, results } = await bulk({ alerts: numbered(5), atomic: true });
    expect(createdCount).toBe(5);
    expect(results.every(({ status }) => status === 200)).toBe(true);
    expect(await countOf()).toBe(before + 5);
  });

  it('judges the clearance of each item by itself, its observables included', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2, papMax: 1 });
    const marked = { ...BODY, tlp: 2, pap: 1 };
    const { results } = await bulk(
      {
        alerts: [
          { ...marked, tlp: 3 },
          marked,
          { ...marked, pap: 2 },
          { ...marked, observables: [{ dataType: 'ip', data: '10.0.0.1', tlp: 4 }] },
          { ...marked, observables: [{ dataType: 'ip', data: '10.0.0.1', pap: 4 }] },
        ],
      },
      api.http(key),
    );
    expect(results.map(({ status, code }) => [status, code])).toEqual([
      [403, 'CLEARANCE_TLP'],
      [200, undefined],
      [403, 'CLEARANCE_PAP'],
      [403, 'CLEARANCE_TLP'],
      [403, 'CLEARANCE_PAP'],
    ]);
  });

  it('audits each refusal for clearance', async () => {
    const { key, id } = await addKey(api.db, tenant, { tlpMax: 1 });
    await bulk(
      {
        alerts: [
          { ...BODY, tlp: 4 },
          { ...BODY, tlp: 1 },
        ],
      },
      api.http(key),
    );
    const entries = await api.db.rows(
      "SELECT changes FROM audit_entries WHERE credential_id = $1 AND action = 'request.refused'",
      [id],
    );
    expect(entries).toHaveLength(1);
    expect(JSON.stringify(entries)).toContain('CLEARANCE_TLP');
  });

  it('gives each item the first of its organizations that is the own as owner', async () => {
    const guest = await createTenant(api.db);
    await linkOrganizations(api.db, tenant.organizationId, guest.organizationId);
    const organizations = [guest.organizationId, tenant.organizationId];
    const { results } = await bulk({ alerts: [{ ...BODY, organizations }, BODY] });
    const shared = await read(results[0]?.id, api.http(guest.key));
    expect(shared.ownerOrganizationId).toBe(tenant.organizationId);
    expect(shared.organizations.map(({ id }) => id)).toEqual([...organizations].reverse());
    expectProblem(
      await api.http(guest.key).get(`/api/alerts/${results[1]?.id ?? ''}`),
      404,
      'ALERT_NOT_FOUND',
    );
  });

  it('replays the first answer to the same Idempotency-Key and stores nothing twice', async () => {
    const key = unique('bulk');
    const send = () =>
      http
        .post('/api/alerts/bulk')
        .set('Idempotency-Key', key)
        .send({ alerts: [BODY, { title: '' }] });
    const before = await countOf();
    const first = await send();
    expect(first.status).toBe(200);
    const second = await send();
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(second.body).toEqual(first.body);
    expect(await countOf()).toBe(before + 1);
    const third = await http
      .post('/api/alerts/bulk')
      .set('Idempotency-Key', key)
      .send({ alerts: [BODY] });
    expectProblem(third, 422, 'IDEMPOTENCY_KEY_REUSED');
  });

  it('takes 16 MiB and answers 413 to more', async () => {
    const fresh = await createTenant(api.db);
    const agent = api.http(fresh.key);
    const description = 'x'.repeat(MEBIBYTE);
    const fifteen = Array.from({ length: 15 }, () => ({ ...BODY, description }));
    const body = { alerts: [...fifteen, { ...BODY, description: '' }] };
    const rest = 16 * MEBIBYTE - JSON.stringify(body).length;
    const fitting = {
      alerts: [...fifteen, { ...BODY, description: 'x'.repeat(rest) }],
    };
    expect(JSON.stringify(fitting)).toHaveLength(16 * MEBIBYTE);
    expect((await bulk(fitting, agent)).createdCount).toBe(16);
    const larger = { alerts: [...fifteen, { ...BODY, description: 'x'.repeat(rest + 1) }] };
    const response = await agent.post('/api/alerts/bulk').send(larger);
    expectProblem(response, 413, 'BODY_TOO_LARGE');
    expect(await countOf(fresh)).toBe(16);
    const single = { ...BODY, customFields: { a: 'x'.repeat(2 * MEBIBYTE) } };
    expectProblem(await agent.post('/api/alerts').send(single), 413, 'BODY_TOO_LARGE');
  });

  it.each([
    [{}, ['alerts']],
    [{ alerts: [] }, ['alerts']],
    [{ alerts: {} }, ['alerts']],
    [{ alerts: [BODY], atomic: 'yes' }, ['atomic']],
    [{ alerts: [BODY], another: 1 }, ['another']],
  ])('answers 400 to %j', async (body, paths) => {
    expectInvalid(await http.post('/api/alerts/bulk').send(body), paths);
  });

  it('answers 400 to 1001 and stores none of them', async () => {
    const before = await countOf();
    const response = await http.post('/api/alerts/bulk').send({ alerts: numbered(1001) });
    expectInvalid(response, ['alerts']);
    expect(await countOf()).toBe(before);
  });

  it('answers 400 under `atomic`, naming every fault, and stores nothing', async () => {
    const { key } = await addKey(api.db, tenant, { tlpMax: 2 });
    const before = await countOf();
    const response = await api
      .http(key)
      .post('/api/alerts/bulk')
      .send({
        atomic: true,
        alerts: [
          { ...BODY, tags: [unique('never')] },
          { ...BODY, severity: 9 },
          { ...BODY, observables: [{ dataType: 'ip', data: 7 }] },
          { ...BODY, teams: [MISSING_ID] },
          { ...BODY, tlp: 4 },
          { ...BODY, statusValue: 'nonsense' },
        ],
      });
    const { errors } = expectProblem(response, 400, 'VALIDATION_FAILED');
    expect(errors?.map(({ path }) => path).sort()).toEqual(
      [
        'alerts[1].severity',
        'alerts[2].observables[0].data',
        'alerts[3].teams[0]',
        'alerts[4]',
        'alerts[5].statusValue',
      ].sort(),
    );
    expect(await countOf()).toBe(before);
    expect(await api.db.rows("SELECT id FROM tags WHERE name LIKE 'never-%'")).toEqual([]);
  });

  it('tells missing, deleted and foreign references of an item alike', async () => {
    const team = await addTeam(api.db, other.organizationId);
    const tag = await addTag(api.db, other.organizationId);
    const client = await addClient(api.db, other.organizationId);
    const gone = await addPerson(api.db, tenant.organizationId);
    await api.db.rows('UPDATE users SET deleted_at = now() WHERE id = $1', [gone.userId]);
    const groups = [
      [{ teams: [MISSING_ID] }, { teams: [team.id] }],
      [{ tags: [2_000_000_000] }, { tags: [tag.id] }],
      [{ organizations: [MISSING_ID] }, { organizations: [other.organizationId] }],
      [{ clientId: MISSING_ID }, { clientId: client.id }],
      [{ assigneeId: MISSING_ID }, { assigneeId: other.userId }, { assigneeId: gone.userId }],
    ];
    for (const group of groups) {
      const { createdCount, results } = await bulk({
        alerts: group.map((part) => ({ ...BODY, ...part })),
      });
      expect(createdCount).toBe(0);
      expect(new Set(results.map(({ status }) => status))).toEqual(new Set([400]));
      expect(new Set(results.map(({ code }) => code))).toEqual(new Set(['REFERENCE_NOT_FOUND']));
      expect(new Set(results.map(({ detail }) => detail)).size).toBe(1);
    }
  });

  outcomes.unauthenticated(probe);
  outcomes.insufficientScope(probe, 'alerts:write', ['alerts:read', 'cases:write']);
  outcomes.limited(probe, ['alerts:write']);
});

describe('X-Alert-Dedup', () => {
  it('stores every alert by default and under `create`', async () => {
    const key = origin();
    const first = await create(key);
    const second = await post(key);
    const third = await post(key, 'create');
    expect(new Set([first.id, (second.body as Alert).id, (third.body as Alert).id]).size).toBe(3);
    for (const response of [second, third]) {
      expect(response.headers).not.toHaveProperty('x-alert-deduplicated');
      expect(response.body).toMatchObject({ count: 1, primaryAlertId: null });
    }
  });

  it('counts a repeated alert under `count` and answers the one that is there', async () => {
    const key = origin();
    const first = await post(key, 'count');
    expect(first.headers).not.toHaveProperty('x-alert-deduplicated');
    const kept = first.body as Alert;
    const second = await post({ ...key, title: 'Another', severity: 4, count: 5 }, 'count');
    expect(second.status).toBe(200);
    expect(second.headers['x-alert-deduplicated']).toBe('true');
    const counted = second.body as Alert;
    expect(counted).toMatchObject({ id: kept.id, title: kept.title, severity: 2, count: 6 });
    expect(counted.updatedAt >= kept.updatedAt).toBe(true);
    expect(counted.version).toBe(kept.version + 1);
    expect(second.headers.etag).toBe(`"${counted.version}"`);
    expect(await read(kept.id)).toEqual(counted);
  });

  it('writes what it counted into history and audit', async () => {
    const key = origin();
    const { id } = await create({ ...key, count: 2 }, 'count');
    await create({ ...key, count: 3 }, 'count');
    const line = await api.db.row(
      `SELECT action, field_name AS field, old_value AS old, new_value AS new
       FROM activities WHERE alert_id = $1 ORDER BY id DESC LIMIT 1`,
      [id],
    );
    expect(line).toEqual({ action: 'updated', field: 'count', old: 2, new: 5 });
    const entries = await api.db.rows(
      'SELECT changes FROM audit_entries WHERE target_id = $1 ORDER BY id',
      [id],
    );
    expect(entries).toHaveLength(2);
    expect(entries[1]?.changes).toEqual([{ field: 'count', old: 2, new: 5 }]);
  });

  it('adds new observables once', async () => {
    const key = origin();
    const observables = [{ dataType: 'domain', data: 'a.example' }];
    const { id } = await create({ ...key, observables }, 'count');
    const again = [
      { dataType: 'DOMAIN', data: 'A.example' },
      { dataType: 'domain', data: 'b.example' },
    ];
    for (let i = 0; i < 2; i++) await create({ ...key, observables: again }, 'count');
    const alert = await read(id);
    expect(alert.count).toBe(3);
    expect(alert.observables.map(({ data }) => data)).toEqual(['a.example', 'b.example']);
    const entries = await api.db.rows(
      'SELECT action, organization_id AS owner, changes FROM audit_entries WHERE target_id = ANY($1)',
      [alert.observables.map((each) => each.id)],
    );
    expect(entries).toEqual([
      {
        action: 'observable.created',
        owner: tenant.organizationId,
        changes: [{ field: 'data', old: null, new: 'b.example' }],
      },
    ]);
    const lines = await api.db.rows(
      "SELECT 1 FROM activities WHERE alert_id = $1 AND action = 'added'",
      [id],
    );
    expect(lines).toHaveLength(1);
  });

  it('makes one alert with count 50 of fifty at once, and says so to 49', async () => {
    const key = origin();
    const observables = [{ dataType: 'ip', data: '10.0.0.1' }];
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => post({ ...key, observables }, 'count')),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(new Set(answers.map(({ body }) => (body as Alert).id)).size).toBe(1);
    const told = answers.filter(({ headers }) => headers['x-alert-deduplicated'] === 'true');
    expect(told).toHaveLength(49);
    const alert = await read((answers[0]?.body as Alert).id);
    expect(alert).toMatchObject({ count: 50, observableCount: 1 });
    const found = await readAll<Alert>(http, `/api/alerts?sourceRef=${key.sourceRef}`);
    expect(found).toHaveLength(1);
  });

  it('counts once for one Idempotency-Key and replays that it did', async () => {
    const key = origin();
    const { id } = await create(key, 'count');
    const name = unique('count');
    const send = () => post(key, 'count').set('Idempotency-Key', name);
    const first = await send();
    const second = await send();
    expect(second.headers['idempotent-replayed']).toBe('true');
    expect(second.headers['x-alert-deduplicated']).toBe('true');
    expect(second.body).toEqual(first.body);
    expect((await read(id)).count).toBe(2);
  });

  it.each(['closed', 'false-positive', 'duplicate', 'imported'])(
    'starts a new alert that names the old one when that is %s',
    async (statusValue) => {
      const key = origin();
      const old = await create(key, 'count');
      await http.patch(`/api/alerts/${old.id}`).send({ statusValue });
      const response = await post(key, 'count');
      expect(response.headers).not.toHaveProperty('x-alert-deduplicated');
      const fresh = response.body as Alert;
      expect(fresh).toMatchObject({ count: 1, primaryAlertId: old.id, statusValue: 'new' });
      expect(fresh.id).not.toBe(old.id);
      expect((await read(old.id)).count).toBe(1);
      expect(await create(key, 'count')).toMatchObject({ id: fresh.id, count: 2 });
    },
  );

  it('starts a new alert without a primary when the old one is deleted', async () => {
    const key = origin();
    const old = await create(key, 'count');
    await http.delete(`/api/alerts/${old.id}`);
    expect(await create(key, 'count')).toMatchObject({ count: 1, primaryAlertId: null });
    expect((await post(key, 'reject')).status).toBe(409);
  });

  it('tells alerts apart unless type, source and sourceRef are all given and equal', async () => {
    const key = origin();
    const { id } = await create(key, 'count');
    for (const other of [
      { ...key, type: 'siem' },
      { ...key, source: 'splunk' },
      { ...key, sourceRef: `${key.sourceRef}x` },
    ])
      expect(await create(other, 'count')).toMatchObject({ count: 1, primaryAlertId: null });
    for (const partial of [
      { ...key, type: null },
      { ...key, source: '' },
      { type: key.type, source: key.source },
    ]) {
      for (let i = 0; i < 2; i++) {
        expect(await create(partial, 'count')).toMatchObject({ count: 1, primaryAlertId: null });
        expect((await post(partial, 'reject')).status).toBe(200);
      }
    }
    expect((await read(id)).count).toBe(1);
  });

  it('leaves the equal key of another tenant alone', async () => {
    const key = origin();
    const foreign = await create(key, 'count', api.http(other.key));
    const response = await post(key, 'reject');
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ count: 1, primaryAlertId: null });
    expect((await read(foreign.id, api.http(other.key))).count).toBe(1);
  });

  it('leaves an alert shared with the tenant alone: it is the owner’s to count', async () => {
    const owner = await createTenant(api.db);
    await linkOrganizations(api.db, owner.organizationId, tenant.organizationId);
    const key = origin();
    const organizations = [owner.organizationId, tenant.organizationId];
    const shared = await create({ ...key, organizations }, 'count', api.http(owner.key));
    expect((await create(key, 'count')).id).not.toBe(shared.id);
    expect((await read(shared.id)).count).toBe(1);
  });

  it('tells nothing of an equal alert above clearance', async () => {
    const key = origin();
    const hidden = await create({ ...key, tlp: 4 }, 'count');
    const { key: low } = await addKey(api.db, tenant, { tlpMax: 2 });
    const response = await post({ ...key, tlp: 1 }, 'reject', api.http(low));
    expect(response.status).toBe(200);
    expect(response.body).toMatchObject({ count: 1, primaryAlertId: null });
    expect(response.text).not.toContain(hidden.id);
    const counted = await create({ ...key, tlp: 1 }, 'count', api.http(low));
    expect(counted).toMatchObject({ id: (response.body as Alert).id, count: 2 });
    expect((await read(hidden.id)).count).toBe(1);
  });

  it('stops at the largest count', async () => {
    const key = origin();
    await create({ ...key, count: 2_147_483_647 }, 'count');
    expect((await create(key, 'count')).count).toBe(2_147_483_647);
  });

  it('counts equal items within one bulk and against what is there', async () => {
    const key = origin();
    const { id } = await create(key);
    const fresh = origin();
    const response = await http
      .post('/api/alerts/bulk')
      .set('X-Alert-Dedup', 'count')
      .send({ alerts: [key, fresh, BODY, fresh, key].map((each) => ({ ...BODY, ...each })) });
    expect(response.status).toBe(200);
    const { results } = response.body as BulkCreated;
    expect(results.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(results[0]?.id).toBe(id);
    expect(results[4]?.id).toBe(id);
    expect(results[3]?.id).toBe(results[1]?.id);
    expect((await read(id)).count).toBe(3);
    expect((await read(results[1]?.id)).count).toBe(2);
  });

  it('leaves no two alerts of one key when bulks with equal items meet', async () => {
    const keys = Array.from({ length: 20 }, origin);
    const send = (items: readonly object[]) =>
      http
        .post('/api/alerts/bulk')
        .set('X-Alert-Dedup', 'count')
        .send({ alerts: items.map((each) => ({ ...BODY, ...each })) });
    const answers = await Promise.all([send(keys), send([...keys].reverse()), send(keys)]);
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect((body as BulkCreated).failedCount).toBe(0);
    }
    const rows = await api.db.rows('SELECT count FROM alerts WHERE source_ref = ANY($1)', [
      keys.map(({ sourceRef }) => sourceRef),
    ]);
    expect(rows).toEqual(keys.map(() => ({ count: 3 })));
  });

  it.each(['counts', 'COUNT', '', 'create,count'])(
    'answers 400 to the policy %j',
    async (value) => {
      const before = await countOf();
      const response = await http.post('/api/alerts').set('X-Alert-Dedup', value).send(BODY);
      expectInvalid(response, ['X-Alert-Dedup']);
      const many = await http
        .post('/api/alerts/bulk')
        .set('X-Alert-Dedup', value)
        .send({ alerts: [BODY] });
      expectInvalid(many, ['X-Alert-Dedup']);
      expect(await countOf()).toBe(before);
    },
  );

  it('answers 409 under `reject`, naming the alert that is there, and stores nothing', async () => {
    const key = origin();
    const { id } = await create(key, 'reject');
    const before = await countOf();
    const problem = expectProblem(await post(key, 'reject'), 409, 'ALERT_EXISTS');
    expect(problem.conflictingId).toBe(id);
    expect(await countOf()).toBe(before);
    expect((await read(id)).version).toBe(1);
  });

  it('lets one of twenty at once through under `reject`', async () => {
    const key = origin();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(key, 'reject')));
    expect(answers.map(({ status }) => status).sort()).toEqual([
      200,
      ...Array.from({ length: 19 }, () => 409),
    ]);
  });

  it('rejects by item in a bulk, and all of it under `atomic`', async () => {
    const key = origin();
    const { id } = await create(key);
    const alerts = [BODY, { ...BODY, ...key }];
    const send = (body: object) =>
      http.post('/api/alerts/bulk').set('X-Alert-Dedup', 'reject').send(body);
    const { createdCount, results } = (await send({ alerts })).body as BulkCreated;
    expect(createdCount).toBe(1);
    expect(results[1]).toMatchObject({ index: 1, status: 409, code: 'ALERT_EXISTS' });
    expect(results[1]).not.toHaveProperty('id');
    const before = await countOf();
    const { errors } = expectProblem(
      await send({ alerts, atomic: true }),
      400,
      'VALIDATION_FAILED',
    );
    expect(errors?.map(({ path }) => path)).toEqual(['alerts[1]']);
    expect(await countOf()).toBe(before);
    expect((await read(id)).count).toBe(1);
  });
});

describe('ALERT_DEDUP', () => {
  it.each(['count', 'reject'] as const)(
    'makes %s the policy of the instance; the header overrules it',
    async (policy) => {
      const instance = await startTestApp({ ALERT_DEDUP: policy });
      try {
        const agent = instance.http(tenant.key);
        const key = origin();
        const { id } = await create(key, undefined, agent);
        const repeated = await post(key, undefined, agent);
        if (policy === 'count') {
          expect(repeated.headers['x-alert-deduplicated']).toBe('true');
          expect(repeated.body).toMatchObject({ id, count: 2 });
        } else {
          expect(expectProblem(repeated, 409, 'ALERT_EXISTS').conflictingId).toBe(id);
        }
        expect((await create(key, 'create', agent)).id).not.toBe(id);
        const { results } = await bulk({ alerts: [{ ...BODY, ...key }] }, agent);
        expect(results[0]?.status).toBe(policy === 'count' ? 200 : 409);
      } finally {
        await instance.close();
      }
    },
  );
});
