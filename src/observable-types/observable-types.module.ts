import { Module } from '@nestjs/common';
import { ObservablesModule } from '../observables/observables.module.js';
import { ObservableTypeAdminService } from './observable-type-admin.service.js';
import { ObservableTypesController } from './observable-types.controller.js';

@Module({
  imports: [ObservablesModule],
  controllers: [ObservableTypesController],
  providers: [ObservableTypeAdminService],
})
export class ObservableTypesModule {}
