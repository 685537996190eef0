import pg from 'pg';
import type { BulkCreated } from '../../src/alerts/alerts.schema.js';
import type { CaseTemplate } from '../../src/case-templates/case-templates.schema.js';
import type { Case } from '../../src/cases/cases.schema.js';
import type { Client } from '../../src/clients/clients.schema.js';
import type { ObservableTypeDetail } from '../../src/observable-types/observable-types.schema.js';
import type { Tag } from '../../src/records/answer.schema.js';
import { LOT } from '../../src/records/record-moves.js';
import type { StatusDetail } from '../../src/statuses/statuses.schema.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { databaseUrl } from '../database.js';
import { eventually } from '../eventually.js';
import { createTenant, unique } from '../factories.js';
import type { Tenant } from '../factories.js';
import { expectProblem } from '../matchers.js';

/** More than one lot, and fewer than two. */
const MANY = LOT + 100;
const BULK_MAX = 1_000;

let api: TestApp;
let tenant: Tenant;
let http: Agent;
let platform: Agent;

beforeAll(async () => {
  api = await startTestApp({ DATABASE_URL: await databaseUrl('many') });
  tenant = await createTenant(api.db, { role: 'org-admin' });
  http = api.http(tenant.key);
  platform = api.http(api.adminKey);
});

afterAll(() => api.close());

async function add<T>(path: string, body: object, agent = platform): Promise<T> {
  const response = await agent.post(path).send(body);
  expect({ status: response.status, body: response.text }).toMatchObject({ status: 201 });
  return response.body as T;
}

/** Alerts that all have what `body` says; their ids. */
async function createAlerts(count: number, body: object): Promise<string[]> {
  const ids: string[] = [];
  for (let left = count; left > 0; left -= BULK_MAX) {
    const alerts = Array.from({ length: Math.min(left, BULK_MAX) }, (_, place) => ({
      title: `One of many ${place}`,
      statusValue: 'new',
      severity: 2,
      ...body,
    }));
    const response = await http.post('/api/alerts/bulk').send({ alerts });
    expect(response.status).toBe(200);
    ids.push(...(response.body as BulkCreated).results.map(({ id }) => id ?? ''));
  }
  return ids;
}

/** What is deleted, and what refers to it then. */
interface Removal {
  readonly path: string;
  readonly table: string;
  readonly id: string;
  /** Alerts that have it. */
  readonly alertIds: readonly string[];
  /** How many of them have it still. */
  readonly left: () => Promise<number>;
  /** What each alert's history and the audit trail say once it is gone. */
  readonly line: { readonly action: string; readonly field: string };
  readonly entry: string;
  /** Gives it to the alert `$2`. */
  readonly give: string;
  /** Takes it from the alert `$2`. */
  readonly take: string;
}

const countOf = async (table: string, condition: string, id: string) => {
  const statement = `SELECT count(*)::int AS n FROM ${table} WHERE ${condition} = $1`;
  return (await api.db.row<{ n: number }>(statement, [id])).n;
};

