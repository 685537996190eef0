import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiHeader, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import { BulkBody } from '../common/input.guard.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { JsonText } from '../common/json-text.js';
import { toSearchAnswer } from '../common/pagination.js';
import type { Page, SearchAnswer } from '../common/pagination.js';
import { Dedup, DEDUP_HEADER } from './alert-dedup.js';
import type { DedupPolicy } from './alert-dedup.js';
import { AlertIntakeService } from './alert-intake.service.js';
import {
  alertSchema,
  bulkCreateAlertsSchema,
  bulkCreatedSchema,
  createAlertSchema,
  similarAlertSchema,
  bulkUpdateAlertsSchema,
  updateAlertSchema,
} from './alerts.schema.js';
import type {
  Alert,
  BulkCreateAlerts,
  BulkCreated,
  BulkUpdateAlerts,
  CreateAlert,
  SimilarAlert,
  UpdateAlert,
} from './alerts.schema.js';
import { bulkDeleteBody, bulkDeletedSchema, bulkUpdatedSchema } from '../records/record-bulk.js';
import type { BulkDelete, BulkDeleted, BulkUpdated } from '../records/record-bulk.js';
import { alertListQuery, alertSearchAnswer, alertSearchBody } from './alert-filter.js';
import type { AlertListQuery } from './alert-filter.js';
import { AlertsService } from './alerts.service.js';

@ApiTags('Alerts')
@Controller('alerts')
export class AlertsController {
  constructor(
    private readonly alerts: AlertsService,
    private readonly intake: AlertIntakeService,
  ) {}

  @Get()
  @Auth('alerts:read')
  @Answers('List alerts, newest first', z.array(alertSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: alertListQuery }) query: AlertListQuery,
  ): Promise<Page<JsonText<Alert>>> {
    return this.alerts.list(principal, query);
  }

  @Post()
  @Auth('alerts:write')
  @ApiHeader(DEDUP_HEADER)
  @Answers('Create an alert', alertSchema)
  async create(
    @Caller() principal: Principal,
    @Body({ schema: createAlertSchema }) input: CreateAlert,
    @Dedup() policy: DedupPolicy | undefined,
    @Res({ passthrough: true }) response: Response,
  ): Promise<JsonText<Alert>> {
    const { alert, isDuplicate } = await this.intake.create(principal, input, policy);
    if (isDuplicate) response.setHeader('X-Alert-Deduplicated', 'true');
    return alert;
  }

  @Post('bulk')
  @Auth('alerts:write')
  @BulkBody()
  @ApiHeader(DEDUP_HEADER)
  @Answers('Create up to 1000 alerts', bulkCreatedSchema)
  createMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkCreateAlertsSchema }) input: BulkCreateAlerts,
    @Dedup() policy: DedupPolicy | undefined,
  ): Promise<BulkCreated> {
    return this.intake.createMany(principal, input, policy);
  }

  @Post('search')
  @Auth('alerts:read')
  @Answers('Search alerts', alertSearchAnswer)
  async search(
    @Caller() principal: Principal,
    @Body({ schema: alertSearchBody }) query: AlertListQuery,
  ): Promise<JsonText<SearchAnswer<Alert>>> {
    return toSearchAnswer(await this.alerts.list(principal, query));
  }

  @Patch('bulk')
  @Auth('alerts:write')
  @BulkBody()
  @Answers('Update up to 1000 alerts', bulkUpdatedSchema)
  updateMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkUpdateAlertsSchema }) input: BulkUpdateAlerts,
  ): Promise<BulkUpdated> {
    return this.alerts.updateMany(principal, input);
  }

  @Put('bulk')
  @Auth('alerts:write')
  @BulkBody()
  @Answers('Update up to 1000 alerts (the same as PATCH)', bulkUpdatedSchema)
  replaceMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkUpdateAlertsSchema }) input: BulkUpdateAlerts,
  ): Promise<BulkUpdated> {
    return this.alerts.updateMany(principal, input);
  }

  @Post('_bulk')
  @Auth('alerts:write')
  @BulkBody()
  @Answers('Update up to 1000 alerts (the same as PATCH /alerts/bulk)', bulkUpdatedSchema)
  postMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkUpdateAlertsSchema }) input: BulkUpdateAlerts,
  ): Promise<BulkUpdated> {
    return this.alerts.updateMany(principal, input);
  }

  @Post('bulk/delete')
  @Auth('alerts:write')
  @BulkBody()
  @Answers('Delete up to 1000 alerts', bulkDeletedSchema)
  removeMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkDeleteBody }) input: BulkDelete,
  ): Promise<BulkDeleted> {
    return this.alerts.removeMany(principal, input);
  }

  @Get(':id')
  @Auth('alerts:read')
  @Answers('Read an alert', alertSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<JsonText<Alert>> {
    return this.alerts.get(principal, id);
  }

  @Get(':id/similar')
  @Auth('alerts:read')
  @Answers('List related alerts, with a score and why', z.array(similarAlertSchema))
  similar(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<SimilarAlert[]> {
    return this.alerts.similar(principal, id);
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
