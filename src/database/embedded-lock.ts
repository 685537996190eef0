import { execFile } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

import { EmbeddedPostgresError } from './embedded-error.js';

/** A data directory held by this process. */
export interface DataDirLock {
  release(): Promise<void>;
}

interface Holder {
  pid: number;
  /** Tells a process from a later one with the same number; empty where the system does not say. */
  started: string;
}

/** Takes `server.lock`, which keeps a second server process away from the same data directory. */
export async function lockDataDir(dataDir: string): Promise<DataDirLock> {
  const path = join(dataDir, 'server.lock');
  const own = JSON.stringify({
    pid: process.pid,
    started: await startOf(process.pid),
  } satisfies Holder);
  for (let attempt = 0; attempt < 10; attempt++) {
    if (await create(path, own)) {
      return {
        release: async () => {
          if ((await readOrNull(path)) === own) await rm(path, { force: true });
        },
      };
    }
    const found = await readOrNull(path);
    if (found === null) continue;
    const holder = parse(found);
    if (holder === null && attempt < 4) {
      // Its writer has created it and not yet written to it.
      await sleep(50);
      continue;
    }
    if (holder !== null && (await isAlive(holder))) {
      throw new EmbeddedPostgresError(
        `Another server (process ${holder.pid}) is using ${dataDir}: stop it first or give this one a DATA_DIR of its own.`,
      );
    }
    await removeStale(path, found);
  }
  throw new EmbeddedPostgresError(
    `Several servers are starting on ${dataDir}: give each a DATA_DIR of its own.`,
  );
}

async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: 'wx', mode: 0o644 });
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    // A full disk takes the file and refuses its content.
    if (code === 'ENOSPC' || code === 'EDQUOT') await rm(path, { force: true });
    throw error;
  }
}

/** Moves the file away before judging it again, so that a lock taken meanwhile is put back. */
async function removeStale(path: string, stale: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const moved = await readOrNull(aside);
  if (moved !== null && moved !== stale) await create(path, moved);
  await rm(aside, { force: true });
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function parse(content: string): Holder | null {
  try {
    const value = JSON.parse(content) as Partial<Holder> | null;
    return typeof value?.pid === 'number' && typeof value.started === 'string'
      ? { pid: value.pid, started: value.started }
      : null;
  } catch {
    return null;
  }
}

async function isAlive(holder: Holder): Promise<boolean> {
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  if (await isZombie(holder.pid)) return false;
  const started = await startOf(holder.pid);
  return started === '' || holder.started === '' || started === holder.started;
}

/** Whether the process has ended and only waits for its parent to notice; Linux alone says so. */
async function isZombie(pid: number): Promise<boolean> {
  const [state] = await statOf(pid).catch(() => []);
  return state === 'Z';
}

/** What Linux knows of a process behind its number and name: the state first, the start as the 20th. */
async function statOf(pid: number): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // The name in parentheses may hold spaces.
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

async function startOf(pid: number): Promise<string> {
  try {
    if (process.platform === 'linux') {
      const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
      const ticks = (await statOf(pid))[19] ?? '';
      return `${boot.trim()}/${ticks}`;
    }
    if (process.platform === 'win32') return '';
    const { stdout } = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim();
  } catch {
    return '';
  }
}
