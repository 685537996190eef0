import { Global, Module } from '@nestjs/common';
import { Metrics } from './metrics.js';
import { Cursors } from './pagination.js';

@Global()
@Module({ providers: [Metrics, Cursors], exports: [Metrics, Cursors] })
export class CommonModule {}
