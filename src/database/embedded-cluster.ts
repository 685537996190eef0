import { randomInt } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';

import { EmbeddedPostgresError, reasonFrom } from './embedded-error.js';
import { type Account, type Tools, exists, runTool } from './embedded-tools.js';

/** The superuser and the database of the server in the embedded cluster. */
export const databaseName = 'casebender';

const defaultSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  shared_buffers: '256MB',
  timezone: 'UTC',
  log_timezone: 'UTC',
  logging_collector: 'on',
  log_directory: 'log',
  // One file a weekday, overwritten a week later.
  log_filename: 'postgresql-%a.log',
  log_rotation_age: '1d',
  log_rotation_size: '0',
  log_truncate_on_rotation: 'on',
};

/**
 * The LC_CTYPE values to try, best first: systems without C.UTF-8 have one of the others.
 *
 * Sorting, case and regular expressions come from PostgreSQL's built-in C.UTF-8 and are the same
 * everywhere; this one only decides which characters full-text search takes for letters.
 */
const characterTypes = ['C.UTF-8', 'en_US.UTF-8', 'C'];

export interface NewCluster {
  clusterDir: string;
  password: string;
  port: number;
  settings: Readonly<Record<string, string>>;
}

/** The major version of the cluster, or null when there is none. */
export async function clusterVersion(clusterDir: string): Promise<string | null> {
  try {
    return (await readFile(join(clusterDir, 'PG_VERSION'), 'utf8')).trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw error;
  }
}

/** Creates the cluster beside its place and moves it there, so that a crash leaves nothing half-made. */
export async function createCluster(tools: Tools, cluster: NewCluster): Promise<void> {
  const { clusterDir } = cluster;
  const parent = dirname(clusterDir);
  await removeDrafts(parent, basename(clusterDir));
  await rmdir(clusterDir).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return;
    throw new EmbeddedPostgresError(
      `${clusterDir} exists and holds no PostgreSQL database: move it away or set DATA_DIR to another directory.`,
      { cause: error },
    );
  });

  const draft = `${clusterDir}.init-${process.pid}`;
  const passwordFile = `${draft}.pw`;
  try {
    await mkdir(draft, { mode: 0o700 });
    await giveTo(tools.account, draft);
    await writeFile(passwordFile, `${cluster.password}\n`, { mode: 0o600, flag: 'wx' });
    await giveTo(tools.account, passwordFile);
    await runInitdb(tools, draft, passwordFile, cluster.settings);
    await mkdir(join(draft, 'log'), { mode: 0o700 });
    await giveTo(tools.account, join(draft, 'log'));
    await appendSettings(join(draft, 'postgresql.conf'), {
      port: String(cluster.port),
      ...defaultSettings,
      ...cluster.settings,
    });
    await rename(draft, clusterDir);
    await syncDir(parent);
  } finally {
    await rm(passwordFile, { force: true });
    await rm(draft, { recursive: true, force: true });
  }
}

async function removeDrafts(parent: string, name: string): Promise<void> {
  for (const entry of await readdir(parent)) {
    if (entry.startsWith(`${name}.init-`)) {
      await rm(join(parent, entry), { recursive: true, force: true });
    }
  }
}

async function runInitdb(
  tools: Tools,
  dir: string,
  passwordFile: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  let output = '';
  for (const characterType of characterTypes) {
    const result = await runTool(
      tools.initdb,
      [
        `--pgdata=${dir}`,
        '--encoding=UTF8',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--locale=C',
        `--lc-ctype=${characterType}`,
        '--text-search-config=english',
        '--data-checksums',
        '--auth=scram-sha-256',
        `--username=${databaseName}`,
        `--pwfile=${passwordFile}`,
        ...(settings.fsync === 'off' ? ['--no-sync'] : []),
      ],
      tools.account,
    );
    if (result.code === 0) return;
    output = result.output;
    if (!output.includes('invalid locale name')) break;
  }
  throw new EmbeddedPostgresError(
    `Cannot create the database in ${dirname(dir)}: ${reasonFrom(output)}.`,
  );
}

async function appendSettings(
  path: string,
  settings: Readonly<Record<string, string>>,
): Promise<void> {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${quote(value)}`);
  const file = await open(path, 'a');
  try {
    await file.writeFile(`\n# Set when this cluster was created.\n${lines.join('\n')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

function quote(value: string): string {
  return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}

async function syncDir(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

async function giveTo(account: Account | undefined, path: string): Promise<void> {
  if (account !== undefined) await chown(path, account.uid, account.gid);
}

const portLine = /^port\s*=\s*'?(\d+)'?.*$/gm;

/** The port the cluster is configured for; PostgreSQL's own default when the file names none. */
export async function configuredPort(clusterDir: string): Promise<number> {
  const conf = await readFile(join(clusterDir, 'postgresql.conf'), 'utf8');
  // PostgreSQL, too, takes the last of several.
  return Number([...conf.matchAll(portLine)].at(-1)?.[1] ?? 5432);
}

/** Changes the port the cluster is configured for. */
export async function configurePort(
  clusterDir: string,
  port: number,
  account: Account | undefined,
): Promise<void> {
  const path = join(clusterDir, 'postgresql.conf');
  const conf = await readFile(path, 'utf8');
  const draft = `${path}.new`;
  const kept = conf.replace(portLine, '').trimEnd();
  await writeFile(draft, `${kept}\nport = '${port}'\n`, { mode: 0o600 });
  await chmod(draft, 0o600);
  await giveTo(account, draft);
  await rename(draft, path);
}

/** Whether nothing listens on the port of 127.0.0.1. */
export async function isPortFree(port: number): Promise<boolean> {
  return new Promise((answer) => {
    const probe = createServer();
    probe.once('error', () => {
      answer(false);
    });
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      probe.close(() => {
        answer(true);
      });
    });
  });
}

/** A free port below those the systems hand out for outgoing connections, so that it stays free. */
export async function chooseFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(20_000, 32_000);
    if (await isPortFree(port)) return port;
  }
  throw new EmbeddedPostgresError(
    'No free port found for PostgreSQL between 20000 and 32000: set EMBEDDED_PG_PORT.',
  );
}

/** Whether the cluster directory is there under any owner. */
export async function hasCluster(clusterDir: string): Promise<boolean> {
  return exists(join(clusterDir, 'PG_VERSION'));
}
