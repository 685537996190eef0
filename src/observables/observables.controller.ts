import { Body, Controller, Delete, Get, Param, Patch, Post, Put, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { Answers } from '../common/answers.decorator.js';
import { IfMatch } from '../common/etag.js';
import type { Precondition } from '../common/etag.js';
import { idSchema } from '../common/fields.js';
import { BulkBody } from '../common/input.guard.js';
import { searchAnswerOf } from '../common/pagination.js';
import type { Page } from '../common/pagination.js';
import { observableSchema } from '../records/answer.schema.js';
import type { Observable } from '../records/answer.schema.js';
import { bulkDeleteBody, bulkDeletedSchema, bulkUpdatedSchema } from '../records/record-bulk.js';
import type { BulkDelete, BulkDeleted, BulkUpdated } from '../records/record-bulk.js';
import { CREATED, answerCreated, createdSchema } from './created-observables.js';
import { ObservableChangesService } from './observable-changes.service.js';
import { ObservableIntakeService } from './observable-intake.service.js';
import {
  bulkCreateObservablesSchema,
  bulkCreatedObservablesSchema,
  bulkUpdateObservablesSchema,
  createObservableSchema,
  observableListQuery,
  observableLookupQuery,
  observableSearchAnswer,
  observableSearchBody,
  sightingListQuery,
  sightingSchema,
  updateObservableSchema,
} from './observables.schema.js';
import type {
  BulkCreateObservables,
  BulkCreatedObservables,
  BulkUpdateObservables,
  CreateObservable,
  ObservableListQuery,
  ObservableLookupQuery,
  ObservableSearchAnswer,
  ObservableSearchQuery,
  Sighting,
  SightingListQuery,
  UpdateObservable,
} from './observables.schema.js';
import { ObservablesService } from './observables.service.js';

@ApiTags('Observables')
@Controller('observables')
export class ObservablesController {
  constructor(
    private readonly observables: ObservablesService,
    private readonly intake: ObservableIntakeService,
    private readonly changes: ObservableChangesService,
  ) {}

  @Get()
  @Auth('observables:read')
  @Answers('List observables, newest first', z.array(observableSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: observableListQuery }) query: ObservableListQuery,
  ): Promise<Page<Observable>> {
    return this.observables.list(principal, query);
  }

  @Post()
  @Auth('observables:write')
  @BulkBody()
  @Answers('Add observables to an alert or a case', createdSchema, CREATED)
  async create(
    @Caller() principal: Principal,
    @Body({ schema: createObservableSchema }) input: CreateObservable,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable | readonly Observable[]> {
    const created = await this.intake.create(principal, input);
    return answerCreated(created, Array.isArray(input.data), response);
  }

  @Post('bulk')
  @Auth('observables:write')
  @BulkBody()
  @Answers('Add up to 1000 observables to an alert or a case', bulkCreatedObservablesSchema)
  createMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkCreateObservablesSchema }) input: BulkCreateObservables,
  ): Promise<BulkCreatedObservables> {
    return this.intake.createMany(principal, input);
  }

  @Post('search')
  @Auth('observables:read')
  @Answers('Search observables', observableSearchAnswer)
  async search(
    @Caller() principal: Principal,
    @Body({ schema: observableSearchBody }) query: ObservableSearchQuery,
  ): Promise<ObservableSearchAnswer> {
    return searchAnswerOf(await this.observables.list(principal, query));
  }

  @Patch('bulk')
  @Auth('observables:write')
  @BulkBody()
  @Answers('Update up to 1000 observables', bulkUpdatedSchema)
  updateMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkUpdateObservablesSchema }) input: BulkUpdateObservables,
  ): Promise<BulkUpdated> {
    return this.changes.updateMany(principal, input);
  }

  @Post('bulk/delete')
  @Auth('observables:write')
  @BulkBody()
  @Answers('Delete up to 1000 observables', bulkDeletedSchema)
  removeMany(
    @Caller() principal: Principal,
    @Body({ schema: bulkDeleteBody }) input: BulkDelete,
  ): Promise<BulkDeleted> {
    return this.changes.removeMany(principal, input);
  }

  @Get('lookup')
  @Auth('observables:read')
  @Answers('Find every observable of a value, newest first', z.array(observableSchema))
  lookup(
    @Caller() principal: Principal,
    @Query({ schema: observableLookupQuery }) query: ObservableLookupQuery,
  ): Promise<Page<Observable>> {
    return this.observables.list(principal, query);
  }

  @Get(':id')
  @Auth('observables:read')
  @Answers('Read an observable', observableSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Observable> {
    return this.observables.get(principal, id);
  }

  @Get(':id/sightings')
  @Auth('observables:read')
  @Answers(
    'List the alerts and cases that hold the value of an observable, newest first',
    z.array(sightingSchema),
    { description: 'Of whatever type it is there; each record once.' },
  )
  sightings(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: sightingListQuery }) query: SightingListQuery,
  ): Promise<Page<Sighting>> {
    return this.observables.sightings(principal, id, query);
  }

  @Patch(':id')
  @Auth('observables:write')
  @Answers('Update an observable', observableSchema)
  update(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateObservableSchema }) update: UpdateObservable,
    @IfMatch() precondition: Precondition,
  ): Promise<Observable> {
    return this.changes.update(principal, id, update, precondition);
  }

  @Put(':id')
  @Auth('observables:write')
  @Answers('Update an observable (the same as PATCH)', observableSchema)
  replace(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: updateObservableSchema }) update: UpdateObservable,
    @IfMatch() precondition: Precondition,
  ): Promise<Observable> {
    return this.changes.update(principal, id, update, precondition);
  }

  @Delete(':id')
  @Auth('observables:write')
  @Answers('Delete an observable', null)
  remove(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @IfMatch() precondition: Precondition,
  ): Promise<void> {
    return this.changes.remove(principal, id, precondition);
  }
}
