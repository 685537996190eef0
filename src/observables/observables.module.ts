import { Module } from '@nestjs/common';
import { RecordsModule } from '../records/records.module.js';
import { ObservableChangesService } from './observable-changes.service.js';
import { ObservableIntakeService } from './observable-intake.service.js';
import { ObservableTypesService } from './observable-types.service.js';
import { ObservablesController } from './observables.controller.js';
import { ObservablesService } from './observables.service.js';
import { RecordObservablesController } from './record-observables.controller.js';

@Module({
  imports: [RecordsModule],
  controllers: [ObservablesController, RecordObservablesController],
  providers: [
    ObservablesService,
    ObservableIntakeService,
    ObservableChangesService,
    ObservableTypesService,
  ],
  exports: [ObservablesService, ObservableIntakeService, ObservableTypesService],
})
export class ObservablesModule {}
