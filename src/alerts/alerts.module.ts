import { Module } from '@nestjs/common';
import { ObservablesModule } from '../observables/observables.module.js';
import { RecordsModule } from '../records/records.module.js';
import { AlertsController } from './alerts.controller.js';
import { AlertsService } from './alerts.service.js';

@Module({
  imports: [RecordsModule, ObservablesModule],
  controllers: [AlertsController],
  providers: [AlertsService],
  exports: [AlertsService],
})
export class AlertsModule {}
