import { Module } from '@nestjs/common';
import { ObservablesModule } from '../observables/observables.module.js';
import { SearchController } from './search.controller.js';
import { SearchService } from './search.service.js';

@Module({
  imports: [ObservablesModule],
  controllers: [SearchController],
  providers: [SearchService],
})
export class SearchModule {}
