import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationShutdown } from '@nestjs/common';
import { EventEmitter } from 'node:events';
import pg from 'pg';
import { AppConfig } from '../config/config.js';
import type { Tx } from './sql.js';

/** What a rare control message is about: credentials and their owners, sessions, or the settings tables. */
const TOPICS = ['credentials', 'sessions', 'settings'] as const;

export type ChangeTopic = (typeof TOPICS)[number];

const CHANNEL = 'casebender_changes';
const HEARTBEAT_MS = 400;
const TRUSTED_MS = 1_000;
const RECONNECT_MS = 500;

/**
 * Tells every process that credentials or settings changed, over `LISTEN`/`NOTIFY`.
 *
 * Caches ask `isConnected()` before they trust an entry older than a second: a feed that is down,
 * or silent for a second, cannot have told them (spec/keys-and-limits.md §7).
 */
@Injectable()
export class ChangeFeed implements OnApplicationShutdown {
  private readonly logger = new Logger('ChangeFeed');
  private readonly emitter = new EventEmitter();
  private readonly connectionString: string;
  private readonly announced = new WeakMap<Tx, Set<ChangeTopic>>();
  private client: pg.Client | null = null;
  private heardAtMs = Number.NEGATIVE_INFINITY;
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(config: AppConfig) {
    this.connectionString = config.directDatabaseUrl ?? config.databaseUrl ?? '';
  }

  /** Connects and keeps the connection; until it stands, caches trust nothing older than a second. */
  start(): void {
    void this.connect();
  }

  isConnected(): boolean {
    return performance.now() - this.heardAtMs < TRUSTED_MS;
  }

  /** Calls `listener` on each change of the topic, here or elsewhere, and whenever one may have been missed. */
  onChange(topic: ChangeTopic, listener: () => void): void {
    this.emitter.on(topic, listener);
  }

  /** Announces a change: to this process at once when `tx` commits, to the others soon after. */
  async announce(tx: Tx, topic: ChangeTopic): Promise<void> {
    const topics = this.announced.get(tx) ?? new Set();
    this.announced.set(tx, topics.add(topic));
    await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, ${topic})`;
  }

  /** Whether the transaction has announced a change of the topic. */
  hasAnnounced(tx: Tx, topic: ChangeTopic): boolean {
    return this.announced.get(tx)?.has(topic) ?? false;
  }

  /** Applies in this process what a transaction that has just committed announced. */
  committed(tx: Tx): void {
    for (const topic of this.announced.get(tx) ?? []) this.emitter.emit(topic);
  }

  async onApplicationShutdown(): Promise<void> {
    this.stopped = true;
    if (this.timer) clearTimeout(this.timer);
    await this.client?.end().catch(() => undefined);
  }

  private async connect(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.connectionString,
      connectionTimeoutMillis: 2_000,
      query_timeout: TRUSTED_MS,
      application_name: 'casebender-changes',
    });
    client.on('error', () => undefined);
    client.on('notification', (message) => this.emitter.emit(message.payload ?? ''));
    try {
      await client.connect();
      await client.query(`LISTEN ${CHANNEL}`);
      this.client = client;
      for (const topic of TOPICS) this.emitter.emit(topic);
      this.heardAtMs = performance.now();
      this.schedule(() => this.beat(client), HEARTBEAT_MS);
    } catch (error) {
      this.retry(client, error);
    }
  }

  private async beat(client: pg.Client): Promise<void> {
    const sentAtMs = performance.now();
    try {
      await client.query('SELECT 1');
      this.heardAtMs = sentAtMs;
      this.schedule(() => this.beat(client), HEARTBEAT_MS);
    } catch (error) {
      this.retry(client, error);
    }
  }

  private retry(client: pg.Client, error: unknown): void {
    this.client = null;
    this.heardAtMs = Number.NEGATIVE_INFINITY;
    void client.end().catch(() => undefined);
    if (this.stopped) return;
    this.logger.debug({ message: 'change feed lost', reason: String(error) });
    this.schedule(() => this.connect(), RECONNECT_MS);
  }

  private schedule(task: () => Promise<void>, delayMs: number): void {
    if (this.stopped) return;
    this.timer = setTimeout(() => void task(), delayMs);
    this.timer.unref();
  }
}
