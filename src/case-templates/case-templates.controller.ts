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
import type { Page } from '../common/pagination.js';
import {
  caseTemplateListQuery,
  caseTemplateSchema,
  createCaseTemplateSchema,
  updateCaseTemplateSchema,
} from './case-templates.schema.js';
import type {
  CaseTemplate,
  CaseTemplateListQuery,
  CreateCaseTemplate,
  UpdateCaseTemplate,
} from './case-templates.schema.js';
import { CaseTemplatesService } from './case-templates.service.js';

@ApiTags('Settings')
@Controller('case-templates')
export class CaseTemplatesController {
  constructor(private readonly templates: CaseTemplatesService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the case templates of your organizations', z.array(caseTemplateSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: caseTemplateListQuery }) query: CaseTemplateListQuery,
  ): Promise<Page<CaseTemplate>> {
    return this.templates.list(principal, query);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a case template', caseTemplateSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<CaseTemplate> {
    return this.templates.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('case-templates')
  @Answers('Create a case template', caseTemplateSchema, {
    status: 201,
    description: 'Cases take it by `templateId`; what their body says wins.',
  })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createCaseTemplateSchema }) input: CreateCaseTemplate,
  ): Promise<CaseTemplate> {
    return this.templates.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a case template', caseTemplateSchema, {
    description: 'Cases that were made from it stay as they are.',
  })
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateCaseTemplateSchema }) input: UpdateCaseTemplate,
    @IfMatch() precondition: Precondition,
  ): Promise<CaseTemplate> {
    return this.templates.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a case template', null, {
    description: 'Cases that were made from it stay as they are.',
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.templates.remove(principal, id, precondition);
  }
}
