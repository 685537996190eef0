import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/**
 * Whoever does not answer within 1.2 s is away: with the doubt and the pause of the pool, callers know in
 * 2.2 s. In turns of the event loop, so that the time of a process that is busy itself does not count.
 */
const TURNS = 12;
const TURN_MS = 100;

/**
 * Asks a server for a sign of life on a connection of its own, which is opened beforehand and kept: to
 * open one takes a machine under load longer than to answer, and would be taken for silence.
 */
export class SignOfLife {
  private readonly socket = new Socket();
  private readonly client: pg.Client;
  private readonly connected: Promise<unknown>;
  private hasFailed = false;

  constructor(settings: pg.PoolConfig) {
    this.client = new pg.Client({
      ...settings,
      stream: () => this.socket,
      connectionTimeoutMillis: 0,
      keepAlive: true,
      // Firewalls forget connections that say nothing for some minutes, and drop what comes on them later.
      keepAliveInitialDelayMillis: 30_000,
      application_name: 'casebender-watch',
    });
    this.client.on('error', () => (this.hasFailed = true));
    this.client.on('end', () => (this.hasFailed = true));
    this.connected = this.client.connect();
    this.connected.catch(() => (this.hasFailed = true));
    this.socket.unref();
  }

  /** Whether the connection may be asked again. */
  get isUsable(): boolean {
    return !this.hasFailed;
  }

  /** Whether the server says anything within the time, be it that it refuses; what fails at once says nothing of it. */
  async comes(): Promise<boolean> {
    const answer = this.connected
      .then(() => this.client.query('SELECT 1'))
      .then(
        () => true,
        () => true,
      );
    const over = new AbortController();
    const isAnswered = await Promise.race([answer, silence(over.signal)]);
    over.abort();
    if (!isAnswered) this.close();
    return isAnswered;
  }

  close(): void {
    this.hasFailed = true;
    void this.client.end().catch(() => undefined);
    this.socket.destroy();
  }
}

async function silence(over: AbortSignal): Promise<false> {
  for (let turn = 0; turn < TURNS && !over.aborted; turn++) {
    await sleep(TURN_MS, undefined, { ref: false });
  }
  return false;
}
