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
import {
  caseDetailSchema,
  caseSchema,
  createCaseSchema,
  listedCaseSchema,
  updateCaseSchema,
} from './cases.schema.js';
import type { Case, CaseDetail, CreateCase, ListedCase, UpdateCase } from './cases.schema.js';
import { CasesService } from './cases.service.js';

@ApiTags('Cases')
@Controller('cases')
export class CasesController {
  constructor(private readonly cases: CasesService) {}

  @Get()
  @Auth('cases:read')
  @Answers('List cases, newest first', z.array(listedCaseSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: recordListQuery }) query: RecordListQuery,
  ): Promise<Page<ListedCase>> {
    return this.cases.list(principal, query);
  }

  @Post()
  @Auth('cases:write')
  @Answers('Create a case', caseSchema)
  create(
    @Caller() principal: Principal,
    @Body({ schema: createCaseSchema }) input: CreateCase,
  ): Promise<Case> {
    return this.cases.create(principal, input);
  }

  @Get(':id')
  @Auth('cases:read')
  @Answers('Read a case', caseDetailSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<CaseDetail> {
    return this.cases.get(principal, id);
  }

  @Patch(':id')
  @Auth('cases:write')
  @Answers('Update a case', caseDetailSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateCaseSchema }) update: UpdateCase,
    @IfMatch() precondition: Precondition,
  ): Promise<CaseDetail> {
    return this.cases.update(principal, id, update, precondition);
  }

  @Put(':id')
  @Auth('cases:write')
  @Answers('Update a case (the same as PATCH)', caseDetailSchema)
  replace(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateCaseSchema }) update: UpdateCase,
    @IfMatch() precondition: Precondition,
  ): Promise<CaseDetail> {
    return this.cases.update(principal, id, update, precondition);
  }

  @Delete(':id')
  @Auth('cases:write')
  @Answers('Delete a case', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.cases.remove(principal, id, precondition);
  }
}
