import { Injectable, Logger } from '@nestjs/common';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import { Database } from '../database/database.service.js';

const EVERY_MS = 600_000;

/** Forgets idempotency records whose 24 hours are over. */
@Injectable()
export class IdempotencyCleanup implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('Idempotency');
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
    try {
      await this.database.sql(
        `DELETE FROM idempotency_records WHERE created_at < now() - interval '24 hours'`,
        [],
      );
    } catch (error) {
      this.logger.warn({ message: 'old idempotency records not removed', reason: String(error) });
    }
  }
}