const REMOVALS: readonly (readonly [string, (count: number) => Promise<Removal>])[] = [
  [
    'tag',
    async (count) => {
      const { id } = await add<Tag>('/api/tags', { name: unique('tag') }, http);
      return {
        path: `/api/tags/${id}`,
        table: 'tags',
        id: String(id),
        alertIds: await createAlerts(count, { tags: [id] }),
        left: () => countOf('alert_tags', 'tag_id', String(id)),
        line: { action: 'removed', field: 'tags' },
        entry: 'alert.updated',
        give: 'INSERT INTO alert_tags (tag_id, alert_id) VALUES ($1, $2)',
        take: 'DELETE FROM alert_tags WHERE tag_id = $1 AND alert_id = $2',
      };
    },
  ],
  [
    'alert status',
    async (count) => {
      const label = unique('status');
      const { id, value } = await add<StatusDetail>('/api/alert-statuses', { label, stage: 'New' });
      return {
        path: `/api/alert-statuses/${id}?replaceWith=new`,
        table: 'statuses',
        id,
        alertIds: await createAlerts(count, { statusValue: value }),
        left: () => countOf('alerts', 'status_id', id),
        line: { action: 'statusChanged', field: 'statusValue' },
        entry: 'alert.updated',
        give: 'UPDATE alerts SET status_id = $1 WHERE id = $2',
        take: `UPDATE alerts SET status_id = (SELECT id FROM statuses WHERE kind = 'alert' AND value = 'in-progress')
          WHERE status_id = $1 AND id = $2`,
      };
    },
  ],
  [
    'client',
    async (count) => {
      const { id } = await add<Client>('/api/clients', { name: unique('Client') }, http);
      const other = await add<Client>('/api/clients', { name: unique('Client') }, http);
      return {
        path: `/api/clients/${id}?replaceWith=${other.id}`,
        table: 'clients',
        id,
        alertIds: await createAlerts(count, { clientId: id }),
        left: () => countOf('alerts', 'client_id', id),
        line: { action: 'updated', field: 'clientName' },
        entry: 'alert.updated',
        give: 'UPDATE alerts SET client_id = $1 WHERE id = $2',
        take: 'UPDATE alerts SET client_id = NULL WHERE client_id = $1 AND id = $2',
      };
    },
  ],
  [
    'observable type',
    async (count) => {
      const name = unique('type');
      const { id } = await add<ObservableTypeDetail>('/api/observable-types', { name });
      return {
        path: `/api/observable-types/${id}?replaceWith=other`,
        table: 'observable_types',
        id: String(id),
        alertIds: await createAlerts(count, { observables: [{ dataType: name, data: 'x' }] }),
        left: () => countOf('observables', 'type_id', String(id)),
        line: { action: 'updated', field: 'observables.dataType' },
        entry: 'observable.updated',
        give: 'UPDATE observables SET type_id = $1 WHERE alert_id = $2',
        take: `UPDATE observables SET type_id = (SELECT id FROM observable_types WHERE name = 'domain')
          WHERE type_id = $1 AND alert_id = $2`,
      };
    },
  ],
];

const send = ({ path }: Removal) => platform.delete(path);

/** What became of the alerts. */
const told = ({ alertIds, line, entry }: Removal) =>
  api.db.rows<{ version: number; lines: number; entries: number }>(
    `SELECT a.version,
       (SELECT count(*)::int FROM activities x WHERE x.alert_id = a.id AND x.action = $2 AND x.field_name = $3) AS lines,
       (SELECT count(*)::int FROM audit_entries e WHERE e.action = $4
         AND e.target_id IN (SELECT a.id::text UNION SELECT o.id::text FROM observables o WHERE o.alert_id = a.id)) AS entries
     FROM alerts a WHERE a.id = ANY($1::uuid[])`,
    [alertIds, line.action, line.field, entry],
  );

const connections: pg.Client[] = [];

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: api.db.url, application_name: 'test' });
  connections.push(client);
  await client.connect();
  return client;
}

afterEach(() => Promise.all(connections.splice(0).map((client) => client.end())));

/** Lets the server's second statement from now on that changes alerts find its connection gone. */
async function loseSecondLot(work: () => Promise<void>): Promise<void> {
  await api.db.rows('CREATE SEQUENCE statements');
  await api.db.rows(
    `CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
     BEGIN
       IF nextval('statements') = 2 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
       RETURN NULL;
     END $$`,
  );
  await api.db.rows('CREATE TRIGGER lose BEFORE UPDATE ON alerts EXECUTE FUNCTION lose()');
  try {
    await work();
  } finally {
    await api.db.rows('DROP TRIGGER lose ON alerts');
    await api.db.rows('DROP FUNCTION lose');
    await api.db.rows('DROP SEQUENCE statements');
  }
}

