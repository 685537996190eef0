import { Module } from '@nestjs/common';
import { CustomFieldAdminService } from './custom-field-admin.service.js';
import { CustomFieldsController } from './custom-fields.controller.js';
import { CustomFieldsService } from './custom-fields.service.js';

@Module({
  controllers: [CustomFieldsController],
  providers: [CustomFieldsService, CustomFieldAdminService],
  exports: [CustomFieldsService],
})
export class CustomFieldsModule {}
