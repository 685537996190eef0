import {
  Body,
  Controller,
  Delete,
  Get,
  HttpStatus,
  Param,
  Patch,
  Post,
  Query,
  Res,
} from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { alertNotFound } from '../alerts/alerts.errors.js';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import type { Parent } from '../records/parent.js';
import { RecordTtpsService } from './record-ttps.service.js';
import type { CreatedTtp } from './record-ttps.service.js';
import {
  createRecordTtpSchema,
  recordTtpListQuery,
  recordTtpSchema,
  updateRecordTtpSchema,
} from './ttps.schema.js';
import type {
  CreateRecordTtp,
  RecordTtp,
  RecordTtpListQuery,
  UpdateRecordTtp,
} from './ttps.schema.js';

const CREATED = {
  status: 201,
  otherStatus: 200,
  description:
    'By `techniqueId` or by `ttpId`. What is there already with the same tactic is answered as it is, with 200.',
};

const ofAlert = (id: string): Parent => ({ kind: 'alert', id, notFound: alertNotFound });
const ofCase = (id: string): Parent => ({ kind: 'case', id, notFound: caseNotFound });

@ApiTags('TTPs')
@Controller()
export class RecordTtpsController {
  constructor(private readonly ttps: RecordTtpsService) {}

  @Get('alerts/:id/ttps')
  @Auth('alerts:read')
  @Answers('List the techniques on an alert, newest first', z.array(recordTtpSchema))
  listOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: recordTtpListQuery }) query: RecordTtpListQuery,
  ): Promise<Page<RecordTtp>> {
    return this.ttps.list(principal, ofAlert(id), query);
  }

  @Post('alerts/:id/ttps')
  @Auth('alerts:write')
  @Answers('Name a technique on an alert', recordTtpSchema, CREATED)
  async createUnderAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createRecordTtpSchema }) input: CreateRecordTtp,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RecordTtp> {
    return answer(await this.ttps.create(principal, ofAlert(id), input), `alerts/${id}`, response);
  }

  @Get('alerts/:id/ttps/:linkId')
  @Auth('alerts:read')
  @Answers('Read a technique on an alert', recordTtpSchema)
  getOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('linkId', { schema: idSchema }) linkId: string,
  ): Promise<RecordTtp> {
    return this.ttps.get(principal, ofAlert(id), linkId);
  }

  @Patch('alerts/:id/ttps/:linkId')
  @Auth('alerts:write')
  @Answers('Change what is said of a technique on an alert', recordTtpSchema)
  updateOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('linkId', { schema: idSchema }) linkId: string,
    @Body({ schema: updateRecordTtpSchema }) input: UpdateRecordTtp,
    @IfMatch() precondition: Precondition,
  ): Promise<RecordTtp> {
    return this.ttps.update(principal, ofAlert(id), linkId, input, precondition);
  }

  @Delete('alerts/:id/ttps/:linkId')
  @Auth('alerts:write')
  @Answers('Take a technique off an alert', null)
  removeOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('linkId', { schema: idSchema }) linkId: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.ttps.remove(principal, ofAlert(id), linkId, precondition);
  }

  @Get('cases/:id/ttps')
  @Auth('cases:read')
  @Answers('List the techniques on a case, newest first', z.array(recordTtpSchema))
  listOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: recordTtpListQuery }) query: RecordTtpListQuery,
  ): Promise<Page<RecordTtp>> {
    return this.ttps.list(principal, ofCase(id), query);
  }

  @Post('cases/:id/ttps')
  @Auth('cases:write')
  @Answers('Name a technique on a case', recordTtpSchema, CREATED)
  async createUnderCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createRecordTtpSchema }) input: CreateRecordTtp,
    @Res({ passthrough: true }) response: Response,
  ): Promise<RecordTtp> {
    return answer(await this.ttps.create(principal, ofCase(id), input), `cases/${id}`, response);
  }

  @Get('cases/:id/ttps/:linkId')
  @Auth('cases:read')
  @Answers('Read a technique on a case', recordTtpSchema)
  getOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('linkId', { schema: idSchema }) linkId: string,
  ): Promise<RecordTtp> {
    return this.ttps.get(principal, ofCase(id), linkId);
  }

  @Patch('cases/:id/ttps/:linkId')
  @Auth('cases:write')
  @Answers('Change what is said of a technique on a case', recordTtpSchema)
  updateOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('linkId', { schema: idSchema }) linkId: string,
    @Body({ schema: updateRecordTtpSchema }) input: UpdateRecordTtp,
    @IfMatch() precondition: Precondition,
  ): Promise<RecordTtp> {
    return this.ttps.update(principal, ofCase(id), linkId, input, precondition);
  }

  @Delete('cases/:id/ttps/:linkId')
  @Auth('cases:write')
  @Answers('Take a technique off a case', null)
  removeOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('linkId', { schema: idSchema }) linkId: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.ttps.remove(principal, ofCase(id), linkId, precondition);
  }
}

/** The technique on the record at that path; 201 with `Location` when it is new there, else 200. */
function answer({ ttp, isNew }: CreatedTtp, path: string, response: Response): RecordTtp {
  response.status(isNew ? HttpStatus.CREATED : HttpStatus.OK);
  if (isNew) response.setHeader('Location', `/api/${path}/ttps/${ttp.id}`);
  return ttp;
}
