import { runDemo } from '../../src/demo/demo-command.js';
import { UsageError } from '../../src/instance/application.js';
import { startTestApp } from '../app.js';
import type { Agent, TestApp } from '../app.js';
import { TestDatabase, databaseUrl } from '../database.js';
import { TEST_ENVIRONMENT } from '../environment.js';
import { orphansIn } from '../orphans.js';

const BANK = 'Tidewater Bank';
const HOSPITALS = 'Larkspur Hospitals';

/** The ends of both months, as the same seed is to give the same at the same time. */
const UNTIL = new Date(Date.now() - 6 * 60_000).toISOString();
const OPTIONS = ['--seed', '7', '--days', '12', '--scale', '0.05', '--until', UNTIL];

/** A database of its own with the month of the options in it. */
async function filled(name: string, options = OPTIONS) {
  const url = await databaseUrl(name);
  const printed: string[] = [];
  const progress: string[] = [];
  const run = (output = { write: (text: string) => progress.push(text) }) =>
    runDemo(
      options,
      { ...TEST_ENVIRONMENT, DATABASE_URL: url },
      (text) => printed.push(text),
      output,
    );
  return { url, printed, progress, run };
}

describe('npm run demo', () => {
  const startedAt = new Date();
  let demo: Awaited<ReturnType<typeof filled>>;
  let api: TestApp;
  let admin: Agent;
  /** Before a server has run. */
  let unsealed: object[];

  beforeAll(async () => {
    demo = await filled('demo');
    await demo.run();
    const db = new TestDatabase(demo.url);
    unsealed = await db.rows('SELECT id FROM audit_entries WHERE seq IS NULL');
    await db.close();
    api = await startTestApp({ DATABASE_URL: demo.url });
    admin = api.http(api.adminKey);
  }, 120_000);

  afterAll(async () => {
    await api.close();
  });

  const read = async <T>(agent: Agent, path: string): Promise<T> =>
    (await agent.get(path).expect(200)).body as T;

  /** The organization's row of a table that was printed, in cells. */
  const rowOf = (organization: string, place: number) => {
    const lines = demo.printed.join('\n').split('\n');
    const rows = lines.filter((line) => line.startsWith(organization));
    return rows[place]?.slice(organization.length).trim().split(/\s+/) ?? [];
  };

  it('tells how far it is, in lines where nobody looks at a terminal', () => {
    const lines = demo.progress.join('').trim().split('\n');
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThan(15);
    expect(lines.at(-1)).toMatch(/^100 % {2}of a month in [\d.]+ s$/);
  });

  it.each([BANK, HOSPITALS])('says what it made in %s, and that is there', async (name) => {
    const [organization] = await api.db.rows<{ id: string }>(
      'SELECT id FROM organizations WHERE name = $1',
      [name],
    );
    const [alerts, cases, observables, tasks, comments] = rowOf(name, 0).map(Number);
    for (const [path, told] of Object.entries({ alerts, cases })) {
      const page = await admin.get(
        `/api/${path}?count=true&organizationId=${organization?.id ?? ''}`,
      );
      // What the other organization shares counts here as well.
      expect(Number(page.headers['x-total-count'])).toBeGreaterThanOrEqual(told ?? 0);
      expect(told).toBeGreaterThan(3);
    }
    expect(observables).toBeGreaterThan(50);
    expect(tasks).toBeGreaterThan(10);
    expect(comments).toBeGreaterThan(5);
  });

  it('spreads the work over the month and leaves nothing at the time of the run', async () => {
    const { days } = await api.db.row<{ days: number }>(
      'SELECT count(DISTINCT created_at::date)::int AS days FROM alerts',
    );
    expect(days).toBeGreaterThanOrEqual(8);
    const times = [
      ...[
        'alerts',
        'cases',
        'observables',
        'comments',
        'tasks',
        'record_ttps',
        'timeline_events',
      ].flatMap((table) => [`${table}.created_at`, `${table}.updated_at`]),
      ...['alerts', 'cases'].flatMap((table) => [`${table}.in_progress_at`, `${table}.closed_at`]),
      ...['started_at', 'completed_at'].map((time) => `tasks.${time}`),
      ...['attachments', 'activities', 'case_links', 'alert_shares', 'case_shares'].map(
        (table) => `${table}.created_at`,
      ),
      'observables.start_date',
      'cases.sla_updated_at',
      'organizations.created_at',
    ];
    for (const time of times) {
      const [table] = time.split('.');
      const late = await api.db.rows(
        `SELECT ${time} FROM ${table ?? ''} WHERE ${time} > $1::timestamptz
         ${table === 'organizations' ? "AND name <> 'Default organization'" : ''} LIMIT 3`,
        [UNTIL],
      );
      expect({ time, late }).toEqual({ time, late: [] });
    }
  });

  it('keeps the audit trail at the time of the run', async () => {
    const entries = await api.db.row<{ count: number; first: Date }>(
      `SELECT count(*)::int AS count, min(at) AS first FROM audit_entries WHERE request_id = 'demo'`,
    );
    expect(entries.count).toBeGreaterThan(300);
    expect(entries.first.getTime()).toBeGreaterThanOrEqual(startedAt.getTime() - 1_000);
  });

  it('leaves no audit entry to be sealed', () => {
    expect(unsealed).toEqual([]);
  });

  it('writes histories in the order of their times', async () => {
    const backwards = await api.db.rows(
      `SELECT * FROM (SELECT id, created_at, lag(created_at) OVER (PARTITION BY alert_id, case_id ORDER BY id) AS before
         FROM activities) line WHERE created_at < before`,
    );
    expect(backwards).toEqual([]);
  });

  it('leaves nothing that hangs in the air, and no way into the past', async () => {
    expect(await orphansIn(api.db)).toEqual([]);
    expect(
      await api.db.rows(`SELECT nspname FROM pg_namespace WHERE nspname LIKE 'casebender%'`),
    ).toEqual([]);
    expect(await api.db.rows('SELECT * FROM blob_holds')).toEqual([]);
  });

  it('has clocks in every state, each as its times say', async () => {
    const cases = await read<{ slaStatus: string; slaDeadline: string; id: string }[]>(
      admin,
      '/api/cases?limit=1000',
    );
    expect(new Set(cases.map(({ slaStatus }) => slaStatus))).toEqual(
      new Set(['on-track', 'warning', 'critical', 'breached', 'paused', 'met', 'missed']),
    );
    const wrong = await api.db.rows(
      `SELECT tiny_id, sla_status, sla_deadline, sla_ended_at, closed_at, sla_started_at, created_at FROM cases
       WHERE sla_started_at <> created_at OR sla_ended_at IS DISTINCT FROM closed_at
         OR (sla_status = 'met') <> coalesce(closed_at <= sla_deadline, false)
         OR (sla_status = 'missed') <> coalesce(closed_at > sla_deadline, false)`,
    );
    expect(wrong).toEqual([]);
    const missed = cases.find(({ slaStatus }) => slaStatus === 'missed');
    const history = await read<{ fieldName: string; newValue: string; createdAt: string }[]>(
      admin,
      `/api/cases/${missed?.id ?? ''}/activities?limit=100`,
    );
    const moves = history.filter(({ fieldName }) => fieldName === 'slaStatus').reverse();
    expect(moves.map(({ newValue }) => newValue)).toEqual(
      expect.arrayContaining(['warning', 'critical', 'breached', 'missed']),
    );
    const breached = moves.find(({ newValue }) => newValue === 'breached');
    expect(Date.parse(breached?.createdAt ?? '') - Date.parse(missed?.slaDeadline ?? '')).toBe(1);
  });

  it('gives statistics that a SOC could have', async () => {
    const timesOf = async (kind: string) => {
      type Times = Record<'acknowledge' | 'resolve', { readonly median: number | null }>;
      return (await read<{ times: Times }>(admin, `/api/stats/${kind}`)).times;
    };
    const hour = 3_600;
    for (const kind of ['alerts', 'cases', 'analysts']) {
      const times = await timesOf(kind);
      expect(times.acknowledge.median).toBeGreaterThan(60);
      expect(times.acknowledge.median).toBeLessThan(24 * hour);
      expect(times.resolve.median).toBeGreaterThan(10 * 60);
      expect(times.resolve.median).toBeLessThan(7 * 24 * hour);
    }
  });

  it('has what is worth a look: merged and linked cases, replies, mentions, files, shared records', async () => {
    const missing: string[] = [];
    for (const condition of [
      'cases WHERE primary_case_id IS NOT NULL',
      'case_links',
      'case_shares',
      'alert_shares',
      'comments WHERE parent_id IS NOT NULL',
      'comments WHERE task_id IS NOT NULL',
      'comment_mentions',
      'timeline_events',
      'attachments WHERE sha256 IS NOT NULL',
      "tasks WHERE status = 'cancelled'",
      "tasks WHERE due_date < now() AND status = 'open'",
      'cases WHERE resolution_summary IS NOT NULL',
      "alerts a JOIN statuses s ON s.id = a.status_id WHERE s.value = 'duplicate'",
      "alerts a JOIN statuses s ON s.id = a.status_id WHERE s.stage = 'New' AND a.severity = 4",
    ])
      if ((await api.db.rows(`SELECT 1 FROM ${condition} LIMIT 1`)).length === 0)
        missing.push(condition);
    expect(missing).toEqual([]);
  });

  it('prints requests that work, for somebody of one organization', async () => {
    const [email = '', password = '', key = ''] = rowOf(BANK, 1);
    const text = demo.printed.join('\n');
    const guest = api.http(key);
    const paths = [...text.matchAll(/\$URL(\/api\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(paths).toHaveLength(3);
    for (const path of paths) {
      const body = await read<unknown>(guest, path);
      expect(Array.isArray(body) ? body.length : 1).toBeGreaterThan(0);
    }
    const [own, all] = await Promise.all(
      [guest, admin].map((agent) => read<unknown[]>(agent, '/api/cases?limit=1000')),
    );
    expect(own?.length).toBeGreaterThan(0);
    expect(own?.length).toBeLessThan(all?.length ?? 0);
    await api.http().post('/api/auth/login').send({ email, password }).expect(200);
  });

  it('finds the same indicator in both organizations', async () => {
    const { data } = await api.db.row<{ data: string }>(
      `SELECT data FROM observables WHERE ioc GROUP BY data HAVING count(DISTINCT organization_id) = 2 LIMIT 1`,
    );
    const path = `/api/observables/lookup?data=${encodeURIComponent(data)}`;
    expect((await read<unknown[]>(admin, path)).length).toBeGreaterThan(1);
  });

  it('refuses to do it twice, and says how to start over', async () => {
    await expect(demo.run()).rejects.toThrow(/is here already[^]*DATA_DIR/);
  });

  it('makes the same of the same seed', async () => {
    const again = await filled('demo_again');
    await again.run();
    const other = new TestDatabase(again.url);
    const contents = (db: TestDatabase) =>
      db.rows(
        `SELECT a.title, a.description, a.severity, a.created_at, a.closed_at, s.value, c.title AS case
         FROM alerts a JOIN statuses s ON s.id = a.status_id LEFT JOIN cases c ON c.id = a.case_id
         ORDER BY a.created_at, a.title, a.source_ref`,
      );
    try {
      expect(await contents(other)).toEqual(await contents(api.db));
    } finally {
      await other.close();
    }
  }, 120_000);

  it('leaves nothing when it breaks off', async () => {
    const broken = await filled('demo_broken');
    const output = {
      write: () => {
        throw new Error('The terminal is gone.');
      },
    };
    await expect(broken.run(output)).rejects.toThrow('The terminal is gone.');
    const db = new TestDatabase(broken.url);
    try {
      for (const table of ['alerts', 'cases', 'tags', 'clients', 'attachments', 'blobs'])
        expect({ table, rows: await db.rows(`SELECT * FROM ${table}`) }).toEqual({
          table,
          rows: [],
        });
      expect(await db.rows('SELECT name FROM organizations')).toEqual([
        { name: 'Default organization' },
      ]);
    } finally {
      await db.close();
    }
  }, 60_000);

  it.each([
    ['--scale', 'big'],
    ['--days', '0'],
    ['--sead', '1'],
    ['--until', '2999-01-01T00:00:00Z'],
  ])('refuses %s %s with its usage', async (...options) => {
    const wrong = await filled('demo', options);
    const failed = await wrong.run().catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(UsageError);
    expect((failed as Error).message).toContain('Usage: npm run demo');
  });
});
