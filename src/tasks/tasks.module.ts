import { Module } from '@nestjs/common';
import { ActivitiesModule } from '../activities/activities.module.js';
import { RecordsModule } from '../records/records.module.js';
import { PlacesService } from './places.service.js';
import { TasksController } from './tasks.controller.js';
import { TasksService } from './tasks.service.js';

@Module({
  imports: [RecordsModule, ActivitiesModule],
  controllers: [TasksController],
  providers: [PlacesService, TasksService],
  exports: [PlacesService, TasksService],
})
export class TasksModule {}
