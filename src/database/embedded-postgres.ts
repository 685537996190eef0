import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmod,
  constants,
  readFile,
  readdir,
  readlink,
  realpath,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import pg from 'pg';

import { makeDirectory } from '../config/directory.js';
import {
  chooseFreePort,
  clusterVersion,
  configurePort,
  configuredPort,
  createCluster,
  databaseName,
  hasCluster,
  isPortFree,
} from './embedded-cluster.js';
import { EmbeddedPostgresError, fromSystemError, reasonFrom } from './embedded-error.js';
import { lockDataDir } from './embedded-lock.js';
import {
  type Account,
  type Tools,
  canAccess,
  postgresAccount,
  prepareTools,
  runTool,
  systemDir,
} from './embedded-tools.js';

export { EmbeddedPostgresError };

export interface EmbeddedPostgresOptions {
  dataDir: string;
  /** A free one is chosen and kept when not given. */
  port?: number | undefined;
  /** Of the superuser `casebender`; takes effect when the cluster is created and must fit afterwards. */
  password: string;
  /** Lines of postgresql.conf, written when the cluster is created. */
  settings?: Readonly<Record<string, string>>;
  /** Told in one sentence of what an operator may want to know. */
  onNote?: (message: string) => void;
}

/** The running PostgreSQL of a data directory. */
export interface EmbeddedPostgres {
  readonly url: string;
  /** Whether it was still running from before. */
  readonly adopted: boolean;
  readonly clusterDir: string;
  /** Shuts the database down, waits for it, and gives the data directory free. */
  stop(): Promise<void>;
}

interface Cluster {
  dir: string;
  tools: Tools;
  password: string;
  port: number | undefined;
  onNote: (message: string) => void;
}

interface Place {
  dir: string;
  account: Account | undefined;
}

/** How long an earlier server may take to come up or go down, and its orphaned backends to end. */
const settleMs = 60_000;
const pollMs = 50;
const watchMs = 500;

/** Starts the PostgreSQL of the data directory, creating it at first, or adopts the one running. */
export async function startEmbeddedPostgres(
  options: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  try {
    const dataDir = await openDataDir(options.dataDir);
    const lock = await lockDataDir(dataDir);
    try {
      return await startLocked(dataDir, options, () => lock.release());
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw fromSystemError(error);
  }
}

/** Whether a start has made a database in the data directory. */
export async function hasEmbeddedPostgres(dataDir: string): Promise<boolean> {
  const { dir } = await findPlace(await realpath(dataDir), () => undefined);
  return hasCluster(dir);
}

/**
 * The address of the database that runs on the data directory, or null when it is not running.
 *
 * @throws EmbeddedPostgresError when there is no database.
 */
export async function findEmbeddedPostgres(
  options: Pick<EmbeddedPostgresOptions, 'dataDir' | 'port' | 'password'>,
): Promise<string | null> {
  const ignore = () => undefined;
  const { dir, account } = await findPlace(await realpath(options.dataDir), ignore);
  if (!(await hasCluster(dir))) {
    throw new EmbeddedPostgresError(
      `There is no database in ${options.dataDir} yet: start the server first, or set DATA_DIR or DATABASE_URL as for the server.`,
    );
  }
  const tools = await prepareTools(account, ignore);
  const { port, password } = options;
  const cluster: Cluster = { dir, tools, password, port, onNote: ignore };
  const running = await runningPort(cluster);
  return running === null ? null : urlOf(cluster, running, databaseName);
}

async function startLocked(
  dataDir: string,
  options: EmbeddedPostgresOptions,
  release: () => Promise<void>,
): Promise<EmbeddedPostgres> {
  const onNote = options.onNote ?? (() => undefined);
  const place = await findPlace(dataDir, onNote);
  const tools = await prepareTools(place.account, onNote);
  const cluster: Cluster = {
    dir: place.dir,
    tools,
    password: options.password,
    port: options.port,
    onNote,
  };
  await ensureCluster(cluster, options.settings ?? {});

  let port = await adopt(cluster);
  const adopted = port !== null;
  if (port === null) {
    port = await start(cluster);
    await ensureDatabase(cluster, port).catch(async (error: unknown) => {
      await stop(cluster);
      throw error;
    });
  }

  const unwatch = restartWhenDead({ ...cluster, port });
  let stopped: Promise<void> | undefined;
  return {
    url: urlOf(cluster, port, databaseName),
    adopted,
    clusterDir: cluster.dir,
    stop: () =>
      (stopped ??= unwatch()
        .then(() => stop(cluster))
        .finally(release)),
  };
}

/** Starts the server again, on its port, whenever it has died; the answer ends the watch. */
function restartWhenDead(cluster: Cluster): () => Promise<void> {
  let restarting: Promise<unknown> = Promise.resolve();
  let isRestarting = false;
  const check = async (): Promise<void> => {
    if (isRestarting || (await isAlive(cluster.dir))) return;
    isRestarting = true;
    cluster.onNote('The embedded PostgreSQL has died; starting it again.');
    restarting = start(cluster)
      .catch((error: unknown) => {
        cluster.onNote(messageOf(error));
      })
      .finally(() => {
        isRestarting = false;
      });
  };
  const timer = setInterval(() => void check(), watchMs);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await restarting;
  };
}

