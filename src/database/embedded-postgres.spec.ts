import { setTimeout as sleep } from 'node:timers/promises';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import pg from 'pg';

import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from './embedded-postgres.js';

const password = 'p@ss/word';
const settings = { fsync: 'off', shared_buffers: '16MB' };

let root: string;
let dataDir: string;
let running: EmbeddedPostgres[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'embedded-postgres-'));
  await chmod(root, 0o755);
  dataDir = join(root, 'data');
  running = [];
});

afterEach(async () => {
  for (const server of running) await server.stop();
  await rm(root, { recursive: true, force: true });
});

async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, password, settings, ...options });
  running.push(server);
  return server;
}

async function ask(server: EmbeddedPostgres, sql: string): Promise<unknown> {
  const client = new pg.Client(server.url);
  client.on('error', () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: 'array' });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

/** What remains when the process that started the database is killed. */
async function abandon(): Promise<void> {
  const gone = { pid: 2 ** 22 + 1, started: 'long ago' };
  await writeFile(join(dataDir, 'server.lock'), JSON.stringify(gone));
}

async function postmasterPid(server: EmbeddedPostgres): Promise<number> {
  return Number.parseInt(await readFile(join(server.clusterDir, 'postmaster.pid'), 'utf8'), 10);
}

const portOf = (server: EmbeddedPostgres): number => Number(new URL(server.url).port);

