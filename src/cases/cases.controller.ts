import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
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
import {
  caseDetailSchema,
  caseSchema,
  createCaseSchema,
  listedCaseSchema,
  bulkUpdateCasesSchema,
  mergeCasesSchema,
  mergeQuery,
  similarCaseSchema,
  updateCaseSchema,
} from './cases.schema.js';
import type {
  Case,
  CaseDetail,
  CreateCase,
  ListedCase,
  BulkUpdateCases,
  MergeCases,
  MergeQuery,
  SimilarCase,
  UpdateCase,
} from './cases.schema.js';
import { bulkDeleteBody, bulkDeletedSchema, bulkUpdatedSchema } from '../records/record-bulk.js';
import type { BulkDelete, BulkDeleted, BulkUpdated } from '../records/record-bulk.js';
import { caseListQuery, caseSearchAnswer, caseSearchBody } from './case-filter.js';
import type { CaseListQuery } from './case-filter.js';
import { CaseMergeService } from './case-merge.service.js';
import { CasesService } from './cases.service.js';

const MERGED =
  'What the others hold moves here under its ids: tasks, observables (equal ones once), comments, files, links and alerts. ' +
  'They are closed as `duplicated`, and their `primaryCaseId` names this case, which becomes as restricted as the most restricted of them: ' +
  'the highest TLP and PAP, and only the organizations that could see all of them.';

@ApiTags('Cases')
@Controller('cases')
export class CasesController {
  constructor(
    private readonly cases: CasesService,
    private readonly merging: CaseMergeService,
  ) {}

  @Get()
  @Auth('cases:read')
  @Answers('List cases, newest first', z.array(listedCaseSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: caseListQuery }) query: CaseListQuery,
  ): Promise<Page<JsonText<ListedCase>>> {
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

  @Post('search')
  @Auth('cases:read')
  @Answers('Search cases', caseSearchAnswer)
  async search(
    @Caller() principal: Principal,
    @Body({ schema: caseSearchBody }) query: CaseListQuery,
  ): Promise<JsonText<SearchAnswer<ListedCase>>> {
    return toSearchAnswer(await this.cases.list(principal, query));
  }

  @Patch('bulk')
  @Auth('cases:write')
  @BulkBody()
  @Answers('Update up to 1000 cases', bulkUpdatedSchema)
  updateMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkUpdateCasesSchema }) input: BulkUpdateCases,
  ): Promise<BulkUpdated> {
    return this.cases.updateMany(principal, input);
  }

  @Put('bulk')
  @Auth('cases:write')
  @BulkBody()
  @Answers('Update up to 1000 cases (the same as PATCH)', bulkUpdatedSchema)
  replaceMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkUpdateCasesSchema }) input: BulkUpdateCases,
  ): Promise<BulkUpdated> {
    return this.cases.updateMany(principal, input);
  }

  @Post('bulk/delete')
  @Auth('cases:write')
  @BulkBody()
  @Answers('Delete up to 1000 cases', bulkDeletedSchema)
  removeMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkDeleteBody }) input: BulkDelete,
  ): Promise<BulkDeleted> {
    return this.cases.removeMany(principal, input);
  }

  @Get(':id')
  @Auth('cases:read')
  @Answers('Read a case', caseDetailSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<JsonText<CaseDetail>> {
    return this.cases.get(principal, id);
  }

  @Get(':id/similar')
  @Auth('cases:read')
  @Answers('List related cases, with a score and why', z.array(similarCaseSchema))
  similar(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<SimilarCase[]> {
    return this.cases.similar(principal, id);
  }

  @Post(':id/merge')
  @Auth('cases:write')
  @Answers('Fold other cases into this one', caseDetailSchema, { description: MERGED })
  merge(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: mergeCasesSchema }) { caseIds }: MergeCases,
    @Query({ schema: mergeQuery }) { reopen }: MergeQuery,
  ): Promise<JsonText<CaseDetail>> {
    return this.merging.merge(principal, id, caseIds, reopen);
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

  @Post(':id/sla/pause')
  @Auth('cases:write')
  @Answers('Pause the SLA of a case', caseDetailSchema, {
    description: 'Its deadline moves by the pause when it ends: by resuming or closing.',
  })
  pauseSla(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<CaseDetail> {
    return this.cases.pauseSla(principal, id, precondition);
  }

  @Post(':id/sla/resume')
  @Auth('cases:write')
  @Answers('Resume the SLA of a case', caseDetailSchema)
  resumeSla(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<CaseDetail> {
    return this.cases.resumeSla(principal, id, precondition);
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
