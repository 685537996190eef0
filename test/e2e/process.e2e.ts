import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { databaseUrl } from '../database.js';
import { ADMIN_API_KEY, TEST_ENVIRONMENT } from '../environment.js';

const MAIN = resolve('dist/main.js');
const ADMIN = resolve('dist/admin.js');
const running = new Set<ChildProcess>();
const directories: string[] = [];

/** The server as a process of its own, as `npm start` runs it after the build. */
class ServerProcess {
  stdout = '';
  stderr = '';
  readonly exitCode: Promise<number | null>;
  private readonly child: ChildProcess;

  constructor(env: NodeJS.ProcessEnv) {
    this.child = spawn(process.execPath, [MAIN], {
      env: { PATH: process.env.PATH, PORT: '0', LOG_LEVEL: 'silent', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this.child);
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exitCode = once(this.child, 'close').then(([code]) => {
      running.delete(this.child);
      return code as number | null;
    });
  }

  /** Starts it and waits until it listens. */
  static async listening(env: NodeJS.ProcessEnv): Promise<ServerProcess> {
    const server = new ServerProcess(env);
    const ended = server.exitCode.then(() => 'ended');
    while (!/^listening on /m.test(server.stdout)) {
      if ((await Promise.race([ended, sleep(20)])) === 'ended') throw new Error(server.stderr);
    }
    return server;
  }

  get lines(): string[] {
    return this.stdout.trimEnd().split('\n');
  }

  get url(): string {
    return /^listening on (\S+)$/m.exec(this.stdout)?.[1] ?? '';
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  async get(path: string, key: string): Promise<Response> {
    return fetch(this.url + path, { headers: { authorization: `Bearer ${key}` } });
  }

  async post(path: string, key: string, body: unknown): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }
}

async function freshDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'casebender-process-'));
  // The PostgreSQL user passes through it when the tests run as root.
  await chmod(path, 0o711);
  directories.push(path);
  return path;
}

/** Whether something accepts connections there. */
async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function alert(title: string): object {
  return {
    title,
    statusValue: 'new',
    severity: 2,
    observables: [{ dataType: 'hostname', data: title }],
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  for (const path of directories) await rm(path, { recursive: true, force: true });
});

