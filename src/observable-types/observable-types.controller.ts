import { Body, Controller, Delete, Get, Param, Patch, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Auth, AuthAnyOf, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { CreatesAt } from '../common/answer.interceptor.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { CHANGES_MANY } from '../records/record.schema.js';
import { ObservableTypeAdminService } from './observable-type-admin.service.js';
import {
  createObservableTypeSchema,
  deleteObservableTypeQuery,
  observableTypeIdSchema,
  observableTypeSchema,
  updateObservableTypeSchema,
} from './observable-types.schema.js';
import type {
  CreateObservableType,
  DeleteObservableTypeQuery,
  ObservableTypeDetail,
  UpdateObservableType,
} from './observable-types.schema.js';

@ApiTags('Settings')
@Controller('observable-types')
export class ObservableTypesController {
  constructor(private readonly types: ObservableTypeAdminService) {}

  @Get()
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('List the types of observables', z.array(observableTypeSchema))
  list(@Caller() principal: Principal): Promise<ObservableTypeDetail[]> {
    return this.types.list(principal);
  }

  @Get(':id')
  @AuthAnyOf('alerts:read', 'cases:read', 'observables:read')
  @Answers('Read a type of observables', observableTypeSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: observableTypeIdSchema }) id: number,
  ): Promise<ObservableTypeDetail> {
    return this.types.get(principal, id);
  }

  @Post()
  @Auth('admin:*')
  @CreatesAt('observable-types')
  @Answers('Create a type of observables', observableTypeSchema, { status: 201 })
  create(
    @Caller() principal: Principal,
    @Body({ schema: createObservableTypeSchema }) input: CreateObservableType,
  ): Promise<ObservableTypeDetail> {
    return this.types.create(principal, input);
  }

  @Patch(':id')
  @Auth('admin:*')
  @Answers('Change a type of observables', observableTypeSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: observableTypeIdSchema }) id: number,
    @Body({ schema: updateObservableTypeSchema }) input: UpdateObservableType,
    @IfMatch() precondition: Precondition,
  ): Promise<ObservableTypeDetail> {
    return this.types.update(principal, id, input, precondition);
  }

  @Delete(':id')
  @Auth('admin:*')
  @Answers('Delete a type of observables', null, {
    description: `While observables have it this is 409, unless \`replaceWith\` gives them another. ${CHANGES_MANY}`,
  })
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: observableTypeIdSchema }) id: number,
    @Query({ schema: deleteObservableTypeQuery }) { replaceWith }: DeleteObservableTypeQuery,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.types.remove(principal, id, replaceWith, precondition);
  }
}
