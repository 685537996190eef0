import { Module } from '@nestjs/common';
import { CaseTemplatesModule } from '../case-templates/case-templates.module.js';
import { ObservablesModule } from '../observables/observables.module.js';
import { RecordsModule } from '../records/records.module.js';
import { CaseMergeService } from './case-merge.service.js';
import { CasesController } from './cases.controller.js';
import { TasksModule } from '../tasks/tasks.module.js';
import { CasesService } from './cases.service.js';

@Module({
  imports: [RecordsModule, ObservablesModule, TasksModule, CaseTemplatesModule],
  controllers: [CasesController],
  providers: [CasesService, CaseMergeService],
  exports: [CasesService],
})
export class CasesModule {}