describe('an instance with its embedded database, over its starts', () => {
  let dataDir: string;
  let first: ServerProcess;
  let key: string;
  let clusterDir: string;

  const start = () => ServerProcess.listening({ DATA_DIR: dataDir });

  /** The running database, by the file it keeps while it runs. */
  async function postmaster(): Promise<{ pid: number; port: number }> {
    const text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8');
    const [pid, , , port] = text.split('\n');
    return { pid: Number(pid), port: Number(port) };
  }

  /** Posts alerts until the server is gone; answers the titles it acknowledged. */
  /** Posts from four workers until the server is gone; resolves `busy` once twenty alerts are acknowledged. */
  function postUntilGone(server: ServerProcess, run: string) {
    const acknowledged: string[] = [];
    let serial = 0;
    let isBusy = (): void => undefined;
    const busy = new Promise<void>((resolve) => {
      isBusy = resolve;
    });
    const worker = async () => {
      for (;;) {
        const title = `${run}-${serial++}`;
        const response = await server.post('/api/alerts', key, alert(title)).catch(() => null);
        if (!response) return;
        if (response.status === 200) acknowledged.push(title);
        if (acknowledged.length === 20) isBusy();
        await response.arrayBuffer().catch(() => undefined);
      }
    };
    const gone = Promise.all([worker(), worker(), worker(), worker()]).then(() => acknowledged);
    return { busy, gone };
  }

  async function storedTitles(server: ServerProcess): Promise<Map<string, number>> {
    const titles = new Map<string, number>();
    let path: string | undefined = '/api/alerts?limit=1000';
    while (path !== undefined) {
      const response: Response = await server.get(path, key);
      expect(response.status).toBe(200);
      const page = (await response.json()) as { title: string; observableCount: number }[];
      for (const { title, observableCount } of page) titles.set(title, observableCount);
      path = /^<([^>]+)>; rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    }
    return titles;
  }

  beforeAll(async () => {
    dataDir = join(await freshDirectory(), 'data');
    first = await start();
    key = /cbr_live_[0-9A-Za-z]{38}/.exec(first.stdout)?.[0] ?? '';
    clusterDir =
      /the database is in (\S+)\.$/m.exec(first.stdout)?.[1] ?? join(dataDir, 'postgres');
  });

  afterAll(async () => {
    for (const child of running) child.kill('SIGKILL');
    const left = await postmaster().catch(() => null);
    if (left && (await isListening(left.port))) process.kill(left.pid, 'SIGKILL');
    await rm(clusterDir, { recursive: true, force: true });
  });

  it('prints where it is and who may enter at the first start, and listens last', () => {
    const count = (pattern: RegExp) => [...first.stdout.matchAll(pattern)].length;
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(first.lines.at(-1)).toBe(`listening on ${first.url}`);
    expect(count(/│ URL +http:\/\/127/g)).toBe(1);
    expect(first.stdout).toContain(`${first.url}/sign-in `);
    expect(first.stdout).toContain(`${first.url}/docs `);
    expect(count(/│ Administrator +\S+@\S+/g)).toBe(1);
    expect(count(/│ Password +\S{20}/g)).toBe(1);
    expect(count(/│ API key +cbr_live_/g)).toBe(1);
    expect(first.stdout).toContain(
      `curl -H 'Authorization: Bearer ${key}' ${first.url}/api/users/me\n`,
    );
    expect(first.stderr).toBe('');
  });

  it('keeps its secrets where only its user reads them, and the printed ones nowhere', async () => {
    const path = join(dataDir, 'secrets.json');
    const text = await readFile(path, 'utf8');
    const password = /│ Password +(\S+)/.exec(first.stdout)?.[1] ?? key;
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(text).not.toContain(key);
    expect(text).not.toContain(password);
  });

  it('accepts the printed key', async () => {
    const response = await first.get('/api/users/me', key);
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ role: 'super-admin' });
  });

  it('refuses a second server on the same directory in one line', async () => {
    const second = new ServerProcess({ DATA_DIR: dataDir });
    expect(await second.exitCode).toBe(1);
    expect(second.stderr.trimEnd()).toMatch(/^Another server \(process \d+\) is using .+$/);
    expect((await first.get('/health/ready', key)).status).toBe(200);
  });

  it('finishes running requests after SIGTERM, says so, stops the database and exits with 0', async () => {
    const { port } = await postmaster();
    const body = JSON.stringify(alert('posted while stopping'));
    const socket = await halfRequest(first.url, key, body);
    const received = receivedBy(socket);

    first.kill('SIGTERM');
    await sleep(300);
    expect(await Promise.race([first.exitCode, sleep(0, 'running')])).toBe('running');
    socket.write(
      `${body.slice(10)}GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );
    expect(await first.exitCode).toBe(0);

    const answers = (await received).split(/(?=HTTP\/1\.1 \d{3})/);
    expect(answers[0]).toMatch(/^HTTP\/1\.1 200 /);
    expect(answers[0]).toContain('"title":"posted while stopping"');
    expect(answers[1]).toMatch(/^HTTP\/1\.1 503 /);
    expect(answers[1]).toMatch(/\r\nRetry-After: \d+\r\n/i);
    expect(await isListening(port)).toBe(false);
    expect(existsSync(join(clusterDir, 'postmaster.pid'))).toBe(false);
  });

  it('prints no secret at a later start, and knows the key and the data', async () => {
    const later = await start();
    expect(later.lines.filter((line) => !line.startsWith('The PostgreSQL user'))).toEqual([
      `listening on ${later.url}`,
    ]);
    expect((await storedTitles(later)).has('posted while stopping')).toBe(true);
    later.kill('SIGTERM');
    expect(await later.exitCode).toBe(0);
  });

  it('adopts its database after kill -9 and has every acknowledged alert', async () => {
    const killed = await start();
    const { pid, port } = await postmaster();
    const posting = postUntilGone(killed, 'server-killed');
    await posting.busy;
    killed.kill('SIGKILL');
    const acknowledged = await posting.gone;
    expect(await isListening(port)).toBe(true);

    const next = await start();
    expect((await postmaster()).pid).toBe(pid);
    const stored = await storedTitles(next);
    expect(acknowledged.filter((title) => stored.get(title) !== 1)).toEqual([]);
    next.kill('SIGTERM');
    expect(await next.exitCode).toBe(0);
    expect(await isListening(port)).toBe(false);
  });

  it('recovers after kill -9 of server and database and has every acknowledged alert', async () => {
    const killed = await start();
    const { pid } = await postmaster();
    const posting = postUntilGone(killed, 'both-killed');
    await posting.busy;
    killed.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
    const acknowledged = await posting.gone;

    const next = await start();
    expect((await postmaster()).pid).not.toBe(pid);
    const stored = await storedTitles(next);
    expect(acknowledged.filter((title) => stored.get(title) !== 1)).toEqual([]);
    next.kill('SIGINT');
    expect(await next.exitCode).toBe(0);
  });
});

/** A POST of an alert whose body is sent but for its end. */
async function halfRequest(url: string, key: string, body: string): Promise<Socket> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(
    `POST /api/alerts HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${key}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body.slice(0, 10)}`,
  );
  await sleep(200);
  return socket;
}

/** Everything a socket receives until it is closed. */
async function receivedBy(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
  await once(socket, 'close');
  return text;
}

describe('a start that cannot succeed', () => {
  const noServer = 'postgresql://casebender:hidden-password@127.0.0.1';

  it('names every wrong variable and exits with 78', async () => {
    const server = new ServerProcess({
      DATA_DIR: await freshDirectory(),
      PORT: 'http',
      LOG_LEVEL: 'loud',
      API_KEY_PEPPER: 'too-short',
      TRUST_PROXY: 'everyone',
    });
    expect(await server.exitCode).toBe(78);
    const named = [...server.stderr.matchAll(/^ {2}([A-Z_]+): \S/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(['API_KEY_PEPPER', 'LOG_LEVEL', 'PORT', 'TRUST_PROXY']);
    expect(server.stderr).not.toContain('too-short');
    expect(server.stdout).toBe('');
  });

  it('says in one line that the port is in use, and shows the secrets at the next start', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as AddressInfo;
    const environment = {
      ...TEST_ENVIRONMENT,
      DATA_DIR: await freshDirectory(),
      DATABASE_URL: await databaseUrl('process_port'),
      PORT: String(port),
    };
    const server = new ServerProcess(environment);
    expect(await server.exitCode).toBe(1);
    expect(server.stderr).toMatch(new RegExp(`^Port ${port} on 127\\.0\\.0\\.1 is in use.+\\n$`));
    expect(server.lines.join('\n')).not.toContain('cbr_live_');
    holder.close();
    await once(holder, 'close');

    const next = await ServerProcess.listening(environment);
    expect(next.lines.join('\n')).toContain('cbr_live_');
    next.kill('SIGTERM');
    expect(await next.exitCode).toBe(0);
  });

  it('says in one line that the database is away, without its password', async () => {
    const server = new ServerProcess({
      DATA_DIR: await freshDirectory(),
      DATABASE_URL: `${noServer}:${await freePort()}/casebender`,
    });
    expect(await server.exitCode).toBe(1);
    expect(server.stderr).toMatch(/^The database cannot be reached .+ Check DATABASE_URL .+\n$/);
    expect(server.stderr).not.toContain('hidden-password');
  });

  it('says in one line that the store of files is away, without its secret, and shows its own at the next start', async () => {
    const environment = {
      ...TEST_ENVIRONMENT,
      DATA_DIR: await freshDirectory(),
      DATABASE_URL: await databaseUrl('process_store'),
    };
    const server = new ServerProcess({
      ...environment,
      STORAGE: 's3',
      S3_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
      S3_BUCKET: 'evidence',
      S3_ACCESS_KEY_ID: 'id',
      S3_SECRET_ACCESS_KEY: 'hidden-secret',
    });
    expect(await server.exitCode).toBe(1);
    expect(server.stderr).toMatch(/^S3_ENDPOINT: .+ cannot be reached .+ Check .+$/m);
    expect(server.stdout + server.stderr).not.toContain('hidden-secret');

    const next = await ServerProcess.listening(environment);
    expect(next.lines.join('\n')).toContain('cbr_live_');
    next.kill('SIGTERM');
    expect(await next.exitCode).toBe(0);
  });

  it('says in one line that the data directory cannot be used', async () => {
    const file = join(await freshDirectory(), 'file');
    await writeFile(file, '');
    const server = new ServerProcess({ DATA_DIR: file });
    expect(await server.exitCode).toBeGreaterThan(0);
    expect(server.stderr).toContain('DATA_DIR');
    expect(server.stderr).not.toMatch(/^ {4}at /m);
  });

  // Only Linux has a file system in which a directory is refused as if its parent were missing.
  const onLinux = process.platform === 'linux' ? it : it.skip;

  onLinux('says so of a directory in which nothing can be made, instead of trying on', async () => {
    const server = new ServerProcess({ DATA_DIR: '/proc/none/data' });
    expect(await server.exitCode).toBe(78);
    expect(server.stderr).toContain('DATA_DIR: /proc/none/data');
  });

  it('names the lost secrets of a database that is there, and makes no new ones', async () => {
    const dataDir = await freshDirectory();
    await mkdir(join(dataDir, 'postgres'));
    const server = new ServerProcess({ DATA_DIR: dataDir });
    expect(await server.exitCode).toBe(78);
    expect(server.stderr).toMatch(/secrets\.json is missing.+restore it from a backup/);
    expect(existsSync(join(dataDir, 'secrets.json'))).toBe(false);
  });
});

describe('an instance with DATABASE_URL', () => {
  it('uses that database, starts none of its own, and leaves it running', async () => {
    const dataDir = await freshDirectory();
    const env = {
      DATA_DIR: dataDir,
      DATABASE_URL: await databaseUrl('process_external'),
      ADMIN_API_KEY,
      ADMIN_PASSWORD: TEST_ENVIRONMENT.ADMIN_PASSWORD,
    };
    const server = await ServerProcess.listening(env);
    expect(existsSync(join(dataDir, 'postgres'))).toBe(false);
    expect(server.stdout).not.toContain(env.ADMIN_PASSWORD);
    const created = await server.post('/api/alerts', ADMIN_API_KEY, alert('external'));
    expect(created.status).toBe(200);
    server.kill('SIGTERM');
    expect(await server.exitCode).toBe(0);

    const again = await ServerProcess.listening(env);
    expect(again.lines).toEqual([`listening on ${again.url}`]);
    const list = await again.get('/api/alerts', ADMIN_API_KEY);
    expect(await list.json()).toMatchObject([{ title: 'external' }]);
    again.kill('SIGTERM');
    expect(await again.exitCode).toBe(0);
  });

  it('lets many start at once on an empty database: one creates the administrator', async () => {
    const env = { DATABASE_URL: await databaseUrl('process_many'), ADMIN_API_KEY };
    const servers = await Promise.all(
      [1, 2, 3].map(async () =>
        ServerProcess.listening({ ...env, DATA_DIR: await freshDirectory() }),
      ),
    );
    expect(servers.filter((server) => server.stdout.includes('First start.'))).toHaveLength(1);
    for (const server of servers) server.kill('SIGTERM');
    expect(await Promise.all(servers.map((server) => server.exitCode))).toEqual([0, 0, 0]);
  });
});

describe('npm run admin', () => {
  let dataDir: string;
  let server: ServerProcess;
  let clusterDir: string;
  const EMAIL = 'admin@localhost.local';

  /** What a person at the terminal sees. */
  async function atTerminal(env: NodeJS.ProcessEnv, ...args: string[]) {
    const child = spawn(process.execPath, [ADMIN, ...args], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(child);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    running.delete(child);
    return { code, stdout, stderr, lines: stdout.trimEnd().split('\n') };
  }

  const login = (password: string) =>
    fetch(`${server.url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: EMAIL, password }),
    });

  const session = (cookie: string) =>
    fetch(`${server.url}/api/auth/session`, { headers: { cookie } });

  beforeAll(async () => {
    dataDir = join(await freshDirectory(), 'data');
    server = await ServerProcess.listening({ DATA_DIR: dataDir });
    clusterDir =
      /the database is in (\S+)\.$/m.exec(server.stdout)?.[1] ?? join(dataDir, 'postgres');
  });

  afterAll(async () => {
    server.kill('SIGTERM');
    await server.exitCode;
    await rm(clusterDir, { recursive: true, force: true });
  });

  it('resets a password while the server runs, and ends the sessions within a second', async () => {
    const first = await login(/│ Password +(\S+)/.exec(server.stdout)?.[1] ?? '');
    expect(first.status).toBe(200);
    const [cookie = ''] = first.headers.getSetCookie();
    expect((await session(cookie)).status).toBe(200);
    const { code, lines, stderr } = await atTerminal(
      { DATA_DIR: dataDir },
      'reset-password',
      EMAIL.toUpperCase(),
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(lines).toEqual([
      `Password of ${EMAIL}, to be changed at the next sign-in:`,
      expect.stringMatching(/^[\w-]{20}$/) as string,
    ]);
    await sleep(1_000);
    expect((await session(cookie)).status).toBe(401);
    const again = await login(lines[1] ?? '');
    expect(await again.json()).toMatchObject({ mustChangePassword: true });
  });

  it('creates a key of a person with what was asked for, and at most what the role may hold', async () => {
    const { code, lines } = await atTerminal(
      { DATA_DIR: dataDir },
      ...['create-key', EMAIL, '--name', 'Found again', '--scopes', 'alerts:read,users:read'],
      ...['--tier', 'basic', '--days', '2'],
    );
    expect(code).toBe(0);
    const key = lines.at(-1) ?? '';
    const answer = await server.get('/api/users/me', key);
    expect(answer.headers.get('x-ratelimit-limit')).toBe('60');
    expect(await answer.json()).toMatchObject({ email: EMAIL });
    expect((await server.get('/api/cases', key)).status).toBe(403);
  });

  it('verifies the audit trail, and exits with 1 where it is broken', async () => {
    const intact = await atTerminal({ DATA_DIR: dataDir }, 'verify-audit');
    expect(intact).toMatchObject({ code: 0, stderr: '' });
    expect(intact.lines).toEqual([
      expect.stringMatching(/^[1-9]\d* entries are as they were sealed\.$/) as string,
    ]);
    const path = join(dataDir, 'changed.jsonl');
    const entry = { id: 'x', organizationId: null, seq: 1, previousHash: '0'.repeat(64) };
    await writeFile(path, `${JSON.stringify({ ...entry, hash: 'f'.repeat(64) })}\n`);
    const broken = await atTerminal({}, 'verify-audit', '--file', path);
    expect(broken).toMatchObject({ code: 1, stderr: '' });
    expect(broken.lines).toEqual([
      '0 entries are as they were sealed.',
      'BROKEN at entry x: Entry 1 was changed after it was sealed.',
    ]);
  });

  it('works on the database of a server that is stopped, and leaves it stopped', async () => {
    server.kill('SIGTERM');
    expect(await server.exitCode).toBe(0);
    const { code, lines, stderr } = await atTerminal({ DATA_DIR: dataDir }, 'create-key', EMAIL);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(existsSync(join(clusterDir, 'postmaster.pid'))).toBe(false);
    server = await ServerProcess.listening({ DATA_DIR: dataDir });
    const answer = await server.get('/api/api-keys', lines.at(-1) ?? '');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject([
      { name: 'Created at the terminal', scopes: expect.arrayContaining(['admin:*']) as string[] },
      { name: 'Found again' },
      {},
    ]);
  });

  it.each([
    ['no command', [], /^Usage:/],
    ['an unknown command', ['constructor', EMAIL], /^Usage:/],
    ['no address', ['reset-password'], /^Usage:/],
    ['an unknown option', ['create-key', EMAIL, '--force'], /^Usage:/],
    ['an address too many', ['verify-audit', EMAIL], /^Usage:/],
    ['a file that is not there', ['verify-audit', '--file', 'nowhere'], /^No file /],
    ['an unknown address', ['reset-password', 'nobody@localhost.local'], /^Nobody has /],
    ['an unknown scope', ['create-key', EMAIL, '--scopes', 'everything'], /scopes/],
    ['no time', ['create-key', EMAIL, '--days', '0'], /expiresAt/],
  ])('says what is wrong with %s, and exits with 2', async (_, args, told) => {
    const { code, stdout, stderr } = await atTerminal({ DATA_DIR: dataDir }, ...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(told);
  });

  it('makes no database where there is none', async () => {
    const empty = await freshDirectory();
    const { code, stderr } = await atTerminal({ DATA_DIR: empty }, 'reset-password', EMAIL);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^No server has run in /);
    expect(existsSync(join(empty, 'secrets.json'))).toBe(false);
  });

  it('refuses a key that would not work: the pepper is another one', async () => {
    const env = { DATA_DIR: dataDir, API_KEY_PEPPER: Buffer.alloc(32, 'other').toString('base64') };
    const { code, stderr } = await atTerminal(env, 'create-key', EMAIL);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^API_KEY_PEPPER is not the one/);
  });
});