describe.each(REMOVALS)('deleting the %s that records have', (_, make) => {
  it('commits lot by lot: what was done before an interruption stays, and the rest is done when it is sent again', async () => {
    const removal = await make(MANY);
    await loseSecondLot(async () => {
      expectProblem(await send(removal), 503, 'UNAVAILABLE');
    });
    expect(await removal.left()).toBe(MANY - LOT);
    const half = await told(removal);
    expect(half.filter(({ version }) => version === 2)).toHaveLength(LOT);
    for (const { version, ...rest } of half)
      expect(rest).toEqual({ lines: version - 1, entries: version - 1 });

    expect((await send(removal)).status).toBe(204);
    expect(await removal.left()).toBe(0);
    for (const each of await told(removal))
      expect(each).toEqual({ version: 2, lines: 1, entries: 1 });
    expect(await countOf(removal.table, 'id', removal.id)).toBe(0);
  }, 60_000);

  it('does more than a lot in one go', async () => {
    const removal = await make(MANY);
    expect((await send(removal)).status).toBe(204);
    expect(await removal.left()).toBe(0);
    for (const each of await told(removal))
      expect(each).toEqual({ version: 2, lines: 1, entries: 1 });
  }, 60_000);

  it('answers 503 while another request changes many, and is done when sent again; few are changed all the same', async () => {
    const [many, few] = [await make(MANY), await make(1)];
    const other = await connect();
    await other.query("BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('lots', 0))");
    expect((await send(few)).status).toBe(204);
    const problem = expectProblem(await send(many), 503, 'UNAVAILABLE');
    expect(problem.detail).toMatch(/another request/);
    expect(await many.left()).toBe(MANY - LOT);
    await other.query('ROLLBACK');
    expect((await send(many)).status).toBe(204);
  }, 60_000);

  /** Sends it while another transaction has written `statement` of the alert, and commits that once it is waited for. */
  async function sendBeside(removal: Removal, statement: string, alertId = '') {
    const writer = await connect();
    await writer.query('BEGIN');
    await writer.query(statement, [removal.id, alertId]);
    const removed = send(removal).then((response) => response);
    await eventually(
      () =>
        api.db.rows(
          `SELECT 1 FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name <> 'test'`,
        ),
      (waiting) => waiting.length === 1,
    );
    await writer.query('COMMIT');
    expect((await removed).status).toBe(204);
    expect(await removal.left()).toBe(0);
  }

  it('waits for a record that takes it at that moment, and frees it too', async () => {
    const removal = await make(1);
    const [alertId = ''] = await createAlerts(1, {
      observables: [{ dataType: 'ip', data: '192.0.2.1' }],
    });
    await sendBeside(removal, removal.give, alertId);
    expect(await told({ ...removal, alertIds: [alertId] })).toEqual([
      { version: 2, lines: 1, entries: 1 },
    ]);
  });

  it('waits for a record that loses it at that moment, and leaves that one alone', async () => {
    const removal = await make(1);
    await sendBeside(removal, removal.take, removal.alertIds[0]);
    expect(await told(removal)).toEqual([{ version: 1, lines: 0, entries: 0 }]);
  });
});

describe('deleting a client in favour of another of many records', () => {
  it('lets one of them where the other is deleted in its favour at once, and loses no record', async () => {
    const [a, b] = (await Promise.all(
      ['A', 'B'].map((name) => add<Client>('/api/clients', { name: unique(name) }, http)),
    )) as [Client, Client];
    const alertIds = [
      ...(await createAlerts(2 * LOT + 100, { clientId: a.id })),
      ...(await createAlerts(LOT + 100, { clientId: b.id })),
    ];
    const statuses = await Promise.all(
      [
        [a, b],
        [b, a],
      ].map(
        async ([from, to]) =>
          (await http.delete(`/api/clients/${from?.id ?? ''}?replaceWith=${to?.id ?? ''}`)).status,
      ),
    );
    expect(statuses.filter((status) => status === 204)).toHaveLength(1);
    const left = await api.db.rows<{ id: string; n: number }>(
      'SELECT client_id::text AS id, count(*)::int AS n FROM alerts WHERE id = ANY($1::uuid[]) GROUP BY 1',
      [alertIds],
    );
    const living = (await http.get('/api/clients?limit=1000')).body as Client[];
    expect(left).toEqual([{ id: expect.any(String) as string, n: alertIds.length }]);
    expect(living.map(({ id }) => id)).toContain(left[0]?.id);
  }, 60_000);
});

