import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { SESSION_IS_OVER } from '../auth/session.service.js';
import { Database } from '../database/database.service.js';

const EVERY_MS = 600_000;

/** What is removed once its time is over. */
const EXPIRED: Readonly<Record<string, string>> = {
  'idempotency records': `DELETE FROM idempotency_records WHERE created_at < now() - interval '24 hours'`,
  sessions: `DELETE FROM sessions s WHERE ${SESSION_IS_OVER}`,
};

/** Removes idempotency records and sessions whose time is over. */
@Injectable()
export class Cleanup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Cleanup');
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly database: Database) {}

  onApplicationBootstrap(): void {
    this.timer = setInterval(() => void this.run(), EVERY_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    if (this.timer) clearInterval(this.timer);
  }

  private async run(): Promise<void> {
    for (const [what, statement] of Object.entries(EXPIRED)) {
      try {
        await this.database.sql(statement, []);
      } catch (error) {
        this.logger.warn({ message: `expired ${what} not removed`, reason: String(error) });
      }
    }
  }
}
