import { Body, Controller, Get, HttpStatus, Param, Post, Query, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { z } from 'zod';
import { alertNotFound } from '../alerts/alerts.errors.js';
import { Auth, Caller } from '../auth/auth.decorator.js';
import type { Principal } from '../auth/principal.js';
import { caseNotFound } from '../cases/cases.errors.js';
import { Answers } from '../common/answers.decorator.js';
import { BulkBody } from '../common/input.guard.js';
import { idSchema } from '../common/fields.js';
import type { Page } from '../common/pagination.js';
import { observableSchema } from '../records/answer.schema.js';
import type { Observable } from '../records/answer.schema.js';
import {
  childObservableListQuery,
  childObservableSchema,
  createObservableSchema,
  observableListQuery,
  observableLookupQuery,
} from './observables.schema.js';
import type {
  ChildObservable,
  ChildObservableListQuery,
  CreateObservable,
  ObservableListQuery,
  ObservableLookupQuery,
} from './observables.schema.js';
import { ObservablesService } from './observables.service.js';
import type { CreatedObservables } from './observables.service.js';

const CREATED = {
  status: 201,
  otherStatus: 200,
  description:
    'Values that the parent already holds are answered as they are, with 200 when none is new.',
};
const created = z.union([observableSchema, z.array(observableSchema)]);

@ApiTags('Observables')
@Controller()
export class ObservablesController {
  constructor(private readonly observables: ObservablesService) {}

  @Get('observables')
  @Auth('observables:read')
  @Answers('List observables, newest first', z.array(observableSchema))
  list(
    @Caller() principal: Principal,
    @Query({ schema: observableListQuery }) query: ObservableListQuery,
  ): Promise<Page<Observable>> {
    return this.observables.list(principal, query);
  }

  @Post('observables')
  @Auth('observables:write')
  @BulkBody()
  @Answers('Add observables to an alert or a case', created, CREATED)
  async create(
    @Caller() principal: Principal,
    @Body({ schema: createObservableSchema }) input: CreateObservable,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable | readonly Observable[]> {
    return answer(await this.observables.create(principal, input), input, response);
  }

  @Get('observables/lookup')
  @Auth('observables:read')
  @Answers('Find every observable of a value, newest first', z.array(observableSchema))
  lookup(
    @Caller() principal: Principal,
    @Query({ schema: observableLookupQuery }) query: ObservableLookupQuery,
  ): Promise<Page<Observable>> {
    return this.observables.list(principal, query);
  }

  @Get('observables/:id')
  @Auth('observables:read')
  @Answers('Read an observable', observableSchema)
  get(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
  ): Promise<Observable> {
    return this.observables.get(principal, id);
  }

  @Get('alerts/:id/observables')
  @Auth('observables:read')
  @Answers('List the observables of an alert', z.array(observableSchema))
  listOfAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: childObservableListQuery }) query: ChildObservableListQuery,
  ): Promise<Page<Observable>> {
    return this.observables.listUnder(
      principal,
      { kind: 'alert', id, notFound: alertNotFound },
      query,
    );
  }

  @Post('alerts/:id/observables')
  @Auth('observables:write')
  @BulkBody()
  @Answers('Add observables to an alert', created, CREATED)
  async createUnderAlert(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: childObservableSchema }) input: ChildObservable,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable | readonly Observable[]> {
    const parent = { kind: 'alert', id, notFound: alertNotFound } as const;
    return answer(await this.observables.createUnder(principal, parent, input), input, response);
  }

  @Get('cases/:id/observables')
  @Auth('observables:read')
  @Answers('List the observables of a case', z.array(observableSchema))
  listOfCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Query({ schema: childObservableListQuery }) query: ChildObservableListQuery,
  ): Promise<Page<Observable>> {
    return this.observables.listUnder(
      principal,
      { kind: 'case', id, notFound: caseNotFound },
      query,
    );
  }

  @Post('cases/:id/observables')
  @Auth('observables:write')
  @BulkBody()
  @Answers('Add observables to a case', created, CREATED)
  async createUnderCase(
    @Caller() principal: Principal,
    @Param('id', { schema: idSchema }) id: string,
    @Body({ schema: childObservableSchema }) input: ChildObservable,
    @Res({ passthrough: true }) response: Response,
  ): Promise<Observable | readonly Observable[]> {
    const parent = { kind: 'case', id, notFound: caseNotFound } as const;
    return answer(await this.observables.createUnder(principal, parent, input), input, response);
  }
}

/** One observable for one value, a list for a list; 201 with `Location` when something is new, else 200. */
function answer(
  { observables, isNew }: CreatedObservables,
  input: { readonly data: string | readonly string[] },
  response: Response,
): Observable | readonly Observable[] {
  const [first] = observables;
  response.status(isNew ? HttpStatus.CREATED : HttpStatus.OK);
  if (Array.isArray(input.data) || !first) return observables;
  if (isNew) response.setHeader('Location', `/api/observables/${first.id}`);
  return first;
}
