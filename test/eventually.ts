import { setTimeout as sleep } from 'node:timers/promises';

const EVERY_MS = 50;
const TIMES_MAX = 400;

/** What `read` answers once it is what is awaited; fails when it does not become so. */
export async function eventually<T>(
  read: () => Promise<T>,
  isAwaited: (value: T) => boolean,
): Promise<T> {
  for (let time = 1; ; time++) {
    const value = await read();
    if (isAwaited(value)) return value;
    if (time === TIMES_MAX) throw new Error(`Still ${JSON.stringify(value)}`);
    await sleep(EVERY_MS);
  }
}
