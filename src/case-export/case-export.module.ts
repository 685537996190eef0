import { Module } from '@nestjs/common';
import { ActivitiesModule } from '../activities/activities.module.js';
import { CaseExportController } from './case-export.controller.js';
import { CaseExportService } from './case-export.service.js';

@Module({
  imports: [ActivitiesModule],
  controllers: [CaseExportController],
  providers: [CaseExportService],
})
export class CaseExportModule {}
