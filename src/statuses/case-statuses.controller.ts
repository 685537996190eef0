import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, AuthAnyOf, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import { CHANGES_MANY } from '../records/record.schema.js';
import { StatusAdminService } from './status-admin.service.js';
import {
  createStatusSchema,
  deleteStatusQuery,
  statusDetailSchema,
  updateStatusSchema,
} from './statuses.schema.js';
import type {
  CreateStatus,
  DeleteStatusQuery,
  StatusDetail,
  UpdateStatus,
} from './statuses.schema.js';

@ApiTags('Settings')
@Controller('case-statuses')
export class CaseStatusesController {
  constructor(private readonly statuses: StatusAdminService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the statuses of cases', z.array(statusDetailSchema))
  list(@Caller() principal: Principal): Promise<StatusDetail[]> {
    return this.statuses.list(principal, 'case');
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a status of cases', statusDetailSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<StatusDetail> {
    return this.statuses.get(principal, 'case', id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('case-statuses')
  @Answers('Create a status of cases', statusDetailSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createStatusSchema }) input: CreateStatus,
  ): Promise<StatusDetail> {
    return this.statuses.create(principal, 'case', input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a status of cases', statusDetailSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateStatusSchema }) input: UpdateStatus,
    @IfMatch() precondition: Precondition,
  ): Promise<StatusDetail> {
    return this.statuses.update(principal, 'case', id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a status of cases', null, {
    description: `While cases have it this is 409, unless \`replaceWith\` gives them another. ${CHANGES_MANY}`,
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: deleteStatusQuery }) { replaceWith }: DeleteStatusQuery,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.statuses.remove(principal, 'case', id, replaceWith, precondition);
  }
}
