import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

/**
 * Answers with one read all who ask the very same in one turn of the event loop, or while the same is being read.
 *
 * A read begins after all it answers was asked, so that nobody is told what was true before; alone nothing waits.
 */
export class SharedReads {
  /** What has not begun yet, and what has, by what is asked. */
  private readonly due = new Map<string, Promise<unknown>>();
  private readonly underWay = new Map<string, Promise<unknown>>();

  /** @param patienceMs how long a read may keep those waiting who ask the same after it began */
  constructor(private readonly patienceMs: number) {}

  /** @param read answers what nobody may change, as it is given to all who asked */
  ask<T>(what: string, read: () => Promise<T>): Promise<T> {
    const joined = this.due.get(what) as Promise<T> | undefined;
    if (joined) return joined;
    const answer = this.readLater(what, read);
    this.due.set(what, answer);
    return answer;
  }

  private async readLater<T>(what: string, read: () => Promise<T>): Promise<T> {
    const before = this.underWay.get(what);
    await (before ? Promise.race([settled(before), sleep(this.patienceMs)]) : turn());
    this.due.delete(what);
    const answer = read();
    this.underWay.set(what, answer);
    try {
      return await answer;
    } finally {
      if (this.underWay.get(what) === answer) this.underWay.delete(what);
    }
  }
}

function settled(read: Promise<unknown>): Promise<unknown> {
  return read.catch(() => undefined);
}
