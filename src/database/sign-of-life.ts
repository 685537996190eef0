import { Socket } from 'node:net';
import pg from 'pg';

/** Whoever does not answer within this is away: with the doubt and the pause of the pool, callers know in 2.2 s. */
const PROBE_MS = 1_200;

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
    let timer: NodeJS.Timeout | undefined;
    const silence = new Promise<false>((resolve) => {
      // What came in while this process was busy is read before it counts as missing.
      timer = setTimeout(() => setImmediate(() => setImmediate(resolve, false)), PROBE_MS);
    });
    const isAnswered = await Promise.race([answer, silence]);
    clearTimeout(timer);
    if (!isAnswered) this.close();
    return isAnswered;
  }

  close(): void {
    this.hasFailed = true;
    void this.client.end().catch(() => undefined);
    this.socket.destroy();
  }
}
