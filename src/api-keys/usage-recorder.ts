import { Injectable, Logger } from '@nestjs/common';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../database/database.service.js';

const FLUSH_MS = 30_000;
const HOUR_MS = 3_600_000;
const PENDING_MAX = 50_000;

interface Pending {
  readonly credentialId: string;
  readonly hourMs: number;
  requests: number;
  refusals: number;
  errors: number;
  usedAtMs: number;
  ip: string;
}

const FLUSH = `
WITH x AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS x("credentialId" uuid, hour timestamptz, requests int, refusals int,
    errors int, "usedAt" timestamptz, ip text)
  WHERE EXISTS (SELECT 1 FROM credentials c WHERE c.id = x."credentialId")),
counted AS (
  INSERT INTO credential_usage AS u (credential_id, hour, requests, refusals, errors)
  SELECT "credentialId", hour, requests, refusals, errors FROM x ORDER BY "credentialId", hour
  ON CONFLICT (credential_id, hour) DO UPDATE SET requests = u.requests + excluded.requests,
    refusals = u.refusals + excluded.refusals, errors = u.errors + excluded.errors)
UPDATE credentials c SET usage_count = c.usage_count + used.requests,
  last_used_ip = CASE WHEN c.last_used_at IS NULL OR used.used_at >= c.last_used_at THEN used.ip ELSE c.last_used_ip END,
  last_used_at = greatest(c.last_used_at, used.used_at)
FROM (SELECT "credentialId" AS id, sum(requests) AS requests, max("usedAt") AS used_at,
        (array_agg(ip ORDER BY "usedAt" DESC))[1] AS ip FROM x GROUP BY "credentialId") used
WHERE c.id = used.id`;

/** Gathers the use of credentials in memory and writes it in one statement every 30 s and at shutdown. */
@Injectable()
export class UsageRecorder implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Usage');
  private pending = new Map<string, Pending>();
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.flush(), FLUSH_MS);
    this.timer.unref();
  }

  async beforeApplicationShutdown(): Promise<void> {
    if (this.timer) clearInterval(this.timer);
    await this.flush();
  }

  /** Counts one answered request; 403 and 429 are refusals, 5xx errors. */
  record(credentialId: string, ip: string, status: number): void {
    const now = Date.now();
    const hourMs = now - (now % HOUR_MS);
    const key = `${credentialId} ${hourMs}`;
    let entry = this.pending.get(key);
    if (!entry) {
      if (this.pending.size >= PENDING_MAX) return;
      entry = { credentialId, hourMs, requests: 0, refusals: 0, errors: 0, usedAtMs: now, ip };
      this.pending.set(key, entry);
    }
    entry.requests++;
    if (status === 403 || status === 429) entry.refusals++;
    if (status >= 500) entry.errors++;
    entry.usedAtMs = now;
    entry.ip = ip;
  }

  /** Writes what is gathered; what cannot be written now is kept for the next time. */
  async flush(): Promise<void> {
    if (this.pending.size === 0) return;
    const batch = this.pending;
    this.pending = new Map();
    try {
      await this.database.sql(FLUSH, [JSON.stringify([...batch.values()].map(toRow))]);
    } catch (error) {
      this.logger.warn({ message: 'usage not written, kept for later', reason: String(error) });
      for (const [key, entry] of batch) this.keep(key, entry);
    }
  }

  private keep(key: string, entry: Pending): void {
    const newer = this.pending.get(key);
    if (!newer) {
      this.pending.set(key, entry);
      return;
    }
    newer.requests += entry.requests;
    newer.refusals += entry.refusals;
    newer.errors += entry.errors;
  }
}

function toRow({ hourMs, usedAtMs, ...counts }: Pending): object {
  return {
    ...counts,
    hour: new Date(hourMs).toISOString(),
    usedAt: new Date(usedAtMs).toISOString(),
  };
}
