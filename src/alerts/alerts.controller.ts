import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { recordListQuery } from '../records/record.schema.js';
import type { RecordListQuery } from '../records/record.schema.js';
import { alertSchema, createAlertSchema, updateAlertSchema } from './alerts.schema.js';
import type { Alert, CreateAlert, UpdateAlert } from './alerts.schema.js';
import { AlertsService } from './alerts.service.js';

@ApiTags('Alerts')
@Controller('alerts')
export class AlertsController {
  constructor(private readonly alerts: AlertsService) {}

  @Get()
  @Auth('alerts:read')
  @Answers('List alerts, newest first', z.array(alertSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: recordListQuery }) query: RecordListQuery,
  ): Promise<Page<Alert>> {
    return this.alerts.list(principal, query);
  }

  @Post()
  @Auth('alerts:write')
  @Answers('Create an alert', alertSchema)
  create(
    @Caller() principal: Principal,
    @Body({ schema: createAlertSchema }) input: CreateAlert,
  ): Promise<Alert> {
    return this.alerts.create(principal, input);
  }

  @Get(':id')
  @Auth('alerts:read')
  @Answers('Read an alert', alertSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Alert> {
    return this.alerts.get(principal, id);
  }

  @Patch(':id')
  @Auth('alerts:write')
  @Answers('Update an alert', alertSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateAlertSchema }) update: UpdateAlert,
    @IfMatch() precondition: Precondition,
  ): Promise<Alert> {
    return this.alerts.update(principal, id, update, precondition);
  }

  @Put(':id')
  @Auth('alerts:write')
  @Answers('Update an alert (the same as PATCH)', alertSchema)
  replace(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateAlertSchema }) update: UpdateAlert,
    @IfMatch() precondition: Precondition,
  ): Promise<Alert> {
    return this.alerts.update(principal, id, update, precondition);
  }

  @Delete(':id')
  @Auth('alerts:write')
  @Answers('Delete an alert', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.alerts.remove(principal, id, precondition);
  }
}
