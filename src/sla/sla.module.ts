import { Module } from '@nestjs/common';
import { SlaConfigsController } from './sla-configs.controller.js';
import { SlaConfigsService } from './sla-configs.service.js';
import { SlaJob } from './sla-job.service.js';

@Module({ controllers: [SlaConfigsController], providers: [SlaConfigsService, SlaJob] })
export class SlaModule {}