describe('startEmbeddedPostgres', () => {
  it('creates the cluster and finds its data again at the next start', async () => {
    const first = await start();
    expect(first.adopted).toBe(false);
    expect(first.clusterDir).toBe(join(dataDir, 'postgres'));
    expect(await ask(first, 'SELECT current_database()')).toBe('casebender');
    expect(await ask(first, 'SHOW data_checksums')).toBe('on');
    expect(await ask(first, 'SHOW fsync')).toBe('off');
    expect(await ask(first, "SELECT to_tsvector('simple', 'Überfall—schnell')::text")).toBe(
      "'schnell':2 'überfall':1",
    );
    await ask(first, 'CREATE TABLE kept AS SELECT 7 AS value');
    await Promise.all([first.stop(), first.stop()]);
    expect(await readdir(dataDir)).toEqual(['postgres']);

    const later = await start();
    expect(later.adopted).toBe(false);
    expect(later.url).toBe(first.url);
    expect(await ask(later, 'SELECT value FROM kept')).toBe(7);
  });

  it('adopts the database of a server that was killed', async () => {
    const first = await start();
    await abandon();
    const later = await start();
    expect(later.adopted).toBe(true);
    expect(later.url).toBe(first.url);
    expect(await ask(later, 'SELECT 1')).toBe(1);
  });

  it('refuses a data directory that another server process uses', async () => {
    const first = await start();
    await expect(start()).rejects.toThrow(/^Another server \(process \d+\) is using .+data: stop/);
    expect(await ask(first, 'SELECT 1')).toBe(1);
  });

  it('takes the data directory of a server whose process nobody has buried', async () => {
    if (process.platform !== 'linux') return;
    // The shell becomes a process that does not ask after its child.
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const [chunk] = (await once(parent.stdout, 'data')) as [Buffer];
      const pid = Number(chunk.toString());
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      await mkdir(dataDir, { recursive: true });
      const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
      const started = `${boot}/${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
      await writeFile(join(dataDir, 'server.lock'), JSON.stringify({ pid, started }));
      await expect(start()).rejects.toThrow(`process ${pid}`);
      process.kill(pid, 'SIGKILL');
      while (!(await readFile(`/proc/${pid}/stat`, 'utf8')).includes(') Z ')) await sleep(10);
      await expect(start()).resolves.toBeDefined();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('lets only one of two simultaneous starts have an abandoned data directory', async () => {
    const first = await start();
    await first.stop();
    await abandon();
    const results = await Promise.allSettled([start(), start(), start()]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('refuses a password that is not of the cluster, and stops the database again', async () => {
    const first = await start();
    await first.stop();
    await expect(start({ password: 'other' })).rejects.toThrow(/secrets\.json does not belong/);
    expect(await readdir(first.clusterDir)).not.toContain('postmaster.pid');
    const later = await start();
    expect(later.adopted).toBe(false);
  });

  it('refuses a cluster of another major version', async () => {
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await chmod(dataDir, 0o755);
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '16\n');
    await expect(start()).rejects.toThrow(
      /made by PostgreSQL 16 and this server brings PostgreSQL 18/,
    );
    expect(await readdir(dataDir)).toEqual(['postgres']);
  });

  it('refuses a cluster directory that holds something else', async () => {
    await mkdir(join(dataDir, 'postgres'), { recursive: true });
    await writeFile(join(dataDir, 'postgres', 'notes.txt'), '');
    await expect(start()).rejects.toThrow(/holds no PostgreSQL database/);
  });

  it('clears away what an interrupted creation left', async () => {
    await mkdir(join(dataDir, 'postgres.init-1', 'base'), { recursive: true });
    await chmod(dataDir, 0o755);
    await start();
    expect((await readdir(dataDir)).sort()).toEqual(['postgres', 'server.lock']);
  });

  it('starts the killed database again, with what it held, under the same URL', async () => {
    const notes: string[] = [];
    const server = await start({ onNote: (note) => notes.push(note) });
    await ask(server, 'CREATE TABLE kept AS SELECT 7 AS value');
    const killed = await postmasterPid(server);
    process.kill(killed, 'SIGKILL');
    const deadline = Date.now() + 20_000;
    let value: unknown = null;
    while (value === null && Date.now() < deadline) {
      value = await ask(server, 'SELECT value FROM kept').catch(() => null);
      await sleep(50);
    }
    expect(value).toBe(7);
    expect(await postmasterPid(server)).not.toBe(killed);
    expect(notes.join()).toContain('has died');
  });

  it('starts when the number of the killed database belongs to another process', async () => {
    const first = await start();
    await first.stop();
    const lines = [process.pid, first.clusterDir, 1, portOf(first), '', '127.0.0.1', '', 'ready'];
    await writeFile(join(first.clusterDir, 'postmaster.pid'), lines.join('\n'));
    const later = await start();
    expect(later.adopted).toBe(false);
  });

  it('moves to another port when its own is taken, and keeps that one', async () => {
    const first = await start();
    await first.stop();
    const other = createServer();
    await new Promise<void>((done) => {
      other.listen(portOf(first), '127.0.0.1', done);
    });
    const notes: string[] = [];
    try {
      await expect(start({ port: portOf(first) })).rejects.toThrow(
        /^Port \d+ is taken: set EMBEDDED_PG_PORT/,
      );
      const moved = await start({ onNote: (note) => notes.push(note) });
      expect(portOf(moved)).not.toBe(portOf(first));
      expect(notes).toEqual([expect.stringContaining(`moves to port ${portOf(moved)}`)]);
      await moved.stop();
      const later = await start();
      expect(later.url).toBe(moved.url);
    } finally {
      other.close();
    }
  });

  it('says in one line why the database does not start', async () => {
    const first = await start();
    await first.stop();
    await writeFile(join(first.clusterDir, 'postgresql.auto.conf'), "shared_buffers = 'lots'\n");
    const error: unknown = await start().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(EmbeddedPostgresError);
    expect((error as Error).message).toMatch(/^PostgreSQL does not start in .+shared_buffers/);
    expect((error as Error).message).not.toContain('\n');
  });

  // Only root has to hand the database to another user, so only root can see it done.
  const asRoot = process.getuid?.() === 0 ? it : it.skip;

  asRoot(
    'keeps the cluster elsewhere when the PostgreSQL user cannot enter the data directory',
    async () => {
      await chmod(root, 0o700);
      const notes: string[] = [];
      const first = await start({ onNote: (note) => notes.push(note) });
      const parent = join(first.clusterDir, '..');
      try {
        expect(first.clusterDir).toMatch(/^\/var\/lib\/casebender\/[0-9a-f]{12}\/postgres$/);
        expect(notes).toEqual([expect.stringContaining(first.clusterDir)]);
        await ask(first, 'CREATE TABLE kept AS SELECT 7 AS value');
        await first.stop();
        await chmod(root, 0o755);
        const later = await start();
        expect(later.clusterDir).toBe(first.clusterDir);
        expect(await ask(later, 'SELECT value FROM kept')).toBe(7);
        await later.stop();
      } finally {
        await rm(parent, { recursive: true, force: true });
      }
    },
  );

  asRoot('says what to do when the PostgreSQL user can no longer reach its database', async () => {
    const first = await start();
    await first.stop();
    await chmod(root, 0o700);
    await expect(start()).rejects.toThrow(/chmod o\+x/);
  });

  asRoot('takes over a cluster that was restored as root', async () => {
    const first = await start();
    await first.stop();
    execFileSync('chown', ['-R', '0:0', first.clusterDir]);
    expect(await ask(await start(), 'SELECT 1')).toBe(1);
  });
});

it('leaves the database out of the process group of the server', async () => {
  const server = await start();
  const pid = await postmasterPid(server);
  const { stdout } = await promisify(execFile)('ps', ['-o', 'pgid=', '-p', String(pid)]);
  expect(Number(stdout)).toBe(pid);
});
