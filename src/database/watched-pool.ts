import pg from 'pg';
import { SignOfLife } from './sign-of-life.js';

/** A connection in use for longer than this is a reason to ask whether the server still answers. */
const DOUBT_MS = 800;
const PAUSE_MS = 200;
/** While nothing is in doubt, a server that refuses connections is not asked for one more often than this. */
const REOPEN_MS = 2_000;

type Callback = Parameters<pg.Pool['connect']>[0];

/**
 * A pool that notices a server which takes requests and never answers: a frozen process, a network
 * that drops packets.
 *
 * A statement may rightly take long, so none is cut for its own time: while one does, a connection of
 * its own asks the server for a sign of life. Without one, all that wait are told so, and whoever comes
 * is told at once, until the server answers again (spec/operations.md §4: 503 within 3 s).
 */
export class WatchedPool extends pg.Pool {
  private readonly busySince = new Map<pg.PoolClient, number>();
  private readonly waitingSince = new Map<Callback, number>();
  /** When a statement was last answered. */
  private heardMs = 0;
  private isSilent = false;
  private timer: NodeJS.Timeout | null = null;
  private signOfLife: SignOfLife | null = null;
  private openedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly settings: pg.PoolConfig) {
    super(settings);
    this.on('acquire', (client) => this.busySince.set(client, performance.now()));
    this.on('release', (error: Error | undefined, client) => {
      this.busySince.delete(client);
      if (!error) this.heardMs = performance.now();
    });
    this.schedule();
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    if (callback) {
      this.acquire(callback);
      return undefined;
    }
    return new Promise((resolve, reject) => {
      this.acquire((error, client) => {
        if (client) resolve(client);
        else reject(error ?? new Error('The pool gave no connection.'));
      });
    });
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    this.signOfLife?.close();
    if (!callback) return super.end();
    super.end(callback);
    return undefined;
  }

  private acquire(callback: Callback): void {
    if (this.isSilent) {
      process.nextTick(callback, noAnswer(), undefined, () => undefined);
      return;
    }
    this.waitingSince.set(callback, performance.now());
    super.connect((error, client, done) => {
      if (this.waitingSince.delete(callback)) callback(error, client, done);
      else client?.release();
    });
  }

  private schedule(): void {
    this.timer = setTimeout(() => void this.watch(), PAUSE_MS);
    this.timer.unref();
  }

  private async watch(): Promise<void> {
    const nowMs = performance.now();
    const doubtfulMs = nowMs - DOUBT_MS;
    const since = [...this.busySince.values(), ...this.waitingSince.values()];
    const isDoubtful = this.heardMs < doubtfulMs && since.some((ms) => ms < doubtfulMs);
    const isAsked = this.isSilent || isDoubtful;
    if (!this.signOfLife?.isUsable && (isAsked || nowMs - this.openedMs > REOPEN_MS)) {
      this.signOfLife = new SignOfLife(this.settings);
      this.openedMs = nowMs;
    }
    if (isAsked) {
      this.isSilent = !(await this.signOfLife?.comes());
      if (this.isSilent) this.giveUp();
    }
    if (this.timer) this.schedule();
  }

  private giveUp(): void {
    for (const callback of this.waitingSince.keys()) {
      this.waitingSince.delete(callback);
      callback(noAnswer(), undefined, () => undefined);
    }
    // Ending a connection with a statement under way rejects the statement.
    for (const client of this.busySince.keys()) {
      void (client as pg.PoolClient & pg.Client).end().catch(() => undefined);
    }
  }
}

function noAnswer(): Error {
  return Object.assign(new Error('The database does not answer.'), { code: 'ETIMEDOUT' });
}
