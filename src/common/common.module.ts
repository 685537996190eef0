import { Global, Module } from '@nestjs/common';
import { IdempotencyCleanup } from './idempotency-cleanup.js';
import { Metrics } from './metrics.js';
import { Cursors } from './pagination.js';

@Global()
@Module({ providers: [Metrics, Cursors, IdempotencyCleanup], exports: [Metrics, Cursors] })
export class CommonModule {}
