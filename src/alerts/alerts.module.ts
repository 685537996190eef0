import { Module } from '@nestjs/common';
import { CasesModule } from '../cases/cases.module.js';
import { ObservablesModule } from '../observables/observables.module.js';
import { RecordsModule } from '../records/records.module.js';
import { AlertFilesController } from './alert-files.controller.js';
import { AlertIntakeService } from './alert-intake.service.js';
import { AlertPromotionController } from './alert-promotion.controller.js';
import { AlertPromotionService } from './alert-promotion.service.js';
import { AlertsController } from './alerts.controller.js';
import { AlertsService } from './alerts.service.js';
import { CaseAlertsController } from './case-alerts.controller.js';

@Module({
  imports: [RecordsModule, ObservablesModule, CasesModule],
  controllers: [
    AlertsController,
    AlertFilesController,
    AlertPromotionController,
    CaseAlertsController,
  ],
  providers: [AlertsService, AlertIntakeService, AlertPromotionService],
  exports: [AlertsService],
})
export class AlertsModule {}
