import { Module } from '@nestjs/common';
import { StatusesService } from './statuses.service.js';

@Module({ providers: [StatusesService], exports: [StatusesService] })
export class StatusesModule {}