async function isAlive(clusterDir: string): Promise<boolean> {
  const text = await readFile(join(clusterDir, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  if (!(pid > 0)) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function openDataDir(path: string): Promise<string> {
  try {
    // The PostgreSQL user passes through it.
    if (makeDirectory(path) && isRoot()) await chmod(path, 0o711);
    return await realpath(path);
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `Cannot create the directory ${path} (${messageOf(cause)}): set DATA_DIR to one that can be written.`,
      { cause },
    );
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Where the cluster is or goes, and who owns it. */
async function findPlace(dataDir: string, onNote: (message: string) => void): Promise<Place> {
  const inPlace = join(dataDir, 'postgres');
  if (!isRoot()) return { dir: inPlace, account: undefined };

  const key = createHash('sha256').update(dataDir).digest('hex').slice(0, 12);
  const aside = join(systemDir, key, 'postgres');
  const noteAside = (): void => {
    onNote(`The PostgreSQL user cannot reach ${dataDir}; the database is in ${aside}.`);
  };

  if (await hasCluster(inPlace)) {
    const account = await ownerOf(inPlace);
    if (!(await canAccess(dataDir, account, constants.X_OK))) {
      throw new EmbeddedPostgresError(
        `The PostgreSQL user cannot enter ${dataDir}, where its database is: let others enter that directory and those above it (chmod o+x).`,
      );
    }
    return { dir: inPlace, account };
  }
  if (await hasCluster(aside)) {
    noteAside();
    return { dir: aside, account: await ownerOf(aside) };
  }
  const account = await postgresAccount();
  if (await canAccess(dataDir, account, constants.X_OK)) return { dir: inPlace, account };
  for (const dir of [systemDir, dirname(aside)]) {
    makeDirectory(dir);
    await chmod(dir, 0o755);
  }
  noteAside();
  return { dir: aside, account };
}

/** The owner of the cluster; one that a restored backup left to root is handed to `postgres`. */
async function ownerOf(clusterDir: string): Promise<Account> {
  const { uid, gid } = await stat(clusterDir);
  if (uid !== 0) return { uid, gid };
  const account = await postgresAccount();
  await promisify(execFile)('chown', ['-R', `${account.uid}:${account.gid}`, clusterDir]);
  return account;
}

async function ensureCluster(
  cluster: Cluster,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const version = await clusterVersion(cluster.dir);
  const needed = String(cluster.tools.major);
  if (version === null) {
    const port = cluster.port ?? (await chooseFreePort());
    await createCluster(cluster.tools, {
      clusterDir: cluster.dir,
      password: cluster.password,
      port,
      settings,
    });
  } else if (version !== needed) {
    throw new EmbeddedPostgresError(
      `${cluster.dir} was made by PostgreSQL ${version} and this server brings PostgreSQL ${needed}: move the data with pg_dump of version ${version} and a new DATA_DIR, or set DATABASE_URL to a PostgreSQL ${version}.`,
    );
  }
}

/** The port of the server that still runs on the cluster and answers, or null when none does. */
async function adopt(cluster: Cluster): Promise<number | null> {
  const deadline = Date.now() + settleMs;
  for (;;) {
    const port = await runningPort(cluster);
    if (port === null) return null;
    if (cluster.port !== undefined && port !== cluster.port) {
      await stop(cluster);
      return null;
    }
    try {
      await ensureDatabase(cluster, port);
      return port;
    } catch (error) {
      if (error instanceof EmbeddedPostgresError) throw error;
      if (Date.now() > deadline) {
        throw new EmbeddedPostgresError(
          `The PostgreSQL that runs in ${cluster.dir} does not answer on port ${port} (${messageOf(error)}): stop it and start again.`,
          { cause: error },
        );
      }
      await sleep(pollMs);
    }
  }
}

async function runningPort(cluster: Cluster): Promise<number | null> {
  const path = join(cluster.dir, 'postmaster.pid');
  const [pid, , , port] = (await readFile(path, 'utf8').catch(() => '')).split('\n');
  if (pid === undefined || pid === '') return null;
  if (await isOtherProcess(pid.trim(), cluster.dir)) {
    await rm(path, { force: true });
    return null;
  }
  const status = await runTool(
    cluster.tools.pgCtl,
    ['status', '-D', cluster.dir],
    cluster.tools.account,
  );
  if (status.code !== 0) return null;
  const number = Number(port);
  return number > 0 ? number : configuredPort(cluster.dir);
}

/**
 * Whether the number now belongs to a process that is no server of this cluster.
 *
 * Numbers come again soon in a restarted container; PostgreSQL would refuse to start.
 */
async function isOtherProcess(pid: string, clusterDir: string): Promise<boolean> {
  const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => null);
  return cwd !== null && cwd !== clusterDir;
}

async function start(cluster: Cluster): Promise<number> {
  const { dir, tools } = cluster;
  const logDir = join(dir, 'log');
  const startLog = join(dir, 'start.log');
  const deadline = Date.now() + settleMs;
  for (;;) {
    const port = await settlePort(cluster);
    await rm(startLog, { force: true });
    const before = await logSizes(logDir);
    const args = ['start', '-w', '-D', dir, '-l', startLog];
    const result = await runTool(tools.pgCtl, args, tools.account);
    if (result.code === 0) return port;

    const early = await readFile(startLog, 'utf8').catch(() => '');
    const output = [early, await logsSince(logDir, before), result.output].join('\n');
    const takenMeanwhile = cluster.port === undefined && /address already in use/i.test(output);
    // Backends of a killed server end by themselves, a moment later.
    const orphans = output.includes('pre-existing shared memory block');
    if (!(takenMeanwhile || orphans) || Date.now() > deadline) {
      throw new EmbeddedPostgresError(
        `PostgreSQL does not start in ${dir}: ${reasonFrom(output)}. Its log is in ${logDir}.`,
      );
    }
    await sleep(pollMs);
  }
}

/** Makes the configured port the wanted one, or one that is free. */
async function settlePort(cluster: Cluster): Promise<number> {
  const kept = await configuredPort(cluster.dir);
  const wanted = cluster.port ?? kept;
  let port = wanted;
  if (!(await isPortFree(wanted))) {
    if (cluster.port !== undefined) {
      throw new EmbeddedPostgresError(
        `Port ${wanted} is taken: set EMBEDDED_PG_PORT to a free one, or remove it to have one chosen.`,
      );
    }
    port = await chooseFreePort();
    cluster.onNote(`Port ${wanted} is taken; the embedded PostgreSQL moves to port ${port}.`);
  }
  if (port !== kept) await configurePort(cluster.dir, port, cluster.tools.account);
  return port;
}

async function logSizes(logDir: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for (const name of await readdir(logDir).catch(() => [])) {
    sizes.set(name, (await stat(join(logDir, name))).size);
  }
  return sizes;
}

/** What the log files have gained. */
async function logsSince(logDir: string, before: ReadonlyMap<string, number>): Promise<string> {
  const parts: string[] = [];
  for (const [name, size] of await logSizes(logDir)) {
    const known = before.get(name) ?? 0;
    if (size === known) continue;
    const content = await readFile(join(logDir, name));
    parts.push(content.subarray(size > known ? known : 0).toString('utf8'));
  }
  return parts.join('\n');
}

async function stop(cluster: Cluster): Promise<void> {
  const { pgCtl, account } = cluster.tools;
  const result = await runTool(pgCtl, ['stop', '-m', 'fast', '-w', '-D', cluster.dir], account);
  if (result.code === 0) return;
  const status = await runTool(pgCtl, ['status', '-D', cluster.dir], account);
  if (status.code !== 0) return;
  throw new EmbeddedPostgresError(
    `PostgreSQL in ${cluster.dir} does not stop: ${reasonFrom(result.output)}.`,
  );
}

async function ensureDatabase(cluster: Cluster, port: number): Promise<void> {
  try {
    await query(cluster, port, databaseName, 'SELECT 1');
  } catch (error) {
    if (codeOf(error) !== '3D000') throw error;
    await query(cluster, port, 'postgres', `CREATE DATABASE ${databaseName}`);
  }
}

async function query(cluster: Cluster, port: number, database: string, sql: string): Promise<void> {
  const client = new pg.Client({
    connectionString: urlOf(cluster, port, database),
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query(sql);
  } catch (error) {
    if (codeOf(error) !== '28P01') throw error;
    throw new EmbeddedPostgresError(
      `The password does not fit the database in ${cluster.dir}: secrets.json does not belong to it. Restore the right one, or remove ${cluster.dir} to begin with an empty database.`,
      { cause: error },
    );
  } finally {
    await client.end().catch(() => undefined);
  }
}

function urlOf(cluster: Cluster, port: number, database: string): string {
  return `postgresql://${databaseName}:${encodeURIComponent(cluster.password)}@127.0.0.1:${port}/${database}`;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
