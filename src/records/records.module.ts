import { Module } from '@nestjs/common';
import { CustomFieldsModule } from '../custom-fields/custom-fields.module.js';
import { StatusesModule } from '../statuses/statuses.module.js';
import { RecordUpdater } from './record-updater.service.js';
import { ReferencesService } from './references.service.js';

/** What alerts and cases share: references, links, lists and the one way of updating. */
@Module({
  imports: [StatusesModule, CustomFieldsModule],
  providers: [RecordUpdater, ReferencesService],
  exports: [RecordUpdater, ReferencesService, StatusesModule, CustomFieldsModule],
})
export class RecordsModule {}
