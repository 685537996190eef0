import { setTimeout as sleep } from 'node:timers/promises';
import { v7 as uuidv7 } from 'uuid';
import { sqlIn } from '../../src/database/sql.js';
import { JobRunner } from '../../src/jobs/job-runner.service.js';
import type { JobHandler } from '../../src/jobs/job-runner.service.js';
import { startTestApp } from '../app.js';
import type { TestApp } from '../app.js';
import { eventually } from '../eventually.js';
import { unique } from '../factories.js';

let api: TestApp;

beforeAll(async () => {
  api = await startTestApp();
});

afterAll(() => api.close());

interface StoredJob {
  readonly attempts: number;
  readonly isLeased: boolean;
  readonly isAhead: boolean;
  readonly lastError: string | null;
}

/** A kind of jobs that nobody else has, done by these processes. */
function kindDoneBy(handler: JobHandler, apps: readonly TestApp[] = [api]): string {
  const kind = unique('kind');
  for (const { app } of apps) app.get(JobRunner).handle(kind, handler);
  return kind;
}

async function addJobs(kind: string, count = 1, more = 'now(), 0, NULL'): Promise<string[]> {
  const ids = Array.from({ length: count }, () => uuidv7());
  await api.db.rows(
    `INSERT INTO jobs (id, kind, payload, run_at, attempts, leased_until)
     SELECT id, $2, jsonb_build_object('n', id), ${more} FROM unnest($1::uuid[]) AS id`,
    [ids, kind],
  );
  return ids;
}

function jobsOf(kind: string): Promise<StoredJob[]> {
  return api.db.rows<StoredJob>(
    `SELECT attempts, leased_until IS NOT NULL AS "isLeased", run_at > now() AS "isAhead", last_error AS "lastError"
     FROM jobs WHERE kind = $1 ORDER BY id`,
    [kind],
  );
}

const isEmpty = (jobs: readonly unknown[]) => jobs.length === 0;

describe('a job', () => {
  it('is done once its time has come, and forgotten', async () => {
    const done: unknown[] = [];
    const kind = kindDoneBy((_, jobs) => {
      done.push(...jobs.map(({ payload }) => payload));
      return Promise.resolve();
    });
    const [id] = await addJobs(kind);
    await addJobs(kind, 1, "now() + interval '1 hour', 0, NULL");
    await eventually(
      () => jobsOf(kind),
      ({ length }) => length === 1,
    );
    expect(done).toEqual([{ n: id }]);
    expect(await jobsOf(kind)).toEqual([
      { attempts: 0, isLeased: false, isAhead: true, lastError: null },
    ]);
  });

  it('is done by one of several processes', async () => {
    const second = await startTestApp();
    try {
      const done: string[] = [];
      const kind = kindDoneBy(
        async (tx, jobs) => {
          await sqlIn(tx)('SELECT 1 FROM pg_sleep(0.05)', []);
          done.push(...jobs.map((job) => job.id));
        },
        [api, second],
      );
      const ids: string[] = [];
      for (let round = 0; round < 20; round++) {
        ids.push(...(await addJobs(kind, 20)));
        await sleep(50);
      }
      await eventually(() => jobsOf(kind), isEmpty);
      expect(done.sort()).toEqual(ids.sort());
    } finally {
      await second.close();
    }
  });

  it('is tried again later when it fails, keeps the reason, and holds up no other', async () => {
    const isGood = new Set<string>();
    const kind = kindDoneBy((_, jobs) => {
      const bad = jobs.find(({ id }) => !isGood.has(id));
      return bad ? Promise.reject(new Error('out of luck')) : Promise.resolve();
    });
    const [bad = '', good = ''] = await addJobs(
      kind,
      2,
      "now() + interval '300 milliseconds', 0, NULL",
    );
    isGood.add(good);
    const [left] = await eventually(
      () => jobsOf(kind),
      (jobs) => jobs.length === 1 && jobs.every(({ lastError }) => lastError !== null),
    );
    expect(left).toMatchObject({ lastError: 'Error: out of luck', isLeased: false });
    isGood.add(bad);
    await eventually(() => jobsOf(kind), isEmpty);
  });

  it('leaves nothing of what a failed try wrote', async () => {
    let tries = 0;
    const name = unique('tag');
    const kind = kindDoneBy(async (tx) => {
      // Writes as a test does, without an audit entry.
      await tx.$executeRaw`SET LOCAL application_name = 'test'`;
      await sqlIn(tx)(
        'INSERT INTO tags (organization_id, name) SELECT id, $1 FROM organizations LIMIT 1',
        [name],
      );
      if (++tries < 3) throw new Error('half done');
    });
    await addJobs(kind);
    await eventually(() => jobsOf(kind), isEmpty);
    expect(await api.db.rows('SELECT 1 FROM tags WHERE name = $1', [name])).toHaveLength(1);
  });

  it('stays with whoever has its lease, and is taken over when that ends', async () => {
    const attempts: number[] = [];
    const kind = kindDoneBy((_, jobs) => {
      attempts.push(...jobs.map((job) => job.attempts));
      return Promise.resolve();
    });
    const held = "now() - interval '1 minute', 1, now() + interval '1 hour'";
    await addJobs(kind, 1, held);
    await addJobs(kind);
    await eventually(
      () => jobsOf(kind),
      ({ length }) => length === 1,
    );
    expect(attempts).toEqual([1]);
    await api.db.rows(
      "UPDATE jobs SET leased_until = now() - interval '1 second' WHERE kind = $1",
      [kind],
    );
    await eventually(() => jobsOf(kind), isEmpty);
    expect(attempts).toEqual([1, 2]);
  });

  it('is finished before the server stops, which leaves no lease', async () => {
    const stopping = await startTestApp();
    let isBegun = false;
    const kind = kindDoneBy(
      async (tx) => {
        isBegun = true;
        await sqlIn(tx)('SELECT 1 FROM pg_sleep(0.3)', []);
      },
      [stopping],
    );
    await addJobs(kind);
    await eventually(() => Promise.resolve(isBegun), Boolean);
    await stopping.close();
    expect(await jobsOf(kind)).toEqual([]);
  });

  it('waits for a process that does its kind', async () => {
    const kind = unique('kind');
    await addJobs(kind);
    const other = kindDoneBy(() => Promise.resolve());
    await addJobs(other);
    await eventually(() => jobsOf(other), isEmpty);
    expect(await jobsOf(kind)).toEqual([
      { attempts: 0, isLeased: false, isAhead: false, lastError: null },
    ]);
  });
});
