import { Module } from '@nestjs/common';
import { CustomFieldsModule } from '../custom-fields/custom-fields.module.js';
import { RecordsModule } from '../records/records.module.js';
import { CaseTemplatesController } from './case-templates.controller.js';
import { CaseTemplatesService } from './case-templates.service.js';

@Module({
  imports: [RecordsModule, CustomFieldsModule],
  controllers: [CaseTemplatesController],
  providers: [CaseTemplatesService],
  exports: [CaseTemplatesService],
})
export class CaseTemplatesModule {}
