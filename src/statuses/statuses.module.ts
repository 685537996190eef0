import { Module } from '@nestjs/common';
import { AlertStatusesController } from './alert-statuses.controller.js';
import { CaseStatusesController } from './case-statuses.controller.js';
import { StatusAdminService } from './status-admin.service.js';
import { StatusesService } from './statuses.service.js';

@Module({
  controllers: [AlertStatusesController, CaseStatusesController],
  providers: [StatusesService, StatusAdminService],
  exports: [StatusesService],
})
export class StatusesModule {}
