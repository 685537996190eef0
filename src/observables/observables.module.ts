import { Module } from '@nestjs/common';
import { RecordsModule } from '../records/records.module.js';
import { ObservableExchangeController } from '../observable-exchange/observable-exchange.controller.js';
import { ObservableExportService } from '../observable-exchange/observable-export.service.js';
import { ObservableImportService } from '../observable-exchange/observable-import.service.js';
import { ObservableChangesService } from './observable-changes.service.js';
import { ObservableIntakeService } from './observable-intake.service.js';
import { ObservableTypesService } from './observable-types.service.js';
import { ObservablesController } from './observables.controller.js';
import { ObservablesService } from './observables.service.js';
import { RecordObservablesController } from './record-observables.controller.js';

@Module({
  imports: [RecordsModule],
  // First those whose paths could be taken for an id.
  controllers: [ObservableExchangeController, ObservablesController, RecordObservablesController],
  providers: [
    ObservablesService,
    ObservableIntakeService,
    ObservableChangesService,
    ObservableTypesService,
    ObservableExportService,
    ObservableImportService,
  ],
  exports: [ObservablesService, ObservableIntakeService, ObservableTypesService],
})
export class ObservablesModule {}
