import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query } from '@nestjs/common';
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
  createReusableSlaConfigSchema,
  reusableSlaConfigSchema,
  slaConfigListQuery,
  updateReusableSlaConfigSchema,
} from './sla.schema.js';
import type {
  CreateReusableSlaConfig,
  ReusableSlaConfig,
  SlaConfigListQuery,
  UpdateReusableSlaConfig,
} from './sla.schema.js';
import { SlaConfigsService } from './sla-configs.service.js';

@ApiTags('Settings')
@Controller('sla-configs')
export class SlaConfigsController {
  constructor(private readonly configs: SlaConfigsService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the SLA configurations of your organizations', z.array(reusableSlaConfigSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: slaConfigListQuery }) query: SlaConfigListQuery,
  ): Promise<Page<ReusableSlaConfig>> {
    return this.configs.list(principal, query);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read an SLA configuration', reusableSlaConfigSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<ReusableSlaConfig> {
    return this.configs.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('sla-configs')
  @Answers('Create an SLA configuration', reusableSlaConfigSchema, {
    status: 201,
    description: 'Cases take a copy of it by `slaConfigId`.',
  })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createReusableSlaConfigSchema }) input: CreateReusableSlaConfig,
  ): Promise<ReusableSlaConfig> {
    return this.configs.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change an SLA configuration', reusableSlaConfigSchema, {
    description: 'Cases keep the copy they took, so no clock moves.',
  })
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateReusableSlaConfigSchema }) input: UpdateReusableSlaConfig,
    @IfMatch() precondition: Precondition,
  ): Promise<ReusableSlaConfig> {
    return this.configs.update(principal, id, input, precondition);
  }

  @Put(':id')
  @Auth('admin:*')
  @Answers('Change an SLA configuration (the same as PATCH)', reusableSlaConfigSchema)
  replace(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateReusableSlaConfigSchema }) input: UpdateReusableSlaConfig,
    @IfMatch() precondition: Precondition,
  ): Promise<ReusableSlaConfig> {
    return this.configs.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete an SLA configuration', null, {
    description: 'Cases keep the copy they took, and its id.',
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.configs.remove(principal, id, precondition);
  }
}
