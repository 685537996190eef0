import { Global, Module } from '@nestjs/common';
import { Cleanup } from './cleanup.js';
import { Metrics } from './metrics.js';
import { Cursors } from './pagination.js';

@Global()
@Module({ providers: [Metrics, Cursors, Cleanup], exports: [Metrics, Cursors] })
export class CommonModule {}
