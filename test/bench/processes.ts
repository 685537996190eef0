import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chooseFreePort } from '../../src/database/embedded-cluster.js';

const START_TIMEOUT_MS = 30_000;

/** How `npm start` runs the server: with a young generation that keeps its memory small. */
export const SERVER = ['--max-semi-space-size=8', 'dist/main.js'];

export const root = fileURLToPath(new URL('../../', import.meta.url));
const children = new Set<ChildProcess>();

process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

/** A process that listens. */
export interface Running {
  readonly url: string;
  readonly startMs: number;
  stop(): Promise<void>;
}

function spawnNode(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  stdout: 'pipe' | number,
): ChildProcess {
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', stdout, 'inherit'],
  });
  children.add(child);
  child.once('exit', () => children.delete(child));
  return child;
}

async function stop(child: ChildProcess): Promise<void> {
  if (!children.has(child)) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** Starts a Node process and waits for its line `listening on <url>`. */
export async function launch(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<Running> {
  const began = performance.now();
  const child = spawnNode(args, env, 'pipe');
  const url = await new Promise<string>((resolve, reject) => {
    const fail = () => {
      reject(new Error(`${args.join(' ')} does not listen.`));
    };
    setTimeout(fail, START_TIMEOUT_MS).unref();
    child.once('exit', fail);
    if (!child.stdout) return;
    createInterface({ input: child.stdout }).on('line', (line) => {
      const listening = /^listening on (http:\S+)$/.exec(line)?.[1];
      if (listening !== undefined) resolve(listening);
    });
  });
  return { url, startMs: performance.now() - began, stop: () => stop(child) };
}

/** Starts the server with its log thrown away, so that reading it costs the benchmark nothing. */
export async function launchQuietly(env: Readonly<Record<string, string>>): Promise<Running> {
  const began = performance.now();
  const port = await chooseFreePort();
  const url = `http://127.0.0.1:${port}`;
  const sink = openSync(devNull, 'w');
  const child = spawnNode(SERVER, { ...env, PORT: String(port) }, sink);
  closeSync(sink);
  while (!(await isReady(url))) {
    if (!children.has(child) || performance.now() - began > START_TIMEOUT_MS) {
      throw new Error('The server does not become ready.');
    }
    await sleep(20);
  }
  return { url, startMs: performance.now() - began, stop: () => stop(child) };
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/health/ready`)).ok;
  } catch {
    return false;
  }
}

/** The last line a script prints, read as JSON. */
export async function runScript(path: string): Promise<unknown> {
  const child = spawnNode(['--import', 'tsx', path], {}, 'pipe');
  const lines: string[] = [];
  if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${path} failed.`);
  return JSON.parse(lines.at(-1) ?? 'null');
}

/** Stops every process that still runs. */
export async function stopAll(): Promise<void> {
  await Promise.all([...children].map(stop));
}

/** Sends a request and reads its answer, which must be a good one. */
export async function call(url: string, key: string, body?: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}