describe('what refers to it beside alerts', () => {
  it('loses a tag in lots: cases, observables with their records, and templates', async () => {
    const tag = await add<Tag>('/api/tags', { name: unique('tag') }, http);
    const tags = [tag.id];
    const cases = await Promise.all(
      Array.from({ length: 20 }, async (_, place) => {
        const body = { title: `Case ${place}`, statusValue: 'new', severity: 2, tags };
        return ((await http.post('/api/cases').send(body)).body as Case).id;
      }),
    );
    const templates = await Promise.all(
      [1, 2, 3].map(() =>
        add<CaseTemplate>('/api/case-templates', { name: unique('template'), tags }, http),
      ),
    );
    const parents = [
      ...(await createAlerts(2, {})).map((alertId) => ({ alertId })),
      ...cases.slice(0, 1).map((caseId) => ({ caseId })),
    ];
    await createAlerts(2, { tags });
    for (const parent of parents) {
      const observables = Array.from({ length: 400 }, (_, place) => ({
        dataType: 'other',
        data: `Value ${place}`,
        tags,
      }));
      const response = await http.post('/api/observables/bulk').send({ ...parent, observables });
      expect(response.status).toBe(200);
    }
    expect(await countOf('observable_tags', 'tag_id', String(tag.id))).toBe(1_200);
    const parentIds = parents.flatMap((parent) => ('alertId' in parent ? [parent.alertId] : []));
    const versions = async () => {
      const statement = 'SELECT version FROM alerts WHERE id = ANY($1::uuid[]) ORDER BY id';
      const rows = await api.db.rows<{ version: number }>(statement, [parentIds]);
      return rows.map(({ version }) => version);
    };
    const before = await versions();
    expect((await platform.delete(`/api/tags/${tag.id}`)).status).toBe(204);
    for (const links of ['alert_tags', 'case_tags', 'observable_tags', 'case_template_tags'])
      expect(await countOf(links, 'tag_id', String(tag.id))).toBe(0);
    const entries = await api.db.rows(
      'SELECT action, count(DISTINCT target_id)::int AS targets, count(*)::int AS entries FROM audit_entries WHERE changes = $1 GROUP BY action ORDER BY action',
      [JSON.stringify([{ field: 'tags', old: tag.name, new: null }])],
    );
    expect(entries).toEqual([
      { action: 'alert.updated', targets: 2, entries: 2 },
      { action: 'case-template.updated', targets: 3, entries: 3 },
      { action: 'case.updated', targets: 20, entries: 20 },
      { action: 'observable.updated', targets: 1_200, entries: 1_200 },
    ]);
    const after = await versions();
    expect(after).toHaveLength(2);
    for (const [place, version] of after.entries())
      expect(version).toBeGreaterThan(before[place] ?? Infinity);
    const [template] = templates;
    expect((await http.get(`/api/case-templates/${template?.id ?? ''}`)).body).toMatchObject({
      tags: [],
      version: 2,
    });
  }, 60_000);

  it('does not keep a client or a type of observables once it is deleted itself, however many there are', async () => {
    const client = await add<Client>('/api/clients', { name: unique('Client') }, http);
    const type = await add<ObservableTypeDetail>('/api/observable-types', { name: unique('type') });
    const alertIds = await createAlerts(MANY, {
      clientId: client.id,
      observables: [{ dataType: type.name, data: 'x' }],
    });
    const removals = [`/api/clients/${client.id}`, `/api/observable-types/${type.id}`];
    for (const path of removals) expectProblem(await platform.delete(path), 409, 'IN_USE');
    const observables = await api.db.rows<{ id: string }>(
      'SELECT id::text AS id FROM observables WHERE type_id = $1',
      [type.id],
    );
    const deleted = [
      ['observables', observables.map(({ id }) => id)],
      ['alerts', alertIds],
    ] as const;
    for (const [path, ids] of deleted)
      for (let from = 0; from < ids.length; from += BULK_MAX) {
        const body = { ids: ids.slice(from, from + BULK_MAX) };
        expect((await http.post(`/api/${path}/bulk/delete`).send(body)).status).toBe(200);
      }
    for (const path of removals) expect((await platform.delete(path)).status).toBe(204);
  }, 60_000);
});
