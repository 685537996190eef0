import { Module } from '@nestjs/common';
import { ObservableTypesService } from './observable-types.service.js';
import { ObservablesController } from './observables.controller.js';
import { ObservablesService } from './observables.service.js';

@Module({
  controllers: [ObservablesController],
  providers: [ObservablesService, ObservableTypesService],
  exports: [ObservablesService, ObservableTypesService],
})
export class ObservablesModule {}
