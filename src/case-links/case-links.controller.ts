import { Body, Controller, Delete, Get, HttpStatus, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { caseLinkListQuery, caseLinkSchema, createCaseLinkSchema } from './case-links.schema.js';
import type { CaseLink, CaseLinkListQuery, CreateCaseLink } from './case-links.schema.js';
import { CaseLinksService } from './case-links.service.js';

@ApiTags('Cases')
@Controller('cases/:id/links')
export class CaseLinksController {
  constructor(private readonly links: CaseLinksService) {}

  @Get()
  @Auth('cases:read')
  @Answers('List the cases that a case is linked with', z.array(caseLinkSchema))
  list(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: caseLinkListQuery }) query: CaseLinkListQuery,
  ): Promise<Page<CaseLink>> {
    return this.links.list(principal, id, query);
  }

  @Post()
  @Auth('cases:write')
  @Answers('Link a case with another', caseLinkSchema, {
    status: 201,
    otherStatus: 200,
    description: 'Cases that are linked already stay as they are, and are answered with 200.',
  })
  async create(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: createCaseLinkSchema }) input: CreateCaseLink,
    @Res({ passthrough: true }) response: Response,
  ): Promise<CaseLink> {
    const { link, isNew } = await this.links.create(principal, id, input);
    if (isNew) response.setHeader('Location', `/api/cases/${id}/links/${link.caseId}`);
    else response.status(HttpStatus.OK);
    return link;
  }

  @Get(':otherCaseId')
  @Auth('cases:read')
  @Answers('Read the link of two cases', caseLinkSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('otherCaseId', { schema: idSchema }) otherCaseId: string,
  ): Promise<CaseLink> {
    return this.links.get(principal, id, otherCaseId);
  }

  @Delete(':otherCaseId')
  @Auth('cases:write')
  @Answers('Unlink two cases', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Param('otherCaseId', { schema: idSchema }) otherCaseId: string,
  ): Promise<void> {
    return this.links.remove(principal, id, otherCaseId);
  }
}
