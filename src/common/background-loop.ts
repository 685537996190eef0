import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats work until it is stopped: at once while there is more of it, else after a pause. Keeps no process alive. */
export class BackgroundLoop {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  /** `work` answers whether there may be more, and never rejects. */
  constructor(
    private readonly pauseMs: number,
    private readonly work: () => Promise<boolean>,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Begins nothing more, and ends when what was begun is done. */
  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const hasMore = await this.work();
      if (hasMore) continue;
      // Processes that start together do not go on asking together.
      const pauseMs = this.pauseMs * (0.75 + Math.random() / 2);
      await sleep(pauseMs, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}
