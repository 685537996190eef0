import pg from 'pg';
import type { BulkCreated } from '../../src/alerts/alerts.schema.js';
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
  for (let left = count; left > 0; left -= LOT) {
    const alerts = Array.from({ length: Math.min(left, LOT) }, (_, place) => ({
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
      };
    },
  ],
];

describe.each(REMOVALS)('deleting the %s of many records', (_, make) => {
  /** The process of the server that waits for the row, once that many of all kinds do. */
  const waiting = async ({ table }: Removal, count: number) => {
    const processes = await eventually(
      () =>
        api.db.rows<{ pid: number; isServer: boolean }>(
          `SELECT pid, application_name <> 'test' AS "isServer" FROM pg_stat_activity
           WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE $1`,
          [`%FROM ${table} %FOR %UPDATE%`],
        ),
      (found) => found.length === count,
    );
    return processes.find(({ isServer }) => isServer)?.pid;
  };

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

  it('commits lot by lot: what was done before an interruption stays, and the rest is done when it is sent again', async () => {
    const removal = await make(MANY);
    const [before, between] = [await connect(), await connect()];
    const hold = (client: pg.Client) =>
      client.query(`BEGIN; SELECT 1 FROM ${removal.table} WHERE id = '${removal.id}' FOR UPDATE`);
    await hold(before);
    const interrupted = send(removal).then((response) => response);
    await waiting(removal, 1);
    const held = hold(between);
    await waiting(removal, 2);
    await before.query('COMMIT');
    await held;
    const pid = await waiting(removal, 1);
    expect(await removal.left()).toBe(MANY - LOT);
    await api.db.rows('SELECT pg_terminate_backend($1)', [pid]);
    expectProblem(await interrupted, 503, 'UNAVAILABLE');
    await between.query('ROLLBACK');
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

  it('waits for a record that takes it at that moment, and frees it too', async () => {
    const removal = await make(1);
    const [alertId] = await createAlerts(1, {
      observables: [{ dataType: 'ip', data: '192.0.2.1' }],
    });
    const writer = await connect();
    await writer.query('BEGIN');
    await writer.query(removal.give, [removal.id, alertId]);
    const removed = send(removal).then((response) => response);
    await waiting(removal, 1);
    await writer.query('COMMIT');
    expect((await removed).status).toBe(204);
    expect(await removal.left()).toBe(0);
    expect(await told({ ...removal, alertIds: [alertId ?? ''] })).toEqual([
      { version: 2, lines: 1, entries: 1 },
    ]);
  });
});
